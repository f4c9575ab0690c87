"""Wrong types, dtypes, shapes and devices: an error in one line that names the argument.

The losses are found by their registry (`functional.__all__`, the classes of `rankdet.losses`) and
their arguments by their signatures, so that a new loss is tested too.
"""

import inspect
import math

import numpy as np
import pytest
import torch

from rankdet import losses
from rankdet.losses import (
    ErrorDrivenRankingLoss,
    FlatProblem,
    Ranking,
    RankingLoss,
    functional,
)

VALID = {
    "logits": torch.tensor([2.0, 1.0, 0.0, -1.0]),
    "labels": torch.tensor([1, 0, 1, 0]),
    "targets": torch.tensor([0.7, 0.0, 0.4, 0.0]),
    "group": torch.tensor([0, 0, 1, 1]),
    "loc_errors": torch.tensor([0.2, 0.5]),
    "ious": torch.tensor([0.9, 0.7]),
}


class OwnLoss(ErrorDrivenRankingLoss):
    """A new loss: one minus the precision."""

    def error(self, ranks):
        """Returns the error of each positive."""
        return ranks.false_positives / ranks.rank


KINDS = [getattr(losses, name) for name in losses.__all__ if name.endswith("Loss")]
KINDS = [kind for kind in KINDS if issubclass(kind, RankingLoss)]
KINDS = [k for k in KINDS if k not in (RankingLoss, ErrorDrivenRankingLoss)] + [OwnLoss]
FUNCTIONS = [getattr(functional, name) for name in functional.__all__]


def calls():
    """Yields a name, a function and its parameters for every public loss."""
    for function in FUNCTIONS:
        yield function.__name__, function, inspect.signature(function).parameters
    for kind in KINDS:
        loss = kind()
        yield kind.__name__, loss, inspect.signature(loss.forward).parameters


CALLS = {name: (call, parameters) for name, call, parameters in calls()}


def valid(parameters, **changes):
    """Returns arguments that work: a new name of a tensor must be taught to `VALID`."""
    needed = [name for name, one in parameters.items() if one.default is one.empty]
    return {name: VALID[name] for name in (*needed, "group")} | changes


def line(call, *args, **options):
    """Returns the message of the error in one line that a call gives."""
    with pytest.raises((TypeError, ValueError)) as caught:
        call(*args, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


TENSORS = [
    (name, one) for name, (_, parameters) in CALLS.items() for one in parameters if one in VALID
]
of_every_tensor = pytest.mark.parametrize(("name", "argument"), TENSORS)


@of_every_tensor
def test_the_right_arguments_work(name, argument):
    call, parameters = CALLS[name]
    made = call(**valid(parameters))
    values = [made] if isinstance(made, torch.Tensor) else made
    assert argument in parameters and all(value.isfinite() for value in values)


@pytest.mark.fault("something else than a tensor given to a loss")
@of_every_tensor
@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda tensor: tensor.tolist(), "a list; give a tensor"),
        (lambda tensor: tensor.numpy(), "a numpy array; give a tensor"),
        (lambda tensor: 1.5, "a float; give a tensor"),
        (lambda tensor: tensor.to(torch.complex64), "torch.complex64; give a tensor"),
        (lambda tensor: tensor.to_sparse(), "a sparse or nested tensor; give a dense one"),
        (lambda tensor: tensor.to("meta"), "device meta|on meta"),
    ],
    ids=["list", "numpy", "number", "complex", "sparse", "another device"],
)
def test_something_else_than_a_tensor_is_named(name, argument, make, said):
    call, parameters = CALLS[name]
    found = line(call, **valid(parameters, **{argument: make(VALID[argument])}))
    if "|" in said and argument == "logits":
        assert found.startswith("logits are on the device meta, which has no values")
    elif "|" in said:
        assert found.startswith(argument) and "on meta, but other inputs on cpu" in found
    else:
        assert found.startswith(argument) and said in found


@pytest.mark.parametrize("name", CALLS)
def test_none_is_named_except_as_the_group(name):
    call, parameters = CALLS[name]
    for argument in set(valid(parameters)) - {"group"}:
        found = line(call, **valid(parameters, **{argument: None}))
        assert found.startswith(f"{argument} are None; give a tensor")
    call(**valid(parameters, group=None))


@pytest.mark.fault("tensor of a wrong dtype or shape given to a loss")
@of_every_tensor
def test_a_wrong_dtype_or_shape_is_named(name, argument):
    call, parameters = CALLS[name]
    wrong = [VALID[argument][:1], VALID[argument].repeat(2)]
    if argument == "group":
        wrong += [VALID[argument].float(), VALID[argument] > 0]
    elif argument == "logits":
        wrong += [VALID[argument].long(), VALID[argument] > 0]
    elif argument in ("loc_errors", "ious"):
        wrong += [VALID[argument][:, None], VALID[argument][0]]
    for values in wrong:
        found = line(call, **valid(parameters, **{argument: values}))
        meant = {"ious": "IoUs", "loc_errors": "localisation errors", "targets": "labels"}
        assert argument in found or meant[argument] in found


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_a_float_group_says_what_to_give(function):
    parameters = inspect.signature(function).parameters
    found = line(function, **valid(parameters, group=VALID["group"] * 0.5))
    assert found == (
        "group is torch.float32; give a tensor with one integer per logit, such as an image index"
    )


OPTIONS = [
    (of, name, one.default)
    for of, parameters in (
        *((function, inspect.signature(function).parameters) for function in FUNCTIONS),
        *((kind, inspect.signature(kind).parameters) for kind in KINDS),
    )
    for name, one in parameters.items()
    if one.default is not one.empty and name != "group"
]


@pytest.mark.fault("option of a loss of a wrong kind or outside its range")
@pytest.mark.parametrize(
    ("of", "option", "default"), OPTIONS, ids=lambda value: getattr(value, "__name__", None)
)
def test_every_option_is_checked(of, option, default):
    if isinstance(default, bool):
        wrong = ["no", 2, None]
    elif isinstance(default, str):
        wrong = ["nothing", ["step"], None]
    elif isinstance(default, float):
        wrong = ["0.5", math.nan, math.inf, [0.5], True, *([] if option == "margin" else [-1])]
    else:
        wrong = ["5", 2.5, -1, math.nan, math.inf, [5], True]
    more = {} if isinstance(of, type) else valid(inspect.signature(of).parameters)
    for value in wrong:
        found = line(of, **more, **{option: value})
        assert found.startswith(f"{option} is"), (value, found)


@pytest.mark.fault("something else than a tensor given to a loss")
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_terms_of_something_else_than_a_problem_is_named(kind):
    assert line(kind().terms, VALID["logits"]) == "problem is a Tensor; give a FlatProblem"


@pytest.mark.parametrize("kind", [losses.ALRPLoss, losses.APELoss, losses.RankSortLoss])
def test_terms_of_a_problem_without_its_ious_or_errors_says_who_sets_them(kind):
    boxes = torch.tensor([[0.0, 0, 9, 9]])
    mask = torch.zeros(2, dtype=torch.bool)
    problem = FlatProblem(torch.zeros(2, 3), torch.tensor([1, 3]), mask, boxes, boxes)
    problem.error_range = 2.0
    assert "for 1 positives; a Criterion sets them" in line(kind().terms, problem)


def test_a_ranking_checks_its_inputs():
    assert line(Ranking, [1.0], torch.ones(1), 0.5).startswith("logits are a list")
    assert line(Ranking, torch.ones(2), torch.ones(1), 0.5).startswith("1 labels for 2 logits")
    assert line(Ranking, torch.ones(1), torch.ones(1), -1).startswith("delta is -1")


def test_numbers_of_numpy_are_numbers():
    loss = losses.APELoss(np.float32(8), np.int64(100))
    assert loss.max_negatives == 100 and loss(*(VALID[n] for n in ("logits", "labels", "ious"))) > 0
    assert losses.APELoss(max_negatives=1e3).max_negatives == 1000


@pytest.mark.fault("tensor of a wrong dtype or shape given to a loss")
@pytest.mark.parametrize("name", CALLS)
def test_dtypes_that_pytorch_hardly_computes_with_are_named(name):
    call, parameters = CALLS[name]
    small = getattr(torch, "float8_e4m3fn", None)  # from PyTorch 2.1
    if small is None:
        pytest.skip("this PyTorch has no float8")
    for argument in ("logits", "targets" if "targets" in parameters else "labels"):
        changed = {argument: VALID[argument].to(small)}
        assert line(call, **valid(parameters, **changed)).startswith(f"{argument} are torch.float8")
