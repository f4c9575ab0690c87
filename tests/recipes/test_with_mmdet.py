"""The recipes for stock mmdet: its own configs with the changes of the page, and two steps."""

import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from mmengine.registry import init_default_scope

from rankdet.detectors import in_mmdet
from tests.detectors.batches import batch, without_objects
from tests.recipes.pages import blocks

mmdet = pytest.importorskip("mmdet")
CONFIGS = Path(mmdet.__file__).parent / ".mim" / "configs"
PAGES = [block for page in ("mmdet.md", "detr.md") for block in blocks(page) if "_base_" in block]
NAMES = [re.search(r"mmdet::(\w+)/", block)[1] for block in PAGES]
WEAK = """
model = dict(bbox_head=dict(loss_cls=dict(_delete_=True, type="rankdet.APLoss")))
"""


@pytest.fixture(scope="module", autouse=True)
def registered():
    from mmdet.utils import register_all_modules

    register_all_modules(init_default_scope=True)


def config_of(text, folder):
    """Returns a config as mmengine reads it from a file, with mmdet's folder as its base."""
    file = folder / "config.py"
    file.write_text(text.replace("mmdet::", f"{CONFIGS}/"))
    return Config.fromfile(file)


def small(model):
    """Makes a model small enough for a CPU; the head stays as it is, except for its width."""
    model.backbone.update(depth=18, init_cfg=None, style="pytorch")
    if model.type != "ConditionalDETR":
        model.neck.update(in_channels=[64, 128, 256, 512], out_channels=32)
        model.bbox_head.update(in_channels=32, feat_channels=32, stacked_convs=1, num_classes=3)
    else:
        model.neck.update(in_channels=[512])
        model.encoder.num_layers, model.decoder.num_layers, model.num_queries = 1, 2, 20
        model.bbox_head.num_classes, model.test_cfg.max_per_img = 3, 20
    return model


def build(config):
    init_default_scope("mmdet")
    torch.manual_seed(0)
    model = in_mmdet.MODELS.build({**small(config.model), "_scope_": "mmdet"})
    return model.train()


def samples_of(data):
    """mmdet's DETR reads the size of the batch from the samples."""
    return [one.set_metainfo({"batch_input_shape": (128, 128)}) or one for one in data]


@pytest.mark.parametrize("text", PAGES, ids=NAMES)
def test_a_stock_config_trains_a_step(text, tmp_path):
    config = config_of(text, tmp_path)
    assert config.custom_imports == {"imports": ["rankdet.detectors.in_mmdet"]}
    model = build(config)
    images, samples = batch()
    optimizer = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.01))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    for _ in range(2):
        losses = model.loss(images, samples_of(samples))
        loss, _ = model.parse_losses(losses)
        assert loss.isfinite() and loss > 0
        optimizer.update_params(loss)
    changed = {name for name, value in model.state_dict().items() if not value.equal(before[name])}
    assert any("bbox_head" in name and "cls" in name for name in changed)
    assert any("bbox_head" in name and "reg" in name for name in changed)
    model.eval()
    with torch.no_grad():
        found = model.predict(images, samples_of(samples))
    assert found[0].pred_instances.bboxes.shape[1] == 4


@pytest.mark.parametrize("text", PAGES[:3], ids=NAMES[:3])
def test_a_batch_without_objects_trains(text, tmp_path):
    model = build(config_of(text, tmp_path))
    images, samples = without_objects("none at all")
    loss, _ = model.parse_losses(model.loss(images, samples))
    loss.backward()
    assert loss.isfinite()


@pytest.mark.fault("ranking loss in an mmdet head that calls it per level")
@pytest.mark.parametrize(
    ("base", "said"),
    [
        ("retinanet/retinanet_r50_fpn_1x_coco.py", "level alone in RetinaHead; .*rankdet.RetinaH"),
        ("atss/atss_r50_fpn_1x_coco.py", "level alone in ATSSHead; .*type='rankdet.ATSSHead'"),
        ("gfl/gfl_r50_fpn_1x_coco.py", "level alone in GFLHead; .*type='rankdet.GFLHead'"),
        ("tood/tood_r50_fpn_1x_coco.py", "level alone in TOODHead; .*type='rankdet.ATSSHead'"),
    ],
    ids=["retinanet", "atss", "gfl", "tood"],
)
def test_a_loss_line_in_a_head_with_levels_names_the_right_head(base, said, tmp_path):
    config = config_of(f'_base_ = "mmdet::{base}"\n{WEAK}', tmp_path)
    with pytest.raises(in_mmdet.InputError, match=said) as caught:
        build(config)
    assert "\n" not in str(caught.value)
    assert "criterion=dict(classification=dict(type='APLoss'))" in str(caught.value)


@pytest.mark.fault("ranking loss in an mmdet head that calls it per level")
def test_a_loss_that_needs_boxes_is_no_loss_line():
    with pytest.raises(in_mmdet.InputError, match=r"rankdet\.RankSortLoss needs the boxes"):
        in_mmdet.MODELS.build({"type": "rankdet.RankSortLoss"})


@pytest.mark.parametrize(
    ("criterion", "said"),
    [
        (None, "no classification part"),
        ({"box": {"type": "giou"}}, "no classification part"),
        ({"classification": {"type": "APLoss"}, "bbox": {}}, "unknown key 'bbox'"),
        ({"classification": {"type": "AP"}}, "classification type 'AP'"),
        ({"classification": {"type": "APLoss", "delta": -1}}, "delta is -1"),
    ],
    ids=["none", "box alone", "unknown key", "unknown loss", "wrong argument"],
)
def test_a_wrong_criterion_is_one_line(criterion, said, tmp_path):
    config = config_of(PAGES[0], tmp_path)
    config.model.bbox_head.criterion = criterion
    with pytest.raises(in_mmdet.InputError, match=said) as caught:
        build(config)
    assert "\n" not in str(caught.value)


def test_the_hook_ends_an_epoch_of_the_balance(tmp_path):
    model = build(config_of(PAGES[1], tmp_path))
    hook = in_mmdet.HOOKS.build({"type": "rankdet.BalanceHook"})
    model.loss(*batch())

    class Runner:
        pass

    runner = Runner()
    runner.model = model
    balance = model.bbox_head.criterion.balance
    assert balance.weight == 50
    hook.after_train_epoch(runner)
    assert balance.weight != 50 and balance.weight > 1


def test_every_loss_and_head_of_the_page_is_registered():
    for name in (*in_mmdet.HEADS, *in_mmdet.OF_LABELS, *in_mmdet.OF_BOXES):
        assert in_mmdet.MODELS.get(f"rankdet.{name}") is not None, name
