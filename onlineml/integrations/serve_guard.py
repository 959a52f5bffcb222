"""Who may ask the service, and how much: checked before anything of a request is parsed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Awaitable, Callable, Container, MutableMapping
from hmac import compare_digest
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

#: Names by which this machine may be asked where no key is needed.
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class Guard:
    """An ASGI application in front of another one: key, host, size of the body, counts.

    Parameters
    ----------
    key
        What requests must bring; None answers those that name this machine as their host only, so
        that no web page can reach the service by a name that it made to point here.
    max_body
        Most bytes of a body.
    open_to_all
        Paths that need no key.
    counts
        Answers by path and status; added to.
    paths
        Paths that are counted by name.
    """

    def __init__(
        self, app: App, key: str | None, max_body: int, open_to_all: Container[str],
        counts: Counter[tuple[str, int]], paths: Container[str],
    ) -> None:  # fmt: skip
        self._app, self._max_body = app, max_body
        self._key = None if key is None else key.encode()
        self._open, self._counts, self._paths = open_to_all, counts, paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                path = scope["path"] if scope["path"] in self._paths else "other"
                self._counts[path, message["status"]] += 1
            await send(message)

        headers = {name.lower(): value for name, value in scope["headers"]}
        refusal = self._refusal(scope["path"], headers)
        if refusal is not None:
            await _answer(counted, *refusal)
            return
        try:
            body = await self._body(headers, receive)
        except ConnectionError:
            return  # half a request has no effect, and nobody waits for the answer
        if body is None:
            await _answer(counted, 413, f"the body has more than {self._max_body} bytes")
            return
        await self._app(scope, _replayed(body, receive), counted)

    def _refusal(self, path: str, headers: dict[bytes, bytes]) -> tuple[int, str] | None:
        if self._key is None:
            host = headers.get(b"host", b"").decode("latin-1").lower()
            name = host if host.endswith("]") else host.rpartition(":")[0] or host
            return None if name in LOOPBACK else (421, "this host is not served here")
        if path in self._open:
            return None
        given = headers.get(b"x-api-key")
        if given is None:
            scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
            given = given if scheme.lower() == b"bearer" else b""
        if compare_digest(given, self._key):
            return None
        return 401, "send the right key, as X-API-Key or as Authorization: Bearer"

    async def _body(self, headers: dict[bytes, bytes], receive: Receive) -> bytes | None:
        """The whole body; None where it is too long, whatever it says that it is."""
        said = headers.get(b"content-length", b"0")
        if said.isdigit() and (len(said) > 18 or int(said) > self._max_body):
            return None
        parts, size = [], 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ConnectionError("the client has gone")
            part = message.get("body", b"")
            parts.append(part)
            size += len(part)
            if size > self._max_body:
                return None
            if not message.get("more_body", False):
                return b"".join(parts)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Gives the body, then whatever comes."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


async def _answer(send: Send, status: int, detail: str) -> None:
    body = json.dumps({"detail": detail}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if status == 413:
        headers.append((b"connection", b"close"))  # the rest of the body is not read
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
