#!/usr/bin/env bash
# Runs the GPU check from a checkout. Uses .venv, or else $PYTHON with the wheels in $WHEELS.
set -euo pipefail
wheels=${WHEELS:-.gpu-wheels} site=${SITE:-.gpu-site} python=${PYTHON:-python3}

stop() { echo "error: $*" >&2; exit 2; }

# Modules that every check needs and no wheel has: torch, and usual scientific packages.
modules=(torch numpy pandas pyarrow scipy matplotlib PIL cv2 yaml rich pip)
missing='import importlib.util, sys
print(*(name for name in sys.argv[1:] if importlib.util.find_spec(name) is None))'

if [[ -x .venv/bin/python ]]; then
  python=.venv/bin/python
elif compgen -G "$wheels/*.whl" >/dev/null; then
  command -v "$python" >/dev/null || stop "there is no program $python: name a Python 3.11 or 3.12, as in \`make gpu-check PYTHON=python3\`"
  version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || stop "$python does not run as Python: name a Python 3.11 or 3.12, as in \`make gpu-check PYTHON=python3\`"
  [[ $version =~ ^3\.1[12]$ ]] || stop "$python is Python $version: name a Python 3.11 or 3.12, as in \`make gpu-check PYTHON=python3.12\`"
  absent=$("$python" -c "$missing" "${modules[@]}") || stop "$python cannot look for packages (see above)"
  [[ -z $absent ]] || stop "$python lacks packages that the wheels do not contain: ${absent// /, }: name a Python that has them (PYTHON=...), or install them; docs/gpu-check.md lists them"
  [[ ! -e $site || -d $site ]] || stop "$site: is a file; name a folder for the packages (SITE=...)"
  said=$("$python" -m pip install --disable-pip-version-check --quiet --no-index --no-deps --no-compile \
    --no-cache-dir --upgrade --target "$site" "$wheels"/*.whl 2>&1) ||
    stop "the wheels in $wheels cannot be installed for Python $version ($(tail -n 1 <<<"$said")): run \`make gpu-wheels PYTHON_VERSION=$version\` again where there is internet, and copy $wheels"
  export PYTHONPATH="$site${PYTHONPATH:+:$PYTHONPATH}"
else
  stop "neither .venv nor wheels in $wheels: run \`make setup\`, or \`make gpu-wheels\` where there is internet"
fi
PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}" exec "$python" -m rankdet.cli bench gpu "$@"
