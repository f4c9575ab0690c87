"""Will a finished training go on to more epochs? What the plan says before anything starts."""

from pathlib import Path

from rankdet.files import read_record
from rankdet.results import course
from rankdet.results.course import read_course
from rankdet.results.layout import LAST, STATE
from rankdet.study.resolved_run import ResolvedRun


def goes_on_from(run: ResolvedRun, folder: Path) -> tuple[int, str | None] | None:
    """Returns the epoch at which a changed run has ended, if only its length has changed.

    The job that trains decides by the same rules (`rankdet.training.going_on`), and compares the
    data and the versions of packages as well.

    Args:
        run: The planned run.
        folder: Its folder.

    Returns:
        The epoch, and None if the training goes on from there, or why it starts again; None if
        more than the length has changed, or there is no state to go on from.
    """
    state, _ = read_record(folder / LAST / STATE)
    known, was = read_course(state), state.get("fingerprint")
    epochs = [int(path.stem[6:]) for path in (folder / LAST).glob("epoch_[0-9]*.pth")]
    if known is None or not isinstance(was, dict) or not epochs or not run.trained:
        return None
    same = {**run.hashes, "seed": str(run.seed)}
    if any(was.get(key) != same[key] for key in ("code", "loss", "seed")):
        return None
    why = course.objection(state, run.schedule, run.rest_hash, max(epochs))
    if why == "":
        return None
    whole, _ = course.epochs_and_iterations(run.schedule, known[0].epoch_length)
    passed = [kept for kept in run.kept_epochs if kept.in_training(whole) <= max(epochs)]
    if why is None and passed:
        why = f"the weights after epoch {passed[0].in_training(whole)} were not kept"
    return max(epochs), why
