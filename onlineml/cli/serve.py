"""`onlineml serve`: a saved model behind HTTP."""

from __future__ import annotations

import logging
from ipaddress import ip_address
from pathlib import Path

import click

from onlineml.cli.mistakes import Mistake

FAILED = 1  # what came last could not be saved


@click.command("serve")
@click.argument("file", metavar="MODEL", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535))
@click.option(
    "--api-key",
    envvar="ONLINEML_API_KEY",
    help="Key that clients must send; better in the environment, as ONLINEML_API_KEY.",
)
@click.option(
    "--state",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of what is learned here, gone on from where it exists [MODEL.serving].",
)
@click.option(
    "--checkpoint-seconds",
    default=30.0,
    show_default=True,
    type=click.FloatRange(0, min_open=True),
    help="Seconds between saves; the last one is at the end.",
)
@click.option(
    "--max-body", default=1_000_000, show_default=True, type=click.IntRange(1), help="In bytes."
)
@click.option(
    "--max-pending",
    default=10_000,
    show_default=True,
    type=click.IntRange(1),
    help="Most answers that wait for their labels.",
)
@click.option(
    "--window",
    "-w",
    default=1000,
    show_default=True,
    type=click.IntRange(1),
    help="Scored answers in a window of the metrics.",
)
@click.option("--drift", metavar="DETECTOR", help="Watches errors, such as ADWIN(delta=0.002).")
def command(
    file: Path, host: str, port: int, api_key: str | None, state: Path | None,
    checkpoint_seconds: float, max_body: int, max_pending: int, window: int,
    drift: str | None,
) -> int | None:  # fmt: skip
    """Answer, learn, label and forget over HTTP with the model in the file MODEL.

    MODEL is a file that `onlineml.save` or `onlineml run` wrote, and stays as it is. Addresses
    other than this machine's own need a key.

    \b
    onlineml serve model.oml
    ONLINEML_API_KEY=... onlineml serve model.oml --host 0.0.0.0
    """  # noqa: D301 - click reads the backspace
    if not api_key and not is_loopback(host):
        raise Mistake(f"--host {host}: others can reach it, so it needs a key (ONLINEML_API_KEY)")
    if not file.exists():
        raise Mistake(f"{file}: there is no such file; onlineml.save writes one")
    from onlineml.cli.pipeline import Pipeline
    from onlineml.evaluation.worker.service import Service
    from onlineml.integrations.serve import make_app, run
    from onlineml.persistence import load

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    watch = Pipeline.model_validate({"model": "GaussianNB", "drift": drift}).settings().drift
    path = state or file.with_name(file.name + ".serving")
    service = Service(load(file), path, max_pending=max_pending, window=window, drift=watch)
    app = make_app(
        service, key=api_key or None, max_body=max_body, checkpoint_seconds=checkpoint_seconds
    )
    how = "goes on from" if service.resumed else "its state goes into"
    click.echo(f"{type(service.model).__name__} from {file}, {how} {path}", err=True)
    shown = f"[{host}]" if ":" in host else host
    click.echo(f"http://{shown}:{port}  (/docs tells all that can be asked)", err=True)
    run(app, host, port)
    return FAILED if service.figures()["unsaved"] else None


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
