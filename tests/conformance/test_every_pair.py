"""Each sensible pair of detector and loss learns everywhere, on batches without objects too."""

import copy
import re

import pytest
import torch
from conformance.every_pair import every_pair, objection, plan, refused_pairs, spec

from rankdet.errors import InputError

LEVEL = re.compile(r"\.scales\.\d+\.")  # one parameter for each level; objects may miss a level


@pytest.fixture
def trained(request, tiny_shapes):
    """Returns a pair's model, its optimiser and one preprocessed batch."""
    from mmdet.registry import MODELS
    from mmengine.runner import Runner, set_random_seed

    from rankdet.detectors.models import model_config
    from rankdet.training import config

    run = spec(*request.param, tiny_shapes)
    manifest = config.load_manifest(run)
    set_random_seed(1)
    model = MODELS.build(
        model_config(
            run["detector_spec"],
            run["card"],
            form="small",
            classes=config.class_names(manifest),
            loss_file=run["loss_file"],
            test=run["test"],
        )
    )
    model.init_weights()
    model.train()
    loader = Runner.build_dataloader(config.train_loader(run, manifest), seed=1)
    batch = model.data_preprocessor(next(iter(loader)), training=True)
    optimiser = torch.optim.SGD(
        [p for p in model.parameters() if p.requires_grad], lr=config.learning_rate(run)
    )
    return model, optimiser, batch


def gradients(model, batch):
    """Returns the sum of the losses and each trained parameter's gradient."""
    model.zero_grad()
    total, _ = model.parse_losses(model.loss(batch["inputs"], copy.deepcopy(batch["data_samples"])))
    total.backward()
    return total.detach(), {n: p.grad for n, p in model.named_parameters() if p.requires_grad}


def faults(found):
    """Returns the parameters that training would leave out or spoil."""
    return [name for name, g in found.items() if g is None or not torch.isfinite(g).all()]


def unmoved(found):
    """Returns the parameters of heads whose gradient is 0 throughout."""
    largest = {}
    for name, gradient in found.items():
        if not name.startswith(("backbone.", "neck.")):
            name = LEVEL.sub(".scales.*.", name)
            largest[name] = max(largest.get(name, 0.0), float(gradient.abs().max()))
    return [name for name, value in largest.items() if value == 0]


def without_objects(batch, images):
    """Returns the batch with no objects in these images."""
    changed = {**batch, "data_samples": copy.deepcopy(batch["data_samples"])}
    for index in images:
        sample = changed["data_samples"][index]
        sample.gt_instances = sample.gt_instances[:0]
    return changed


@pytest.mark.parametrize("trained", every_pair(), indirect=True)
def test_pair_trains(trained):
    model, optimiser, batch = trained
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


@pytest.mark.parametrize(("detector", "loss"), refused_pairs())
def test_pair_that_is_not_sensible_says_why(detector, loss):
    with pytest.raises(InputError) as caught:
        plan(detector, loss)
    assert objection(detector, loss) in str(caught.value)
    assert "\n" not in str(caught.value)
