"""Downloads, against a server on this machine that can resume, fail and lie."""

import hashlib
import http.server
import threading
import urllib.request
import zipfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from onlineml import datasets
from onlineml.datasets import CSVStream, DownloadError, download, remote
from onlineml.datasets.download import fetched

CONTENT = np.random.default_rng(0).bytes(1_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Files by path, and what to do wrong with the next answers."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = {"/data.bin": CONTENT}
        self.cut = []  # after how many bytes to close the next connections
        self.status = []  # what to answer instead, next
        self.ranges = True
        self.version = '"one"'
        self.asked = []  # Range headers so far

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        wanted = self.headers.get("Range")
        server.asked.append(wanted)
        if server.status:
            return self.send_error(server.status.pop(0))
        content = server.files.get(self.path)
        if content is None:
            return self.send_error(404)
        first = 0
        current = self.headers.get("If-Range", server.version) == server.version
        if wanted and server.ranges and current:
            first = int(wanted.removeprefix("bytes=").rstrip("-"))
            if first >= len(content):
                return self.send_error(416)
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(content) - first))
        self.send_header("ETag", server.version)
        self.end_headers()
        last = first + server.cut.pop(0) if server.cut else len(content)
        self.wfile.write(content[first:last])
        return None

    def log_message(self, *args):
        pass


@pytest.fixture(name="server")
def running_server():
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def _no_other_network(monkeypatch, tmp_path):
    """Every test keeps to this machine, and to a folder of its own."""
    monkeypatch.setenv("ONLINEML_DATA", str(tmp_path / "cache"))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    real = urllib.request.urlopen

    def local(request, **options):
        assert request.full_url.startswith("http://127.0.0.1:")
        return real(request, **options)

    monkeypatch.setattr(urllib.request, "urlopen", local)


fetch = partial(fetched, progress=False, wait=0.001)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_fetched_once(server, tmp_path):
    path = fetch(f"{server.url}/data.bin", tmp_path / "new" / "data.bin", sha256=SHA256)
    assert path.read_bytes() == CONTENT
    assert names(path.parent) == ["data.bin"]
    fetch(f"{server.url}/data.bin", path, sha256=SHA256)
    assert len(server.asked) == 1


def test_an_interrupted_download_goes_on_where_it_stopped(server, tmp_path):
    server.cut = [300_000, 200_000]
    path = fetch(f"{server.url}/data.bin", tmp_path / "data.bin", sha256=SHA256)
    assert path.read_bytes() == CONTENT
    assert server.asked == [None, "bytes=300000-", "bytes=500000-"]


def test_the_next_run_resumes_what_the_last_one_left(server, tmp_path):
    server.cut = [400_000]
    path = tmp_path / "data.bin"
    url = f"{server.url}/data.bin"
    fetch_interrupted(url, path)
    assert not path.exists()
    assert (tmp_path / "data.bin.part").stat().st_size == 400_000
    fetch(url, path, sha256=SHA256)
    assert path.read_bytes() == CONTENT
    assert server.asked == [None, "bytes=400000-"]


def fetch_interrupted(url, path):
    """Ctrl-C while it waits for the second attempt."""

    def interrupt(seconds):
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(download.time, "sleep", interrupt)
        with pytest.raises(KeyboardInterrupt):
            fetch(url, path)


def test_a_changed_file_and_a_server_without_ranges_start_again(server, tmp_path):
    for name in ("changed", "no ranges", "another address"):
        server.files["/data.bin"], server.version, server.cut = b"old" * 100_000, '"one"', [100]
        path, url = tmp_path / name, f"{server.url}/data.bin"
        fetch_interrupted(url, path)
        server.files["/data.bin"] = server.files["/other.bin"] = CONTENT
        if name == "changed":
            server.version = '"two"'
        server.ranges = name != "no ranges"
        url = f"{server.url}/other.bin" if name == "another address" else url
        assert fetch(url, path, sha256=SHA256).read_bytes() == CONTENT


def test_a_part_that_is_too_long_is_thrown_away(server, tmp_path):
    url = f"{server.url}/data.bin"
    (tmp_path / "data.bin.part").write_bytes(CONTENT + b"more")
    (tmp_path / "data.bin.part.json").write_text(f'{{"url": "{url}", "version": "\\"one\\""}}')
    assert fetch(url, tmp_path / "data.bin", sha256=SHA256).read_bytes() == CONTENT
    assert server.asked == [f"bytes={len(CONTENT) + 4}-", None]


def test_a_wrong_checksum_is_named_and_not_kept(server, tmp_path):
    with pytest.raises(DownloadError, match=f"got sha256 {SHA256}, expected {'0' * 64}"):
        fetch(f"{server.url}/data.bin", tmp_path / "data.bin", sha256="0" * 64)
    assert names(tmp_path) == ["data.bin.part"]
    assert (tmp_path / "data.bin.part").stat().st_size == 0
    assert fetch(f"{server.url}/data.bin", tmp_path / "data.bin", sha256=SHA256).exists()


def test_a_wrong_length_or_type_is_named(server, tmp_path):
    with pytest.raises(DownloadError, match="got 1000000 bytes, expected 999999"):
        fetch(f"{server.url}/data.bin", tmp_path / "data.bin", size=999_999)
    server.files["/page"] = b"<html>over quota</html>"
    with pytest.raises(DownloadError, match=r"got b'<html>ov'\.\.\., expected a \.zip file"):
        fetch(f"{server.url}/page", tmp_path / "data.zip")
    assert names(tmp_path) == ["data.bin.part", "data.zip.part"]


def test_a_missing_file_is_named_at_once(server, tmp_path):
    with pytest.raises(DownloadError, match=r"/none\.bin: 404 Not Found"):
        fetch(f"{server.url}/none.bin", tmp_path / "none.bin")
    assert len(server.asked) == 1
    assert issubclass(DownloadError, ValueError)


def test_a_failing_server_is_asked_five_times(server, tmp_path):
    server.status = [503, 500, 429, 503]
    assert fetch(f"{server.url}/data.bin", tmp_path / "a", sha256=SHA256).exists()
    server.status = [503] * 9
    with pytest.raises(DownloadError, match=r"503 Service Unavailable \(after 5 attempts\)"):
        fetch(f"{server.url}/data.bin", tmp_path / "b")
    assert len(server.status) == 4


def test_no_server_at_all_is_named(server, tmp_path):
    url = f"{server.url}/data.bin"
    server.shutdown()
    server.server_close()
    with pytest.raises(DownloadError, match="refused"):
        fetch(url, tmp_path / "data.bin")
    with pytest.raises(ValueError, match="url: got 'file:///etc/hosts', expected an http or https"):
        fetch("file:///etc/hosts", tmp_path / "data.bin")


def test_damage_on_disk_is_noticed(server, tmp_path):
    url, path = f"{server.url}/data.bin", tmp_path / "data.bin"
    fetch(url, path, sha256=SHA256)
    path.write_bytes(CONTENT[:-1] + b"x")
    with pytest.raises(DownloadError, match="damaged; delete it to download it again: got sha256"):
        fetch(url, path, sha256=SHA256)


def test_the_first_download_pins_an_unknown_checksum(server, tmp_path):
    url, path = f"{server.url}/data.bin", tmp_path / "data.bin"
    fetch(url, path)
    assert (tmp_path / "data.bin.sha256").read_text().strip() == SHA256
    path.write_bytes(b"other")
    with pytest.raises(DownloadError, match="damaged"):
        fetch(url, path)
    path.unlink()
    server.files["/data.bin"] = b"changed upstream"
    with pytest.raises(DownloadError, match=f"expected {SHA256}"):
        fetch(url, path)
    assert not path.exists()


def test_progress_is_quiet_where_there_is_no_terminal(server, tmp_path, capfd):
    fetched(f"{server.url}/data.bin", tmp_path / "data.bin", sha256=SHA256)
    assert capfd.readouterr() == ("", "")


ARFF = b"""@relation elec
@attribute date numeric
@attribute day {1,2}
@attribute class {UP,DOWN}
@data
0.5,2,UP
0.6,1,DOWN
"""


def test_sets_are_loaded_by_name(server, tmp_path, monkeypatch):
    monkeypatch.setattr(remote, "_MOA", f"{server.url}/")
    packed = tmp_path / "elec.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("elecNormNew.arff", ARFF)
    server.files["/elecNormNew.arff.zip"] = packed.read_bytes()
    stream = datasets.load("electricity")
    assert list(stream) == [({"date": 0.5, "day": "2"}, "UP"), ({"date": 0.6, "day": "1"}, "DOWN")]
    assert stream.name == "electricity"
    assert (tmp_path / "cache" / "elecNormNew.arff.zip").exists()
    datasets.load("electricity")
    assert len(server.asked) == 1


def test_tables_without_header_get_their_names(server, monkeypatch):
    content = ",".join(["1.5"] * 33) + ",ae-aegypti-female\n"
    monkeypatch.setattr(remote, "_DRIVE", f"{server.url}/")
    monkeypatch.setattr(remote, "_INSECTS", {"tiny": ("key", len(content), 1)})
    server.files["/key"] = content.encode()
    ((x, y),) = datasets.load("insects", variant="tiny")
    assert (len(x), x["f33"], y) == (33, 1.5, "ae-aegypti-female")
    server.files["/none"] = b"1,2\n"
    monkeypatch.setattr(remote, "_COVERTYPE", f"{server.url}/none")
    with pytest.raises(DownloadError, match="expected 614360d0"):
        datasets.load("covertype")


def test_the_names_of_covertype_fit_its_table(server, monkeypatch, tmp_path):
    path = tmp_path / "covtype.data"
    path.write_text(",".join(map(str, range(54))) + ",7\n")
    monkeypatch.setattr(remote, "fetched", lambda *args, **options: path)
    stream = datasets.load("covertype")
    ((x, y),) = CSVStream(path, target="cover_type", names=[*stream.schema.names, "cover_type"])
    assert (x["elevation"], x["soil_type_39"], y) == (0, 53, 7)
    assert stream.n_rows == 581_012


def test_the_folder_is_in_the_home_unless_told(monkeypatch):
    monkeypatch.delenv("ONLINEML_DATA")
    assert download.data_folder() == Path("~/.cache/onlineml/data").expanduser()
    monkeypatch.setenv("ONLINEML_DATA", "~/elsewhere")
    assert download.data_folder() == Path("~/elsewhere").expanduser()
