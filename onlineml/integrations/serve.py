"""A service over HTTP around a model: predict, learn, label, forget, metrics.

FastAPI and uvicorn come with the extra `serve`; they are imported when an app is made.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from importlib import import_module
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Any

import onlineml
from onlineml.evaluation.worker.service import Service, UnknownIdError
from onlineml.integrations.serve_guard import Guard
from onlineml.integrations.serve_requests import Farewells, Labels, Lessons, Problem, Questions

if TYPE_CHECKING:
    from fastapi import APIRouter, FastAPI

MAX_BODY = 1_000_000
_LOG = logging.getLogger("onlineml.serve")
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_OPEN = ("/", "/healthz")  # the page holds no data: it asks for them, with the key
_PAGE = {
    "Content-Security-Policy": "default-src 'none'; connect-src 'self'; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'; frame-ancestors 'none'",
    "Cache-Control": "no-cache",
}
_PATHS = ("/predict", "/learn", "/label", "/forget", "/metrics", "/metrics.json", *_OPEN)

# -------------------------------------------------------------------- the application


def make_app(
    service: Service,
    *,
    key: str | None = None,
    max_body: int = MAX_BODY,
    checkpoint_seconds: float = 30.0,
) -> FastAPI:
    """The service as an ASGI application, for any server.

    Parameters
    ----------
    key
        What clients must send as `X-API-Key` or `Authorization: Bearer`. Without one, only
        requests that name this machine as their host are answered, so that no web page can reach
        the service through a name of its own.
    max_body
        Most bytes of a request; more are answered by 413.
    checkpoint_seconds
        Seconds between checkpoints; the last one is written when the application ends.

    Raises
    ------
    ImportError
        FastAPI is not installed.
    """
    fastapi = _imported("fastapi")
    from fastapi.exceptions import RequestValidationError
    from fastapi.security import APIKeyHeader

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        task = asyncio.create_task(_checkpoints(service, checkpoint_seconds))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.to_thread(_save, service)

    app: FastAPI = fastapi.FastAPI(
        title="onlineml",
        version=onlineml.__version__,
        description=f"{type(service.model).__name__}: {service.task}.",
        lifespan=lifespan,
        responses={code: {"model": Problem} for code in (400, 401, 413, 421, 422)},
    )
    counts: Counter[tuple[str, int]] = Counter()
    app.add_middleware(
        Guard, key=key, max_body=max_body, open_to_all=_OPEN, counts=counts, paths=_PATHS
    )
    app.add_exception_handler(RequestValidationError, _malformed)
    # told to OpenAPI only: the guard checks the key before a body is read
    header = APIKeyHeader(name="X-API-Key", auto_error=False)
    asked = fastapi.APIRouter(dependencies=[] if key is None else [fastapi.Depends(header)])
    _add_verbs(asked, service)
    _add_figures(asked, service, counts)
    app.include_router(asked)
    _add_open_views(app)
    return app


async def _malformed(request: Any, error: Any) -> Any:
    """What is wrong with a body, without the body: it may hold what JSON cannot."""
    from fastapi.responses import JSONResponse

    found: dict[str, list[str]] = {}
    for one in error.errors()[:50]:
        found.setdefault(_place(one["loc"]), []).append(one["msg"])
    said = [f"{place}: {', or: '.join(dict.fromkeys(why))}" for place, why in found.items()]
    text = "; ".join(said[:5]).encode(errors="backslashreplace").decode()
    is_json = all(one["type"] != "json_invalid" for one in error.errors())
    return JSONResponse({"detail": text}, 422 if is_json else 400)


def _place(parts: Sequence[str | int]) -> str:
    """Where in a body something is wrong, without the types that were tried there."""
    shown = [str(part) for part in parts if "[" not in str(part)]
    if len(shown) > 1 and shown[-1] in ("bool", "float", "int", "str"):
        shown.pop()
    return ".".join(shown)


@contextmanager
def _refusals() -> Iterator[None]:
    """Errors of the service as answers."""
    from fastapi import HTTPException

    try:
        yield
    except UnknownIdError as error:
        raise HTTPException(404, str(error)) from None
    except ValueError as error:
        raise HTTPException(422, str(error)) from None


def _add_verbs(app: APIRouter, service: Service) -> None:
    @app.post("/predict", tags=["model"])
    def predict(asked: Questions) -> dict[str, Any]:
        """Answer rows; those with an id wait for their labels. Changes nothing else."""
        with _refusals():
            return {"rows": service.predict([(row.x, row.id) for row in asked.rows])}

    @app.post("/learn", tags=["model"])
    def learn(lessons: Lessons) -> dict[str, Any]:
        """Answer, score and learn rows with their labels, each by itself, in order."""
        with _refusals():
            return service.learn([(row.x, row.y, row.id) for row in lessons.rows])

    @app.post("/label", tags=["model"], responses={404: {"model": Problem}})
    def label(labels: Labels) -> dict[str, Any]:
        """Learn rows that were answered before, by their ids, and score those answers."""
        with _refusals():
            return service.label([(one.id, one.y) for one in labels.rows])

    @app.post("/forget", tags=["model"])
    def forget(gone: Farewells) -> dict[str, Any]:
        """Forget rows; the receipts say how, or why not."""
        with _refusals():
            return {"receipts": service.forget([(one.id, one.x, one.y) for one in gone.rows])}


def _add_figures(app: APIRouter, service: Service, counts: Counter[tuple[str, int]]) -> None:
    from fastapi import Response

    prometheus = "text/plain; version=0.0.4; charset=utf-8"
    text: dict[int | str, Any] = {200: {"content": {prometheus: {"schema": {"type": "string"}}}}}

    @app.get("/metrics", tags=["state"], response_class=Response, responses=text)
    def metrics() -> Any:
        """Counts and metrics in the text format of Prometheus."""
        return Response(as_prometheus(service.figures(), counts), media_type=prometheus)

    @app.get("/metrics.json", tags=["state"])
    def metrics_json() -> dict[str, Any]:
        """The same as JSON, with what the model is; null where nothing is known yet."""
        said = {"model": repr(service.model), "task": service.task, "time": time()}
        plain: dict[str, Any] = _without_nan({**said, **service.figures()})
        return plain


def _add_open_views(app: FastAPI) -> None:
    from fastapi.responses import HTMLResponse

    page = Path(__file__).with_name("serve.html").read_text(encoding="utf-8")

    @app.get("/", include_in_schema=False)
    async def dashboard() -> Any:
        return HTMLResponse(page, headers=_PAGE)

    @app.get("/healthz", tags=["state"])
    async def healthz() -> dict[str, str]:
        """Whether the service is up; needs no key."""
        return {"status": "ok"}


async def _checkpoints(service: Service, seconds: float) -> None:
    """Save now and then; a disk that is full is tried again."""
    while True:
        await asyncio.sleep(seconds)
        await asyncio.to_thread(_save, service)


def _save(service: Service) -> None:
    try:
        service.save()
    except (OSError, ValueError) as error:  # a full disk; a model that no file can hold
        _LOG.error("no checkpoint: %s", error)


# -------------------------------------------------------------------- figures

_COUNTERS = {
    "rows": "Rows answered by /learn.",
    "learned": "Rows learned.",
    "scored": "Answers scored.",
    "dead": "Rows that could not be used.",
    "drifts": "Drifts found.",
    "forgotten": "Rows forgotten.",
    "expired": "Answers given up before their labels came.",
}
_GAUGES = {
    "waiting": "Answers that wait for their labels.",
    "model_bytes": "Size of the model in memory.",
    "checkpoint_age_seconds": "Seconds since the state was last known to be saved.",
}

_QUALITY = {
    "quality": ("metrics", "all scored answers"),
    "quality_window": ("window", "the last whole window"),
}


def as_prometheus(figures: Mapping[str, Any], counts: Mapping[tuple[str, int], int]) -> str:
    """Figures of a service and counts of answers in the text format of Prometheus."""
    lines: list[str] = []

    def add(name: str, kind: str, says: str, values: Mapping[str, float]) -> None:
        lines.extend([f"# HELP onlineml_{name} {says}", f"# TYPE onlineml_{name} {kind}"])
        lines.extend(f"onlineml_{name}{labels} {value}" for labels, value in values.items())

    for name, says in _COUNTERS.items():
        add(f"{name}_total", "counter", says, {"": figures[name]})
    for name, says in _GAUGES.items():
        add(name, "gauge", says, {"": figures[name]})
    for name, (part, says) in _QUALITY.items():
        values = {f'{{metric="{metric}"}}': value for metric, value in figures[part].items()}
        add(name, "gauge", f"Quality over {says}.", values)
    told = figures["insides"][-1][1] if figures["insides"] else {}
    inside = {
        f'{{name="{name}",part="{part}"}}': number
        for name, parts in told.items()
        for part, number in parts.items()
    }
    add("inside", "gauge", "What the model told of itself when last asked.", inside)
    answers = {f'{{path="{p}",status="{code}"}}': n for (p, code), n in sorted(counts.items())}
    add("requests_total", "counter", "Requests answered.", answers)
    return "\n".join(lines) + "\n"


def _without_nan(plain: Any) -> Any:
    if isinstance(plain, dict):
        return {name: _without_nan(value) for name, value in plain.items()}
    if isinstance(plain, list):
        return [_without_nan(value) for value in plain]
    if isinstance(plain, float) and plain - plain != 0.0:
        return None
    return plain


# -------------------------------------------------------------------- the server


def run(app: FastAPI, host: str = "127.0.0.1", port: int = 8000) -> None:
    """Serve until SIGTERM or Ctrl-C: requests that have come are answered, the state is saved."""
    uvicorn = _imported("uvicorn")
    server = uvicorn.Server(
        uvicorn.Config(app, host, port, log_level="warning", timeout_graceful_shutdown=10)
    )
    # uvicorn sends signals to itself again when it is done: by then they have had their effect
    before = {number: signal.signal(number, lambda *_: None) for number in _SIGNALS}
    try:
        server.run()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _imported(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        raise ImportError(f"{name} is not installed: pip install 'onlineml[serve]'") from None
