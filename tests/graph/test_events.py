"""Rows, late labels, rewards and requests to forget: one by one, in runs, and by a naive twin."""

from typing import Any

import numpy as np
import pytest

from onlineml import load, save
from onlineml.active import PAL, Budget, MarginSampling, RandomSampling, VeSSAL
from onlineml.checks import assert_same_state, checks_of, cut, rows, targets
from onlineml.detectors import DDM, DeviationFromMean
from onlineml.graph import (
    Answer,
    Forget,
    Graph,
    GraphClassifier,
    Label,
    Reward,
    Sample,
    kept,
    refit,
    refund,
    reset,
)
from onlineml.learners import (
    GaussianNB,
    HoeffdingTreeClassifier,
    KNNClassifier,
    LinearRegression,
    MajorityClassifier,
)
from onlineml.rl import StreamQ
from onlineml.transforms import StandardScaler
from tests.graph.random_graphs import random_graph
from tests.graph.test_graph import assert_same_nodes
from tests.naive.graph import NaiveGraph


def delayed(X: Any, y: Any, seed: int, never: float = 0.1) -> list[Any]:
    """Samples in bursts, whose labels come 0 to 60 events later, in any order, or never."""
    rng = np.random.default_rng(seed)
    due = np.arange(len(X)) + rng.choice([1, 7, 60], len(X)) + rng.random(len(X))
    due[rng.random(len(X)) < never] = np.inf
    when = [(float(i), Sample(x, i)) for i, x in enumerate(X)]
    when += [(t, Label(i, y[i])) for i, t in enumerate(due.tolist()) if t < np.inf]
    order = sorted(when, key=lambda pair: pair[0])
    return [event for _, event in order]


def naive_answers(naive: NaiveGraph, events: list[Any], output: str) -> list[Any]:
    answers: list[Any] = []
    for event in events:
        if isinstance(event, Sample):
            said, ask, action = naive.take_sample(event.x, event.id)
            answers.append((said[output], ask, action))
        elif isinstance(event, Label):
            answers.append(naive.take_label(event.id, event.y))
        else:
            naive.take_reward(event.id, event.value)
            answers.append(True)
    return answers


def shown(answers: list[Any]) -> list[Any]:
    return [(a.answer, a.ask, a.action) if isinstance(a, Answer) else a for a in answers]


def assert_events_equal(g: Any, events: list[Any], tmp_path: Any) -> Any:
    """Naively, one by one with a file in the middle, and in runs: the same bits."""
    naive = NaiveGraph(list(g.nodes), list(g.signals))
    due = naive_answers(naive, events, g.outputs[0])
    ones, said = g.clone(), []
    for i, event in enumerate(events):
        said.append(ones.take_one(event))
        if i == len(events) // 2:
            ones = load(save(ones, tmp_path / "g.oml"))
    assert shown(said) == due
    assert_same_nodes(naive, ones)
    for seed in (0, -1):
        runs, said = g.clone(), []
        for part in cut(seed, len(events)) if seed >= 0 else [slice(0, len(events))]:
            said += runs.take_many(events[part])
        assert shown(said) == due
        assert_same_state(ones.get_state(), runs.get_state())
    return ones


@pytest.mark.parametrize("seed", range(8))
def test_late_labels_equal_the_naive_twin(seed: int, tmp_path: Any) -> None:
    g = random_graph(seed)
    X, score = rows(seed, 200)
    assert_events_equal(g, delayed(X, targets(g, score), seed), tmp_path)


def test_a_tree_that_grows_while_labels_are_late() -> None:
    g = Graph("growing")
    g.add("scale", StandardScaler(), after="x")
    g.add("learner", HoeffdingTreeClassifier(grace_period=50), after="scale")
    X, score = rows(8, 1500, clean=True)
    y = np.where(score > 0, "up", "down")
    events = []
    for i, x in enumerate(X):
        events += [Sample(x, i), *([Label(i - 9, y[i - 9])] if i >= 9 else [])]
    ones, many, scaler = g.clone(), g.clone(), StandardScaler()
    said = [ones.take_one(event) for event in events]
    assert many.take_many(events) == said
    assert_same_state(many.get_state(), ones.get_state())
    alone = HoeffdingTreeClassifier(grace_period=50)
    alone.fit_many(scaler.transform_fit_many(X)[:-9], y[:-9])
    assert_same_state(alone.get_state(), ones["learner"].get_state())
    assert alone.nbytes > HoeffdingTreeClassifier(grace_period=50).fit_many(X[:9], y[:9]).nbytes


def bought(strategy: Any) -> Any:
    """A graph whose labels are bought, with signals from both halves of an event."""
    g = Graph("bought")
    g.add("scale", StandardScaler(), after="x")
    g.add("strange", DeviationFromMean(), after="scale")
    g.add("learner", GaussianNB(), after=("scale", "strange"))
    g.add("ask", strategy, after="learner")
    g.add("drift", DDM(warm_start=10), after=g.error_of("learner"))
    g.on("drift", refit("learner", last=20), reset("strange"), refund("ask", n_labels=5))
    g.output("learner")
    return g


STRATEGIES = [
    lambda: MarginSampling(budget=0.3, seed=1),
    lambda: VeSSAL(budget=0.2, n_chosen=8, seed=1),
    lambda: RandomSampling(budget=0.5, seed=1),
    lambda: MarginSampling(budget=Budget(rate=0.3, detector=DDM(warm_start=10)), seed=1),
    lambda: PAL(budget=0.3, seed=1),
]


@pytest.mark.parametrize("make", STRATEGIES)
def test_labels_that_are_bought_late(make: Any, tmp_path: Any) -> None:
    X, score = rows(1, 300)
    g = bought(make())
    ones = assert_events_equal(g, delayed(X, targets(g, score), 1), tmp_path)
    assert ones["ask"].n_answered == ones.n_labels_ > 20
    assert ones.n_unknown_ > 50, "labels that were not asked for teach nothing"


@pytest.mark.parametrize("make", STRATEGIES)
def test_labels_that_are_bought_at_once(make: Any) -> None:
    X, score = rows(2, 300)
    g = bought(make())
    y = targets(g, score)
    events = g.clone()
    due = [events.take_one(Sample(x, y=label)) for x, label in zip(X, y)]
    many, ones = g.clone(), g.clone()
    said = [answer for part in cut(1, 300) for answer in many.predict_fit_many(X[part], y[part])]
    for x, label in zip(X, y):
        ones.fit_one(x, label)
    assert said == [answer.answer for answer in due]
    assert sum(answer.ask for answer in due) == many.n_labels_ == many["ask"].n_asked
    assert 0.1 * 300 < many.n_labels_ < 0.7 * 300
    for other in (ones, events):
        assert_same_state(many.get_state(), other.get_state())
    at_once = g.clone()
    at_once.take_many([Sample(x, y=label) for x, label in zip(X, y)])
    assert_same_state(many.get_state(), at_once.get_state())


def test_a_learner_never_sees_what_was_not_bought() -> None:
    X, score = rows(3, 300)
    g = bought(MarginSampling(budget=0.2, seed=1))
    y = targets(g, score)
    whole, hidden = g.clone(), g.clone()
    for x, label in zip(X, y):
        answer = whole.take_one(Sample(x, y=label))
        assert hidden.take_one(Sample(x, "row")).ask == answer.ask
        if answer.ask:
            assert hidden.take_one(Label("row", label))
    for name in ("scale", "learner", "ask", "drift"):
        assert_same_state(whole[name].get_state(), hidden[name].get_state())


@pytest.mark.parametrize("name", [name for name, _ in checks_of(GraphClassifier)])
def test_a_graph_with_a_strategy_passes_the_checks(name: str) -> None:
    dict(checks_of(GraphClassifier))[name](bought(MarginSampling(budget=0.3, seed=1)))


def test_further_outputs_come_along() -> None:
    g = bought(MarginSampling(budget=0.3, seed=1))
    g.output("learner", "strange", "scale")
    X, score = rows(7, 60, clean=True)
    y = targets(g, score)
    one, many, at_once = (g.clone() for _ in range(3))
    said = [one.take_one(Sample(x, i)) for i, x in enumerate(X)]
    assert [str(a) for a in many.take_many([Sample(x, i) for i, x in enumerate(X)])] == [
        str(a) for a in said
    ]
    scaled = StandardScaler().transform_fit_many(X)
    np.testing.assert_array_equal([a.others["scale"] for a in said], scaled)
    scores = DeviationFromMean().score_fit_many(scaled).tolist()
    assert [a.others["strange"] for a in said] == scores
    labeled = at_once.take_many([Sample(x, y=label) for x, label in zip(X, y)])
    assert [a.others["strange"] for a in labeled] == scores
    assert one.predict_one(X[0]) is None
    both = Graph("both")
    both.add("learner", GaussianNB(), after="x")
    both.add("other", MajorityClassifier(), after="x")
    both.output("learner", "other")
    answers = both.take_many([Sample(x, y=label) for x, label in zip(X, y)])
    most = MajorityClassifier().predict_fit_many(X, y).tolist()
    assert [a.others for a in answers] == [{"other": label} for label in most]


def test_what_does_not_come_makes_room() -> None:
    g = Graph("g", max_pending=3)
    g.add("learner", GaussianNB(), after="x")
    for i in range(5):
        g.take_one(Sample([float(i)], i))
    assert (g.n_waiting, g.n_expired_) == (3, 2)
    assert not g.take_one(Label(0, "a"))
    assert g.take_one(Label(4, "a"))
    assert g.take_one(Label(3, None))
    assert (g.n_waiting, g.n_unknown_, g.n_labels_) == (1, 1, 1)
    g.take_one(Sample([9.0], 2))
    assert (g.n_waiting, g.n_expired_) == (1, 3), "an id that comes again is another row's"
    assert g.predict_one([3.0]) == "a"


def test_columns_and_classes_that_come_while_a_row_waits() -> None:
    g = Graph("stack")
    g.add("first", GaussianNB(), after="x")
    g.add("second", MajorityClassifier(), after=("first", "x"))
    g.take_many([Sample({"a": 1.0}, 1), Sample({"a": 2.0, "b": 3.0}, 2), Sample({"b": 1.0}, 3)])
    assert g.take_many([Label(3, "p"), Label(1, "q"), Label(2, "r")]) == [True] * 3
    assert g.n_labels_ == 3
    assert g["second"].schema_.n_features == 5
    assert set(g.classes_) == {"p", "q", "r"}


def deciding() -> Any:
    """A graph that predicts, and an agent that acts."""
    g = Graph("deciding")
    g.add("scale", StandardScaler(), after="x")
    g.add("learner", LinearRegression(), after="scale")
    g.add("act", StreamQ(n_actions=2, hidden=(4,), epsilon_steps=50, seed=1), after="scale")
    g.output("learner")
    return g


def test_rewards_come_late_and_teach_the_agent(tmp_path: Any) -> None:
    X, score = rows(5, 120, clean=True)
    g = deciding()
    events = delayed(X, score, 5)
    rng = np.random.default_rng(0)
    for i in range(0, 120, 2):
        place = next(j for j, e in enumerate(events) if isinstance(e, Sample) and e.id == i)
        at = min(place + 1 + int(rng.integers(0, 9)), len(events))
        events.insert(at, Reward(i, float(i % 3)))
    g = assert_events_equal(g, events, tmp_path)
    assert g.n_rewards_ == 60
    assert not g.take_one(Reward(0, 1.0))
    with pytest.raises(ValueError, match=r"node 'act' of graph 'deciding': reward: got inf"):
        g.take_one(Reward(1, np.inf))
    assert g.take_one(Reward(1, 1.0))


# -------------------------------------------------------------------- forgetting


def test_a_row_is_forgotten_by_all_nodes_or_by_none() -> None:
    X, score = rows(6, 60, clean=True)
    y = score > 0
    g = Graph("plain", remember=100)
    g.add("first", GaussianNB(), after="x")
    g.add("most", MajorityClassifier(), after="x")
    without = g.clone()
    for i, x in enumerate(X):
        g.take_one(Sample(x, i))
        g.take_one(Label(i, y[i]))
        if i != 40:
            without.take_one(Sample(x, i, y[i]))
    receipt = g.take_one(Forget(40))
    assert (receipt.kind, receipt.rows) == ("exact", 2)
    np.testing.assert_allclose(g.predict_proba_many(X), without.predict_proba_many(X))
    assert g.take_one(Forget(40)).reason == "row 40 is not known: never met, or too long ago"


def test_nodes_behind_one_that_learned_the_row_have_met_it() -> None:
    g = Graph("scaled", remember=10)
    g.add("scale", StandardScaler(), after="x")
    g.add("learner", GaussianNB(), after="scale")
    X = np.random.default_rng(0).normal(size=(8, 2))
    g.take_many([Sample(x, i) for i, x in enumerate(X)])
    g.take_many([Label(i, "ab"[i % 2]) for i in range(7)])
    assert g.take_one(Forget(7)).kind == "exact", "only the scaler has learned it"
    receipt = g.take_one(Forget(3))
    assert receipt.kind == "approximate"
    assert "read through 'scale'" in receipt.reason


def test_one_refusal_is_that_of_all() -> None:
    g = Graph("watched", remember=10)
    g.add("learner", GaussianNB(), after="x")
    g.add("drift", DDM(), after=g.error_of("learner"))
    for i in range(6):
        g.take_one(Sample([float(i)], i, i % 2))
    before = g.get_state()
    receipt = g.take_one(Forget(2))
    assert receipt.kind == "refused"
    assert receipt.reason.startswith("node 'drift': DDM keeps nothing")
    assert_same_state(before, g.get_state())


@pytest.mark.parametrize("make", [*STRATEGIES[:4], None])
def test_replay_forgets_whatever_the_nodes(make: Any, tmp_path: Any) -> None:
    X, score = rows(8, 300)
    g = bought(make()) if make else random_graph(6)
    events, gone = delayed(X, targets(g, score), 8), [150, 180, 280, 299]
    gold = g.clone()
    gold.take_many([event for event in events if event.id not in gone])
    g.set_params(remember=200, replay=True)
    one, many = g.clone(), g.clone()
    for event in events:
        one.take_one(event)
    for part in cut(8, len(events)):
        many.take_many(events[part])
    assert_same_state(one.get_state(), many.get_state())
    many = load(save(many, tmp_path / "g.oml"))
    for model in (one, many):
        for id in gone:
            receipt = model.take_one(Forget(id))
            assert receipt.kind == "replayed"
            assert 0 < receipt.rows < len(events)
        assert model.take_one(Forget(gone[0])).kind == "refused"
        assert model.take_one(Forget(3)).reason == "row 3 is not known: never met, or too long ago"
        ours = model.get_state()
        assert_same_state(gold.get_state() | {"log_": 0}, ours | {"log_": 0})
    assert_same_state(one.get_state(), many.get_state())
    assert len(one.log_["states"]) <= 10


def twice(X: Any, y: Any, ids: list[Any]) -> list[Any]:
    return [e for x, c, i in zip(X, y, ids) for e in (Sample(x, i), Label(i, c))]


@pytest.mark.parametrize("replay", [False, True])
def test_all_rows_of_an_id_go(replay: bool, tmp_path: Any) -> None:
    X, score = rows(6, 90, clean=True)
    ids = [i if i % 7 else "person" for i in range(90)]
    g = Graph("people", remember=1000, replay=replay)
    g.add("learner", GaussianNB(), after="x")
    events, gold = twice(X, score > 0, ids), g.clone()
    g.take_many(events)
    g = load(save(g, tmp_path / "g.oml"))
    gold.take_many([event for event in events if event.id != "person"])
    receipt = g.take_one(Forget("person"))
    assert receipt.kind == ("replayed" if replay else "exact")
    np.testing.assert_allclose(g.predict_proba_many(X), gold.predict_proba_many(X), rtol=1e-9)
    assert g.take_one(Forget("person")).kind == "refused"
    assert g.take_one(Forget(1)).forgotten


def test_of_an_id_the_last_rows_are_remembered_that_there_is_room_for() -> None:
    X, score = rows(6, 60, clean=True)
    g = Graph("people", remember=20)
    g.add("learner", GaussianNB(), after="x")
    ids = ["ab"[i % 2] for i in range(60)]
    events, gold = twice(X, score > 0, ids), g.clone()
    g.take_many(events)
    gold.take_many([event for i, event in enumerate(events) if i < 80 or event.id == "b"])
    assert g.take_one(Forget("a")).rows == 10
    np.testing.assert_allclose(g.predict_proba_many(X), gold.predict_proba_many(X), rtol=1e-9)
    assert g.take_one(Forget("b")).rows == 10
    assert len(g.store_["numbers"]) <= 32


def test_where_a_row_of_an_id_is_refused_none_goes() -> None:
    g = Graph("window", remember=20)
    g.add("learner", KNNClassifier(n_neighbors=1, window_size=3), after="x")
    g.take_many([Sample([float(i)], "a", i % 2) for i in range(5)])
    before = g.get_state()
    assert g.take_one(Forget("a")).kind == "refused"
    assert_same_state(before, g.get_state())


def test_rows_without_an_id_end_what_can_be_replayed() -> None:
    g = Graph("g", remember=10, replay=True)
    g.add("learner", GaussianNB(), after="x")
    g.add("drift", DDM(), after=g.error_of("learner"))
    g.take_one(Sample({"a": 1.0}, "first", "p"))
    g.take_one(Sample({"a": 2.0, "b": 1.0}, "second", "q"))
    assert g.take_one(Forget("second")).kind == "replayed"
    assert g.classes_ == ["p"]
    g.fit_one({"a": 1.0, "b": 2.0}, "p")
    assert g.take_one(Forget("first")).kind == "refused"
    g.take_one(Sample({"a": 3.0, "b": 1.0}, "third", "p"))
    assert g.take_one(Forget("third")) == ("replayed", 0.0, pytest.approx(0.0, abs=1.0), 0, "")
    with pytest.raises(ValueError, match="remember: got 0, expected at least 1 row"):
        Graph.from_yaml("nodes:\n  a: GaussianNB\nreplay: true").fit_one([1.0], 1)


def test_waiting_rows_follow_the_state() -> None:
    g = Graph("g")
    g.add("learner", GaussianNB(), after="x")
    g.take_one(Sample([1.0], "a"))
    state = g.get_state()
    assert g.take_one(Label("a", "p"))
    assert g.set_state(state).n_waiting == 1
    assert g.take_one(Label("a", "p"))
    assert g.reset().take_one(Sample([1.0], "b")).answer is None
    assert list(g.store_["label"]) == ["b"]


def test_a_row_kept_for_a_refit_does_not_come_back() -> None:
    g = Graph("refitted", remember=10)
    g.add("learner", GaussianNB(), after="x")
    g.add("alarm", DeviationFromMean(), after="x")
    g.add("watch", DDM(), after="alarm")
    g.on("watch", refit("learner", last=4))
    g.output("learner")
    for i in range(6):
        g.take_one(Sample([float(i)], i, i % 2))
    assert kept.last_rows(g, 0, 4)[0].ravel().tolist() == [2.0, 3.0, 4.0, 5.0]
    kept.drop(g, 0, np.array([4.0]))
    assert kept.last_rows(g, 0, 4)[0].ravel().tolist() == [2.0, 3.0, 5.0]


# -------------------------------------------------------------------- faults


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (Sample([1.0, 2.0], 1), "x: got"),
        (Sample([np.inf], 1), "a finite number"),
        (Sample([1.0], 1, np.nan), "y: got nan"),
        (Reward(1, 1.0), "no agent"),
        ("hello", "a Sample, a Label, a Reward or a Forget"),
    ],
)
def test_events_that_cannot_be_used_change_nothing(event: Any, words: str) -> None:
    g = Graph("g")
    g.add("learner", GaussianNB(), after="x")
    g.take_many([Sample([float(i)], i, "ab"[i % 2]) for i in range(5)])
    before = g.get_state()
    with pytest.raises(ValueError, match=words):
        g.take_one(event)
    with pytest.raises(ValueError, match=words) as caught:
        g.take_many([event])
    assert "in event 0" in caught.value.__notes__[0]
    assert_same_state(before, g.get_state())


def _with(name: str, made: Any, after: Any) -> Any:
    g = Graph("g")
    g.add("scale", StandardScaler(), after="x")
    g.add("learner", GaussianNB(), after="scale")
    g.add("other", GaussianNB(), after="scale")
    g.add("drift", DDM(), after=g.error_of("learner"))
    g.add(name, made, after)
    return g


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (lambda: _with("ask", MarginSampling(), "scale"), "a classifier, whose probabilities"),
        (lambda: _with("ask", MarginSampling(), ("learner", "other")), "a classifier, whose"),
        (lambda: _with("ask", RandomSampling(), "error_of(learner)"), "needs no label after"),
        (
            lambda: _with("ask", MarginSampling(), "learner").add("b", RandomSampling()),
            "one query strategy",
        ),
        (lambda: _with("ask", MarginSampling(), "learner").add("b", GaussianNB(), "ask"), "do not"),
        (lambda: _with("ask", MarginSampling(), "learner").output("ask"), "outputs: got 'ask'"),
        (
            lambda: _with("ask", MarginSampling(), "learner").on(
                "drift", refund("other", n_labels=1)
            ),
            "the name of a query strategy",
        ),
        (
            lambda: _with("ask", MarginSampling(), "learner").on("drift", refit("ask", last=1)),
            "a node that learns rows",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_wired_is_refused(fault: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        fault()
