"""The comparison of two folders of results notices a changed digit, and nothing else."""

import json

from tests.bench.same_numbers import main


def records(folder, **changes):
    record = {"metrics": {"AP": 0.25, "AP50": None}, "bins": [1, 2], "run": {"form": "small"}}
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "metrics.json").write_text(json.dumps({**record, **changes}))
    return str(folder)


def test_equal_records_new_keys_and_other_times(tmp_path):
    before = records(tmp_path / "before", training={"seconds": 1})
    after = records(
        tmp_path / "after",
        training={"seconds": 2},
        metrics={"AP": 0.25, "AP50": None, "new": 1},
        run={"preset": "small"},
    )
    assert main([before, after]) == 0


def test_a_digit_a_missing_key_or_record_is_a_difference(tmp_path, capsys):
    before = records(tmp_path / "before")
    digit = records(tmp_path / "digit", metrics={"AP": 0.2500000001, "AP50": None})
    gone = records(tmp_path / "gone", metrics={"AP": 0.25})
    assert main([before, digit]) == main([before, gone]) == 1
    assert main([before, str(tmp_path / "nowhere")]) == 1
    text = capsys.readouterr().out
    assert "a/metrics.json/metrics/AP: 0.25 became 0.2500000001" in text
    assert "a/metrics.json/metrics/AP50: missing" in text
    assert "a/metrics.json: missing" in text
