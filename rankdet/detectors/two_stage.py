"""Faster, Cascade and Mask R-CNN: a criterion for each of their heads.

A loss card can have parts for single heads: `rpn` (region proposal network), `rcnn` (box heads) and
`mask` (mask head). By default a ranking loss trains the RPN (with weight .2) and the box heads in
the same way, without samplers, as in the papers. A baseline keeps mmdet's RPN and its samplers.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from rankdet.detectors import mask_heads, rcnn, rpn
from rankdet.detectors.baselines import SigmoidCrossEntropyLoss
from rankdet.detectors.criteria import classification_class
from rankdet.detectors.stages import stage_card
from rankdet.errors import InputError

RPN_WEIGHT = 0.2  # weight of all losses of the RPN (aLRP Loss, appendix F; Rank & Sort Loss)
NO_SAMPLER = {"type": "PseudoSampler"}
# More than there are: every proposal, and the ground truth among them.
EVERYTHING = {
    "type": "RandomSampler",
    "num": 10**10,
    "pos_fraction": 0.25,
    "neg_pos_ub": -1,
    "add_gt_as_proposals": True,
}

Config = dict[str, Any]


def configure(model: Config, detector: Mapping[str, Any], criterion: Mapping[str, Any]) -> None:
    """Puts criteria into the RPN, every box head and the mask head of the model.

    Raises:
        InputError: If the model has a head without adapter, or the loss card has an unknown option.
    """
    card, file = criterion["card"], criterion["loss_file"]
    baseline = _is_baseline(card["classification"]["type"], file)
    roi = model["roi_head"]
    _check_types(detector["name"], model)
    _configure_rpn(model, card, file, baseline)
    for index, (head, settings) in enumerate(_box_heads(model)):
        _configure_box_head(head, settings, card, file, baseline, f"s{index}_")
    if "mask_head" in roi:
        mask_heads.configure(roi, card)


def _check_types(detector: str, model: Config) -> None:
    """Raises InputError for heads without adapter: they would be replaced by other heads."""
    roi = model["roi_head"]
    found = {head["type"] for head, _ in _box_heads(model)} | {model["rpn_head"]["type"]}
    found |= {roi["type"]} | ({roi["mask_head"]["type"]} if "mask_head" in roi else set())
    known = {"RPNHead", "Shared2FCBBoxHead", "StandardRoIHead", "FCNMaskHead"}
    known |= set() if "mask_head" in roi else {"CascadeRoIHead"}
    if found - known:
        raise InputError(
            f"detector {detector!r}: no adapter for {', '.join(sorted(found - known))}; known: "
            f"{', '.join(sorted(known))}"
        )


def _configure_rpn(model: Config, card: Mapping, file: str | None, baseline: bool) -> None:
    head, settings = model["rpn_head"], model["train_cfg"]["rpn"]
    change = card.get("rpn") or {}
    stock = baseline and not change.get("classification")
    own = {**card, "classification": {"type": SigmoidCrossEntropyLoss.__name__}}
    own |= {"box": {"type": "stock"}, "balance": {"type": "none"}}
    part = stage_card(own if stock else card, change, settings, head["loss_bbox"])
    if part["classification"].get("labels") in ("dice", "mean"):
        part["classification"]["labels"] = "iou"  # proposals have no masks
    weight = change.get("weight", 1.0 if baseline else RPN_WEIGHT)
    _choose_sampler(settings, change.get("sampler", "random" if baseline else "none"), "rpn")
    head.update(
        type=rpn.CriterionRPNHead.__name__,
        criterion={"card": part, "loss_file": file, "weight": weight},
        per_sample=stock,
    )
    _set_delta_stds(head, change)
    if change.get("prior"):
        override = {"type": "Normal", "name": "rpn_cls", "std": 0.01, "bias_prob": change["prior"]}
        head["init_cfg"] = {"type": "Normal", "layer": "Conv2d", "std": 0.01, "override": override}


def _configure_box_head(
    head: Config,
    settings: Config,
    card: Mapping,
    file: str | None,
    baseline: bool,
    prefix: str,
) -> None:
    change = card.get("rcnn") or {}
    part = stage_card(card, change, settings, head["loss_bbox"])
    found = classification_class(part["classification"]["type"], file)
    softmax = getattr(found, "background", False)
    prior = change.get("prior", 0.01 if baseline and not softmax else None)
    _choose_sampler(settings, change.get("sampler", "random" if baseline else "none"), "rcnn")
    _set_delta_stds(head, change)
    head.update(
        type=rcnn.CriterionBBoxHead.__name__,
        criterion={"card": part, "loss_file": file, "weight": change.get("weight", 1.0)},
        per_sample=softmax,
        prior=prior,
        record_prefix=prefix,
    )
    if not softmax:
        head["loss_cls"] = {"type": rcnn.ClassSigmoids.__name__}


def _set_delta_stds(head: Config, change: Mapping[str, Any]) -> None:
    """Sets what a head's box deltas are divided by, where the loss card says so."""
    if change.get("delta_stds"):
        head["bbox_coder"] = {**head["bbox_coder"], "target_stds": list(change["delta_stds"])}


def _box_heads(model: Config) -> Iterator[tuple[Config, Config]]:
    """Yields each box head's config with its training settings."""
    heads, settings = model["roi_head"]["bbox_head"], model["train_cfg"]["rcnn"]
    if isinstance(heads, list):
        yield from zip(heads, settings, strict=True)
    else:
        yield heads, settings


def _choose_sampler(settings: Config, sampler: str, where: str) -> None:
    """Keeps mmdet's random sampler, or uses every anchor or proposal.

    With `all`, the ground-truth boxes are proposals too, as in the released code of Rank & Sort
    Loss. A detector file can have another sampler for `none`: `unsampled` in `train_cfg.rcnn`.
    """
    unsampled = settings.pop("unsampled", NO_SAMPLER)
    if sampler == "none":
        settings["sampler"] = dict(unsampled)
    elif sampler == "all":
        settings["sampler"] = dict(EVERYTHING)
    elif sampler != "random":
        raise InputError(f"CARD {where}.sampler: found {sampler!r}; known: all, none, random")


def _is_baseline(name: str, file: str | None) -> bool:
    """Returns whether a classification part is one of mmdet's losses."""
    return classification_class(name, file).__module__.startswith("rankdet.detectors.")
