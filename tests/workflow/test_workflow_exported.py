"""A study that travels as an archive: elsewhere, nothing is trained or evaluated again."""

import shutil
import sys

from tests.workflow.conftest import make_sandbox

TABLES = "tables: [alrp/table2]\nfigures: [alrp/figure4]\n"


def test_an_imported_study_is_up_to_date(tmp_path):
    box = make_sandbox(tmp_path)
    box.edit("tiny.yaml", "[focal, ap, alrp+no-sb]", "[focal]")
    box.edit("tiny.yaml", TABLES, "")
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
