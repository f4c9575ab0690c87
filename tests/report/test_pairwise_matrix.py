"""All pairs of losses: which cells are tested, and which are grey."""

from rankdet.report.pairwise_matrix import MOST, Loss, matrices

GOOD = {"AP": [40.0, 40.2, 39.9], "oLRP": [60.0, 60.3, 59.8]}
BAD = {"AP": [30.0, 30.2, 29.9], "oLRP": [70.0, 70.3, 69.8]}


def test_a_row_is_better_or_worse_in_the_direction_of_its_metric() -> None:
    ap, olrp = matrices([Loss(GOOD, True), Loss(BAD, True)])
    assert (ap.metric.key, olrp.metric.key) == ("AP", "oLRP")
    for matrix in (ap, olrp):
        (same, better), (worse, also_same) = matrix.rows
        assert same is also_same is None and matrix.tested == 1
        assert (better.verdict, worse.verdict) == ("better", "worse")
        assert better.difference.reversed() == worse.difference
    assert ap.rows[0][1].difference.value > 0 > olrp.rows[0][1].difference.value


def test_grey_cells_have_a_difference_and_no_verdict() -> None:
    two = {key: values[:2] for key, values in BAD.items()}
    ap, _ = matrices([Loss(GOOD, True), Loss(two, True), Loss(BAD, False)])
    few, barely = ap.rows[0][1], ap.rows[0][2]
    assert few.why_grey == "fewer than 3 seeds" and few.difference.p is None and not few.verdict
    assert barely.why_grey == "barely learned" and barely.difference.low is None
    assert abs(barely.difference.value - 10) < 1e-9 and not barely.verdict and ap.tested == 0
    missing, _ = matrices([Loss(GOOD, True), Loss({"AP": [], "oLRP": []}, True)])
    assert missing.rows[0][1].difference is None and missing.rows[0][1].why_grey == "undefined"


def test_schedules_are_apart() -> None:
    fast = [Loss(GOOD, True, "fast"), Loss(BAD, True, "fast"), Loss(BAD, True, "fast")]
    found = matrices([Loss(GOOD, True), *fast, Loss(BAD, True), Loss(BAD, True, "alone")])
    assert [(m.schedule, m.metric.key, m.lines, m.tested) for m in found] == [
        ("", "AP", (0, 4), 1),
        ("", "oLRP", (0, 4), 1),
        ("fast", "AP", (1, 2, 3), 3),
        ("fast", "oLRP", (1, 2, 3), 3),
    ]
    assert found[2].rows[0][1].verdict == "better" and not found[2].rows[1][2].verdict


def test_many_losses_are_tested_and_the_best_are_shown() -> None:
    def loss(ap: float) -> Loss:
        return Loss({"AP": [ap, ap + 0.3, ap + 0.1], "oLRP": [90 - ap, 90.3 - ap, 90.1 - ap]}, True)

    count = MOST + 4
    for matrix in matrices([loss(1.0), *(loss(20.0 + at) for at in range(1, count))]):
        assert matrix.lines == (0, *range(5, count)) and matrix.losses == count
        assert [len(row) for row in matrix.rows] == [MOST] * MOST
        assert matrix.tested == count * (count - 1) // 2
