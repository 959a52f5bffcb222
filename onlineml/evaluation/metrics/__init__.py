"""Metrics by name, and those that are used unless others are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from onlineml.evaluation.metrics import classification, control, of_river, ranking, regression
from onlineml.evaluation.metrics.metric import Metric, Scored, Summary
from onlineml.registry import nearest
from onlineml.schema import wrong

__all__ = ["DEFAULTS", "METRICS", "Metric", "Scored", "Summary", "chosen", "metric"]

METRICS: dict[str, Metric] = {
    one.name: one
    for one in (
        *classification.METRICS,
        *ranking.METRICS,
        *regression.METRICS,
        *control.METRICS,
    )
}

#: Task of a stream -> the metrics that are used unless others are asked for.
DEFAULTS: dict[str, tuple[str, ...]] = {
    "classification": ("accuracy", "kappa", "kappa_m", "kappa_t", "balanced_accuracy"),
    "anomaly": ("average_precision", "roc_auc", "balanced_accuracy", "g_mean", "kappa"),
    "regression": ("mae", "rmse", "r2"),
}


def metric(name: str) -> Metric:
    """The metric of that name.

    Time and memory are O(1); for what a metric itself costs see `prequential`.

    Parameters
    ----------
    name
        One of `METRICS`; `river.F1` or `river.FBeta(beta=2)` is the one of river.

    Returns
    -------
    Metric
        Its name, formula and direction.

    Raises
    ------
    ValueError
        For an unknown name, with those that are most like it, and metrics of river that are not of
        classes or numbers, or whose value is no number.

    Examples
    --------
    >>> from onlineml.evaluation import metric
    >>> metric("kappa").title
    'Kappa'
    >>> metric("acuracy")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    ValueError: metrics: got 'acuracy', expected a known name; did you mean accuracy or ...
    """
    if isinstance(name, str) and name.startswith(of_river.PREFIX):
        return of_river.named(name)
    if name not in METRICS:
        raise wrong("metrics", name, f"a known name; {nearest(str(name), METRICS)}")
    return METRICS[name]


def chosen(
    metrics: Sequence[Any] | str | None, task: str, *, detectors: bool = False
) -> tuple[Metric, ...]:
    """Metrics for a stream's task: those named, each once, or the defaults.

    Objects of `river.metrics` are taken for their names: they are made anew for each model.
    Detectors give scores, no labels: where some take part, only rankings can be measured.
    """
    rankings = [one.name for one in ranking.METRICS]
    only_scores = detectors and task != "regression"
    if metrics is None:
        metrics = rankings if only_scores else DEFAULTS[task]
    is_one = isinstance(metrics, str) or of_river.is_metric(metrics)
    listed: Sequence[Any] = [metrics] if is_one else metrics
    names = [of_river.name_of(one) if of_river.is_metric(one) else one for one in listed]
    found = tuple(metric(name) for name in dict.fromkeys(names))
    kind = "regression" if task == "regression" else "classification"
    for one in found:
        if one.kind != kind:
            others = [other.name for other in METRICS.values() if other.kind == kind]
            raise wrong("metrics", one.name, f"metrics for {kind}: {', '.join(others)}")
        if only_scores and one.name not in rankings:
            due = f"metrics of scores, as detectors take part: {', '.join(rankings)}"
            raise wrong("metrics", one.name, due)
    if not found:
        raise wrong("metrics", metrics, "at least one metric")
    return found
