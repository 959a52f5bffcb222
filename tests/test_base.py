"""Roles and the edge: schemas, labels, mappings, frames, new classes, growth."""

import inspect
import warnings
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from onlineml import detectors
from onlineml.active import Budget, MarginSampling
from onlineml.base import Array, Estimator, Regressor
from onlineml.checks import assert_same_state
from onlineml.detectors import (
    ADWIN,
    CUSUM,
    STUDD,
    BayesianChangePoint,
    DeviationFromMean,
    EWMAChart,
    PageHinkley,
)
from onlineml.graph import Graph, Keyed, Label, Sample, chain
from onlineml.kernels.arena import Field
from onlineml.labels import codes_of, labels_of
from onlineml.learners import (
    ROSE,
    Forecaster,
    GaussianNB,
    HoeffdingTreeClassifier,
    KNNClassifier,
    LearnPPCDS,
    LearnPPNIE,
    LogisticRegression,
    MajorityClassifier,
    MeanRegressor,
    MLPClassifier,
    OnlineBagging,
)
from onlineml.persistence import dumps, loads
from onlineml.registry import estimators
from onlineml.schema import Schema
from onlineml.transforms import RandomProjector, RandomRotation, RunningMean, StandardScaler
from onlineml.unlearning import Replayable, Sharded
from onlineml.watching import Watcher

ROWS = [
    {"temp": 20.5, "sky": "clear", "wet": False},
    {"temp": 11.0, "sky": "rain", "wet": True},
    {"sky": "fog", "temp": None, "wet": True},
]
LABELS = ["go", "stay", "stay"]


def test_schema_of_mappings_codes_strings_as_nominal_values() -> None:
    schema = Schema.of(ROWS)
    assert schema.names == ("temp", "sky", "wet")
    assert schema.nominal == {1: ("clear", "rain", "fog")}
    np.testing.assert_array_equal(schema.rows(ROWS), [[20.5, 0, 0], [11, 1, 1], [np.nan, 2, 1]])


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame, pa.Table.from_pylist])
def test_frames_of_every_library_equal_mappings(frame: Any) -> None:
    X = frame(ROWS)
    a = GaussianNB().fit_many(X, LABELS)
    b = GaussianNB()
    for x, y in zip(ROWS, LABELS):
        b.fit_one(x, y)
    assert_same_state(a.get_state(), b.get_state())
    assert a.predict_many(X).tolist() == [b.predict_one(x) for x in ROWS]


def test_serving_leaves_unknown_names_and_values_out() -> None:
    model = GaussianNB().fit_many(ROWS, LABELS)
    plain = model.predict_proba_one({"temp": 12.0})
    odd = model.predict_proba_one({"temp": 12.0, "sky": "hail", "unheard": 3})
    np.testing.assert_array_equal(plain, odd)
    assert model.schema_.names == ("temp", "sky", "wet")


def test_schemas_that_cannot_be() -> None:
    with pytest.raises(ValueError, match=r"^nominal: got \{5: .* columns from 0 to 1"):
        Schema(2, nominal={5: ("a",)})
    row: Any = {"a": 1.0}
    with pytest.raises(ValueError, match=r"^schema: got \{'a'.*Schema.of"):
        GaussianNB().start(row)
    assert GaussianNB().start(Schema.of(row)).fit_one(row, 1).predict_one(row) == 1


def test_text_in_a_numeric_column_is_refused() -> None:
    model = GaussianNB().fit_many(ROWS, LABELS)
    with pytest.raises(ValueError, match=r"x\['temp'\]: got 'warm', expected a number"):
        model.fit_one({"temp": "warm", "sky": "clear", "wet": True}, "go")


def test_rows_of_pandas_frames_go_by_name() -> None:
    frame = pd.DataFrame(ROWS)
    a, b = GaussianNB(), GaussianNB()
    for i, y in enumerate(LABELS):
        a.fit_one(frame.iloc[i][["wet", "temp", "sky"]], y)
        b.fit_one({name: ROWS[i][name] for name in ("wet", "temp", "sky")}, y)
    assert_same_state(a.get_state(), b.get_state())
    swapped = frame.iloc[1][["sky", "wet", "temp"]]
    np.testing.assert_array_equal(a.predict_proba_one(swapped), b.predict_proba_one(ROWS[1]))
    numbers = pd.DataFrame({"a": [1.0, 2.0], "b": [5.0, 3.0]})
    c = MeanRegressor().fit_many(numbers.to_numpy(), [0.0, 1.0])
    assert c.predict_one(numbers.iloc[0]) == 0.5  # names are of no use after arrays
    assert c.predict_one(next(numbers.itertuples(index=False))) == 0.5
    d = StandardScaler().fit_many(numbers)
    row = numbers[["b", "a"]].iloc[0]
    np.testing.assert_array_equal(d.transform_one(row), [-1.0, 1.0])
    f = GaussianNB().fit_many([row for _, row in frame.iterrows()], LABELS)
    assert_same_state(f.get_state(), GaussianNB().fit_many(ROWS, LABELS).get_state())
    assert f.predict_many([frame.iloc[2], frame.iloc[0]]).tolist() == ["stay", "go"]
    g = Graph("events")
    g.add("bayes", GaussianNB(), after="x")
    g.take_many([Sample(frame.iloc[0], id=1), Label(1, "go"), Sample(frame.iloc[1], id=2)])
    assert g.take_one(Sample(swapped, id=3)).answer == "go"
    asked = MarginSampling(seed=1).query_one(frame.iloc[0], [0.5, 0.5])
    assert asked == MarginSampling(seed=1).query_one(ROWS[0], [0.5, 0.5])
    e = DeviationFromMean().fit_many(numbers)
    assert e.score_one(row) == e.score_one(numbers.iloc[0].to_numpy())


def test_columns_that_are_numbered_are_the_same_for_frames_and_mappings() -> None:
    frame = pd.DataFrame([[1.0, 5.0], [2.0, 3.0]])
    a, b = StandardScaler().fit_many(frame), StandardScaler()
    for row in frame.to_dict("records"):
        b.fit_one(row)
    for model in (a, b):
        np.testing.assert_array_equal(model.transform_many(frame), [[-1, 1], [1, -1]])
        np.testing.assert_array_equal(model.transform_one({1: 5.0, 0: 1.0}), [-1, 1])
        model.fit_one({0: 1.0, 1: 1.0}).fit_many(frame)
        assert model.schema_.n_features == 2
    twice = pd.DataFrame([[1.0, 5.0]], columns=["a", "a"])
    with pytest.raises(ValueError, match=r"^X: got \['a', 'a'\], expected columns of different"):
        StandardScaler().fit_many(twice)


def test_detectors_of_numbers_take_no_rows() -> None:
    kinds = [getattr(detectors, name) for name in detectors.__all__]
    watchers = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Watcher)]
    narrow = [kind() for kind in watchers if kind._n_inputs == 1]
    assert len(narrow) > 20
    for watcher in (*narrow, Budget(rate=0.1)):
        with pytest.raises(ValueError, match=r"^x: got '2 numbers', expected one number"):
            watcher.fit_many([[1.0, 2.0], [3.0, 4.0]])
        assert not watcher.is_started
    adwin = ADWIN().fit_one({"error": 1.0})
    with pytest.raises(ValueError, match=r"^x: got '2 numbers'"):
        adwin.fit_one({"error": 1.0, "id": 7.0})
    assert adwin.schema_.names == ("error",)


def test_signs_of_missing_values_in_pandas() -> None:
    frame = pd.DataFrame({
        "a": pd.array([1, None, 3], dtype="Int64"),
        "b": pd.array([True, None, False], dtype="boolean"),
        "c": pd.array(["x", "y", None], dtype="string"),
    })  # fmt: skip
    model = GaussianNB().fit_many(frame, [0, 1, 0])
    twin = GaussianNB()
    for i in range(3):
        twin.fit_one(frame.astype(object).iloc[i], i % 2)
    assert_same_state(model.get_state(), twin.get_state())
    for missing in (pd.NA, pd.NaT, None, np.nan):
        with pytest.raises(ValueError, match=r"^y: got .*, expected a class label"):
            model.fit_one(frame.iloc[0], missing)
        assert model.predict_one({"a": missing, "c": missing}) == 0


def test_masked_values_are_missing() -> None:
    masked = np.ma.masked_greater(np.array([[1.0, 50.0], [2.0, 3.0]]), 9)
    model = StandardScaler().fit_many(masked)
    same = StandardScaler().fit_many([[1.0, np.nan], [2.0, 3.0]])
    assert_same_state(model.get_state(), same.get_state())


def test_rows_that_know_no_name() -> None:
    model = MeanRegressor().fit_one({"a": 1.0}, 4.0)
    assert model.fit_one({}, 2.0).predict_one({}) == 3.0
    assert model.predict_many([{}, {}]).tolist() == [3.0, 3.0]
    for row in ({}, [], 3.0, None):
        with pytest.raises(ValueError, match=r"^x: got "):
            MeanRegressor().fit_one(row, 2.0)


def test_numbers_beyond_floats_and_weights_of_text_are_refused() -> None:
    model = MeanRegressor().fit_one([1.0, 2.0], 4.0)
    for name, call in {
        "x": lambda: model.fit_one([10**400, 1], 0.0),
        "y": lambda: model.fit_one([1, 1], 10**400),
        "weight": lambda: model.fit_one([1, 1], 1.0, weight="much"),  # type: ignore[arg-type]
    }.items():
        with pytest.raises(ValueError, match=f"^{name}"):
            call()
    assert model.predict_one([0, 0]) == 4.0
    named = MeanRegressor().fit_one({"a": 1.0, "b": 1.0}, 4.0)
    with pytest.raises(ValueError, match=r"^x\['b'\]"):
        named.fit_one({"a": 1.0, "b": -(10**400)}, 1.0)


def test_parameters_of_numpy_are_numbers_and_text_is_named() -> None:
    model = KNNClassifier(n_neighbors=np.int64(2), window_size=np.int32(9), scaled=np.bool_(False))
    model.fit_many([[1.0], [2.0], [9.0]], ["a", "a", "b"])
    assert repr(model) == "KNNClassifier(n_neighbors=2, window_size=9, scaled=False)"
    assert model.predict_one([1.0]) == "a"
    hidden: Any = [np.int64(4), 3]
    assert MLPClassifier(hidden=hidden).fit_one([1.0], 0).hidden == [4, 3]
    assert OnlineBagging(base=KNNClassifier(n_neighbors=np.int64(2))).fit_one([1.0], 0).is_started
    bad: dict[str, Any] = {"grace_period": "often", "delta": None, "tie_threshold": [1]}
    for name, value in bad.items():
        tree = HoeffdingTreeClassifier(**{name: value})
        with pytest.raises(ValueError, match=f"^{name}: got .* expected a number, such as"):
            tree.fit_one([1.0], 0)
        assert not tree.is_started


@pytest.mark.parametrize("within", [Keyed, Replayable, Sharded, chain])
def test_so_are_those_of_models_within(within: Any) -> None:
    within(KNNClassifier(n_neighbors=np.int64(2))).fit_one([1.0, 2.0], "a")
    with pytest.raises(ValueError, match=r"^grace_period: got 'often', expected a number"):
        within(HoeffdingTreeClassifier(grace_period="often")).fit_one([1.0, 2.0], "a")


def test_so_are_those_of_nodes() -> None:
    g = Graph("g", max_pending=np.int64(5), remember=np.int32(2))  # type: ignore[arg-type]
    g.add("scale", RunningMean(window_size=np.int64(5)))  # type: ignore[arg-type]
    g.fit_one([1.0])
    for name, value in {"max_pending": 1.5, "remember": "all"}.items():
        g = Graph("g", **{name: value})  # type: ignore[arg-type]
        g.add("scale", StandardScaler())
        with pytest.raises(ValueError, match=f"^{name}: got .* expected a whole number"):
            g.fit_one([1.0])


@pytest.mark.parametrize("value", [-1, "x", 1.5, float("nan"), [1]])
def test_seeds_are_whole_numbers(value: Any) -> None:
    rotation = RandomRotation(seed=value)
    with pytest.raises(ValueError, match=r"^seed: got .* expected a whole number.*, or None$"):
        rotation.transform_one([1.0])
    with pytest.raises(ValueError, match=r"^seed: "):
        RandomRotation(seed=0).fit_one([1.0, 2.0]).set_params(seed=value)


#: What is none of its kind, by annotation.
ODD: dict[str, list[Any]] = {
    "int": [2.5, np.nan, np.inf, "x", None],
    "int | None": [2.5, np.nan, np.inf, "x"],
    "float": [np.nan, "x", None],
    "float | None": [np.nan, "x"],
    "bool": [2, np.nan, "x", None],
    "bool | None": [2, np.nan, "x"],
    "Sequence": [3, "x"],
    "Mapping": [3, "x"],
}


def defaulted() -> list[type[Estimator]]:
    """Estimators that are made without arguments."""
    kinds = estimators().values()
    given = {kind: inspect.signature(kind).parameters.values() for kind in kinds}
    return [kind for kind in kinds if all(p.default is not p.empty for p in given[kind])]


@pytest.mark.parametrize("kind", defaulted(), ids=lambda kind: kind.__name__)
def test_parameters_of_another_kind_are_refused_by_name(kind: type[Estimator]) -> None:
    for name, parameter in inspect.signature(kind).parameters.items():
        annotation = str(parameter.annotation)
        for value in ODD.get(annotation, ODD.get(annotation.partition("[")[0], [])):
            model = kind(**{name: value})
            with pytest.raises(ValueError, match=f"^{name}: got .*expected "):
                model.start(Schema(1))
            assert not model.is_started


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (ADWIN(grace_period=-1), "grace_period"),
        (BayesianChangePoint(min_instances=-1), "min_instances"),
        (CUSUM(min_instances=-1), "min_instances"),
        (EWMAChart(min_instances=-1), "min_instances"),
        (PageHinkley(min_instances=-1), "min_instances"),
        (STUDD(min_instances=-1), "min_instances"),
        (ROSE(delta=0.0), "delta"),
        (LearnPPCDS(slope=np.inf), "slope"),
        (LearnPPNIE(crossing=np.inf), "crossing"),
        (Forecaster(base=MeanRegressor(), step_size="x"), "step_size"),  # type: ignore[arg-type]
        (OnlineBagging(base=KNNClassifier(n_neighbors=0)), "n_neighbors"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_parameters_out_of_range_are_refused_by_name(model: Estimator, name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name}.*: got .*expected "):
        model.start(Schema(1))


def test_parameters_that_sizes_depend_on_are_those_of_the_start() -> None:
    X, y = np.random.default_rng(0).normal(size=(90, 3)), np.arange(90) % 2
    for model, changes in (
        (LogisticRegression(), [{"optimizer": "adam"}, {"optimizer": "foo"}, {"l2": -1}]),
        (KNNClassifier(), [{"window_size": 20}, {"window_size": 2000}, {"n_neighbors": 1001}]),
        (RandomProjector(n_components=2, seed=1), [{"n_components": 200}]),
        (OnlineBagging(base=GaussianNB(), seed=1), [{"n_members": 50}]),
        (StandardScaler(), [{"scale": 2}]),
    ):
        learned: Any = model.fit_many(X, y)
        before, params = learned.get_state(), repr(learned)
        for change in changes:
            name = next(iter(change))
            with pytest.raises(ValueError, match=f"{name}.*got|got .*{name}"):
                learned.set_params(**change)
            assert repr(learned) == params
        learned.fit_many(X, y)
        assert_same_state(model.clone().fit_many(X, y).get_state(), before)
    for large, small in (
        (LogisticRegression(optimizer="adam"), LogisticRegression()),
        (KNNClassifier(window_size=2000), KNNClassifier()),
    ):
        with pytest.raises(ValueError, match=r"^state"):
            large.set_state(small.fit_many(X, y).get_state())
    model = KNNClassifier().fit_many(X, y).set_params(n_neighbors=1)
    assert model.predict_many(X).tolist() == y.tolist()
    assert LogisticRegression().fit_many(X, y).reset().set_params(optimizer="adam").fit_many(X, y)


@pytest.mark.parametrize("state", [3, None, [1.0], {"mean_": np.zeros(1)}])
def test_what_is_no_state_changes_nothing(state: Any) -> None:
    scaler = StandardScaler().fit_many([[1.0], [3.0]])
    with pytest.raises(ValueError, match=r"^state: got .* expected what get_state gave$"):
        scaler.set_state(state)
    assert scaler.transform_one([3.0]).tolist() == [1.0]


def test_parameters_of_nested_estimators_reach_those_that_learn() -> None:
    """From the next event on, as in a model that is saved with them and loaded."""
    X, y = np.random.default_rng(0).normal(size=(90, 3)), np.arange(90) % 2
    graph = Graph("g")
    graph.add("learner", LogisticRegression(), after="x")
    graph.output("learner")
    for model, name in (
        (chain(StandardScaler(), LogisticRegression()), "steps__1__learning_rate"),
        (OnlineBagging(base=LogisticRegression(), seed=1), "base__learning_rate"),
        (graph.clone(), "learner__learning_rate"),
    ):
        learned: Any = model.fit_many(X, y)
        slow = loads(dumps(learned))
        learned.set_params(**{name: 0.9})
        loaded = loads(dumps(learned))
        assert_same_state(slow.get_state(), learned.get_state())
        due = loaded.fit_many(X, y).predict_proba_many(X)
        assert learned.fit_many(X, y).predict_proba_many(X).tobytes() == due.tobytes()
        assert slow.fit_many(X, y).predict_proba_many(X).tobytes() != due.tobytes()


def test_estimators_are_not_exchanged_under_what_they_have_learned() -> None:
    X, y = np.random.default_rng(0).normal(size=(90, 3)), np.arange(90) % 2
    logged = Replayable(LogisticRegression())
    for model, change in (
        (OnlineBagging(base=LogisticRegression(), seed=1), {"base": GaussianNB()}),
        (MLPClassifier(), {"hidden": (4,)}),
        (logged, {"model": GaussianNB()}),
        (logged.clone(), {"model__learning_rate": 0.9}),
    ):
        learned: Any = model.fit_many(X, y)
        before, params = learned.get_state(), repr(learned)
        with pytest.raises(ValueError, match=r"reset\(\) first"):
            learned.set_params(**change)
        assert repr(learned) == params
        assert_same_state(before, loads(dumps(learned)).get_state())


def test_labels_of_several_types_stay_what_they_are() -> None:
    for labels in (["a", 1, 2.5], ("a", 1, 2.5), np.array(["a", 1, 2.5], object)):
        model = MajorityClassifier().fit_many(np.zeros((3, 1)), labels)
        assert model.classes_ == ["a", 1, 2.5]
    with pytest.raises(ValueError, match=r"^y: got "):
        MajorityClassifier().fit_many(np.zeros((2, 1)), ["a", ("b", 1)])


def test_mappings_after_arrays_are_refused() -> None:
    model = GaussianNB().fit_one([1.0, 2.0], "a")
    with pytest.raises(ValueError, match="an array of 2 numbers"):
        model.fit_one({"a": 1.0, "b": 2.0}, "a")


def test_labels_that_may_be_ids_are_told_of_once() -> None:
    X = np.zeros((1100, 1))
    model = OnlineBagging(base=GaussianNB(), n_members=2, seed=1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.simplefilter("default", UserWarning)
        model.fit_many(X[:999], [f"id {i}" for i in range(999)])
        assert not caught
        model.fit_one(X[0], "another")
        loads(dumps(model)).fit_many(X, np.arange(1100))
        MajorityClassifier().fit_many(X, np.arange(1100))
    (warning,) = caught
    assert str(warning.message).startswith("y: 1,000 different classes have come")
    assert warning.category is UserWarning
    with pytest.raises(UserWarning, match="a regressor"):  # a filter of "error" changes nothing
        (kept := GaussianNB().fit_many(X[:3], list("abc"))).fit_many(X, np.arange(1100))
    assert kept.classes_ == ["a", "b", "c"]


def test_many_classes_appear_one_by_one() -> None:
    rng = np.random.default_rng(0)
    y = np.arange(300) % np.repeat(np.arange(1, 31), 10)
    X = rng.normal(size=(300, 2)) + y[:, None]
    model = GaussianNB()
    for i, x in enumerate(X):
        assert len(model.predict_proba_one(x)) == len(set(y[:i].tolist()))
        model.fit_one(x, int(y[i]))
    assert model.classes_ == list(dict.fromkeys(y.tolist()))


def test_before_data() -> None:
    model = MajorityClassifier()
    assert model.predict_one([1.0]) is None
    assert model.predict_proba_one([1.0]).shape == (0,)
    assert model.predict_many([[1.0], [2.0]]).tolist() == [None, None]
    assert MeanRegressor().predict_one([1.0]) == 0.0
    assert MeanRegressor().predict_many([[1.0]]).tolist() == [0.0]
    assert model.nbytes == 0


def test_start_declares_a_schema_once() -> None:
    model = GaussianNB().start(Schema(2, ("a", "b")))
    with pytest.raises(ValueError, match="not started"):
        model.start(Schema(2))
    model.reset().start(Schema(3))
    with pytest.raises(ValueError, match=r"expected a row of shape \(3,\)"):
        model.fit_one([1.0, 2.0], "a")


def test_parameters_are_checked_and_named() -> None:
    with pytest.raises(ValueError, match="var_floor"):
        GaussianNB(var_floor=-1.0).fit_one([1.0], "a")
    with pytest.raises(ValueError, match=r"got 'floor', expected one of \['var_floor'\]"):
        GaussianNB().set_params(floor=3)


def test_set_params_reaches_the_kernel() -> None:
    model = GaussianNB().fit_many([[1.0], [1.0], [2.0], [2.4]], list("aabb"))
    before = model.predict_proba_one([1.5])
    assert not np.array_equal(before, model.set_params(var_floor=10.0).predict_proba_one([1.5]))


labels = st.one_of(
    st.lists(st.integers(-5, 5)), st.lists(st.sampled_from("abc")), st.lists(st.booleans())
)


@given(y=labels, known=st.lists(st.integers(-3, 3), unique=True))
@settings(max_examples=60, deadline=None)
def test_codes_go_there_and_back(y: list[Any], known: list[int]) -> None:
    before = {label: code for code, label in enumerate(known)}
    for form in (y, np.array(y) if y else np.empty(0)):
        codes, after = codes_of(form, before)
        assert before == {label: code for code, label in enumerate(known)}
        assert labels_of(codes, list(after)).tolist() == y
        assert list(after)[: len(known)] == known


def test_labels_far_apart_take_no_table() -> None:
    codes, known = codes_of(np.array([0, 10**15, 0]), {})
    assert codes.tolist() == [0, 1, 0]
    assert known == {0: 0, 10**15: 1}


@pytest.mark.parametrize("y", [[None], [float("nan")], [["a"]], [[1, 2]]])
def test_labels_that_are_none(y: Any) -> None:
    with pytest.raises(ValueError, match="y: got"):
        GaussianNB().fit_many([[1.0]], y)


@given(
    rows=st.lists(
        st.dictionaries(
            st.sampled_from(["a", "b", "c"]), st.floats(-1e300, 1e300), min_size=1, max_size=3
        ),
        min_size=1,
        max_size=12,
    )
)
@example(rows=[{"a": 0.0}, {"a": 0.0}, {"a": 1.0}, {"a": 0.0, "b": 0.0}])
@settings(max_examples=60, deadline=None)
def test_any_mappings_by_row_or_at_once(rows: list[dict[str, float]]) -> None:
    y = [len(row) for row in rows]
    a, b = GaussianNB().fit_many(rows, y), GaussianNB()
    for x, label in zip(rows, y):
        b.fit_one(x, label)
    assert a.predict_many(rows).tolist() == [b.predict_one(x) for x in rows]
    np.testing.assert_array_equal(a.predict_proba_many(rows), b.predict_proba_many(rows))
    assert np.isfinite(a.predict_proba_many(rows)).all()


class Discounted(Regressor):
    """A learner with a parameter whose name ends like learned state."""

    _state = (Field("total_", (1,)),)

    def __init__(self, *, lambda_: float = 0.5) -> None:
        self.lambda_ = lambda_

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        for i in range(len(X)):
            if serve:
                out[i, 0] = self.total_[0]
            if fit:
                self.total_[0] = self.lambda_ * self.total_[0] + y[i]


def test_a_parameter_may_end_like_learned_state() -> None:
    model = Discounted(lambda_=0.25).fit_one([0.0], 4.0).fit_one([0.0], 1.0)
    assert model.get_state().keys() == {"schema_", "total_"}
    assert model.predict_one([0.0]) == 2.0
    assert model.reset().lambda_ == 0.25


def test_a_model_that_knows_no_ids_asks_for_the_row() -> None:
    model = GaussianNB().fit_many([[1.0], [2.0]], ["a", "b"])
    with pytest.raises(ValueError, match="x: got None, expected the row itself: GaussianNB knows"):
        model.unlearn_one(id=1)
