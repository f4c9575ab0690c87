"""Rates and weight decays of parts of a detector, with the names that mmengine gives them."""

from pydantic import Field

from rankdet.study.config.exact import Exact


class Part(Exact):
    """Factors for the parameters whose name has a text in it."""

    lr_mult: float | None = Field(None, ge=0, le=1000, description="Factor on the learning rate")
    decay_mult: float | None = Field(None, ge=0, le=1000, description="Factor on the weight decay")


class Paramwise(Exact):
    """Factors on learning rate and weight decay, as mmengine's `paramwise_cfg`."""

    custom_keys: dict[str, Part] | None = Field(
        None, description="Text in the name of a parameter, such as `backbone`, to factors"
    )
    norm_decay_mult: float | None = Field(
        None, ge=0, le=1000, description="Factor on the weight decay of normalisation layers"
    )
    bias_decay_mult: float | None = Field(
        None, ge=0, le=1000, description="Factor on the weight decay of biases"
    )
    bias_lr_mult: float | None = Field(
        None, ge=0, le=1000, description="Factor on the learning rate of biases"
    )
