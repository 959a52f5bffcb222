"""Streams with a known ceiling: whoever beats it has seen the label before answering."""

import numpy as np
import pytest

from onlineml.base import Classifier
from onlineml.datasets import LED
from onlineml.evaluation import contender, prequential
from onlineml.learners import GaussianNB, KNNClassifier
from onlineml.registry import estimators
from tests.evaluation.streams import Rows
from tests.examples import example

N = 20_000
CLASSIFIERS = [name for name, kind in estimators().items() if issubclass(kind, Classifier)]
# Any answer that does not depend on the label is right with at most the best possible chance,
# independently from row to row: five standard deviations, one run in three million by chance.
LED_CEILING = 0.74 + 5.0 * np.sqrt(0.74 * 0.26 / N)


def led():
    return LED(noise=0.1, seed=11, n_rows=N)


def chance(n_classes):
    """Labels that nothing can predict."""
    rng = np.random.default_rng(n_classes)
    return Rows(rng.normal(size=(N, 4)), rng.integers(n_classes, size=N))


def accuracy(model, stream, **options):
    result = prequential({"m": model}, stream, baselines=False, metrics="accuracy", **options)
    return result.run("m").totals["accuracy"]


def assert_no_leak_on_led(model, **options):
    assert accuracy(model, led(), **options) <= LED_CEILING


def assert_no_leak_on_chance(model, n_classes, **options):
    share = 1.0 / n_classes
    tolerance = 5.0 * np.sqrt(share * (1.0 - share) / N)
    assert accuracy(model, chance(n_classes), **options) == pytest.approx(share, abs=tolerance)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_nobody_beats_the_ceiling_of_led(name):
    assert_no_leak_on_led(example(name))


@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_nobody_predicts_chance(name, n_classes):
    assert_no_leak_on_chance(example(name), n_classes)


def test_late_labels_leak_nothing():
    assert_no_leak_on_led(GaussianNB(), label_delay=50)
    assert_no_leak_on_chance(GaussianNB(), 2, label_delay=50)


def test_the_ceiling_is_within_reach():
    """Else the guard could not fail: the best model comes close to 74.0 %."""
    assert accuracy(GaussianNB(), led()) > 0.72


class Peeking(GaussianNB):
    """Learns a block of rows, and answers them afterwards."""

    def _pass(self, X, y, weight, serve, fit):
        if fit and serve:
            # only a model that can recall rows gains from having seen them
            self.recalled_ = dict(zip(map(bytes, X), y))
            super()._pass(X, y, weight, 0, True)
            answers = super()._pass(X, None, None, serve, False)
            return np.array([self.recalled_.get(bytes(x), a) for x, a in zip(X, answers)])
        return super()._pass(X, y, weight, serve, fit)


def test_a_cheating_model_is_caught():
    for guard in (assert_no_leak_on_led, lambda model: assert_no_leak_on_chance(model, 2)):
        with pytest.raises(AssertionError):
            guard(Peeking())


def test_an_evaluator_that_trains_first_is_caught(monkeypatch):
    """With a model that recalls rows; it passes the guards as long as the order is right."""
    recalling = KNNClassifier(n_neighbors=1, window_size=10)
    assert_no_leak_on_led(recalling)
    assert_no_leak_on_chance(recalling, 2)

    def train_then_test(self, X, y):
        answers = []
        for x, label in zip(X, y):
            self.model.fit_one(x, label)
            answers.append(self._answer(x[None]))
        return contender.Answers(np.concatenate([said.answer for said in answers]))

    monkeypatch.setattr(contender.Contender, "answer_and_learn", train_then_test)
    for guard in (assert_no_leak_on_led, lambda model: assert_no_leak_on_chance(model, 2)):
        with pytest.raises(AssertionError):
            guard(recalling)
