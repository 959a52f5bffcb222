"""A detector that says which events are worth an alert, with few false ones among the alerts."""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from onlineml.base import Array, Detector, Diagnostics, Transformer
from onlineml.detectors.anomaly.calibrated import check_pair, start_pair
from onlineml.kernels import jit
from onlineml.kernels.arena import ANSWER, ANSWER_AND_SCORES, Field, Ints
from onlineml.schema import Schema, wrong
from onlineml.transforms import DSPOTCalibrator

_RULES = ("saffron", "lord", "fixed")
_RULE, _LEVEL, _KEPT, _ALERTS_OWED, _CANDIDATE, _PATIENCE = range(6)  # of the settings
# Of the counts: tests, those that count as spending, alerts, those that are remembered.
_N, _SPENT, _ALERTS, _HELD = range(4)
_MOST = 64  # alerts that are remembered
_POWER, _ZETA = 1.6, 2.2857656  # of the shares k ** -1.6, and their sum
_LEAST = 1e-16  # the smallest tail probability that one minus itself can tell
_BLOCK = 256  # rows that are judged at once


class Alerts(NamedTuple):
    """What some events scored, the thresholds that they met, and whether alerts were raised.

    Parameters
    ----------
    scores
        Surprise of each event, `(n_events,)`: -log10 of its tail probability.
    thresholds
        The score from which on each event was an alert, `(n_events,)`.
    raised
        Whether it was, `(n_events,)`.
    """

    scores: Array
    thresholds: Array
    raised: npt.NDArray[np.bool_]


class AlertingDetector(Detector):
    """The surprise of events in a detector's scores, and a threshold for alerts that adapts.

    A calibrator turns the detector's scores into tail probabilities p; the score is -log10(p): 3
    means that one normal event in a thousand is as strange. An event whose score reaches the
    threshold is an alert. By the rules "saffron" and "lord" the threshold rises while nothing is
    found and falls after an alert, so that of all alerts of late a share `level` is false at most,
    however many events there are between them; "fixed" keeps the threshold at -log10(`level`), and
    is wrong in a share `level` of the normal events. Each event is scored, judged, and then
    learned. Time per event is that of the detector and the calibrator, plus O(alerts of late), at
    most 64; memory is that of both.

    Parameters
    ----------
    base
        The unfitted detector. Scores that end at a number (those of `RankEnsemble`, of `RSHash`,
        shares and ranks) are stretched by -log(1 - score / end), so that there is a tail to tell
        probabilities by. Where anomalies score hardly more than the strangest of the normal rows,
        as with trees, few are found, by any threshold.
    calibrator
        A transformer of one number into one minus its tail probability; None for
        `DSPOTCalibrator(q=0.0003)`, which keeps what is less probable from its memory.
        The ranks of `ConformalCalibrator` suit "fixed" only: from a window of 1000 they do not tell
        probabilities below 0.001, and thresholds of the other rules lie beyond.
    rule
        "saffron", "lord" or "fixed".
    level
        Share of false alerts among all that is aimed at; for "fixed" the tail probability itself.
    fading_factor
        Share of its importance that an alert keeps from one event to the next: the rules look
        back on about 1 / (1 - fading_factor) events.
    n_owed
        Alerts that are granted beforehand: where nothing is found, at most `level` times as many
        false ones are risked in those 1 / (1 - fading_factor) events.
    patience
        So many alerts among twice as many events are taken for a change of the stream, after which
        the calibrator starts anew, and earlier alerts earn nothing: until it has some 100 scores,
        hardly an alert is raised. More where anomalies come in stretches. At most 64; None for
        never.

    Raises
    ------
    ValueError
        At the first event, unless `base` is a detector of anomalies, `calibrator` a transformer
        that gives one number for one, or None, `rule` is among the above, `level` and
        `fading_factor` lie in (0, 1), `n_owed` > 0, and `patience` is a whole number from 2 to 64,
        or None.

    Examples
    --------
    >>> import numpy as np
    >>> from onlineml.detectors import AlertingDetector, DeviationFromMean
    >>> X = np.random.default_rng(0).normal(size=(5000, 3))
    >>> X[2000::300, 1] += 9.0  # ten anomalies
    >>> model = AlertingDetector(base=DeviationFromMean())
    >>> alerts = model.alerts_fit_many(X)
    >>> np.flatnonzero(alerts.raised).tolist()
    [2000, 2300, 2600, 2900, 3200, 3500, 3800, 4100, 4400, 4700]
    >>> model.alert_one([0.0, 0.0, 0.0]), model.alert_one([0.0, 8.0, 0.0])
    (False, True)

    Notes
    -----
    With V and R the faded numbers of false and of all alerts, "lord" and "saffron" keep the mean of
    V / (R + n_owed) at `level` or below, for p-values that are valid given the past. Departures
    from [1]_ and [2]_: both fade, as proposed in [1]_ and [3]_; what is granted beforehand is spent
    evenly, a share 1 - fading_factor an event, not at the beginning of an endless stream; alerts
    before the last 64 earn nothing, which is on the safe side. Of what an alert earns, half is
    spent in shares that fall as k ** -1.6, for anomalies that come together, half in shares that
    fade; p-values above 0.5 are no candidates. Events of weight 0 are neither judged nor learned;
    other weights count as 1 in the rules. Where anomalies are many, with `GatedDetector` as `base`
    they do not become usual. That a stream has changed, and not
    its rows gone wrong, nobody can tell from the first strange ones: about `patience` alerts are
    false at each drift. The p-values are estimates: where one row in a thousand is an
    anomaly, a share of .15 of the alerts was false at `level` .05; where one in a hundred,
    .01 to .08, by the detector. The calibrator's `q` was chosen on those same made streams.

    References
    ----------
    .. [1] Ramdas, Yang, Wainwright, Jordan (2017), Online control of the false discovery rate with
       decaying memory, NeurIPS, sections 4 and 6. arXiv:1710.00499
    .. [2] Ramdas, Zrnic, Wainwright, Jordan (2018), SAFFRON: an adaptive algorithm for online
       control of the false discovery rate, ICML, section 2. arXiv:1802.09098
    .. [3] Rebjock, Kurt, Januschowski, Callot (2021), Online false discovery rate control for
       anomaly detection in time series, NeurIPS, section 3. arXiv:2112.03196
    """

    _state = (
        Field("counts_", (4,), np.int64),
        Field("times_", (_MOST,), np.int64),
        Field("spent_", (_MOST,), np.int64),
    )

    counts_: Ints
    times_: Ints
    spent_: Ints
    base_: Detector
    calibrator_: Transformer

    def __init__(
        self,
        *,
        base: Detector,
        calibrator: Transformer | None = None,
        rule: Literal["saffron", "lord", "fixed"] = "saffron",
        level: float = 0.05,
        fading_factor: float = 0.999,
        n_owed: float = 1.0,
        patience: int | None = 5,
    ) -> None:
        self.base = base
        self.calibrator = calibrator
        self.rule = rule
        self.level = level
        self.fading_factor = fading_factor
        self.n_owed = n_owed
        self.patience = patience

    def _check(self) -> None:
        check_pair(self)
        if self.rule not in _RULES:
            raise wrong("rule", self.rule, f"one of {_RULES}")
        for name in ("level", "fading_factor"):
            if not 0 < getattr(self, name) < 1:
                raise wrong(name, getattr(self, name), "a number between 0 and 1")
        if not self.n_owed > 0:
            raise wrong("n_owed", self.n_owed, "a number > 0")
        if not (self.patience is None or 2 <= self.patience <= _MOST):
            raise wrong("patience", self.patience, f"a whole number from 2 to {_MOST}, or None")

    def _start(self, schema: Schema) -> None:
        calibrator = DSPOTCalibrator(q=0.0003) if self.calibrator is None else self.calibrator
        start_pair(self, calibrator, schema)

    def _admit(self, schema: Schema) -> None:
        super()._admit(schema)
        self.base_._admit(schema)

    def _settings(self) -> tuple[float, ...]:
        rule, owed = float(_RULES.index(self.rule)), float(self.n_owed)
        patience = 0.0 if self.patience is None else float(self.patience)
        return rule, float(self.level), float(self.fading_factor), owed, 0.5, patience

    def _n_outputs(self) -> int:
        return 3

    def _run(self, X: Array, y: Array, weight: Array, out: Array, serve: int, fit: bool) -> None:
        scores = np.empty((len(X), self.base_._n_outputs()))
        self.base_._run(X, y, weight, scores, ANSWER, fit)
        first = np.ascontiguousarray(scores[:, :1])
        if self.base_._greatest < math.inf:
            left = np.maximum(1.0 - first / self.base_._greatest, _LEAST)
            first = 0.0 - np.log(left)
        answers, begin = np.empty((len(X), 3)), 0
        while begin < len(X):
            begin += self._judged(first[begin:], weight[begin:], answers[begin:], fit)
        if serve:
            out[:] = answers[:, : out.shape[1]]

    def _judged(self, scores: Array, weight: Array, answers: Array, fit: bool) -> int:
        """Calibrate and judge some rows, to the one after which all starts anew; how many."""
        n = min(len(scores), _BLOCK)
        scores, weight, settings = scores[:n], weight[:n], np.array(self._settings())
        memory = Memory(self.counts_, self.times_, self.spent_)
        calibrated = np.empty((n, 1))
        self.calibrator_._run(scores, weight, weight, calibrated, ANSWER_AND_SCORES, fit)
        n, changed = _judge(calibrated[:, 0], weight, settings, memory, answers, fit)
        if changed:  # what the calibrator has learned beyond is lost with all the rest
            self.calibrator_ = self.calibrator_.clone()
            self.calibrator_._begin(Schema(1))
        return n

    @property
    def threshold(self) -> float:
        """The score from which on the next event is an alert."""
        memory = Memory(self.counts_, self.times_, self.spent_) if self.is_started else _no_memory()
        return -math.log10(_test_level(np.array(self._settings()), memory))

    def alert_one(self, x: Any) -> bool:
        """Whether the event `x` would be an alert; changes nothing."""
        return self.score_one(x) >= self.threshold

    def alerts_fit_many(self, X: Any, *, weight: Any = None) -> Alerts:
        """What the loop "score an event, judge it, fit it" would have given, in one pass."""
        found = self._learn(self._as_rows(X), None, weight, serve=ANSWER_AND_SCORES)
        return Alerts(found[:, 0].copy(), found[:, 1].copy(), found[:, 2] > 0.0)

    def diagnostics(self) -> Diagnostics:
        """The present threshold, and the number of alerts."""
        n_alerts = int(self.counts_[_ALERTS]) if self.is_started else 0
        return {"threshold": self.threshold, "n_alerts": n_alerts}


class Memory(NamedTuple):
    """Counts, and of the last alerts when they were and how much had been spent then."""

    counts: Ints
    times: Ints
    spent: Ints


def _no_memory() -> Memory:
    return Memory(np.zeros(4, np.int64), np.zeros(_MOST, np.int64), np.zeros(_MOST, np.int64))


@jit
def _judge(
    calibrated: Array, weight: Array, settings: Array, memory: Memory, out: Array, fit: bool
) -> tuple[int, bool]:
    """Judge rows up to one by which the stream has changed; how many, and whether it has."""
    for i in range(calibrated.shape[0]):
        p = max(1.0 - calibrated[i], _LEAST)
        level = _test_level(settings, memory)
        out[i, 0], out[i, 1] = 0.0 - math.log10(p), -math.log10(level)
        out[i, 2] = 1.0 if out[i, 0] >= out[i, 1] else 0.0
        if fit and weight[i] > 0.0 and _note(p, out[i, 2] > 0.0, settings, memory):
            return i + 1, True
    return calibrated.shape[0], False


@jit
def _test_level(settings: Array, memory: Memory) -> float:
    """The tail probability up to which the next event is an alert."""
    if settings[_RULE] == 2.0:
        return float(settings[_LEVEL])
    counts, kept = memory.counts, settings[_KEPT]
    total = settings[_ALERTS_OWED] * (1.0 - kept)
    for k in range(counts[_HELD]):
        slot = (counts[_ALERTS] - 1 - k) % _MOST
        age = float(counts[_N] - memory.times[slot])
        place = age
        if settings[_RULE] == 0.0:
            place = 1.0 + counts[_SPENT] - memory.spent[slot]
        share = place**-_POWER / _ZETA + (1.0 - kept) * kept ** (place - 1.0)
        total += 0.5 * kept**age * share
    if settings[_RULE] == 0.0:
        spared = 1.0 - settings[_CANDIDATE]
        return float(min(settings[_LEVEL] * spared * total, settings[_CANDIDATE]))
    return float(min(settings[_LEVEL] * total, 1.0))


@jit
def _note(p: float, alert: bool, settings: Array, memory: Memory) -> bool:
    """Remember a test; whether alerts have become so dense that the stream must have changed."""
    counts, patience = memory.counts, int(settings[_PATIENCE])
    if p > settings[_CANDIDATE]:
        counts[_SPENT] += 1
    changed = False
    if alert:
        slot = counts[_ALERTS] % _MOST
        memory.times[slot], memory.spent[slot] = counts[_N], counts[_SPENT]
        counts[_ALERTS] += 1
        counts[_HELD] = min(counts[_HELD] + 1, _MOST)
        if 0 < patience <= counts[_HELD]:
            first = memory.times[(counts[_ALERTS] - patience) % _MOST]
            changed = counts[_N] - first < 2 * patience
    counts[_N] += 1
    if changed:
        counts[_HELD] = 0
    return changed
