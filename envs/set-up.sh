#!/usr/bin/env bash
# Makes the environment in $VENV with the exact versions of envs/constraints.txt; no compiler is needed.
set -euo pipefail
python=${PYTHON:-python3} venv=${VENV:-.venv} pins=envs/constraints.txt

"$python" -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit(f"RankDet needs Python 3.11 or newer, found {v.major}.{v.minor}: run `make setup PYTHON=python3.11`")'
echo "making $venv (torch is the long part; minutes at most)"
"$python" -m venv "$venv"
pip() { "$venv/bin/python" -m pip --disable-pip-version-check --quiet "$@" 2> >(grep -v "^WARNING: Location" >&2); }

# torch brings its own platform's packages (CUDA or not), so pip resolves it alone.
pip install --no-compile -c "$pins" torch setuptools uv
# Everything else is pinned to the last package: no resolving. uv downloads in parallel; pip is as good, slower.
"$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --no-deps -r "$pins" \
  || pip install --no-compile --no-deps -r "$pins"
pip install --no-deps --no-build-isolation -e .

# Each job of a study imports torch and mmdet: without bytecode that takes three times as long, and
# some machines never write any (PYTHONDONTWRITEBYTECODE). Templates of packages do not compile.
site=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
"$venv/bin/python" -m compileall -q -j 0 -x '/(tests?|testing|_inductor|onnx|templates)/' "$site" >/dev/null || true
