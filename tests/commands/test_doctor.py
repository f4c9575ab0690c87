"""`rankdet doctor`: what it reports, and each problem with its remedy."""

import json
import sys
from types import SimpleNamespace

import pytest

from rankdet.cli import main
from rankdet.commands import doctor, packages

GB = doctor.GB
FINE = {
    "cores": 2,
    "memory": {"total": 8 * GB, "available": 6 * GB},
    "cuda_build": None,
    "gpus": [],
    "mps": False,
    "nvidia_driver": False,
}
ALL_VERSIONS = {**dict.fromkeys(packages.NEEDED, "1.0"), "python": "3.11.7", "mmcv-lite": "2.1.0"}


def one(problems):
    (problem,) = problems
    assert problem.remedy and "\n" not in problem.problem + problem.remedy
    return problem


def test_this_machine(capsys):
    code = main(["doctor", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert code == (1 if found["problems"] else 0)
    assert found["schema"] == "rankdet.doctor/1"
    for name in ("python", "torch", "mmdet", "mmengine", "snakemake", "numpy", "hotcoco"):
        assert found["versions"][name][0].isdigit(), name
    assert found["devices"]["cores"] >= 1
    assert found["ops"]["nms"] in ("compiled mmcv", "torchvision", "PyTorch")
    assert found["disk"]["free"] > 0


def test_text_and_exit_code(capsys, monkeypatch):
    findings = {
        "versions": {"python": "3.11.7", "torch": "2.13.0", "numpy": None, "torchvision": None},
        "devices": FINE,
        "ops": {"nms": "PyTorch", "softnms": "PyTorch", "roi_align_forward": "torchvision"},
        "disk": {"folder": "/here", "free": 9 * GB},
        "rankdet": "0.2.0",
        "clone": True,
        "commit": "abc",
        "problems": [],
    }
    monkeypatch.setattr(doctor, "examine", lambda: findings)
    assert main(["doctor"]) == 0
    text = capsys.readouterr().out
    for part in (
        "torch         2.13.0",
        "numpy         not installed",
        "6.0 GB available of 8.0 GB",
    ):
        assert part in text
    assert "PyTorch       nms, softnms\n" in text and "torchvision   roi_align_forward\n" in text
    assert "9.0 GB free in /here" in text and text.endswith("No problems found.\n")
    findings["problems"] = [{"problem": "it is broken", "remedy": "mend it"}]
    assert main(["doctor"]) == 1
    text = capsys.readouterr().out
    assert "no GPU (CPU torch)" in text
    assert "1. it is broken\n     Remedy: mend it" in text and "No problems" not in text


def test_nothing_is_wrong_with_a_good_environment(tmp_path):
    disk = {"folder": str(tmp_path), "free": 100 * GB}
    assert not list(packages.package_problems(ALL_VERSIONS))
    assert not list(packages.version_problems(ALL_VERSIONS, {"torch": "1.0", "absent": "3"}))
    assert not list(doctor.device_problems(FINE))
    assert not list(doctor.space_problems(disk, FINE["memory"]))


def test_a_missing_package_is_named_with_what_needs_it():
    versions = {k: v for k, v in ALL_VERSIONS.items() if k != "scikit-learn"}
    problem = one(packages.package_problems(versions))
    assert "scikit-learn is not installed" in problem.problem and "PAA" in problem.problem
    assert "make setup" in problem.remedy


def test_an_installed_wheel_needs_no_packages_of_studies(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(doctor, "IN_CLONE", False)
    monkeypatch.setattr(doctor, "ENVIRONMENTS", tmp_path)
    monkeypatch.setattr(packages, "installed", lambda: dict.fromkeys(packages.NEEDED_ALWAYS, "1.0"))
    monkeypatch.setattr(doctor, "space_problems", lambda *_: [])
    findings = doctor.examine()
    assert findings["problems"] == [] and findings["commit"] is None
    assert "`rankdet init` makes a lab" in "\n".join(doctor.lines(findings))
    problem = one(
        packages.package_problems(
            {"torch": "1", **dict.fromkeys(list(packages.NEEDED)[2:], "1")}, studies=False
        )
    )
    assert "numpy is not installed" in problem.problem
    assert "make setup" not in problem.remedy


def test_remedies_in_a_lab_can_be_done_there(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(doctor, "IN_CLONE", False)
    monkeypatch.setattr(doctor, "ENVIRONMENTS", tmp_path / "my envs")
    (tmp_path / "my envs").mkdir()
    (tmp_path / "my envs/constraints.txt").write_text("numpy==0.9\n")
    (tmp_path / "Snakefile").touch()
    versions = {name: version for name, version in ALL_VERSIONS.items() if name != "mmdet"}
    monkeypatch.setattr(packages, "installed", lambda: versions)
    monkeypatch.setattr(doctor, "space_problems", lambda *_: [])
    findings = doctor.examine()
    assert "this folder is a lab" in "\n".join(doctor.lines(findings))
    missing, older = (entry["remedy"] for entry in findings["problems"])
    assert missing == "pip install '.[bench]' in a clone of RankDet Bench"
    assert older.startswith(f"pip install -c '{tmp_path}/my envs/constraints.txt' numpy; or keep")


@pytest.mark.parametrize(
    ("change", "said"),
    [({"mmcv-lite": None}, "mmcv-lite is not installed"), ({"mmcv": "2.1.0"}, "both installed")],
)
def test_two_versions_of_mmcv_are_a_problem(change, said):
    versions = {k: v for k, v in {**ALL_VERSIONS, **change}.items() if v}
    assert said in one(packages.package_problems(versions)).problem


def test_versions_that_differ_from_their_pins(tmp_path):
    file = tmp_path / "constraints.txt"
    file.write_text("# pins\ntorch==2.13.0\nPy_YAML==6.0.3  # why\nnumpy==2.4.6\nnever==1\n")
    pinned = packages.pins(file)
    assert pinned == {"torch": "2.13.0", "py-yaml": "6.0.3", "numpy": "2.4.6", "never": "1"}
    versions = {"torch": "2.13.0+cu130", "numpy": "2.4.5", "py-yaml": "7"}
    problem = one(packages.version_problems(versions, pinned)).problem
    assert problem.endswith("numpy 2.4.5 (pinned 2.4.6), py-yaml 7 (pinned 6.0.3)")
    assert packages.pins(tmp_path / "absent") == {}
    many = {f"p{i}": "1" for i in range(9)}
    assert "and 3 more" in one(packages.version_problems(many, dict.fromkeys(many, "2"))).problem


def test_a_gpu_that_is_not_used():
    problem = one(doctor.device_problems({**FINE, "cuda_build": "13.0"}))
    assert "CUDA 13.0 but finds no GPU" in problem.problem
    problem = one(doctor.device_problems({**FINE, "nvidia_driver": True}))
    assert "built without CUDA" in problem.problem
    used = {**FINE, "cuda_build": "13.0", "gpus": ["H200"], "nvidia_driver": True}
    assert not list(doctor.device_problems(used))


def test_little_disk_and_little_memory():
    disk = {"folder": "/here", "free": GB}
    problem = one(doctor.space_problems(disk, None)).problem
    assert "1.0 GB free on the disk of /here" in problem
    low = {"total": 8 * GB, "available": 2 * GB}
    assert "2.0 GB of memory" in one(doctor.space_problems({**disk, "free": 9 * GB}, low)).problem


def test_no_git_and_no_repository(tmp_path, monkeypatch):
    commit, problems = doctor.find_commit(tmp_path)
    assert commit is None and "no git commit" in one(problems).problem
    monkeypatch.setenv("RANKDET_COMMIT", "abc123")
    assert doctor.find_commit(tmp_path) == ("abc123", [])
    monkeypatch.delenv("RANKDET_COMMIT")
    monkeypatch.setattr(doctor.shutil, "which", lambda _: None)
    assert "git is not installed" in one(doctor.find_commit(tmp_path)[1]).problem


def test_a_broken_torchvision_and_a_broken_compiled_mmcv(monkeypatch):
    from rankdet.detectors import ops
    from rankdet.detectors.ops import vision

    monkeypatch.setattr(vision, "import_error", lambda: "operator torchvision::nms does not exist")
    real = packages.imported

    def imported(name):
        if name == "mmcv.ops":
            return None, [
                packages.EnvironmentProblem("mmcv.ops does not import: undefined symbol", "set up")
            ]
        return real(name)

    monkeypatch.setattr(packages, "imported", imported)
    monkeypatch.setattr(ops, "compiled_extension", lambda: object())
    vision_problem, mmcv_problem = packages.find_ops()[1]
    assert "torchvision::nms" in vision_problem.problem
    assert vision_problem.remedy.startswith("pip uninstall torchvision")
    assert "pip uninstall mmcv" in mmcv_problem.remedy


def test_a_module_that_breaks_on_import(tmp_path, monkeypatch):
    (tmp_path / "breaks.py").write_text("raise OSError('libfoo.so: cannot open\\nmore')")
    monkeypatch.syspath_prepend(tmp_path)
    module, problems = packages.imported("breaks")
    assert module is None
    assert one(problems).problem == "breaks does not import: libfoo.so: cannot open"
    assert packages.imported("is_not_there_at_all") == (None, [])


def test_a_machine_without_torch_is_reported_and_not_a_crash(monkeypatch):
    monkeypatch.setattr(packages, "imported", lambda name: (None, []))
    findings = doctor.examine()
    assert findings["ops"] == {} and findings["devices"]["cuda_build"] is None
    findings["versions"]["torch"] = None
    assert "CUDA          no GPU (torch not installed)" in "\n".join(doctor.lines(findings))


def test_memory_is_what_the_container_allows(monkeypatch):
    files = {"memory.max": str(4 * GB), "memory.current": str(3 * GB)}
    monkeypatch.setattr(
        doctor, "Path", lambda path: SimpleNamespace(read_text=lambda: files[path.split("/")[-1]])
    )
    found = doctor.memory()
    assert found["total"] <= 4 * GB and found["available"] <= GB
    files["memory.max"] = "max"
    assert doctor.memory()["total"] >= found["total"]
    monkeypatch.setitem(sys.modules, "psutil", None)
    assert doctor.memory() is None
