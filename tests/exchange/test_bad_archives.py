"""`rankdet import study.zip`: damaged and hostile archives are refused in one line."""

import json
import shutil
import stat
import zipfile
from pathlib import Path

import pytest

from rankdet import cli
from tests.exchange.archives import rewritten

BAD_FILES = {
    "study/../../evil.json": "leads out of the folder",
    "/etc/evil.json": "leads out of the folder",
    "study\\..\\evil.json": "leads out of the folder",
    "study/shapes/evil.py": "writes no such file",
    "evil.json": "writes no such file",
    "study/.hidden/x.json": "not a plain one",
    "study/./plan.json": "not a plain one",
    "study//plan.json": "not a plain one",
    "study/plan.json/x.json": "'study/plan.json', which is also a folder there",
    f"study/{'a' * 300}.json": "whose name is too long",
    "study/origin/x.json": "writes no such file",
    "study/PLAN.json": "it is there twice",
    "study/evil.json\n": "not a plain one",
}


@pytest.mark.parametrize(("file", "message"), BAD_FILES.items())
def test_files_that_do_not_belong_are_refused(archive, monkeypatch, capsys, file, message) -> None:
    monkeypatch.chdir(archive.parent)
    capsys.readouterr()
    path = rewritten(archive, {file: b"{}"})
    assert cli.main(["import", str(path)]) == 2
    error = capsys.readouterr().err
    assert message in error and len(error.splitlines()) == 1
    assert not Path("results/fake").exists() and not list(Path().rglob("evil*"))


def test_links_are_refused(archive: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(archive.parent)
    link = zipfile.ZipInfo("study/shapes/link.json")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    path = archive.with_name("link.zip")
    shutil.copy(archive, path)
    with zipfile.ZipFile(path, "a") as content:
        content.writestr(link, "/etc/passwd")
    assert cli.main(["import", str(path)]) == 2
    assert "it is a link or a device" in capsys.readouterr().err


def test_bombs_are_refused(archive: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(archive.parent)
    path = rewritten(archive, {"study/shapes/zeros.json": b"0" * (300 << 20)})
    assert cli.main(["import", str(path)]) == 2
    error = capsys.readouterr().err
    assert "unpack to" in error and len(error.splitlines()) == 1
    assert list(Path().glob("results/*")) == []


def plan_with(archive: Path, **changes: object) -> bytes:
    with zipfile.ZipFile(archive) as content:
        plan = json.loads(content.read("study/plan.json"))
    plan["runs"][0] |= {k: v for k, v in changes.items() if k != "study"}
    plan["study"] |= changes.get("study", {})
    return json.dumps(plan).encode()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"key": "../../../evil/seed1"},
            "its plan is damaged: runs.0.key: found ../../../evil/seed1",
        ),
        ({"splits": ["/etc"]}, "its plan names '/etc'"),
        ({"url": "javascript:alert(1)"}, "its plan is damaged: runs.0.url"),
        ({"study": {"name": "../x"}}, "the name of its study is '../x'"),
    ],
)
def test_a_plan_that_leads_out_is_refused(archive, monkeypatch, capsys, changes, message) -> None:
    monkeypatch.chdir(archive.parent)
    path = rewritten(archive, {"study/plan.json": plan_with(archive, **changes)})
    assert cli.main(["import", str(path)]) == 2
    assert message in capsys.readouterr().err and not Path("results").exists()


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (b'{"runs": [', "its plan, study/plan.json, cannot be read: Expecting"),
        (b"", "its plan, study/plan.json, cannot be read: Expecting value"),
        (b"\xff", "its plan, study/plan.json, cannot be read: byte 1 is not UTF-8"),
        (b"[" * 100_000, "its plan, study/plan.json, cannot be read: nested too deep"),
        (b"[]", "its plan is damaged: "),
    ],
)
def test_a_damaged_plan_in_an_archive_is_named(archive, monkeypatch, capsys, plan, message) -> None:
    monkeypatch.chdir(archive.parent)
    path = rewritten(archive, {"study/plan.json": plan})
    assert cli.main(["import", str(path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line and line.endswith("; export the study again")
    assert "as a zip" not in line and not Path("results").exists()


@pytest.mark.parametrize("cut", [0.3, 0.9])
def test_a_damaged_archive_is_one_line(archive: Path, monkeypatch, capsys, cut: float) -> None:
    monkeypatch.chdir(archive.parent)
    content = archive.read_bytes()
    Path("cut.zip").write_bytes(content[: int(cut * len(content))])
    assert cli.main(["import", "cut.zip"]) == 2
    assert "cannot be read as a zip" in capsys.readouterr().err
    middle = bytearray(content)
    at = content.index(b"study/plan.json") + 200
    middle[at : at + 40] = bytes(40)
    Path("flipped.zip").write_bytes(middle)
    assert cli.main(["import", "flipped.zip"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1 and not Path("results/fake").exists()
