"""Networks forget without the rows that stay: sums are exact, a whole class goes as if unseen."""

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from benchmarks.unlearning_digits import METHODS, scenario  # noqa: E402 - needs torch
from onlineml.unlearning import StreamingUnlearner  # noqa: E402


def made(**settings: Any) -> tuple[StreamingUnlearner, Any, Any]:
    torch.manual_seed(0)
    body = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.ReLU())
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(120, 3)), np.arange(120) % 4
    return StreamingUnlearner(body, torch.nn.Linear(5, 4), lowest=0.0, **settings), X, y


def test_sums_are_those_of_the_rows_that_are_left() -> None:
    unlearner, X, y = made()
    unlearner.remember(X[:50], y[:50]).remember(X[50:], y[50:])
    gone = np.random.default_rng(1).permutation(120)[:70]
    for part in np.array_split(gone, 7):
        receipt = unlearner.unlearn(X[part], y[part])
        assert receipt.kind == "approximate"
        assert receipt.rows == 10
    rest = np.setdiff1d(np.arange(120), gone)
    seen = unlearner.features(X[rest])
    for c in range(4):
        rows = seen[y[rest] == c]
        assert unlearner.counts[c] == len(rows)
        np.testing.assert_allclose(unlearner.means[c], rows.mean(0), atol=1e-12)
        due = (rows - rows.mean(0)).T @ (rows - rows.mean(0))
        np.testing.assert_allclose(unlearner.scatters[c], due, atol=1e-11)


def test_a_class_without_rows_is_gone_and_stays_gone() -> None:
    unlearner, X, y = made()
    unlearner.remember(X, y)
    for part in np.array_split(np.flatnonzero(y == 2), 3):
        unlearner.unlearn(X[part], y[part])
    assert unlearner.predict_proba(X)[:, 2].max() < 1e-9
    unlearner.unlearn(X[:1], y[:1])
    assert unlearner.predict_proba(X)[:, 2].max() < 1e-9
    assert not unlearner.scatters[2].any()
    everything = np.flatnonzero(y != 2)[1:]
    unlearner.unlearn(X[everything], y[everything])
    assert unlearner.counts.sum() == 0
    assert np.isfinite(unlearner.predict_proba(X)).all()


def test_shares_of_the_classes_move_the_answers() -> None:
    unlearner, X, y = made(n_steps=0, damping=np.inf)
    unlearner.remember(X, y)
    before = unlearner.predict_proba(X)
    unlearner.unlearn(X[y == 1][:15], y[y == 1][:15])  # half of the class
    due = before * [1.0, 0.5, 1.0, 1.0]
    due /= due.sum(1, keepdims=True)
    np.testing.assert_allclose(unlearner.predict_proba(X), due, atol=1e-6)


def test_the_same_seed_gives_the_same_network() -> None:
    answers = []
    for _ in range(2):
        unlearner, X, y = made(seed=3)
        unlearner.remember(X, y).unlearn(X[:9], y[:9])
        answers.append(unlearner.predict_proba(X))
    assert answers[0].tobytes() == answers[1].tobytes()


def test_a_refusal_changes_nothing() -> None:
    unlearner, X, y = made()
    assert unlearner.unlearn(X[:2], y[:2]).kind == "refused"
    unlearner.remember(X[:8], y[:8])
    before = unlearner.predict_proba(X), unlearner.scatters.copy()
    assert unlearner.unlearn(X[y == 1], y[y == 1]).kind == "refused"
    assert unlearner.unlearn(X[:0], y[:0]).kind == "refused"
    for wrong in (y[:2], y[:3].astype(float), y[:3] + 4, y[:3] - 5):
        with pytest.raises(ValueError, match="y"):
            unlearner.unlearn(X[:3], wrong)
    with pytest.raises(ValueError, match="X"):
        unlearner.unlearn(X[:3] * np.nan, y[:3])
    assert unlearner.predict_proba(X).tobytes() == before[0].tobytes()
    assert (unlearner.scatters == before[1]).all()
    with pytest.raises(ValueError, match="head"):
        StreamingUnlearner(torch.nn.Identity(), torch.nn.Identity())
    bad = {
        "n_steps": 1.5, "batch_size": 0, "seed": None, "learning_rate": np.inf, "damping": 0.0,
        "lowest": np.nan,
    }  # fmt: skip
    for name, value in bad.items():
        with pytest.raises(ValueError, match=f"^{name}: got "):
            StreamingUnlearner(torch.nn.Identity(), torch.nn.Linear(5, 4), **{name: value})  # type: ignore[arg-type]


def test_requests_are_told_from_a_draw_of_all_rows() -> None:
    unlearner, X, y = made(n_steps=0)
    unlearner.remember(X, y)
    assert unlearner.unlearn(X[:20], y[:20]).forgotten
    assert unlearner._at_random() == 1.0
    rest = np.flatnonzero(y[20:] == 3) + 20
    unlearner.unlearn(X[rest], y[rest])
    assert unlearner._at_random() < 0.1


def test_the_answers_to_single_rows_are_taken_back() -> None:
    """By Newton's step each row is known less than before, as it would be to a stranger."""
    unlearner, X, y = made(n_steps=0, damping=5.0)
    unlearner.remember(X, y)
    before = unlearner.predict_proba(X)[np.arange(8), y[:8]]
    unlearner.unlearn(X[:8], y[:8])
    assert unlearner.predict_proba(X)[np.arange(8), y[:8]].mean() < before.mean()


def found_by(what: str, seed: int, *names: str) -> dict[str, list[float]]:
    return scenario(what, seed, {name: METHODS[name] for name in names})


def test_a_digit_goes_nearly_as_if_never_seen() -> None:
    found = found_by("class", 0, "StreamingUnlearner", "gradient ascent", "SCRUB *")
    divergence, agreement, forgotten = found["StreamingUnlearner"][:3]
    assert divergence < 0.32 < found["gradient ascent"][0]
    assert 0.5 < found["SCRUB *"][0] < 2.0
    assert agreement >= 96.5
    assert forgotten == 0.0


def test_single_digits_go_further_than_if_nothing_is_done() -> None:
    found = found_by("random", 1, "StreamingUnlearner", "untouched", "Fisher forgetting *")
    divergence, agreement = found["StreamingUnlearner"][:2]
    assert divergence < 0.03
    assert divergence < 0.7 * found["untouched"][0]
    assert agreement > found["untouched"][1] - 1.0
    assert found["Fisher forgetting *"][0] < 0.1
