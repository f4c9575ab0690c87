"""Two-stage models and their losses, for tests."""

import copy

import torch

from rankdet.study.cards import load_loss
from tests.detectors.batches import small_config


def card(loss):
    name, _, variant = loss.partition("+")
    return load_loss(name).variant(variant)


def ours(name, loss):
    return small_config(name, card(loss))


def away_from_the_start(model, shift=0.02):
    noise = torch.Generator().manual_seed(7)
    return {
        key: value + shift * torch.randn(value.shape, generator=noise)
        if value.is_floating_point() and not any(word in key for word in ("running", "balance"))
        else value
        for key, value in model.state_dict().items()
    }


def losses_of(model, images, samples):
    torch.manual_seed(5)  # the random samplers draw the same
    found = model.train().loss(images, copy.deepcopy(samples))
    return {
        key: sum(value) if isinstance(value, list) else value
        for key, value in found.items()
        if "loss" in key
    }
