"""Detectors of PyOD and scikit-learn on streams."""

import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from onlineml.checks import assert_same_state
from onlineml.detectors import ADWIN, DeviationFromMean
from onlineml.integrations import PyODDetector, SklearnDetector
from onlineml.integrations.batch_window import ranked
from onlineml.persistence import CheckpointError, load, save
from tests.detectors.streams import Array, clusters_with_anomalies

pytest.importorskip("pyod")
SMALL: dict[str, Any] = {"window_size": 64, "min_rows": 32, "refit_every": 48, "block_size": 20}
PLAIN = "ABOD CBLOF CD COF COPOD ECOD GMM HBOS HDBSCAN INNE KDE KNN KPCA LMDD LOCI LODA LOF MCD"
#: Tabular detectors of PyOD that need no other package.
PYOD: dict[str, dict[str, Any]] = {
    **{name: {} for name in [*PLAIN.split(), "OCSVM", "PCA", "QMCD", "ROD", "SOD", "SOS"]},
    "Sampling": {"subset_size": 20},
    "IForest": {"n_estimators": 10},
    "RGraph": {"n_nonzero": 5, "transition_steps": 3},
}
#: Detectors that find clusters, and get some.
CLUSTERED = {"HDBSCAN"}
#: Detectors whose own scores of a batch, within the library, rank what is strange last.
INVERTED = {"RGraph"}
QUICK = ["ECOD", "GMM", "IForest", "KNN", "LODA", "PCA"]


def stream(n: int = 120, width: int = 4, seed: int = 0) -> Array:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, width))
    X[5::17] += 6.0
    X[rng.random(X.shape) < 0.02] = np.nan
    return np.ascontiguousarray(X)


def by_row(model: Any, X: Array) -> Array:
    found = []
    for x in X:
        found.append(model.score_one(x))
        model.fit_one(x)
    return np.array(found)


def in_clusters(n: int = 120, width: int = 4, seed: int = 0) -> Array:
    """Rows of two clusters, and of neither."""
    rng, place = np.random.default_rng(seed), np.arange(n)
    X = rng.normal(size=(n, width)) * 0.3 + np.where(place % 2, 0.0, 5.0)[:, None]
    X[5::17] = rng.uniform(-10, 15, (len(X[5::17]), width))
    return X


def works_as_a_stream(name: str, params: dict[str, Any]) -> None:
    """Scores are right, and chunks equal rows bit for bit."""
    X = in_clusters() if name in CLUSTERED else stream()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the library
        made = PyODDetector(model=name, params=params, **SMALL)
        alone = made.clone()
        scores = by_row(alone, X)
        model = made.clone()
        at_once = np.concatenate([model.score_fit_many(part) for part in np.split(X, [7, 50])])
    assert model.n_fits >= 2
    assert model.n_failed == 0
    np.testing.assert_array_equal(scores, at_once)
    assert_same_state(alone.get_state(), model.get_state())
    assert ((scores >= 0) & (scores <= 1)).all()
    strange = np.arange(len(X)) % 17 == 5
    found = roc_auc_score(strange[40:], scores[40:])
    if name in INVERTED:
        batch = made._made()
        batch.fit(np.nan_to_num(X))
        of_batch = roc_auc_score(strange, batch.decision_scores_)
        assert of_batch < 0.3
        assert found == pytest.approx(of_batch, abs=0.2)
    else:
        assert found > 0.7, name


@pytest.mark.parametrize("name", QUICK)
def test_detectors_of_pyod(name: str) -> None:
    works_as_a_stream(name, PYOD[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(PYOD) - set(QUICK)))
def test_all_detectors_of_pyod(name: str) -> None:
    works_as_a_stream(name, PYOD[name])


def test_detectors_of_other_detectors() -> None:
    from pyod.models.knn import KNN
    from pyod.models.lof import LOF

    given = [LOF(n_neighbors=5), LOF(n_neighbors=10), KNN()]
    works_as_a_stream("LSCP", {"detector_list": given})
    assert not any(hasattr(one, "decision_scores_") for one in given)


def test_a_detector_of_numbers() -> None:
    model = PyODDetector(model="MAD", **SMALL).fit_many(stream(100, 1))
    assert model.score_one([0.0]) < 0.9 < model.score_one([9.0])


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("IsolationForest", {"n_estimators": 20}),
        ("LocalOutlierFactor", {}),
        ("OneClassSVM", {}),
        ("EllipticEnvelope", {}),
        ("SGDOneClassSVM", {}),
    ],
)
def test_detectors_of_sklearn(name: str, params: dict[str, Any]) -> None:
    X = np.nan_to_num(stream(300))
    model = SklearnDetector(model=name, params=params, **{**SMALL, "window_size": 128})
    twin, scores = model.clone(), model.score_fit_many(X)
    np.testing.assert_array_equal(scores, by_row(twin, X))
    if name != "SGDOneClassSVM":  # a half-space, not around the rows
        assert roc_auc_score(np.arange(40, 300) % 17 == 5, scores[40:]) > 0.95


def test_an_object_is_taken_and_not_changed() -> None:
    from sklearn.neighbors import LocalOutlierFactor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    given = make_pipeline(StandardScaler(), LocalOutlierFactor(n_neighbors=10))
    model = SklearnDetector(model=given, **SMALL).fit_many(np.nan_to_num(stream()))
    assert model.score_one([6.0] * 4) > 0.9 > model.score_one([0.0] * 4)
    assert not given[-1].novelty
    assert not hasattr(given[-1], "n_features_in_")


def test_a_file_holds_no_pickle_unless_an_object_was_given(tmp_path: Path) -> None:
    from pyod.models.knn import KNN

    X = stream()
    named = PyODDetector(model="KNN", **SMALL).fit_many(X)
    np.testing.assert_array_equal(
        load(save(named, tmp_path / "named")).score_many(X), named.score_many(X)
    )
    given = PyODDetector(model=KNN(), **SMALL).fit_many(X)
    with pytest.raises(ValueError, match=r"PyODDetector\.model: got KNN.*trusted_pickle=True"):
        save(given, tmp_path / "given")
    path = save(given, tmp_path / "given", trusted_pickle=True)
    with pytest.raises(CheckpointError, match="holds a pickled pyod"):
        load(path)
    np.testing.assert_array_equal(
        load(path, trusted_pickle=True).score_many(X), given.score_many(X)
    )


def test_flagged_rows_are_kept_out_of_the_window() -> None:
    X, _ = clusters_with_anomalies(2000)
    X[1200::8] = np.random.default_rng(0).normal(3.0, 0.05, (100, 10))  # many, and all alike
    for quantile, low, high in ((0.8, 0.99, 1.0), (None, 0.0, 0.95)):
        model = PyODDetector(model="KNN", quantile=quantile, one_in=99).fit_many(X)
        assert low <= model.score_one(np.full(10, 3.0)) <= high


def test_a_new_model_at_an_alarm() -> None:
    rng = np.random.default_rng(1)
    X = np.concatenate([rng.normal(size=(450, 3)), rng.normal(8.0, 1.0, (250, 3))])
    scores = {}
    for drift in (None, ADWIN()):
        model = SklearnDetector(
            model="LocalOutlierFactor", drift=drift, refit_every=10_000, min_rows=50
        )
        twin, scores[drift is None] = model.clone(), model.score_fit_many(X)
        np.testing.assert_array_equal(scores[drift is None], by_row(twin, X))
        assert_same_state(model.get_state(), twin.get_state())
    assert np.median(scores[True][600:]) > 0.99
    assert np.median(scores[False][600:]) < 0.8


def test_a_fit_in_the_background() -> None:
    X = np.nan_to_num(stream(200))
    model = SklearnDetector(model="LocalOutlierFactor", in_background=True, **SMALL)
    model.fit_many(X[:40])
    for _ in range(500):
        model.fit_one(X[41])
        if model.n_fits:
            break
        time.sleep(0.01)
    assert model.n_fits == 1
    assert model.score_one(X[5]) > 0.9
    assert model.score_one(np.zeros(4)) < 0.9


def test_a_library_that_refuses_is_heard_and_nothing_is_lost() -> None:
    model = PyODDetector(model="MAD", **SMALL)
    with pytest.warns(RuntimeWarning, match=r"MAD could not be fitted to 32 rows.*univariate"):
        model.fit_many(stream(40, 3))
    assert (model.n_fits, model.n_failed) == (0, 1)
    assert model.score_one([9.0, 9.0, 9.0]) == 0.0


def test_the_scale_keeps_the_order_of_scores() -> None:
    known = np.sort(np.random.default_rng(0).normal(size=50)).round(1)
    raw = np.linspace(-4.0, 9.0, 400)
    ranks = ranked(raw, known)
    assert (np.diff(ranks) >= 0).all()
    assert (np.diff(ranks[raw > known[-1]]) > 0).all()
    assert 0.0 <= ranks.min() <= ranks.max() < 1.0
    counted = [(known < value).sum() for value in known]
    np.testing.assert_allclose(ranked(known, known) * 51, counted, atol=1.0)
    assert ranked(np.array([np.nan, np.inf]), known).tolist() == [0.0, 51 / 51]


def test_about_one_in_a_hundred_normal_rows_is_above_its_share() -> None:
    X = np.random.default_rng(3).normal(size=(3000, 4))
    scores = SklearnDetector(model="LocalOutlierFactor").score_fit_many(X)[600:]
    assert 0.005 < (scores > 0.99).mean() < 0.03


@pytest.mark.parametrize(
    ("kind", "bad"),
    [
        (PyODDetector, {"model": "Nothing"}),
        (PyODDetector, {"model": DeviationFromMean()}),
        (PyODDetector, {"model": "KNN", "params": {"k": 3}}),
        (SklearnDetector, {"model": "KMeans"}),
        (SklearnDetector, {"quantile": 1.0}),
        (SklearnDetector, {"min_rows": 1}),
        (SklearnDetector, {"window_size": 20}),
        (SklearnDetector, {"drift": 3}),
    ],
)
def test_bad_parameters_are_refused(kind: Any, bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=list(bad)[-1]):
        kind(**bad).fit_one([1.0])
