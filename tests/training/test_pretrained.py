"""Pretrained weights: found by name, fetched once, and one line where they cannot be."""

import hashlib
import http.server
import io
import threading

import pytest
import torch

from rankdet.errors import InputError
from rankdet.study.backbones import backbone_names, load_backbone
from rankdet.training import pretrained


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    return tmp_path / "hub" / "checkpoints"


@pytest.fixture
def weights():
    """A server with made-up weights whose name ends with the start of their sha256."""
    content = io.BytesIO()
    torch.save({"conv1.weight": torch.ones(2)}, content)
    body = content.getvalue()
    name = f"tiny-{hashlib.sha256(body).hexdigest()[:8]}.pth"

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/{name}"
        server.shutdown()


def model(checkpoint):
    return {"backbone": {"init_cfg": {"type": "Pretrained", "checkpoint": checkpoint}}}


def test_fetched_once_into_the_cache(weights, cache):
    path = pretrained.fetch(model(weights))["backbone"]["init_cfg"]["checkpoint"]
    assert path.startswith(str(cache))
    assert torch.load(path)["conv1.weight"].tolist() == [1, 1]
    gone = weights.replace("127.0.0.1:", "127.0.0.1:9/").replace("/tiny", "/x/tiny")
    assert pretrained.fetch(model(gone))["backbone"]["init_cfg"]["checkpoint"] == path


@pytest.mark.parametrize("kind", ["no server", "another file"])
def test_what_cannot_be_fetched_is_one_line(weights, cache, kind):
    url = "http://127.0.0.1:9/tiny-12345678.pth"
    if kind == "another file":
        url = weights[: weights.rindex("-")] + "-00000000.pth"
    with pytest.raises(
        InputError, match=r"cannot be downloaded from http.*; download them on"
    ) as caught:
        pretrained.fetch(model(url))
    assert "\n" not in str(caught.value)
    assert str(cache / url.rpartition("/")[2]) in str(caught.value)
    assert not list(cache.glob("*.pth"))


@pytest.mark.parametrize("settings", [{}, {"backbone": {"init_cfg": None}}, model("/a/file.pth")])
def test_nothing_to_fetch(settings):
    assert pretrained.fetch(settings) is settings


def test_names_of_all_backbones_are_known():
    names = ["torchvision://resnet50", "open-mmlab://detectron/resnet50_caffe"]
    entries = [load_backbone(name, "full")["full"] for name in backbone_names()]
    names += [e["backbone"]["init_cfg"]["checkpoint"] for e in entries if "backbone" in e]
    for name in names:
        assert pretrained.address(name).startswith("https://")
    with pytest.raises(InputError, match="mmengine does not know this name"):
        pretrained.address("torchvision://resnet5")
