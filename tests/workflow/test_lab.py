"""A lab outside the clone: the installed package, and a loss, detector, table and rule there."""

import json
import re

import pytest

from tests.workflow.lab_files import RULE, Lab, installed, make_lab, trainings

pytestmark = pytest.mark.timeout(1800)  # a busy machine needs minutes for the first study


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Lab:
    """A lab whose study is finished; tests change copies of it."""
    folder = tmp_path_factory.mktemp("outside")
    lab = make_lab(folder, installed(folder))
    done = lab.snakemake()
    assert done.returncode == 0, done.stdout + done.stderr
    return lab


@pytest.fixture
def copied(finished, tmp_path) -> Lab:
    """The finished lab without `.snakemake/`, as results come from another machine."""
    return finished.copy(tmp_path / "copy")


def test_a_study_runs_where_the_user_is(finished):
    results = finished.root / "results/own"
    page = (finished.root / "reports/html/own/index.html").read_text()
    assert "My Own Loss" in page
    assert (results / "shapes/slim/third/seed1/metrics.json").is_file()
    table = (results / "tables/own/table1/table.csv").read_text().splitlines()
    assert len(table) == 3 and all(re.search(r",\d", row) for row in table[1:])
    written = [p for p in (finished.site / "rankdet/_share").rglob("*") if p.name == "results"]
    assert not written
    assert "Nothing to be done" in finished.planned()


def test_copied_results_are_made_again_only_where_a_lab_module_was_edited(copied):
    assert copied.trained() == []
    copied.edit("helpers/numbers.py", "1.0", "2.0")
    assert copied.trained() == [("train", "mine")]
    told = " ".join(copied.rankdet("plan").stdout.split())
    assert "trained again, because helpers/numbers.py changed" in re.sub(r"\s+", " ", told)
    done = copied.rankdet("report", "own", "--out", "early")
    assert done.returncode == 0, done.stderr


def test_a_report_shows_an_older_run_hatched_and_without_numbers(copied):
    path = copied.root / "results/own/shapes/slim/mine/seed1/run.json"
    record = json.loads(path.read_text())
    record["provenance"]["loss_hash"] = "0" * 16
    path.write_text(json.dumps(record))
    copied.rankdet("report", "own", "--out", "page")
    page = (copied.root / "page/index.html").read_text()
    assert "older than the plan: the loss changed" in page
    assert len(re.findall(r'<tr class="stale"', page)) == 1
    assert copied.trained() == [("train", "mine")]


def test_what_a_loss_does_not_use_of_a_module_changes_nothing(copied):
    copied.edit(
        "helpers/modules.py", "class Other(torch.nn.Module):\n    pass", "class Other:\n    x = 1"
    )
    assert copied.trained() == [("train", "third")]


WRONG = {
    "no module": ("from helpers.modules import OwnLoss", "from helperz import OwnLoss", "helperz"),
    "no name": ("import OwnLoss", "import OwnLos\nOwnLoss = OwnLos", "no 'OwnLos'; did you mean"),
    "no file": ("helpers.modules", "helpers.moduls", "no module 'helpers.moduls'"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_an_import_that_cannot_work_is_found_by_the_plan(copied, wrong):
    old, new, told = WRONG[wrong]
    copied.edit("losses/mine.py", old, new)
    for done in (copied.rankdet("plan"), copied.snakemake("-n")):
        errors = [line for line in done.stderr.splitlines() if line.startswith("error:")]
        assert done.returncode == 2 and len(errors) == 1, done.stderr
        assert "losses/mine.py:2:" in errors[0] and told in errors[0]
        assert "Traceback" not in done.stderr


def test_a_rule_of_ones_own_keeps_what_the_cluster_sets(copied):
    copied.edit(
        "Snakefile", 'workflow.default_target = "all"', 'workflow.default_target = "all"\n' + RULE
    )
    arguments = ("--forcerun", "train_mine", "--set-resources", "train:runtime=99")
    copied.edit("study.yaml", "untrained: false", "untrained: false\ndevice: cuda")
    text = copied.planned(*arguments)
    (rule,) = re.findall(r"rule train_mine:.*?resources: ([^\n]*)", text, re.DOTALL)
    assert {"gpu=1", "runtime=99", "mem_mb=4321", "turn=1"} <= set(rule.split(", "))
    assert trainings(text) == [("train_mine", "mine")]
    model = "results/own/shapes/slim/mine/seed1/model.pth"
    done = copied.snakemake(model, "--forcerun", "train_mine", "--resources", "gpu=1")
    assert done.returncode == 0, done.stderr


def test_a_rule_of_ones_own_in_a_larger_workflow(copied):
    copied.write(
        "Snakefile",
        "from rankdet.repository import SNAKEFILE\n\nmodule rankdet:\n    snakefile:\n"
        "        SNAKEFILE\n\nuse rule * from rankdet\n"
        + RULE.replace("use rule train as", "use rule train from rankdet as"),
    )
    copied.edit("helpers/numbers.py", "1.0", "2.0")
    assert copied.trained() == [("train_mine", "mine")]


FAULTS = {
    "unknown": ("rule train as", "rule trian as", "there is no such rule; did you mean 'train'"),
    "taken": ("train as train_mine", "train as train", "the rule needs a new name"),
    "all runs": ("{loss,mine(\\+[^/]*)?}", "mine", "run has no {loss}"),
    "outputs": ("    resources:", '    output:\n        "x",\n    resources:', "remove it"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_rule_that_cannot_work_is_one_line(copied, fault):
    old, new, told = FAULTS[fault]
    assert old in RULE
    copied.edit("Snakefile", '"all"', '"all"\n' + RULE.replace(old, new))
    done = copied.snakemake("-n")
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert done.returncode == 2 and error.startswith("error: Snakefile:") and told in error
    assert "Traceback" not in done.stderr


def test_own_files_with_taken_names_and_places(copied):
    copied.write("losses/focal.py", (copied.root / "losses/mine.py").read_text())
    done = copied.rankdet("plan")
    assert done.returncode == 2 and "there is another loss 'focal'" in done.stderr
    (copied.root / "losses/focal.py").unlink()
    copied.edit("study.yaml", "untrained: false", "untrained: false\npaths: {losses: [nowhere]}")
    done = copied.rankdet("plan")
    assert done.returncode == 2 and "paths.losses[0]: found 'nowhere'" in done.stderr


def test_a_new_loss_is_written_where_the_user_is(copied):
    done = copied.rankdet("new", "loss", "soft_rank")
    assert done.returncode == 0, done.stderr
    assert '"title": "Soft Rank Loss"' in (copied.root / "losses/soft_rank.py").read_text()
    again = copied.rankdet("new", "loss", "alrp")
    assert again.returncode == 2 and "rankdet has a loss 'alrp'" in again.stderr
    assert copied.rankdet("init", ".").returncode == 2
