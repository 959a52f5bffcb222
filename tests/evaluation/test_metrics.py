"""Every metric against its naive twin, against scikit-learn, and at its edges."""

import math
from itertools import pairwise

import numpy as np
import pytest
from sklearn import metrics as sk

from onlineml.evaluation.metrics import DEFAULTS, METRICS, Scored, chosen, metric
from onlineml.evaluation.scoring import Scores
from tests.naive import metrics as naive

ON_LABELS = (
    "accuracy",
    "kappa",
    "kappa_m",
    "kappa_t",
    "balanced_accuracy",
    "g_mean",
    "macro_f1",
    "micro_f1",
)


def some_rows(n, n_classes, seed=0, unanswered=0):
    """Skewed labels, answers that are often right, probabilities with ties."""
    rng = np.random.default_rng(seed)
    y = rng.choice(n_classes, n, p=np.arange(1, n_classes + 1) / sum(range(1, n_classes + 1)))
    probabilities = np.round(rng.dirichlet(np.ones(n_classes), n) + np.eye(n_classes)[y] / 3, 1)
    probabilities /= probabilities.sum(1, keepdims=True)
    answer = probabilities.argmax(1)
    answer[:unanswered] = -1
    no_change = np.array([-1, *y[:-1]])
    return Scored(y, answer, no_change, probabilities)


def scored(rows, names, window, *, pieces=1, classes=None):
    """Windows and totals of `names` for `rows`, given in pieces."""
    known = list(range(int(rows.y.max()) + 1)) if classes is None else classes
    scores = Scores([metric(name) for name in names], window, known)
    cuts = np.linspace(0, len(rows.y), pieces + 1).astype(int)
    records = [r for a, b in pairwise(cuts) for r in scores.add(rows.part(a, b))]
    if scores.is_open:
        records.append(scores.close())
    return records, scores


def labels(codes):
    return [None if code < 0 else code for code in codes.tolist()]


@pytest.mark.parametrize("name", ON_LABELS)
@pytest.mark.parametrize(("n_classes", "unanswered"), [(2, 0), (2, 30), (5, 0), (5, 7)])
def test_metrics_of_labels_equal_naive_twins(name, n_classes, unanswered):
    rows = some_rows(500, n_classes, unanswered=unanswered)
    records, _ = scored(rows, [name], 200)
    y, answer, no_change = labels(rows.y), labels(rows.answer), labels(rows.no_change)
    twin = getattr(naive, name)

    def by_hand(first, last):
        more = [no_change[first:last]] if name == "kappa_t" else []
        return twin(y[first:last], answer[first:last], *more)

    assert [n for n, _, _ in records] == [200, 200, 100]
    for k, (_, window, cumulative) in enumerate(records):
        last = min(200 * k + 200, 500)
        assert window[name] == pytest.approx(by_hand(200 * k, last), abs=1e-12)
        assert cumulative[name] == pytest.approx(by_hand(0, last), abs=1e-12)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_metrics_of_labels_equal_sklearn(n_classes):
    rows = some_rows(600, n_classes)
    names = ["accuracy", "kappa", "balanced_accuracy", "macro_f1", "micro_f1", "log_loss"]
    ((_, found, _),), _ = scored(rows, names, 600)
    y, answer = rows.y, rows.answer
    due = {
        "accuracy": sk.accuracy_score(y, answer),
        "kappa": sk.cohen_kappa_score(y, answer),
        "balanced_accuracy": sk.balanced_accuracy_score(y, answer),
        "macro_f1": sk.f1_score(y, answer, average="macro"),
        "micro_f1": sk.f1_score(y, answer, average="micro"),
        "log_loss": sk.log_loss(y, np.clip(rows.probabilities, 1e-15, 1.0)),
    }
    # scikit-learn normalizes what we clip, hence the tolerance
    assert found == pytest.approx(due, rel=1e-9)


def test_log_loss_takes_unknown_classes_and_nan_as_the_floor():
    probabilities = np.array([[0.5, 0.5], [0.0, 1.0], [np.nan, np.nan], [0.9, 0.1]])
    rows = Scored(np.array([0, 0, 1, 2]), np.zeros(4, np.int64), np.zeros(4, int), probabilities)
    ((_, found, _),), _ = scored(rows, ["log_loss"], 4)
    known = [dict(enumerate(p)) for p in ([0.5, 0.5], [0.0, 1.0], [0.0, 0.0], [0.9, 0.1])]
    assert found["log_loss"] == pytest.approx(naive.log_loss([0, 0, 1, 2], known))
    assert found["log_loss"] == pytest.approx((math.log(2) - 3 * math.log(1e-15)) / 4)


@pytest.mark.parametrize("name", ["roc_auc", "average_precision"])
def test_rankings_of_two_classes(name):
    rows = some_rows(400, 2, seed=3)
    records, _ = scored(rows, [name], 150)
    scores, positive = rows.probabilities[:, 1], rows.y == 1
    oracle = {"roc_auc": sk.roc_auc_score, "average_precision": sk.average_precision_score}[name]
    for k, (n, window, cumulative) in enumerate(records):
        part = slice(150 * k, 150 * k + n)
        for value, rows_of in ((window[name], part), (cumulative[name], slice(0, part.stop))):
            assert value == pytest.approx(oracle(positive[rows_of], scores[rows_of]))
            twin = getattr(naive, name)(positive[rows_of].tolist(), scores[rows_of].tolist())
            assert value == pytest.approx(twin)


@pytest.mark.parametrize("name", ["roc_auc", "average_precision"])
def test_rankings_of_several_classes_are_means_of_one_against_the_rest(name):
    rows = some_rows(300, 4, seed=5)
    ((_, found, _),), _ = scored(rows, [name], 300)
    by_class = [
        getattr(naive, name)((rows.y == c).tolist(), rows.probabilities[:, c].tolist())
        for c in range(4)
    ]
    assert found[name] == pytest.approx(np.mean(by_class))
    if name == "roc_auc":
        due = sk.roc_auc_score(rows.y, rows.probabilities, multi_class="ovr")
        assert found[name] == pytest.approx(due)
    for _, _, total in scored(rows, [name], 70)[0][-1:]:
        assert total[name] == pytest.approx(np.mean(by_class))


def test_rows_before_a_class_came_count_with_the_score_0():
    rng = np.random.default_rng(4)
    y = np.concatenate([rng.integers(0, 2, 130), rng.integers(0, 3, 100)])
    probabilities = rng.dirichlet(np.ones(3), len(y))
    probabilities[:130, 2] = 0.0
    scores = Scores([metric("average_precision")], 50, [0, 1, 2])
    for part, width in ((slice(0, 130), 2), (slice(130, 230), 3)):
        list(scores.add(Scored(y[part], y[part], y[part], probabilities[part, :width])))
    _, _, total = scores.close()
    due = np.mean([sk.average_precision_score(y == c, probabilities[:, c]) for c in range(3)])
    assert total["average_precision"] == pytest.approx(due)


def test_windows_of_one_class_have_no_value_and_are_counted():
    rows = some_rows(300, 2, seed=1)
    y = rows.y.copy()
    y[100:200] = 0
    rows = rows._replace(y=y)
    records, scores = scored(rows, ["roc_auc", "accuracy"], 100)
    windows = [window["roc_auc"] for _, window, _ in records]
    assert np.isnan(windows).tolist() == [False, True, False]
    totals = [cumulative["roc_auc"] for _, _, cumulative in records]
    due = [sk.roc_auc_score(y[:n] == 1, rows.probabilities[:n, 1]) for n in (100, 200, 300)]
    assert totals == pytest.approx(due)
    assert scores.n_skipped() == {"roc_auc": 1}


@pytest.mark.parametrize(
    ("classes", "positive"), [(["no", "yes"], 1), (["yes", "no"], 0), ([1, 0], 0), ([1, "b"], 1)]
)
def test_the_positive_class_is_the_greater_label(classes, positive):
    rows = some_rows(200, 2, seed=2)
    ((_, found, _),), _ = scored(rows, ["average_precision"], 200, classes=classes)
    due = sk.average_precision_score(rows.y == positive, rows.probabilities[:, positive])
    assert found["average_precision"] == pytest.approx(due)


@pytest.mark.parametrize("name", ["mae", "rmse", "r2"])
def test_metrics_of_numbers(name):
    rng = np.random.default_rng(0)
    y = rng.normal(100.0, 3.0, 500)
    rows = Scored(y, y + rng.normal(0.0, 1.0, 500))
    records, _ = scored(rows, [name], 200, classes=[])
    oracles = {
        "mae": sk.mean_absolute_error,
        "rmse": sk.root_mean_squared_error,
        "r2": sk.r2_score,
    }
    for k, (n, window, cumulative) in enumerate(records):
        part, whole = slice(200 * k, 200 * k + n), slice(0, 200 * k + n)
        assert window[name] == pytest.approx(getattr(naive, name)(y[part], rows.answer[part]))
        assert window[name] == pytest.approx(oracles[name](y[part], rows.answer[part]))
        assert cumulative[name] == pytest.approx(oracles[name](y[whole], rows.answer[whole]))


def test_pieces_leave_no_trace_in_the_bits():
    rows = some_rows(997, 3, unanswered=3)
    whole, _ = scored(rows, [n for n in METRICS if METRICS[n].kind == "classification"], 100)
    cut, _ = scored(rows, list(whole[0][1]), 100, pieces=71)
    np.testing.assert_array_equal(
        [list(w.values()) + list(c.values()) for _, w, c in whole],
        [list(w.values()) + list(c.values()) for _, w, c in cut],
    )
    y = np.random.default_rng(0).normal(size=997)
    numbers = Scored(y, y**3)
    assert (
        scored(numbers, DEFAULTS["regression"], 100, classes=[])[0]
        == scored(numbers, DEFAULTS["regression"], 100, classes=[], pieces=71)[0]
    )


def test_gains_over_a_perfect_reference_are_not_defined():
    y = np.zeros(10, np.int64)
    rows = Scored(y, y, y)
    ((_, found, _),), _ = scored(rows, ["accuracy", "kappa", "kappa_m", "kappa_t"], 10)
    assert found.pop("accuracy") == 1.0
    assert np.isnan(list(found.values())).all()


def test_constant_targets_have_no_r2():
    rows = Scored(np.ones(5), np.zeros(5))
    ((_, found, _),), _ = scored(rows, ["r2", "rmse"], 5, classes=[])
    assert math.isnan(found["r2"])
    assert found["rmse"] == 1.0


def test_a_model_that_diverges_is_not_hidden():
    rows = Scored(np.ones(4), np.array([1.0, np.inf, 1.0, 1.0]))
    records, _ = scored(rows, ["mae"], 2, classes=[])
    assert [window["mae"] for _, window, _ in records] == [np.inf, 0.0]
    assert records[-1][2]["mae"] == np.inf


def test_classes_that_come_late_make_room():
    classes = ["a"]
    scores = Scores([metric("accuracy"), metric("macro_f1")], 10, classes)
    list(scores.add(Scored(np.zeros(4, int), np.zeros(4, int), np.zeros(4, int))))
    classes.extend("bcdefgh")
    y = np.array([7, 7, 3, 0])
    list(scores.add(Scored(y, np.array([7, 0, 3, -1]), y)))
    _, window, _ = scores.close()
    all_y, answers = [0, 0, 0, 0, 7, 7, 3, 0], [0, 0, 0, 0, 7, 0, 3, None]
    assert window["accuracy"] == pytest.approx(naive.accuracy(all_y, answers))
    assert window["macro_f1"] == pytest.approx(naive.macro_f1(all_y, answers))


def test_unknown_names_come_with_the_nearest():
    with pytest.raises(ValueError, match=r"'kapa'.*kappa"):
        metric("kapa")
    with pytest.raises(ValueError, match=r"'rmse'.*accuracy"):
        chosen(["accuracy", "rmse"], "classification")
    with pytest.raises(ValueError, match="at least one metric"):
        chosen([], "regression")
    assert [m.name for m in chosen("mae", "regression")] == ["mae"]
    assert [m.name for m in chosen(["kappa", "kappa"], "anomaly")] == ["kappa"]


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_has_its_formula_in_words(name):
    assert len(METRICS[name].formula.__doc__ or "") > 40
