"""Limits of speed and memory of the evaluation: `pytest tests/bench/bench_evaluation.py`.

It takes minutes because pycocotools is slow. pytest collects it only if the file is named.
"""

import pytest

from rankdet.evaluation import benchmark


@pytest.mark.slow
def test_all_metrics_take_an_eighth_of_the_time_of_pycocotools_ap():
    result = benchmark.run(families=("correlation",))
    assert result["ratio"] >= 8, result
    assert result["ours_peak_gb"] <= 2


@pytest.mark.slow
def test_growth_is_linear_in_detections():
    quarter, half, whole = benchmark.growth()
    for few, many in ((quarter, half), (half, whole)):
        assert many["seconds"] <= 2.2 * few["seconds"], (few, many)
