"""Compiles the fused kernels for a GPU, without one: the interpreter does not see errors of types.

It takes half a minute, so it runs in `make check-all`. A separate process is needed, because the
other tests import Triton for its interpreter.
"""

import os
import subprocess
import sys

import pytest

pytest.importorskip("triton", reason="needs Triton (Linux only; `make test` installs it)")

COMPILE = """
import torch, triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from triton.runtime.jit import JITFunction

TYPES = {torch.float64: "fp64", torch.float32: "fp32", torch.bfloat16: "bf16",
         torch.int64: "i64", torch.int32: "i32", torch.int16: "i16", torch.int8: "i8"}
compiled = {}

def kind(value):
    if isinstance(value, torch.Tensor):
        return "*" + TYPES[value.dtype]
    return "fp32" if isinstance(value, float) else "i32"

def run(self, *args, grid, warmup, **options):
    given = dict(zip([p.name for p in self.params], args)) | options
    constants = {p.name: given[p.name] for p in self.params if p.is_constexpr}
    names = [p.name for p in self.params]
    signature = {n: "constexpr" if n in constants else kind(given[n]) for n in names}
    key = self.__name__, *signature.items(), *constants.items()
    if key not in compiled:
        source = ASTSource(fn=self, signature=signature, constexprs=constants)
        compiled[key] = triton.compile(source, target=GPUTarget("cuda", ARCH, 32))

JITFunction.run = run  # compiles instead of launching: the results are not computed
from rankdet.losses import benchmark, device, functional as F
device.interpreted = lambda: True  # there is no GPU: the check of the losses has to pass
batch = benchmark.draw_batch(50, 5000, "early")
soft = batch.targets
for dtype, delta in ((torch.float32, 1.0), (torch.bfloat16, 0.0)):
    x, y = batch.logits.to(dtype), batch.labels.to(torch.int8)
    F.ap_loss(x, y, delta=delta)
    F.ap_loss(x, y, delta=delta, interpolate=False)
    for target in ("localisation", "zero"):
        F.alrp_loss(x, y, 1 - batch.ious, delta=delta, target=target)
    F.rank_sort_loss(x, soft, delta=delta)
    F.ape_loss(x, y, batch.ious, numerics="official" if delta else "stable")
    F.ape_loss(x, y, batch.ious, max_negatives=1000)
print("compiled", len({key[0] for key in compiled}), "kernels")
"""


@pytest.mark.slow
@pytest.mark.parametrize("architecture", [75, 90])
def test_all_kernels_compile(architecture, tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    environment |= {"RANKDET_KERNELS": "on", "TRITON_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", COMPILE.replace("ARCH", str(architecture))]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split()[-3:] == ["compiled", "25", "kernels"]
