"""The three baselines against one-line twins."""

import numpy as np
import pytest

from onlineml.learners import MajorityClassifier, MeanRegressor, NoChangeClassifier


@pytest.fixture
def stream():
    rng = np.random.default_rng(3)
    y = rng.integers(0, 5, 400)
    y[:100] = rng.integers(0, 2, 100)  # the other classes come later
    weight = rng.integers(0, 3, 400).astype(float)
    return rng.normal(size=(400, 2)), y, weight


def test_no_change_repeats_the_last_weighted_label(stream):
    X, y, weight = stream
    answers = NoChangeClassifier().predict_fit_many(X, y, weight=weight)
    last, seen = None, []
    for label, w, answer in zip(y, weight, answers, strict=True):
        expected = last if last is not None else (seen[0] if seen else None)
        assert answer == expected
        seen.append(label)
        last = label if w > 0 else last


def test_majority_is_the_largest_weight_with_shares_as_probabilities(stream):
    X, y, weight = stream
    model = MajorityClassifier()
    shares = model.predict_proba_fit_many(X, y, weight=weight)
    counts = np.zeros(len(model.classes_))
    for label, w, share in zip(y, weight, shares, strict=True):
        if counts.sum() > 0:
            np.testing.assert_allclose(share, counts / counts.sum())
        counts[model.classes_.index(label)] += w
    assert model.predict_one(X[0]) == model.classes_[int(counts.argmax())]


def test_mean_regressor_predicts_the_weighted_mean_of_the_past(stream):
    X, y, weight = stream
    answers = MeanRegressor().predict_fit_many(X, y.astype(float), weight=weight)
    total = np.concatenate(([0.0], np.cumsum(weight)))[:-1]
    sums = np.concatenate(([0.0], np.cumsum(weight * y)))[:-1]
    expected = np.divide(sums, total, out=np.zeros(len(y)), where=total > 0)
    np.testing.assert_allclose(answers, expected, rtol=1e-12)


@pytest.mark.parametrize("cls", [NoChangeClassifier, MajorityClassifier, MeanRegressor])
def test_chunks_give_the_bits_of_the_row_loop(cls, stream):
    X, y, _ = stream
    whole = cls().predict_fit_many(X, y.astype(float) if cls is MeanRegressor else y)
    model, answers = cls(), []
    for x, label in zip(X, y.tolist(), strict=True):
        answers.append(model.predict_one(x))
        model.fit_one(x, float(label) if cls is MeanRegressor else label)
    assert whole.tolist() == answers


def test_before_any_data_there_is_no_label_and_the_mean_is_zero():
    assert NoChangeClassifier().predict_one([1.0]) is None
    assert MajorityClassifier().predict_one([1.0]) is None
    assert MeanRegressor().predict_one([1.0]) == 0.0
