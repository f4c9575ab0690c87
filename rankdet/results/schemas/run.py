"""`run.json`: how a run was trained, and with what."""

from typing import Any, ClassVar

from rankdet.results.schemas.base import Number, Part, Record


class RunIdentity(Part):
    """Which run it is."""

    study: str | None = None
    dataset: str | None = None
    detector: str | None = None
    backbone: str = ""
    loss: str | None = None
    variant: str = ""
    seed: int | None = None
    preset: str | None = None


class TrainingSummary(Part):
    """The training in numbers; times are seconds, memory is MB.

    The ratios of negatives to positives have one key per head (`instance_ratio_rpn`); read
    them with `get`.

    Attributes:
        went_on_from: epochs at which shorter trainings had ended, from whose last state this one
            went on; None if it was trained in one go.
        kept_epochs: name of each kept epoch, such as `50-of-100`, to the iteration after which its
            weights were kept; None if none was kept.
    """

    iterations: int | None = None
    epochs: int | None = None
    seconds: Number | None = None
    seconds_per_iteration: Number | None = None
    peak_memory_mb: Number | None = None
    device: str | None = None
    resumed_from: list[int] | None = None
    went_on_from: list[int] | None = None
    kept_epochs: dict[str, int] | None = None
    image_size: int | list[int] | None = None
    batch_size: int | None = None
    gpus: int = 1
    images_per_gpu: int | None = None
    accumulate: int = 1
    precision: str = "fp32"
    rank_scope: str = "gpu"
    sync_bn: bool = False
    compile: bool = False


class Provenance(Part):
    """Commit, hashes, versions, hardware and times of a training.

    Attributes:
        checkpoint: `file`, `sha256` and `mmdet` (the version) of a given checkpoint.
        init_from: `file`, `sha256` and `mmdet` of the weights that the training started from, and
            `left_out`, the layers of classes that it did not take from there.
        imported: `files` (split to `file` and `sha256`) and `url` of imported detections.
        detections_hash: hash of these files.
        made_of: `settings` and `files` of a training: what the hashes are made of.
    """

    commit: str | None = None
    dirty: bool | None = None
    config_hash: str | None = None
    code_hash: str | None = None
    loss_hash: str | None = None
    data_checksum: str | None = None
    seed: int | None = None
    versions: dict[str, str] | None = None
    hardware: dict[str, Any] | None = None
    started: str | None = None
    finished: str | None = None
    checkpoint: dict[str, str | None] | None = None
    init_from: dict[str, Any] | None = None
    imported: dict[str, Any] | None = None
    detections_hash: str | None = None
    made_of: dict[str, dict[str, Any]] | None = None


class AtEpoch(Part):
    """The place in a training at which weights were kept.

    Attributes:
        epoch: the epoch of the paper's schedule.
        of: the number of epochs of the paper's schedule.
        own_epoch: the corresponding epoch of the training.
        own_epochs: the number of epochs of the training's schedule.
        iteration: the iteration that ended `own_epoch`; None if training diverged before.
    """

    epoch: int
    of: int
    own_epoch: int
    own_epochs: int
    iteration: int | None = None


class RunRecord(Record):
    """The record of a training.

    Attributes:
        status: `trained`, `given checkpoint`, `imported`, `untrained`, `collapsed` or `diverged`.
        reason: why it is not `trained`, in one line.
        training: None for an untrained model, a given checkpoint and imported detections.
        at_epoch: where on the way the weights are from; None for those of the end.
    """

    SCHEMA: ClassVar[str] = "rankdet.run/1"

    run: RunIdentity
    status: str
    reason: str | None = None
    training: TrainingSummary | None = None
    at_epoch: AtEpoch | None = None
    provenance: Provenance | None = None
