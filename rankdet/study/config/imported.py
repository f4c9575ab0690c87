"""The key `imported` of a study: detections that other tools made."""

from typing import Annotated

from pydantic import Field, StringConstraints

from rankdet.datasets.options import Text
from rankdet.study.config.datasets import Name
from rankdet.study.config.exact import Exact

Url = Annotated[str, StringConstraints(pattern=r"^https?://\S+$", max_length=2000)]
ELSEWHERE = "elsewhere"  # the detector of detections that do not name one


class Imported(Exact):
    """Detections of a model that was trained elsewhere: a row of the report, without a training."""

    name: Name = Field(description="Name of the method; the row is stored in `<name>@imported`")
    dataset: Name = Field(description="One of `datasets`")
    detections: dict[Name, Text] = Field(
        min_length=1,
        description="Split to a JSON file in COCO's results format; the main split must be there",
    )
    detector: Name = Field(
        ELSEWHERE,
        description=(
            "Name of the detector; with the name of a detector of the study, the comparison page "
            "of that detector shows the row too"
        ),
    )
    seed: int = Field(1, ge=0, lt=2**32, description="Distinguishes several trainings of a method")
    title: Text | None = Field(None, description="Shown in reports; default: the name")
    speed: Text | None = Field(
        None, description="A `speed.json` (`rankdet.speed/1`) with the speed of its inference"
    )
    url: Url | None = Field(None, description="Where the model is described; shown as a link")
