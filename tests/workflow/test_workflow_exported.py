"""A study that travels as an archive: elsewhere, nothing is trained or evaluated again."""

import shutil
import sys

from tests.workflow.conftest import make_sandbox

TABLES = "tables: [alrp/table2]\nfigures: [alrp/figure4]\n"


def test_an_imported_study_is_up_to_date(tmp_path):
    box = make_sandbox(tmp_path)
    box.edit("tiny.yaml", "[focal, ap, alrp+no-sb]", "[focal]")
    box.edit("tiny.yaml", TABLES, "")
    box.edit("tiny.yaml", "[val, train]", "[val]")
    done = box.snakemake()
    assert done.returncode == 0, done.stderr

    def rankdet(*arguments):
        done = box.call([sys.executable, "-m", "rankdet.cli", *arguments])
        assert done.returncode == 0, done.stderr
        return done.stdout

    told = rankdet("export", "tiny", "--out", "study.zip", "--weights")
    assert "config tiny.yaml" in told
    shutil.rmtree(box.root / "results")
    shutil.rmtree(box.root / ".snakemake")
    rankdet("import", "study.zip")
    rules = {rule for rule, _ in box.planned()}
    assert not rules & {"train", "predict", "evaluate", "untrained"}, rules


def test_a_merged_study_goes_on_with_a_config_of_all_seeds(tmp_path):
    """As docs/results.md says: the config of a part, with the new name and all seeds."""
    box = make_sandbox(tmp_path)
    box.edit("tiny.yaml", TABLES, "")
    box.edit("tiny.yaml", "[val, train]", "[val]")
    box.edit("tiny.yaml", "[focal, ap, alrp+no-sb]", "[focal], seeds: [1]")
    text = (box.root / "tiny.yaml").read_text()
    names = {"a": ("tiny", "[1]"), "b": ("b", "[2]"), "whole": ("whole", "[1, 2]")}
    for name, (study, seeds) in names.items():
        new = text.replace("study: tiny", f"study: {study}").replace(
            "seeds: [1]", f"seeds: {seeds}"
        )
        (box.root / f"{name}.yaml").write_text(new)
    (box.root / "tiny.yaml").unlink()
    for name in "ab":
        done = box.snakemake(study=f"{name}.yaml")
        assert done.returncode == 0, done.stderr

    def rankdet(*arguments):
        done = box.call([sys.executable, "-m", "rankdet.cli", *arguments])
        assert done.returncode == 0, done.stderr
        return done.stdout

    rankdet("merge", "tiny", "b", "--out", "results/whole")
    told = rankdet("plan", "--configfile", "whole.yaml")
    assert "2 trainings, 6 iterations, none to be trained now" in " ".join(told.split())
    assert "config whole.yaml" in rankdet("export", "whole", "--out", "whole.zip")
    rules = {rule for rule, _ in box.planned(study="whole.yaml")}
    assert not rules & {"train", "predict", "untrained"}, rules
