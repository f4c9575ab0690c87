"""The first iterations of a pair: its model, a batch, and checks of the gradients."""

import copy
import re
from typing import Any

import torch

LEVEL = re.compile(r"\.scales\.\d+\.")  # one parameter per level; a level may have no objects


def start(run: dict[str, Any]) -> tuple[Any, torch.optim.Optimizer, dict[str, Any]]:
    """Returns the model of a run's spec, its optimiser and one preprocessed batch."""
    from mmdet.registry import MODELS
    from mmengine.runner import Runner, set_random_seed

    from rankdet.detectors.models import model_config
    from rankdet.training import config

    manifest = config.load_manifest(run)
    set_random_seed(1)
    model = MODELS.build(
        model_config(
            run["detector_spec"],
            run["card"],
            preset="small",
            classes=config.class_names(manifest),
            loss_file=run["loss_file"],
            test=run["test"],
        )
    )
    model.init_weights()
    model.train()
    loader = Runner.build_dataloader(config.train_loader(run, manifest), seed=1)
    batch = model.data_preprocessor(next(iter(loader)), training=True)
    parameters = [p for p in model.parameters() if p.requires_grad]
    return model, torch.optim.SGD(parameters, lr=run["schedule"]["lr"]), batch


def gradients(model: Any, batch: dict[str, Any]) -> tuple[torch.Tensor, dict[str, Any]]:
    """Returns the sum of the losses and each trained parameter's gradient."""
    model.zero_grad()
    total, _ = model.parse_losses(model.loss(batch["inputs"], copy.deepcopy(batch["data_samples"])))
    total.backward()
    return total.detach(), {n: p.grad for n, p in model.named_parameters() if p.requires_grad}


def faults(found: dict[str, Any]) -> list[str]:
    """Returns the parameters without a gradient, or with one that is not finite."""
    return [name for name, g in found.items() if g is None or not torch.isfinite(g).all()]


def unmoved(found: dict[str, Any]) -> list[str]:
    """Returns the parameters of heads whose gradient is 0 everywhere."""
    largest: dict[str, float] = {}
    for name, gradient in found.items():
        if not name.startswith(("backbone.", "neck.")):
            name = LEVEL.sub(".scales.*.", name)
            largest[name] = max(largest.get(name, 0.0), float(gradient.abs().max()))
    return [name for name, value in largest.items() if value == 0]


def without_objects(batch: dict[str, Any], images: list[int]) -> dict[str, Any]:
    """Returns the batch without the objects of these images."""
    changed = {**batch, "data_samples": copy.deepcopy(batch["data_samples"])}
    for index in images:
        sample = changed["data_samples"][index]
        sample.gt_instances = sample.gt_instances[:0]
    return changed


def check(run: dict[str, Any]) -> None:
    """Checks two iterations with objects, one with an empty image, and one without objects."""
    model, optimiser, batch = start(run)
    for _ in range(2):
        total, found = gradients(model, batch)
        assert torch.isfinite(total)
        assert not faults(found)
        assert not unmoved(found)
        optimiser.step()
    for images in ([0], [0, 1]):
        total, found = gradients(model, without_objects(batch, images))
        assert torch.isfinite(total)
        assert not faults(found)
