"""`onlineml serve`: a real server on this machine, and what the command refuses."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

from onlineml import load, save
from onlineml.cli import main
from onlineml.cli.serve import is_loopback
from onlineml.learners import GaussianNB

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
ROOT = Path(__file__).resolve().parents[2]


def call(*words, **environment):
    return CliRunner(env=environment).invoke(main, ["serve", *map(str, words)])


@pytest.fixture
def model(tmp_path):
    return save(GaussianNB(), tmp_path / "model.oml")


def test_other_machines_need_a_key(model):
    for host in ("0.0.0.0", "::", "192.168.1.5", "example.org"):
        done = call(model, "--host", host)
        assert done.exit_code == 2
        assert "needs a key (ONLINEML_API_KEY)" in done.stderr
    done = call(model, "--host", "0.0.0.0", ONLINEML_API_KEY="")
    assert done.exit_code == 2


@pytest.mark.parametrize(
    ("host", "is_own"),
    [("127.0.0.1", True), ("127.8.9.1", True), ("::1", True), ("localhost", True),
     ("0.0.0.0", False), ("::", False), ("localhost.example.org", False)],
)  # fmt: skip
def test_own_addresses_are_known(host, is_own):
    assert is_loopback(host) == is_own


def test_mistakes_are_one_line(tmp_path, model):
    done = call(tmp_path / "none.oml")
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert "no such file" in done.stderr
    (tmp_path / "text").write_text("no model")
    assert "not an onlineml model file" in call(tmp_path / "text").stderr
    assert "no detector of drift" in call(model, "--drift", "GaussianNB").stderr


class Server:
    """A server in a process of its own, killed at the end whatever happens."""

    def __init__(self, *words, key="sesame"):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        command = [sys.executable, "-m", "onlineml", "serve", *map(str, words)]
        self.process = subprocess.Popen(
            [*command, "--port", str(self.port)],
            stderr=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(ROOT), "ONLINEML_API_KEY": key},
            text=True,
        )

    def __enter__(self):
        for _ in range(600):
            try:
                self.ask("/healthz")
                return self
            except OSError:
                assert self.process.poll() is None, self.process.stderr.read()
                time.sleep(0.1)
        raise AssertionError("it does not answer")

    def __exit__(self, *error):
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()

    def ask(self, path, body=None, key="sesame"):
        headers = {"X-API-Key": key, "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)


async def at_once(port, n):
    """How many of `n` requests on connections of their own got which status."""

    async def one(i):
        key, path = (b"sesame", b"sesame", b"open", b"sesame")[i % 4], (b"predict", b"learn")[i % 2]
        body = b'{"rows": [{"x": {"load": %d}, "y": %s}]}' % (i % 9, (b"false", b"true")[i % 9 > 4])
        if path == b"predict":
            body = b'{"rows": [{"x": {"load": 1}}]}'
        head = b"POST /%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-API-Key: %s\r\n"
        rest = b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head % (path, key) + rest % len(body) + body)
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        return answer.split(b" ", 2)[1]

    return Counter(await asyncio.gather(*(one(i) for i in range(n))))


def test_a_server_saves_when_it_is_stopped(tmp_path, model):
    rows = [{"x": {"load": i % 9}, "y": i % 9 > 4} for i in range(90)]
    with Server(model, "--checkpoint-seconds", "1000") as server:
        assert json.loads(server.ask("/learn", {"rows": rows}))["accepted"] == 90
        answers = asyncio.run(at_once(server.port, 1000))
        assert answers == {b"200": 750, b"401": 250}
        with pytest.raises(urllib.error.HTTPError) as refused:
            server.ask("/metrics", key="open")
        assert refused.value.code == 401
        refused.value.close()
        assert server.stop() == 0
        assert "sesame" not in server.process.stderr.read()
    assert load(tmp_path / "model.oml.serving").predict_one({"load": 8}) is True
    assert not load(model).is_started


@pytest.mark.slow
def test_the_page_shows_the_model_at_work(model):
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no browser")
    rows = [{"x": {"load": i % 9}, "y": i % 9 > 4} for i in range(90)]
    with Server(model, "--window", "30", key="") as server:
        server.ask("/learn", {"rows": rows})
        words = "--headless=new --no-sandbox --disable-gpu --virtual-time-budget=6000 --dump-dom"
        done = subprocess.run(
            [browser, *words.split(), f"http://127.0.0.1:{server.port}/"],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert server.stop() == 0
    for part in (">GaussianNB()<", ">at work<", "<dt>learned</dt><dd>90<", "One point per 30"):
        assert part in done.stdout
    assert done.stdout.count("<polyline") == 3
