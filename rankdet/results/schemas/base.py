"""What all records share: how they are read, checked and written."""

from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, StrictInt, ValidationError
from typing_extensions import Self  # of typing from Python 3.11; pydantic brings it

from rankdet.errors import InputError
from rankdet.files import read_record, write_record

Number = StrictInt | Annotated[float, Field(strict=True, allow_inf_nan=False)]
Metrics = dict[str, Number | None]  # metric to value; None if undefined


class Part(BaseModel):
    """A part of a record. A value that is not in the file is None; unknown keys are kept."""

    model_config = ConfigDict(extra="allow", frozen=True, populate_by_name=True)

    def get(self, key: str, default: Any = None) -> Any:
        """Returns the value of any key of the file; `default` if the file does not have it."""
        return getattr(self, key, default)

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON content, with the keys that were given."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


class Record(Part):
    """A whole file.

    Attributes:
        SCHEMA: name and version of the format, the value of the file's key `schema`.
    """

    SCHEMA: ClassVar[str] = ""

    @classmethod
    def of(cls, **values: Any) -> Self:
        """Returns a record of these values, with the schema.

        Raises:
            pydantic.ValidationError: If a value has the wrong type.
        """
        return cls.model_validate({"schema": cls.SCHEMA, **values})

    @classmethod
    def read(cls, path: Path) -> tuple[Self | None, str | None]:
        """Reads a file that may be missing or damaged.

        Returns:
            The record and None, or None and the problem in one line.
        """
        data, problem = read_record(path)
        if problem:
            return None, problem
        if data.get("schema") != cls.SCHEMA:
            found = data.get("schema")
            return None, f"{path.name} has schema {found!r}, expected {cls.SCHEMA!r}"
        try:
            return cls.model_validate(data), None
        except ValidationError as error:
            return None, f"{path.name} is damaged: {first_problem(error)}"

    @classmethod
    def from_disk(cls, path: Path | str) -> Self:
        """Reads a file that must be there.

        Raises:
            InputError: If it is missing, damaged, or has another schema.
        """
        record, problem = cls.read(Path(path))
        if record is None:
            raise InputError(
                f"{path}: {problem}; if a job wrote this file, delete it and run again"
            )
        return record

    def to_disk(self, path: Path | str) -> None:
        """Writes the file atomically.

        Raises:
            OSError: If it cannot be written.
        """
        write_record(Path(path), self.to_dict())


def first_problem(error: ValidationError) -> str:
    """Returns the first problem of a record: the key, and what is wrong with its value."""
    every = error.errors()
    found = every[0]
    place, message = found["loc"], found["msg"].partition(" or instance of")[0]
    # A number is an int or a float: pydantic has an error for each, and adds its name to the key.
    if place[-1:] == ("int",) and (*place[:-1], "float") in (one["loc"] for one in every):
        place, message = place[:-1], "should be a number"
    key = ".".join(str(part) for part in place)
    message = message.removeprefix("Input ")
    return f"{key}: {message}" if key else message


def has_no_file(problem: str | None) -> bool:
    """Returns whether a problem of `Record.read` is that there is no file."""
    return problem is not None and problem.endswith("is missing")
