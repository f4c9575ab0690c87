"""The name of the processor: bare names get what tells the processors apart."""

from pathlib import Path

import pytest

from rankdet import machine

EPYC = """processor\t: 0
vendor_id\t: AuthenticAMD
cpu family\t: 25
model\t\t: 17
model name\t: {}
stepping\t: 1

processor\t: 1
model\t\t: 99
model name\t: another
"""
ARM = "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\nCPU revision\t: 1\n"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("AMD EPYC", "AMD EPYC (family 25, model 17, stepping 1)"),
        (
            "Intel(R) Xeon(R) Processor @ 2.50GHz",
            "Intel(R) Xeon(R) Processor @ 2.50GHz (family 25, model 17, stepping 1)",
        ),
        ("AMD EPYC 7B13", "AMD EPYC 7B13 (family 25, model 17, stepping 1)"),
        ("AMD EPYC 7763 64-Core Processor", "AMD EPYC 7763 64-Core Processor"),
        ("Intel(R) Core(TM) i7-8550U CPU @ 1.80GHz", "Intel(R) Core(TM) i7-8550U CPU @ 1.80GHz"),
    ],
)
def test_a_bare_name_gets_family_model_and_stepping(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, expected: str
) -> None:
    path = tmp_path / "cpuinfo"
    path.write_text(EPYC.format(name))
    monkeypatch.setattr(machine, "CPUINFO", path)
    assert machine.processor_name() == expected


def test_arm_and_other_systems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.platform, "processor", lambda: "")
    monkeypatch.setattr(machine.platform, "machine", lambda: "aarch64")
    path = tmp_path / "cpuinfo"
    monkeypatch.setattr(machine, "CPUINFO", path)
    assert machine.processor_name() == "aarch64"
    path.write_text(ARM)
    expected = "aarch64 (implementer 0x41, part 0xd0c, revision 1)"
    assert machine.processor_name() == expected


@pytest.mark.parametrize("limit", ["max\n", "1000000\n", None])
def test_the_memory_is_that_of_the_container(tmp_path, monkeypatch, limit):
    file = tmp_path / "memory.max"
    monkeypatch.setattr(machine, "CGROUP_LIMIT", file)
    whole = machine.memory_bytes()
    assert whole > 1e8
    if limit:
        file.write_text(limit)
    assert machine.memory_bytes() == (1_000_000 if limit == "1000000\n" else whole)
