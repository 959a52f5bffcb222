"""The command line: `onlineml list`, `run`, `compare`, `report`, `unlearn-bench` and so on.

Commands are imported when they are called: `onlineml --help` loads click and nothing heavier.
"""

from __future__ import annotations

import atexit
import gc
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

import click

from onlineml import __version__
from onlineml.cli.mistakes import Mistake, one_line, printable, unknown

INTERRUPTED = 130  # what shells report for a process that Ctrl-C ended

#: Command -> what `onlineml --help` says about it. Its code is the file of the same name.
_COMMANDS = {
    "run": "Evaluate models on one stream: live table, report, saved models.",
    "compare": "Models x streams x seeds in a process pool: means, spreads, ranks.",
    "report": "Build the HTML report again from saved results.",
    "unlearn-bench": "How well models forget rows on request, beside models that never saw them.",
    "consume": "A model at work on messages, of Kafka or files: answers, learns, survives kills.",
    "serve": "A saved model behind HTTP: predict, learn, label, forget, metrics.",
    "list": "Show models, streams and metrics by name.",
    "inspect": "Show what a saved model file holds, without running it.",
    "warmup": "Compile kernels now, all or those of NAMES, so that later runs start at once.",
}
_MODULES = {"list": "listing", "unlearn-bench": "unlearn_bench"}


class _Commands(click.Group):
    """Imports a command on its call, and turns users' mistakes into one line and exit code 2."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        module = import_module(f"onlineml.cli.{_MODULES.get(name, name)}")
        command: click.Command = module.command
        if not any(param.name == "debug" for param in command.params):
            command.params.append(_debug_option())
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in _COMMANDS:
            raise unknown("command", args[0], _COMMANDS)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))

    def main(  # type: ignore[override]  # click overloads it by standalone_mode, fixed here
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any
    ) -> Any:
        words = list(sys.argv[1:] if args is None else args)
        debug = "--debug" in words
        gc.set_threshold(100_000)  # collecting while modules load is a tenth of the start
        atexit.register(gc.freeze)  # and once more when all is done: the process ends anyway
        try:
            extra["standalone_mode"] = False
            code = super().main(words, prog_name or "onlineml", **extra)
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            sys.exit(2)
        except click.Abort:
            click.echo("Interrupted.", err=True)
            sys.exit(INTERRUPTED)
        except (click.ClickException, ValueError, OSError, ImportError, MemoryError) as error:
            if debug:
                raise
            _refuse(error)
        sys.exit(code if isinstance(code, int) else 0)


def _refuse(error: Exception) -> NoReturn:
    text = error.format_message() if isinstance(error, click.ClickException) else one_line(error)
    click.echo(f"Error: {printable(text)}", err=True)
    sys.exit(Mistake.exit_code)


def _debug_option() -> click.Option:
    return click.Option(
        ["--debug"],
        is_flag=True,
        expose_value=False,
        help="Show the traceback of an error.",
    )


@click.group(
    cls=_Commands,
    params=[_debug_option()],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Start with: onlineml run --model GaussianNB --stream sea_a --rows 100000",
)
@click.version_option(__version__, prog_name="onlineml")
def main() -> None:
    """Online machine learning on drifting data streams."""
