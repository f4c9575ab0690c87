"""Settings of a study: a boolean is no number, and a number is no boolean.

It is not in `rankdet.strict`: data jobs use that, and every edit of it makes their data again.
"""

from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from rankdet.strict import Strict


class Exact(Strict):
    """A model that refuses `1` for `true` and `true` for `1`, which pydantic converts."""

    @field_validator("*", mode="before")
    @classmethod
    def _booleans_are_no_numbers(cls, value: Any, info: ValidationInfo) -> Any:
        types = _types(cls.model_fields[str(info.field_name)].annotation)
        if isinstance(value, bool) and bool not in types and types & {int, float}:
            shown, needed = str(value).lower(), "a number"
        elif isinstance(value, int | float | str) and bool in types and type(value) not in types:
            shown, needed = repr(value)[:60], "true or false"
        else:
            return value
        raise PydanticCustomError(
            "rule", "found {value}; give {needed}", {"value": shown, "needed": needed}
        )


def _types(annotation: Any) -> set[Any]:
    """The types of a field: `int` and `NoneType` of `Annotated[int, ...] | None`."""
    if get_origin(annotation) is Annotated:
        return _types(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return {found for one in get_args(annotation) for found in _types(one)}
    return {annotation}
