"""`rankdet plan --settings`: the settings of a table's runs beside the released ones."""

import pytest

from rankdet.cli import main


def test_settings_of_a_table_are_printed_with_their_sources(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["plan", "--settings", "rs/tableS5"]) == 0
    text = capsys.readouterr().out
    assert "rs/tableS5: RS Cascade R-CNN  coco/cascade-rcnn/rs@rs-1x/seed1" in text
    rows = [line for line in text.splitlines() if line.startswith("rpn_delta_stds")]
    assert [row.count("0.1, 0.1, 0.2, 0.2") for row in rows] == [0, 2]  # mmdet's, then RS Loss's
    assert "[1] kemaloksuz/RankSortLoss" in text
    assert "48 settings: 47 equal, 1 listed" in text and "listed: differs on purpose" in text


def test_a_small_study_is_not_compared(capsys):
    assert main(["plan", "--settings", "alrp/figure4", "--configfile", "config/ci.yaml"]) == 2
    assert "preset is 'small'" in capsys.readouterr().err


def test_a_table_without_runs_says_so(capsys):
    assert main(["plan", "--settings", "alrp/tableA9"]) == 0
    assert "no row of this table is a run" in capsys.readouterr().out


@pytest.mark.parametrize("table", ["rs/tableS55", "nothing"])
def test_an_unknown_table_is_one_line(capsys, table):
    assert main(["plan", "--settings", table]) == 2
    error = capsys.readouterr().err
    assert f"no table or figure '{table}'" in error and "rs/tableS5" in error
    assert len(error.strip().splitlines()) == 1
