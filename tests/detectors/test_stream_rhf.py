"""StreamRHF against a naive twin; quality; masses of its bins."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from onlineml.detectors import StreamRHF
from tests.detectors.streams import clusters_with_anomalies, moving_rows
from tests.naive import stream_rhf as naive


@pytest.mark.parametrize("seed", range(3))
def test_equals_the_naive_twin(seed: int) -> None:
    X = moving_rows(seed, 300)
    X[:, 2] = np.floor(X[:, 2])
    X[160] = [100.0, 50.0, 70.0]
    detector = StreamRHF(n_trees=5, height=4, window_size=50, seed=seed)
    twin = naive.StreamRHF(5, 4, 50, seed)
    due = []
    for x in X.tolist():
        due.append(twin.score(x))
        twin.fit(x)
    assert twin.n_rebuilt > 20
    np.testing.assert_allclose(detector.score_fit_many(X), due, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("drift", [False, True])
def test_finds_anomalies(drift: bool) -> None:
    X, labels = clusters_with_anomalies(8000, drift=drift)
    scores = StreamRHF(n_trees=50).score_fit_many(X)
    assert roc_auc_score(labels[1000:], scores[1000:]) > 0.94


def test_masses_are_those_of_the_rows_in_the_bins() -> None:
    X = moving_rows(0, 400)
    detector = StreamRHF(n_trees=5, height=3, window_size=60).fit_many(X)
    n = detector.counts_[0] + detector.counts_[2]
    for t in range(5):
        for leaf in np.unique(detector.leaves_[t, :n]):
            assert detector.features_[t, leaf] == -1
            assert detector.masses_[t, leaf] == (detector.leaves_[t, :n] == leaf).sum()


@pytest.mark.parametrize(
    ("wrong", "named"),
    [({"n_trees": 0}, "n_trees"), ({"height": 17}, "height"), ({"window_size": 1}, "window_size")],
)
def test_wrong_parameters_are_refused(wrong: dict[str, int], named: str) -> None:
    with pytest.raises(ValueError, match=f"^{named}: got"):
        StreamRHF(**wrong).fit_one([1.0])
