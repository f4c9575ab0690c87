#!/usr/bin/env bash
# Runs the tests of the losses, and of the recipes for torchvision and Transformers, with the lowest versions of
# Python and PyTorch that pyproject.toml declares.
# On Linux, PyTorch from PyPI brings 2 GB of CUDA packages; for the small one use
# PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu make test-lowest
set -euo pipefail
venv=${LOWEST:-.venv-lowest} pins=envs/lowest.txt

# Python 3.10, else one that this PyTorch has a wheel for.
find_python() {
  local one
  for one in ${PYTHON_LOWEST:-} python3.10 "${PYTHON:-python3}" python3.11; do
    if "$one" -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 10), (3, 11)))' 2>/dev/null; then
      echo "$one" && return
    fi
  done
  return 1
}

if ! python=$(find_python); then
  echo "error: no Python 3.10 or 3.11 found for the lowest versions: name one with PYTHON_LOWEST=<path>" >&2
  exit 2
fi
if ! cmp -s "$pins" "$venv/.pins"; then
  echo "making $venv with $("$python" --version)"
  "$python" -m venv --clear "$venv"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$pins"
  cp "$pins" "$venv/.pins"
fi
# The benchmark's test is about the command line, which is tested elsewhere.
PYTHONPATH=$PWD OMP_NUM_THREADS=1 "$venv/bin/python" -m pytest -q -p no:cacheprovider -m 'not slow' tests/losses \
  tests/recipes/test_with_pytorch.py tests/recipes/test_with_torchvision.py --ignore=tests/losses/test_benchmark.py "$@"
