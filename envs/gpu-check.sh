#!/usr/bin/env bash
# Runs the GPU check from a checkout. Uses .venv, or else $PYTHON with the wheels in $WHEELS.
set -euo pipefail
wheels=${WHEELS:-.gpu-wheels} site=${SITE:-.gpu-site} python=${PYTHON:-python3}

if [[ -x .venv/bin/python ]]; then
  python=.venv/bin/python
elif compgen -G "$wheels/*.whl" >/dev/null; then
  "$python" -m pip install --disable-pip-version-check --quiet --no-index --no-deps --no-compile \
    --no-cache-dir --upgrade --target "$site" "$wheels"/*.whl
  export PYTHONPATH="$site${PYTHONPATH:+:$PYTHONPATH}"
else
  echo "error: neither .venv nor wheels in $wheels: run \`make setup\`, or \`make gpu-wheels\` where there is internet" >&2
  exit 2
fi
PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}" exec "$python" -m rankdet.cli bench gpu "$@"
