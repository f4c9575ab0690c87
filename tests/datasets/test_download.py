"""`rankdet data get` with a local server: downloads are resumed, verified and unpacked."""

import csv
import hashlib
import http.server
import io
import threading
import zipfile
from dataclasses import replace

import pytest

from rankdet.cli import main
from rankdet.datasets import download
from rankdet.errors import InputError


def zipped():
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr("annotations/instances.json", '{"images": []}')
        file.writestr("annotations/noise.bin", bytes(range(256)) * 40)
    return content.getvalue()


class Server(http.server.ThreadingHTTPServer):
    """Serves one file; closes the connection after `break_after` bytes; `ranges` may be off."""

    content, break_after, ranges, asked = zipped(), None, True, ()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        given = self.headers.get("Range")
        server.asked = (*server.asked, given)
        if self.path != "/a.zip":
            self.send_error(404)
            return
        start = int(given.removeprefix("bytes=").rstrip("-")) if given and server.ranges else 0
        rest = server.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        self.wfile.write(rest[: server.break_after])

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with Server(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture
def archive(server):
    return download.Archive(
        dataset="made-up",
        name="a.zip",
        url=f"http://127.0.0.1:{server.server_port}/a.zip",
        size=len(server.content),
        checksum="md5:" + hashlib.md5(server.content, usedforsecurity=False).hexdigest(),
        into=".",
        licence="none",
    )


def test_downloads_verifies_and_unpacks(archive, tmp_path):
    root = tmp_path / "data"
    assert download.get(archive, root).startswith("downloaded, verified by its checksum, 2 files")
    assert (root / "annotations/instances.json").read_text() == '{"images": []}'
    assert not (root / "a.zip").exists()
    assert download.get(archive, root).startswith("already unpacked")


def test_an_interrupted_download_is_resumed(archive, server, tmp_path):
    (tmp_path / ".a.zip.part").write_bytes(server.content[:500])
    download.get(archive, tmp_path, keep=True)
    assert server.asked == ("bytes=500-",)
    assert (tmp_path / "a.zip").read_bytes() == server.content


def test_broken_connections_are_resumed(archive, server, tmp_path):
    server.break_after = 3000
    download.get(archive, tmp_path)
    assert server.asked == tuple(f"bytes={3000 * k}-" for k in range(4))


def test_a_server_without_ranges_sends_all_again(archive, server, tmp_path):
    server.ranges = False
    (tmp_path / ".a.zip.part").write_bytes(b"x" * 500)
    download.get(archive, tmp_path, keep=True)
    assert (tmp_path / "a.zip").read_bytes() == server.content


def test_an_archive_that_already_exists_is_used(archive, server, tmp_path):
    (tmp_path / "a.zip").write_bytes(server.content)
    assert download.get(archive, tmp_path).startswith("found, verified")
    assert server.asked == ()


def test_another_file_than_published_is_refused(archive, server, tmp_path):
    other = replace(archive, checksum="md5:" + "0" * 32)
    with pytest.raises(
        InputError, match=r"a.zip: its md5 is .*, not 0000.*; download it again"
    ) as e:
        download.get(other, tmp_path)
    assert "\n" not in str(e.value)
    assert list(tmp_path.iterdir()) == []  # otherwise the next try would resume it
    (tmp_path / "a.zip").write_bytes(server.content[:99])
    with pytest.raises(InputError, match=r"99 bytes, published: 10"):
        download.get(archive, tmp_path)


def test_without_a_checksum_size_and_crc_are_verified(archive, server, tmp_path):
    unknown = replace(archive, checksum="")
    broken = bytearray(server.content)
    broken[5000] ^= 1
    server.content = bytes(broken)
    with pytest.raises(InputError, match=r"damaged archive .*CRC"):
        download.get(unknown, tmp_path)
    assert not (tmp_path / ".a.zip.unpacked").exists()


def test_a_server_that_always_disconnects_gives_one_line(archive, server, tmp_path):
    server.break_after = 0
    with pytest.raises(InputError, match=r"download failed: .*; run the same command again") as e:
        download.get(archive, tmp_path)
    assert "\n" not in str(e.value)
    assert len(server.asked) == download.LIMITS.attempts


def test_refusals_and_no_server_are_one_line(archive, tmp_path, monkeypatch):
    gone = replace(archive, url=archive.url.replace("a.zip", "b.zip"))
    with pytest.raises(InputError, match=r"the server answered 404 \(Not Found\); run the same"):
        download.get(gone, tmp_path)
    with pytest.raises(InputError, match=r"download failed: .*save it as .*a.zip"):
        download.get(replace(archive, url="http://127.0.0.1:9/a.zip"), tmp_path)


def test_the_shipped_table():
    rows = list(csv.DictReader(download.TABLE.open(newline="")))
    assert {row["dataset"] for row in rows} == {"coco", "lvis"}
    for dataset in ("coco", "lvis"):
        sizes = [archive.size for archive in download.archives(dataset)]
        assert sizes == sorted(sizes)
    for row in rows:
        algorithm, _, digest = row["checksum"].partition(":")
        assert not row["checksum"] or (algorithm, len(digest)) == ("md5", 32)
        assert row["licence"] and row["url"].endswith(row["name"])


@pytest.mark.fault("damaged list of downloads")
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("bytes", "size", "the columns must be dataset, name, url, bytes,"),
        (",CC BY 4.0 (annotations)", "", "line 2: 6 cells, expected 7"),
        (",252907541,", ",25290754x,", r":2: bytes '25290754x' is not a whole number"),
        (",252907541,", ",252_907_541,", r":2: bytes '252_907_541' is not a whole number"),
        (",252907541,", ",,", r":2: bytes '' is not a whole number"),
    ],
)
def test_a_damaged_table_is_one_line(tmp_path, old, new, message):
    table = tmp_path / "datasets.csv"
    text = download.TABLE.read_text()
    assert old in text
    table.write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match=message):
        download.archives("coco", table=table)


def test_the_command(archive, tmp_path, monkeypatch, capsys):
    table = tmp_path / "datasets.csv"
    fields = ["dataset", "name", "url", "bytes", "checksum", "into", "licence"]
    row = [archive.dataset, archive.name, archive.url, archive.size, archive.checksum, ".", "none"]
    with table.open("w", newline="") as file:
        csv.writer(file).writerows([fields, row])
    monkeypatch.setattr(download.archives, "__defaults__", (None, table))
    assert main(["data", "get", "made-up", str(tmp_path / "root")]) == 0
    assert "2 files unpacked into" in capsys.readouterr().out
    assert main(["data", "get", "made", str(tmp_path / "root")]) == 2
    assert "no dataset 'made'; did you mean 'made-up'?" in capsys.readouterr().err
    assert main(["data", "get", "made-up", str(tmp_path), "--file", "b.zip"]) == 2
    assert "no archive 'b.zip'; did you mean 'a.zip'?" in capsys.readouterr().err
