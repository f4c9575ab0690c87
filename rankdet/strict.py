"""Typed settings: an error is one line that says where, what was found, and what to write."""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from rankdet.errors import InputError
from rankdet.suggest import nearest

UNION_TAG = "kind="  # pydantic puts the member of a union that it tried into the location
Model = TypeVar("Model", bound=BaseModel)
Finding = tuple[tuple[int | str, ...], str]  # the keys that lead to a value, and a message


class Strict(BaseModel):
    """A model that knows all of its keys and names the nearest one for a typo."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, value: Any) -> Any:
        if isinstance(value, Mapping):
            for key in value:
                if key not in cls.model_fields:
                    raise PydanticCustomError(
                        "unknown_key",
                        "{key}: unknown key; {hint}",
                        {"key": str(key), "hint": nearest(str(key), cls.model_fields)},
                    )
        return value


def read(model: type[Model], values: Any, source: str) -> Model:
    """Returns the checked model.

    Args:
        model: What `values` should be.
        values: As read from YAML or Python.
        source: File (and key) of the values, for messages.

    Raises:
        InputError: One line for the first finding, with the number of the others.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise InputError(f"{source}: {first_problem(error)}{more}") from None


def first_problem(error: ValidationError) -> str:
    """Returns the first finding as `key path: what was found; what to do`."""
    place, message = _findings(error)[0]
    path = key_path(place)
    return f"{path}: {message}" if path else message


def problems(model: type[BaseModel], values: Any) -> list[Finding]:
    """Returns every error in values: the keys that lead there, and what to do.

    Args:
        model: What `values` should be.
        values: As read from YAML or Python.
    """
    try:
        model.model_validate(values)
    except ValidationError as error:
        return _findings(error)
    return []


def _findings(error: ValidationError) -> list[Finding]:
    found = []
    for finding in error.errors(include_url=False):
        key = finding["ctx"]["key"] if finding["type"] == "unknown_key" else None
        found.append(((*finding["loc"], *([key] if key else [])), _message(finding)))
    return found


def _message(finding: ErrorDetails) -> str:
    """Returns what was found and what to do."""
    if finding["type"] == "unknown_key":
        return f"unknown key; {finding['ctx']['hint']}"
    message = finding["msg"].removeprefix("Value error, ")
    if finding["type"] == "missing":
        return "missing; this key must be given"
    if finding["type"] == "string_pattern_mismatch":
        message = "use lower-case letters, digits, '-', '_' and '.'"
    if finding["type"] in ("value_error", "rule"):
        return message
    if finding["type"] == "literal_error" and isinstance(finding["input"], str):
        known = re.findall(r"'([^']*)'", finding["ctx"]["expected"])
        hint = nearest(finding["input"], known)
        if hint.startswith("did you mean"):
            return f"found {_short(finding['input'])}; {hint}"
    message = message.replace("Input should be", "it should be")
    message = message[:1].lower() + message[1:]
    return f"found {_short(finding['input'])}; {message}"


def key_path(location: tuple[int | str, ...]) -> str:
    """Returns `runs[0].losses[2]` for pydantic's location, leaving out the tags of unions."""
    path = ""
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part != "float" and not part.startswith((UNION_TAG, "dict[")):
            path += f".{part}" if path else str(part)
    return path


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
