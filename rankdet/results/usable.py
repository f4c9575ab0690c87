"""Whether a run's numbers can be compared with those of other runs."""

from rankdet.results.recorded_run import RecordedRun
from rankdet.results.status import DIVERGED


def unusable(run: RecordedRun, checksum: str | None) -> str | None:
    """Returns why a run's numbers are left out of tables; None if they can be used.

    A run that diverged has no numbers. A run that was made on another version of the data is not
    comparable with the others.

    Args:
        run: The run.
        checksum: Checksum of the data, from the study's manifest; None if it is unknown.
    """
    if run.status == DIVERGED:
        return f"seed {run.seed} diverged: {run.reason or 'no reason was recorded'}"
    if run.main.reason:
        return f"seed {run.seed}: {run.reason or run.main.reason}"
    return other_data(run, checksum)


def other_data(run: RecordedRun, checksum: str | None) -> str | None:
    """Returns a sentence if a run was made on other data than the manifest's; else None."""
    made_on = run.provenance.data_checksum
    if checksum and made_on and made_on != checksum:
        return f"seed {run.seed} was made on another version of the data ({made_on[:19]})"
    return None
