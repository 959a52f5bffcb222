"""The HTML report: everything in one file, figures that show the numbers."""

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from onlineml.evaluation import AlertRecord, Result, Run
from onlineml.evaluation.report import page, write_report
from onlineml.evaluation.report.alerts import scores_and_alerts
from onlineml.evaluation.report.curves import averaged
from onlineml.evaluation.report.svg import Curve, lines, nice_ticks, short_bytes, tick_label
from onlineml.evaluation.report.words import title_of

NAN = float("nan")


def run(model: str, values: list[float], *, seed: int | None = 1, baseline: bool = False) -> Run:
    rows = [100 * (i + 1) for i in range(len(values))]
    made = Run(model, seed, f"{model}()", baseline, rows)
    made.window = {"accuracy": values, "log_loss": [1 - value for value in values]}
    made.cumulative = made.window
    made.cpu_seconds, made.nbytes = 0.5, 2048
    return made


def result(*runs: Run, **changes: object) -> Result:
    made = Result(
        "sea <a>", "classification", ["accuracy", "log_loss"], 100, list(runs), 300, [150]
    )
    for name, value in changes.items():
        setattr(made, name, value)
    return made


GOOD, BAD = run("Good", [0.9, 0.8, 0.9]), run("Bad & ugly", [0.5, 0.6, 0.5])
BASE = run("Majority", [0.4, 0.4, 0.95], seed=None, baseline=True)


class Page(HTMLParser):
    """Tags, addresses and table rows of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "path", "rect", "br", "wbr"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def table_rows(text: str) -> list[str]:
    body = text.partition("<tbody>")[2].partition("</tbody>")[0]
    plain = [re.sub(r"<[^>]+>", " ", row) for row in body.split("</tr>")[:-1]]
    return [" ".join(row.split()) for row in plain]


def test_the_page_is_whole_and_loads_nothing():
    text = page(result(GOOD, BAD, BASE))
    parsed = Page(text)
    assert parsed.open == []
    assert not [tag for tag, attrs in parsed.tags if "src" in attrs or "href" in attrs]
    assert not re.findall(r"https?://|@import|url\((?!#)", text)
    assert "prefers-color-scheme: dark" in text


def test_names_are_escaped():
    text = page(result(GOOD, BAD), configs=["a: <script>"])
    assert "sea &lt;a&gt;" in text
    assert "Bad &amp; ugly" in text
    assert "a: &lt;script&gt;" in text
    assert "sea <a>" not in text


def test_the_table_ranks_models_and_puts_baselines_last():
    rows = table_rows(page(result(BASE, BAD, GOOD)))
    assert [row.split(" 0.")[0] for row in rows] == ["Good", "Bad &amp; ugly", "Majority"]
    assert "0.9000 0.1000" in rows[0]


def test_only_the_best_model_is_marked_never_a_baseline():
    text = page(result(GOOD, BAD, BASE))
    rows = text.partition("<tbody>")[2].split("</tr>")
    assert rows[0].count('class="best') == 2
    assert not any('class="best' in row for row in rows[1:3])
    assert 'class="baseline"' in rows[2]


def test_seeds_become_means_and_spreads():
    rows = table_rows(page(result(GOOD, run("Good", [0.9, 0.8, 0.7], seed=2))))
    assert len(rows) == 1
    assert "0.8000 ± 0.1414" in rows[0]


def test_drifts_inside_the_rows_are_marked():
    text = page(result(GOOD, BAD, drifts=[150, 9000]))
    assert text.count("drift at row 150") >= 2  # a mark in each figure
    assert "drift at row 9,000" not in text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"interrupted": True}, "Interrupted after 300 rows"),
        ({"n_dropped": 7}, "awaited labels: 7 rows."),
        ({"n_unlabeled": 8}, "8 rows never got a label"),
        ({"label_delay": "5 rows"}, "labels late by 5 rows"),
    ],
)
def test_what_went_differently_is_said(change, words):
    assert words in page(result(GOOD, **change))


def test_an_empty_run_still_has_a_page():
    text = page(result(run("Good", []), n_rows=0, interrupted=True))
    assert Page(text).open == []
    assert "Good" in text


def test_several_results_are_on_one_page_with_figures_of_their_own():
    text = page([result(GOOD, BAD), result(GOOD, BAD, stream="other")])
    clips = re.findall(r'<clipPath id="(\w+)"', text)
    assert len(clips) == len(set(clips)) == 4
    assert "other" in text


def test_a_model_has_one_color_on_the_whole_page():
    swapped = result(run("Good", [0.1, 0.1]), run("Bad & ugly", [0.9, 0.9]), stream="other")
    text = page([result(GOOD, BAD), swapped])
    for name, color in (("Good", "c0"), ("Bad &amp; ugly", "c1")):
        assert set(re.findall(rf'class="curve (\w+)" data-name="{name}"', text)) == {color}


def test_several_results_have_an_overview_with_mean_ranks():
    other = result(run("Good", [0.1, 0.1]), run("Bad & ugly", [0.3, 0.3]), BASE, stream="other")
    rows = table_rows(page([result(GOOD, BAD, BASE), other]))
    assert rows[0] == "Good 0.9000 0.1000 2.50"
    assert rows[1] == "Bad &amp; ugly 0.5000 0.3000 2.50"
    assert rows[2] == "Majority 0.9500 0.9500 1.00"


def test_a_headline_names_streams_or_counts_them():
    assert "<h1>a, b</h1>" in page([result(GOOD, BAD, stream=name) for name in "aba"])
    assert "<h1>5 streams</h1>" in page([result(GOOD, BAD, stream=name) for name in "abcde"])


def test_writing_replaces_a_page_whole(tmp_path: Path):
    path = tmp_path / "a.html"
    path.write_text("old")
    assert write_report(result(GOOD), path) == path
    assert path.read_text().startswith("<!doctype html>")
    assert [file.name for file in tmp_path.iterdir()] == ["a.html"]


# -------------------------------------------------------------------- figures


def points(svg: str, name: str) -> list[tuple[float, float]]:
    path = re.search(rf'data-name="{name}".*?class="line" d="M([^"]+)"', svg)
    assert path is not None
    return [tuple(map(float, pair.split())) for pair in path[1].split("L")]


def test_lines_lie_where_the_axes_say():
    y = np.array([0.2, 0.4, 0.8])
    svg = lines([Curve("a", np.array([100.0, 200.0, 400.0]), y, y * NAN)], title="t")
    (x0, y0), (x1, y1), (x2, y2) = points(svg, "a")
    assert (x2 - x1) / (x1 - x0) == pytest.approx(2.0, abs=0.01)
    assert (y1 - y2) / (y0 - y1) == pytest.approx(2.0, abs=0.02)
    ticks = re.findall(r'class="tick end" x="\d+" y="([\d.]+)">([\d.]+)<', svg)
    (low, first), (high, last) = ticks[0], ticks[-1]
    per_unit = (float(low) - float(high)) / (float(last) - float(first))
    assert y0 - y2 == pytest.approx(0.6 * per_unit, abs=0.3)


def test_gaps_break_a_line():
    y = np.array([0.2, NAN, 0.8, 0.9])
    svg = lines([Curve("a", np.arange(4.0), y, y * NAN)], title="t")
    assert svg.count('class="line"') == 1
    assert svg.count('class="point"') == 1, "a value alone is a point"


def test_a_far_baseline_does_not_squash_the_models():
    x = np.arange(50.0)
    model = Curve("a", x, np.linspace(0.90, 0.92, 50), x * NAN)
    far, near = (Curve("b", x, np.full(50, level), x * NAN, 0, True) for level in (0.1, 0.89))
    spans = {
        level: max(y for _, y in points(svg, "a")) - min(y for _, y in points(svg, "a"))
        for level, svg in ((0.1, lines([model, far], title="t")),
                           (0.89, lines([model, near], title="t")))
    }  # fmt: skip
    assert spans[0.1] > 200
    assert 100 < spans[0.89] < spans[0.1]


def test_long_curves_are_thinned_to_means():
    made = averaged([run("a", [0.0, 1.0] * 500)], "accuracy", color=0, max_points=100)
    assert len(made.x) == 100
    assert made.x[-1] == 100_000
    np.testing.assert_allclose(made.y, 0.5)


def test_windows_without_a_value_are_left_out_of_means():
    runs = [run("a", [0.2, NAN, NAN]), run("a", [0.4, 0.6, NAN], seed=2)]
    made = averaged(runs, "accuracy", color=0, max_points=100)
    np.testing.assert_allclose(made.y, [0.3, 0.6, NAN])
    np.testing.assert_allclose(made.spread, [np.std([0.2, 0.4], ddof=1), NAN, NAN])


def test_runs_of_different_lengths_are_drawn_to_the_shorter():
    runs = [run("a", [0.2, 0.4, 0.6]), run("a", [0.4], seed=2)]
    np.testing.assert_allclose(averaged(runs, "accuracy", color=0, max_points=9).y, [0.3])


@pytest.mark.parametrize(
    ("low", "high", "due"),
    [(0.0, 1.0, [0.0, 0.5, 1.0]), (-5.0, 25.0, [0.0, 20.0]), (3.0, 3.0, [3.0])],
)
def test_ticks_are_round(low, high, due):
    assert nice_ticks(low, high, 2) == due


def test_tick_labels_tell_neighbors_apart():
    assert [tick_label(t, [0.8, 0.825, 0.85]) for t in (0.8, 0.825)] == ["0.800", "0.825"]
    assert [tick_label(t, [10_000.0, 20_000.0]) for t in (10_000.0,)] == ["10k"]
    assert short_bytes(1024 * 1023) == "1023 kB"


def alerting(n_bins=40, *, peak=9.0):
    """A run with alerts: one on an anomaly, one false, one anomaly without an alert."""
    zero = [0.0] * n_bins
    record = AlertRecord("exceeded by 1 % of the scores before", 3, 2, 4, 76, 2, 1, 1.0)
    curves = {"n_rows": [2.0 * (i + 1) for i in range(n_bins)], "threshold": [NAN, *[3.0] * 39]}
    for name in ("n_hits", "n_false", "n_anomalies", "n_begun", "n_found"):
        curves[name] = [*zero]
    for name, value in (("high", 1.0), ("low", 0.0), ("high_hit", NAN), ("high_false", NAN)):
        curves[name] = [value] * n_bins
    for i, changed in {
        5: {"high": 4.0, "n_false": 1.0, "high_false": 4.0},
        9: {"high": peak, "n_hits": 2.0, "high_hit": peak, "n_anomalies": 2.0, "n_begun": 1.0,
            "n_found": 1.0},
        30: {"n_anomalies": 2.0, "n_begun": 1.0},
    }.items():  # fmt: skip
        for name, value in changed.items():
            curves[name][i] = value
    record.curves = curves
    made = run("Detector", [0.9, 0.8])
    made.alerts = record
    return made


def test_alerts_are_drawn_over_the_scores():
    text = page(result(alerting(), BASE))
    assert "Alerts of " in text
    assert "3 alerts in 80 rows. Stretches of anomalies found: 1 of 2 (50%)" in text
    assert "67% of the alerts lie on anomalies. 1.32% of the normal rows" in text
    assert text.count('class="alert-mark hit"') == text.count('class="alert-mark false"') == 1
    assert "rows 19 to 20: 2 alerts, 2 on anomalies; score up to 9" in text
    assert "rows 61 to 62: 2 anomalous rows in 1 stretches, 0 found" in text
    assert "Alerts of" not in page(result(GOOD, BASE))


def test_a_peak_far_beyond_is_marked_at_the_edge_and_leaves_the_others_readable():
    near = scores_and_alerts(alerting().alerts, title="t")
    far = scores_and_alerts(alerting(peak=1e6).alerts, title="t")
    assert near.count("<circle") == 2
    assert far.count("<circle") == 1
    assert "score up to 1M" in far
    usual, peak = (height_of_score(far, i) for i in (0, 9))
    assert usual - peak > 100, "scores below are not squeezed"
    assert peak > 0


def height_of_score(svg, i):
    points = svg.partition('class="score" d="M')[2].partition('"')[0].split("L")
    return float(points[i].split()[1])


def test_a_last_window_of_a_few_rows_is_not_drawn():
    values = [0.8, 0.7, 0.0]
    for last, n in ((2001, 2), (2600, 3)):
        one = run("a", values)
        one.n_rows = [1000, 2000, last]
        assert len(averaged([one], "accuracy", color=0, max_points=100).x) == n
        drawn = result(one, n_rows=last).plot().axes[0].lines[0]
        assert len(drawn.get_xdata()) == n
    only = run("a", [0.5])
    assert len(averaged([only], "accuracy", color=0, max_points=100).x) == 1


def test_a_second_metric_fills_its_row_and_titles_keep_their_capitals():
    assert [title_of(name) for name in ("r2", "accuracy", "kappa_m", "g_mean", "roc_auc")] == [
        "R²", "accuracy", "kappa M", "G-mean", "ROC-AUC",
    ]  # fmt: skip
    assert ":only-child:not(.row)" in page(result(run("a", [0.5, 0.6])))
