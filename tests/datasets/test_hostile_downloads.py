"""`rankdet data get` with bad servers, and with links and pipes where it is going to write."""

import hashlib
import http.server
import io
import os
import threading
import time
import zipfile
from contextlib import suppress
from dataclasses import replace
from types import SimpleNamespace

import pytest

from rankdet.datasets import download, transfer
from rankdet.datasets.unpack import unpack
from rankdet.errors import InputError
from tests.planted import planted

QUICK = transfer.Limits(attempts=2, step=1000, silence=1, slowest=2000, window=0.5)


def zipped(members):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return content.getvalue()


CONTENT = zipped({"a/b.json": '{"images": []}', "a/noise.bin": os.urandom(20_000)})


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers as the function `server.answer` says: it writes to the connection itself."""

    protocol_version = "HTTP/1.0"

    def do_GET(self):
        self.server.asked += 1
        with suppress(OSError):  # the client has gone
            self.server.answer(self)

    def begin(self, status=200, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def start(self):
        return int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))

    def log_message(self, *_):
        pass


def endless(request):
    request.begin()
    request.wfile.write(CONTENT)
    while True:
        request.wfile.write(b"x" * 65536)


def slow_body(request):
    request.begin(206 if request.start() else 200)
    for byte in CONTENT[request.start() :]:
        request.wfile.write(bytes([byte]))
        time.sleep(0.02)


def slow_headers(request):
    for byte in b"HTTP/1.0 200 OK\r\n" + b"X-Long: " + b"y" * 60_000:
        request.wfile.write(bytes([byte]))
        time.sleep(0.02)


def silent(request):
    time.sleep(5)


def other_part(request):
    request.begin(206, Content_Range=f"bytes 7-{len(CONTENT) - 1}/{len(CONTENT)}")
    request.wfile.write(CONTENT[7:])


def rude(request):
    request.connection.sendall(b"HTTP/1.0 500 \x1b[31mred\x07 alert\r\n\r\n")


def wrong_bytes(request):
    request.begin(206 if request.start() else 200)
    request.wfile.write(bytes(len(CONTENT) - request.start()))


def small_steps(request):
    request.begin(206 if request.start() else 200)
    request.wfile.write(CONTENT[request.start() :][:1500])


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.daemon_threads, running.asked, running.block_on_close = True, 0, False
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture
def archive(server, monkeypatch):
    monkeypatch.setattr(download.download, "__defaults__", (QUICK,))
    return download.Archive(
        dataset="made-up",
        name="a.zip",
        url=f"http://127.0.0.1:{server.server_port}/a.zip",
        size=len(CONTENT),
        checksum="sha256:" + hashlib.sha256(CONTENT).hexdigest(),
        into=".",
        licence="none",
    )


def written(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@pytest.mark.fault("server that never ends, is slow or silent, or sends another file")
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (endless, r"the server sends more than the published [\d,]+ bytes"),
        (slow_body, "slower than 2,000 bytes per second"),
        (slow_headers, "no answer in 1 seconds"),
        (silent, "timed out|no answer in 1 seconds"),
        (other_part, r"the server sent another part than asked for \(bytes 7\)"),
        (rude, r"the server answered 500 \(\?\[31mred\? alert\)"),
        (wrong_bytes, "a.zip: its sha256 is [0-9a-f]+, not "),
    ],
)
def test_a_bad_server_ends_in_one_line_and_writes_no_more_than_the_archive(
    server, archive, tmp_path, answer, words
):
    server.answer = answer
    started = time.monotonic()
    with pytest.raises(InputError, match=words) as error:
        download.get(archive, tmp_path)
    assert str(error.value).isprintable()
    assert time.monotonic() - started < 15
    assert written(tmp_path) <= len(CONTENT)
    assert not (tmp_path / "a.zip").exists() and not (tmp_path / "a").exists()


@pytest.mark.fault("server that breaks each connection after 1,500 bytes", tries=10)
def test_connections_that_bring_something_are_no_failures(server, archive, tmp_path):
    server.answer = small_steps
    download.get(archive, tmp_path, keep=True)
    assert (tmp_path / "a.zip").read_bytes() == CONTENT
    assert server.asked > 10 > QUICK.attempts


def test_without_a_published_checksum_nothing_is_called_verified(server, archive, tmp_path):
    server.answer = small_steps
    said = download.get(replace(archive, checksum=""), tmp_path)
    assert "verified" not in said and f"no checksum is published; {archive.checksum}" in said
    assert (tmp_path / ".a.zip.unpacked").read_text() == archive.checksum + "\n"


@pytest.mark.fault("unpacked file of the right size with wrong bytes")
def test_wrong_bytes_of_the_right_size_are_replaced(server, archive, tmp_path):
    server.answer = small_steps
    (tmp_path / "a").mkdir()
    path, other = tmp_path / "a" / "b.json", tmp_path / "other"
    other.write_bytes(b'{"images": 0 }')
    path.hardlink_to(other)  # replaced, and not written through
    download.get(archive, tmp_path)
    assert path.read_text() == '{"images": []}'
    assert other.read_bytes() == b'{"images": 0 }'


@pytest.mark.fault("pipe, link or folder where the download is going to write")
@pytest.mark.parametrize("kind", ["fifo", "link", "dangling", "folder"])
@pytest.mark.parametrize("name", [".a.zip.part", ".a.zip.unpacked", "a/b.json", "a"])
def test_what_is_in_the_way_is_never_followed(server, archive, tmp_path, kind, name):
    server.answer = small_steps
    root, victim = tmp_path / "root", tmp_path / "victim"
    (root / name).parent.mkdir(parents=True)
    if kind == "link" and name == "a":
        victim.mkdir()
    elif kind == "link":
        victim.write_text("precious")
    planted(root / name, "link" if kind == "dangling" else kind, victim)
    before = victim.read_text() if victim.is_file() else victim.exists()
    if (kind, name) == ("folder", "a"):
        download.get(archive, root)  # a folder of the archive may be there
    else:
        with pytest.raises(InputError) as error:
            download.get(archive, root)
        assert str(error.value).isprintable() and str(root) in str(error.value)
    assert (victim.read_text() if victim.is_file() else victim.exists()) == before
    assert not victim.is_dir() or list(victim.iterdir()) == []


@pytest.mark.fault("archive with names outside its folder, or that unpacks to a thousand times")
@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"../evil": b"x"}, r"refused, because it has a file '\.\./evil'"),
        ({"a/../../evil": b"x"}, "refused, because it has a file"),
        ({"/evil": b"x"}, "refused, because it has a file"),
        ({"a\\..\\evil": b"x"}, "refused, because it has a file"),
        ({"zeros": bytes(30_000_000)}, r"refused, because its [\d,]+ bytes unpack to 30,000,000"),
        (
            {"noise": os.urandom(400_000), "zeros": bytes(30_000_000)},
            r"a file 'zeros', whose [\d,]+ bytes unpack to 30,000,000",
        ),
        ({"a" * 256: b"x"}, "a file 'a*, whose name is too long"),
        ({"/".join(["a" * 200] * 20): b"x"}, "a file '[a/]*, whose name is too long"),
        ({"a/b": b"x", "a/b/c/d": b"y"}, "a file 'a/b', which is also a folder there"),
    ],
)
def test_a_hostile_archive_is_refused_before_anything_is_written(tmp_path, members, words):
    path, target = tmp_path / "a.zip", tmp_path / "in" / "target"
    path.write_bytes(zipped(members))
    with pytest.raises(InputError, match=words) as error:
        unpack(path, target)
    assert str(error.value).isprintable()
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [path]


def flipped(content: bytes) -> bytes:
    """With other bytes in the middle of the first file."""
    return content[:60] + bytes(200) + content[260:]


def moved(content: bytes) -> bytes:
    """With a directory that says that all files begin 50 bytes earlier."""
    at = content.rindex(b"PK\x05\x06") + 16
    offset = int.from_bytes(content[at : at + 4], "little") + 50
    return content[:at] + offset.to_bytes(4, "little") + content[at + 4 :]


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("damage", [flipped, moved])
def test_a_damaged_archive_is_not_the_fault_of_the_disk(tmp_path, method, damage):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("noise.bin", os.urandom(5000))
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match=r"a\.zip: damaged archive \(.*\); make it again") as error:
        unpack(path, tmp_path / "target", "make it again")
    assert "cannot write" not in str(error.value) and len(str(error.value).splitlines()) == 1
    assert [one for one in tmp_path.rglob("*") if one.is_file()] == [path]


def test_an_archive_that_the_disk_cannot_hold_is_one_line_before_work(tmp_path, monkeypatch):
    path = tmp_path / "a.zip"
    path.write_bytes(CONTENT)
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=5))
    with pytest.raises(InputError, match=r"bytes do not fit into .*, which has 5 bytes free"):
        unpack(path, tmp_path / "target")
    assert list((tmp_path / "target").iterdir()) == []


def test_what_a_killed_run_left_is_removed(tmp_path):
    path = tmp_path / "a.zip"
    path.write_bytes(CONTENT)
    (tmp_path / "target" / "a").mkdir(parents=True)
    (tmp_path / "target" / "a" / ".unpacking-x1").write_bytes(b"half")
    assert unpack(path, tmp_path / "target") == 2
    names = {p.name for p in (tmp_path / "target" / "a").iterdir()}
    assert names == {"b.json", "noise.bin"}


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/a.zip", "/etc/passwd"])
def test_other_schemes_are_refused(archive, tmp_path, url):
    with pytest.raises(InputError, match="only http and https addresses"):
        download.get(replace(archive, url=url), tmp_path)
