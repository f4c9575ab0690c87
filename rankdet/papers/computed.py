"""Tables without runs: computed by code in the paper's folder, or counted from the loss cards.

In a specification, `computed_by: toy_example.precision` names the function `precision` of the file
`toy_example.py` in the same folder. The function takes no argument and returns row to column to
value, by the keys of the rows and the metrics of the columns.
"""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from rankdet.errors import InputError
from rankdet.files import import_file, shown
from rankdet.papers.hyperparameters import Values, hyperparameter_counts
from rankdet.papers.load import code_file
from rankdet.papers.spec import HYPERPARAMETERS, Spec
from rankdet.repository import paper_file
from rankdet.results.records import RecordedStudy


def computed_values(spec: Spec, study: RecordedStudy | None) -> Values:
    """The values of a computed table.

    Args:
        spec: the specification, with `computed_by`.
        study: needed only for counts of hyperparameters.

    Raises:
        InputError: the code has a fault, or does not define the function.
    """
    if spec.computed_by == HYPERPARAMETERS:
        return hyperparameter_counts(study, spec)
    name = spec.computed_by.rpartition(".")[2]
    function: Callable[[], Values] | None = getattr(paper_code(spec), name, None)
    if not callable(function):
        raise InputError(f"{shown(_path(spec))}: there is no function {name!r}; define it")
    return function()


def paper_code(spec: Spec) -> ModuleType:
    """The module that `computed_by` of a specification names.

    Raises:
        InputError: the file does not exist or has a fault.
    """
    return import_file(_path(spec))


def _path(spec: Spec) -> Path:
    file = code_file(paper_file(spec.id), spec.computed_by)
    if file is None:
        raise InputError(f"{spec.id}: computed_by: found {spec.computed_by!r}, not a function")
    return file
