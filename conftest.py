"""What every test run has: the `--slow` option, and a Ctrl-C that works."""

import os
import signal

import pytest

# Before torch is loaded: processes of tests share the cores; threads that wait for one hold all up.
os.environ.setdefault("OMP_NUM_THREADS", "1")

#: Run by MLflow, which warns as it is imported.
collect_ignore = ["onlineml/integrations/mlflow_model.py"]


def pytest_configure() -> None:
    """Jobs that a shell starts in the background ignore Ctrl-C, which some tests press."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--slow`."""
    parser.addoption("--slow", action="store_true", help="run the tests marked slow too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep what shares kernels in one process; leave out slow tests, unless they are asked for."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_kernels_of(item)))
    if config.getoption("--slow") or "slow" in config.getoption("markexpr"):
        return
    skip = pytest.mark.skip(reason="slow; run with --slow")
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(skip)


def _kernels_of(item: pytest.Item) -> str:
    """Return the file of a test and, where one file tests every estimator, the estimator's name.

    Two processes that need one kernel at the same time would both compile it.
    """
    file = item.nodeid.partition("::")[0]
    if file != "tests/test_checks.py":
        return file
    return item.name.partition("[")[2].partition("-")[0]
