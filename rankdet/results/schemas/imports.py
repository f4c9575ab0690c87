"""`import.json`: detections that `rankdet import` has taken into a study."""

from typing import ClassVar

from pydantic import Field

from rankdet.results.schemas.base import Record


class ImportRecord(Record):
    """The file `import.json`; the files that it names are in its folder.

    Attributes:
        name: name of the method.
        detector: name of its detector.
        detections: split to the file with its detections, the main split first.
        speed: file with the speed of its inference; empty if it is not known.
        title: shown in reports; empty for the name.
        url: where the model is described; empty if it is not known.
    """

    SCHEMA: ClassVar[str] = "rankdet.import/1"

    name: str
    dataset: str
    detector: str
    seed: int = 1
    detections: dict[str, str] = Field(min_length=1)
    speed: str = ""
    title: str = ""
    url: str = Field("", pattern=r"^(https?://\S+)?$")
