"""Settings of the network: backbone, pyramid, heads, anchors and box deltas."""

from collections.abc import Iterator
from typing import Any

from torch import nn

from rankdet.training.built_settings.build import Built
from rankdet.training.built_settings.words import number, numbers

STAGES = ("c2", "c3", "c4", "c5")


def model_settings(built: Built) -> dict[str, str]:
    """Returns the settings of the network by name."""
    found = {**_backbone(built), **_pyramid(built), **_anchors(built), **_deltas(built)}
    return {**found, **_head(built)}


def _backbone(built: Built) -> dict[str, str]:
    config, module = built.config.backbone, built.model.backbone
    frozen = config.get("frozen_stages", -1)
    return {
        "backbone": _backbone_name(config),
        "backbone_frozen_stages": str(frozen),
        "bn_frozen": _batch_norm(config),
        "dcn": _deformable(module, config),
    }


def _backbone_name(config: Any) -> str:
    init = config.get("init_cfg") or {}
    weights = init.get("checkpoint", "none")
    style = config.get("style", "pytorch")
    if style == "caffe":
        return f"ResNet-{config.depth} of Caffe"
    if config.type == "ResNeXt":
        name = f"ResNeXt-{config.depth} {config.groups}×{config.base_width}d"
    elif config.type == "Res2Net":
        name = f"Res2Net-{config.depth} {config.base_width}w×{config.scales}s (v1d)"
    else:
        name = f"ResNet-{config.depth}"
    return f"{name}, style {style}, weights {weights}"


def _batch_norm(config: Any) -> str:
    norm = config.get("norm_cfg") or {"type": "BN", "requires_grad": True}
    if not config.get("norm_eval", True):
        return "no"
    return "statistics" if norm.get("requires_grad", True) else "statistics, scale and shift"


def _deformable(module: nn.Module, config: Any) -> str:
    dcn = config.get("dcn")
    if not dcn:
        return "none"
    version = {"DCN": 1, "DCNv2": 2}[dcn["type"]]
    used = [name for name, on in zip(STAGES, config.stage_with_dcn, strict=True) if on]
    groups = dcn.get("deform_groups", 1)
    return f"DCNv{version}, {groups} offset group(s), stages {used[0]}–{used[-1]}"


def _pyramid(built: Built) -> dict[str, str]:
    neck = built.model.neck
    level = neck.start_level
    start = f"level {level} (C{level + 2})"
    extra = getattr(neck, "add_extra_convs", False)
    if not extra:
        added = "max-pooling"
    else:
        relu = "ReLU" if getattr(neck, "relu_before_extra_convs", False) else "no ReLU"
        added = f"{extra}, {relu} between"
    return {
        "fpn_start": start,
        "fpn_num_outs": str(neck.num_outs),
        "fpn_add_extra_convs": added,
        "fpn_type": type(neck).__name__,
    }


def _anchors(built: Built) -> dict[str, str]:
    head = built.dense_head
    generator = getattr(head, "prior_generator", None)
    if generator is None:  # SOLOv2's grid
        strides = getattr(head, "strides", ())
        return {"anchor_strides": f"{numbers(strides)} (points)"}
    prefix = "RPN: " if built.two_stage else ""
    strides = [pair[0] if isinstance(pair, tuple) else pair for pair in generator.strides]
    if not hasattr(generator, "base_anchors"):
        return {"anchor_strides": f"{numbers(strides)} (points)"}
    return {
        "anchor_strides": prefix + numbers(strides),
        "anchor_ratios": prefix + numbers(generator.ratios.tolist()),
        "anchor_scales": prefix + _scales(generator),
    }


def _scales(generator: Any) -> str:
    octave = getattr(generator, "octave_base_scale", None)
    if octave is None:
        return f"scales {numbers(generator.scales.tolist())}"
    words = f"base {number(octave)}, {generator.scales_per_octave} per octave"
    strides = [pair[0] for pair in generator.strides]
    sizes = list(generator.base_sizes)
    return words if sizes == strides else f"{words}, base sizes {numbers(sizes)}"


def _deltas(built: Built) -> dict[str, str]:
    if built.two_stage:
        rpn = built.model.rpn_head.bbox_coder
        stages = [head.bbox_coder for head in built.box_heads]
        stds = [numbers(coder.stds) for coder in stages]
        named = "; ".join(f"stage {i}: {text}" for i, text in enumerate(stds, start=1))
        return {
            "delta_means": f"RPN and R-CNN: {numbers(rpn.means)}",
            "rpn_delta_stds": numbers(rpn.stds),
            "rcnn_delta_stds": named if len(stds) > 1 else stds[0],
        }
    coder = getattr(built.dense_head, "bbox_coder", None)
    if coder is None or not hasattr(coder, "stds"):
        return {}
    return {"delta_means": numbers(coder.means), "delta_stds": numbers(coder.stds)}


def _head(built: Built) -> dict[str, str]:
    head = built.dense_head
    if getattr(built.model, "bbox_head", None) is None and not built.two_stage:
        norms = [m for m in built.model.mask_head.modules() if isinstance(m, nn.GroupNorm)]
        words = f"GN, {norms[0].num_groups} groups" if norms else "none"
        return {"head_norm": words, "head_convs": _convs(built)}
    if built.two_stage:
        return {"head_norm": "none", "head_convs": _two_stage_convs(built)}
    norms = [module for module in head.modules() if isinstance(module, nn.GroupNorm)]
    scales = [module for module in head.modules() if type(module).__name__ == "Scale"]
    return {
        "head_norm": f"GN, {norms[0].num_groups} groups" if norms else "none",
        "head_convs": _convs(built),
        "head_scale": "one per level" if scales else "none",
        "centerness": "predicted" if _predicts_quality(head) else "none",
    }


def _predicts_quality(head: nn.Module) -> bool:
    names = ("atss_centerness", "conv_centerness")
    modules = [getattr(head, name, None) for name in names]
    return any(module is not None and len(list(module.parameters())) for module in modules)


def _convs(built: Built) -> str:
    head = built.dense_head
    stacked = getattr(head, "stacked_convs", 0) or getattr(head, "num_head_convs", 0)
    return f"{stacked} convs, {head.feat_channels} channels"


def _two_stage_convs(built: Built) -> str:
    box, rpn = built.box_heads[0], built.model.rpn_head
    words = f"RPN: one 3×3, {rpn.feat_channels} channels"
    words += f"; R-CNN: {len(box.shared_fcs)} shared fully connected, {box.fc_out_channels}"
    for head in _mask_heads(built):
        words += f"; masks: {head.num_convs} convs, {head.conv_out_channels} channels"
    return words


def _mask_heads(built: Built) -> Iterator[Any]:
    head = getattr(built.model.roi_head, "mask_head", None)
    if head is not None:
        yield head
