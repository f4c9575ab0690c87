"""Which files of a report a request may read, and which hosts it may name."""

import os

import pytest

from rankdet.live.files import MOST_PATH, allowed_host, content_type, find_file


@pytest.fixture
def root(tmp_path):
    report = tmp_path / "report"
    (report / "runs").mkdir(parents=True)
    (report / "index.html").write_text("first")
    (report / "runs" / "index.html").write_text("runs")
    (report / "runs" / "a b+c.html").write_text("run")
    (report / ".rankdet-report").write_text("mark")
    (tmp_path / "secret.txt").write_text("secret")
    (report / "out.txt").symlink_to(tmp_path / "secret.txt")
    (report / "in.html").symlink_to(report / "index.html")
    (report / "loop").symlink_to(report / "loop")
    (report / "up").symlink_to(tmp_path)
    os.mkfifo(report / "pipe")
    return report


@pytest.mark.parametrize(
    ("path", "file"),
    [
        ("", "index.html"),
        ("index.html", "index.html"),
        ("runs/", "runs/index.html"),
        ("runs/a%20b+c.html", "runs/a b+c.html"),
    ],
)
def test_files_of_the_report_are_found(root, path, file):
    assert find_file(root, path) == root / file


@pytest.mark.fault("requests for files outside of a report")
@pytest.mark.parametrize(
    "path",
    [
        *("../secret.txt", "runs/../../secret.txt", "%2e%2e/secret.txt", "..%2fsecret.txt"),
        *("/etc/passwd", "//etc/passwd", "%2fetc%2fpasswd", "runs//index.html", "./index.html"),
        *("out.txt", "in.html", "loop", "up/secret.txt", "up/", "pipe", "runs", ".rankdet-report"),
        *("index.html%00.txt", "..\\secret.txt", "no.html", "%ff%fe", "a" * (MOST_PATH + 1)),
        "runs/" + "a" * 300,
    ],
)
def test_nothing_else_is_found(root, path):
    assert find_file(root, path) is None


def test_a_report_that_is_reached_by_a_link_is_served(root, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(root)
    assert find_file(link, "index.html") == link / "index.html"
    assert find_file(tmp_path / "missing", "index.html") is None


@pytest.mark.parametrize(
    ("header", "own", "allowed"),
    [
        ("127.0.0.1:8765", "127.0.0.1", True),
        ("localhost:9000", "127.0.0.1", True),  # through `ssh -L 9000:...`
        ("LOCALHOST", "127.0.0.1", True),
        ("[::1]:8765", "::1", True),
        ("192.168.0.7:80", "0.0.0.0", True),
        ("gpu-box:8765", "gpu-box", True),
        ("evil.example:8765", "127.0.0.1", False),
        ("127.0.0.1.evil.example", "127.0.0.1", False),
        ("localhost.evil.example:8765", "127.0.0.1", False),
        ("127.0.0.1@evil.example", "127.0.0.1", False),
        ("gpu-box", "127.0.0.1", False),
        ("", "127.0.0.1", False),
        (None, "127.0.0.1", False),
    ],
)
def test_only_names_that_no_other_site_can_take_are_allowed(header, own, allowed):
    assert allowed_host(header, own) is allowed


def test_types_of_files(tmp_path):
    assert content_type(tmp_path / "a.html") == "text/html; charset=utf-8"
    assert content_type(tmp_path / "a.png") == "image/png"
    assert content_type(tmp_path / "a.unknown") == "application/octet-stream"
