"""`onlineml report`: the HTML page again, from saved results, several on one page if you like."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("report")
@click.argument(
    "results", nargs=-1, required=True, metavar="RESULT...",
    type=click.Path(exists=True, path_type=Path),
)  # fmt: skip
@click.option("--out", "-o", type=click.Path(path_type=Path, dir_okay=False), help="HTML file.")
@click.option("--title", help="Headline of the page.")
def command(results: tuple[Path, ...], out: Path | None, title: str | None) -> None:
    """Build one HTML page from the folders (or result.json files) that `run` and `compare` wrote.

    Written into the folder when there is one, to report.html here when there are several; --out
    says otherwise.
    """
    from onlineml.cli.folder import CONFIG, REPORT, result_files
    from onlineml.evaluation import Result
    from onlineml.evaluation.report import write_report

    files = [file.absolute() for file in result_files(results)]
    configs = [
        _text(file.with_name(CONFIG)) or _text(file.parent.with_name(CONFIG)) for file in files
    ]
    if out is None:
        single = results[0] if len(results) == 1 else Path()
        out = (single if single.is_dir() else single.parent) / REPORT
    out.parent.mkdir(parents=True, exist_ok=True)
    found = [Result.from_json(file) for file in files]
    click.echo(str(write_report(found, out, title=title, configs=configs)))


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.is_file() else ""
