"""Every exported estimator passes every check; the checks catch planted faults."""

from typing import Any

import numpy as np
import pytest

from onlineml import checks
from onlineml.base import Array, Classifier, DriftDetector, Regressor
from onlineml.kernels.arena import Field
from onlineml.learners import GaussianNB
from onlineml.registry import estimators
from onlineml.schema import Schema
from tests.examples import example
from tests.naive.far_from_mean import FarFromMean

CHECKS = dict(checks.all_checks())


def _cases() -> list[Any]:
    cases = []
    for name, kind in estimators().items():
        for check, _ in checks.checks_of(kind):
            reason = kind._excuses.get(check)
            marks = [pytest.mark.xfail(reason=reason, strict=True)] if reason else []
            cases.append(pytest.param(name, check, marks=marks, id=f"{name}-{check[6:]}"))
    return cases


@pytest.mark.parametrize(("name", "check"), _cases())
def test_estimator_passes(name: str, check: str) -> None:
    CHECKS[check](example(name))


def test_check_estimator_runs_them_all() -> None:
    checks.check_estimator(GaussianNB())
    wrong: Any
    for wrong in (GaussianNB, object()):
        with pytest.raises(ValueError, match=r"^estimator: got .*such as GaussianNB\(\)"):
            checks.check_estimator(wrong)


# ------------------------------------------------------- planted faults: a plain learner in Python


class Honest(Regressor):
    """Mean of the targets so far."""

    _state = (Field("sums_", (2,)),)

    def __init__(self) -> None:
        pass

    def _start(self, schema: Schema) -> None:
        pass

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        for i in range(len(X)):
            if serve:
                out[i, 0] = self._answer_for(X[i])
            if fit:
                self._learn_row(X[i], y[i], weight[i])

    def _answer_for(self, x: Array) -> float:
        return float(self.sums_[1] / max(self.sums_[0], 1e-300))

    def _learn_row(self, x: Array, y: float, weight: float) -> None:
        self.sums_ += (weight, weight * y)


class KeepsRows(Honest):
    """Bounded state; keeps every row."""

    def _start(self, schema: Schema) -> None:
        self.rows_: list[float] = []

    def _learn_row(self, x: Array, y: float, weight: float) -> None:
        super()._learn_row(x, y, weight)
        self.rows_.append(y)


class HoardsInACache(Honest):
    """Bounded state; keeps every row where nbytes does not look."""

    def _learn_row(self, x: Array, y: float, weight: float) -> None:
        super()._learn_row(x, y, weight)
        vars(self).setdefault("_hoard", []).append(y)


class ServingChangesIt(Honest):
    """Serving counts."""

    def _answer_for(self, x: Array) -> float:
        self.sums_[0] += 1e-9
        return super()._answer_for(x)


class HiddenState(Honest):
    """Learns into a name that looks like a cache."""

    def _answer_for(self, x: Array) -> float:
        return super()._answer_for(x) + vars(self).get("_hidden", 0.0)

    def _learn_row(self, x: Array, y: float, weight: float) -> None:
        super()._learn_row(x, y, weight)
        vars(self)["_hidden"] = vars(self).get("_hidden", 0.0) + y


class ChunksDiffer(Honest):
    """Answers a whole chunk from the state before it."""

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        if serve:
            out[:, 0] = self._answer_for(X[0]) if len(X) else 0.0
        super()._run(X, y, weight, out, 0, fit)


class GlobalRandom(Honest):
    """Draws from numpy's global generator."""

    def _learn_row(self, x: Array, y: float, weight: float) -> None:
        super()._learn_row(x, y, weight * np.random.random())  # noqa: NPY002


class ChangesItsParameter(Honest):
    """Writes to a constructor argument."""

    def __init__(self, *, rate: float = 1.0) -> None:
        self.rate = rate

    def _learn_row(self, x: Array, y: float, weight: float) -> None:
        super()._learn_row(x, y, weight)
        self.rate *= 0.9


class KeepsTheCallersRows(Honest):
    """Holds on to the caller's array."""

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        if fit:
            self.last_ = X
        super()._run(X, y, weight, out, serve, fit)


class PoisonedByNaN(Honest):
    """A missing value reaches the state."""

    def _learn_row(self, x: Array, y: float, weight: float) -> None:
        super()._learn_row(x, x[0], weight)


def test_the_honest_one_passes() -> None:
    checks.check_estimator(Honest())


@pytest.mark.parametrize(
    ("faulty", "check"),
    [
        (KeepsRows, "check_memory_is_bounded"),
        (HoardsInACache, "check_memory_is_bounded"),
        (ServingChangesIt, "check_serving_changes_nothing"),
        (HiddenState, "check_resumes_from_state"),
        (HiddenState, "check_resumes_from_file"),
        (ChunksDiffer, "check_chunks_equal_rows"),
        (GlobalRandom, "check_same_seed_same_bits"),
        (ChangesItsParameter, "check_parameters_are_kept"),
        (KeepsTheCallersRows, "check_keeps_no_reference"),
        (PoisonedByNaN, "check_odd_rows"),
    ],
)
def test_planted_fault_is_caught(faulty: type[Honest], check: str) -> None:
    with pytest.raises(AssertionError):
        CHECKS[check](faulty())


class Alarm(DriftDetector):
    """Raises an alarm at the fourth error in a row."""

    _state = (Field("run_", (1,), np.int64), Field("flag_", (1,), np.int64))

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        for i, value in enumerate(X[:, 0]):
            self.run_[0] = self.run_[0] + 1 if value == 1.0 else 0
            self.flag_[0] = self.run_[0] == 4
            if serve:
                out[i, 0] = self.flag_[0]


def test_a_drift_detector_in_python_passes() -> None:
    checks.check_estimator(Alarm())
    detector = Alarm()
    assert detector.fit_many([0, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1]).tolist() == [4, 10]
    assert detector.drift_detected
    assert not detector.fit_one(1).drift_detected


class OneNumberFarFromMean(FarFromMean):
    """The same of plain numbers."""

    _n_inputs = 1


@pytest.mark.parametrize("kind", [FarFromMean, OneNumberFarFromMean])
def test_a_detector_in_python_passes(kind: type[FarFromMean]) -> None:
    checks.check_estimator(kind())


def test_a_detector_scores_before_it_learns() -> None:
    detector = FarFromMean()
    assert detector.score_one([1.0, 2.0]) == 0.0
    assert detector.score_fit_many([[1.0, 2.0], [1.0, 4.0]]).tolist() == [0.0, 2.0]
    assert detector.explain_one([3.0, 3.0]).tolist() == [2.0, 0.0]
    assert OneNumberFarFromMean().fit_many([1.0, 3.0]).score_one(5) == 3.0


def test_a_detector_that_cannot_explain_says_so() -> None:
    class Silent(FarFromMean):
        """Does not tell."""

        _explains = False

    with pytest.raises(TypeError, match="Silent"):
        Silent().explain_one([1.0])


def test_an_excuse_that_is_out_of_date_is_caught() -> None:
    class Excused(Honest):
        """Mean of the targets so far."""

        _excuses = {"check_odd_rows": "none needed"}  # noqa: RUF012

    with pytest.raises(AssertionError, match="out of date"):
        checks.check_estimator(Excused())


def test_a_classifier_that_forgets_its_shares_is_caught() -> None:
    class Careless(Classifier):
        """Answers the first class with no probability at all."""

        def _run(
            self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool
        ) -> None:
            if serve:
                out[:] = 0.0

    with pytest.raises(AssertionError):
        checks.check_odd_rows(Careless())
