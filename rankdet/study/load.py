"""A study from its config files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rankdet.files import shown
from rankdet.study.config.check import check_config, load_config
from rankdet.study.plan import Study
from rankdet.suggest import merged_by_type


def load_study(
    paths: Sequence[str | Path],
    overrides: Mapping[str, Any] | None = None,
    with_data: bool = True,
) -> Study:
    """Reads config files (later ones override earlier ones) and checks the study.

    Args:
        paths: The config files.
        overrides: Keys that override theirs.
        with_data: Whether the files of the data must be there.

    Raises:
        InputError: One line that names file and key.
    """
    values = merged_by_type({}, *(load_config(Path(path)) for path in paths), overrides or {})
    source = " + ".join(shown(Path(path)) for path in paths)
    return Study(check_config(values, source), source, with_data)
