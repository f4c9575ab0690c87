#!/usr/bin/env bash
# Makes the environment $VENV with the exact versions of envs/constraints.txt. It needs no compiler.
set -euo pipefail
python=${PYTHON:-python3} venv=${VENV:-.venv} pins=envs/constraints.txt

# The same as `unusable` in rankdet/repository.py: Snakemake gives the path of Python to a shell without quotes.
case $venv in /*) environment=$venv ;; *) environment=$PWD/$venv ;; esac
shell_special='[][:space:]&'"\"'"'$;()<>|*?[!#`{}\\]' snakemake_special=$'[{}:\n]'
for check in clone environment; do
  [[ $check == clone ]] && path=$PWD special=$snakemake_special || { path=$environment special=$shell_special; }
  if [[ $path =~ $special ]]; then
    echo "error: the path of the $check contains '${BASH_REMATCH[0]}', with which Snakemake cannot start jobs ($path); clone into another folder, or use \`make setup VENV=<path>\`: letters, digits and . _ - are fine" >&2
    exit 2
  fi
done

"$python" -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit(f"RankDet needs Python 3.11 or newer, found {v.major}.{v.minor}: run `make setup PYTHON=python3.11`")'
echo "making $venv (a few minutes; torch takes the longest)"
"$python" -m venv "$venv"
pip() { "$venv/bin/python" -m pip --disable-pip-version-check --quiet "$@" 2> >(grep -v "^WARNING: Location" >&2); }

# pip resolves torch, because its dependencies differ by platform (CUDA or CPU).
pip install --no-compile -c "$pins" torch setuptools uv
# The package with windows needs libGL, which servers and containers often lack, and has the same files.
for old in opencv-python opencv-contrib-python; do
  ! "$venv/bin/python" -m pip show --quiet "$old" 2>/dev/null || pip uninstall --yes "$old"
done
# All other packages are pinned, so nothing is resolved. uv downloads in parallel; pip is the slower fallback.
"$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --no-deps -r "$pins" \
  || pip install --no-compile --no-deps -r "$pins"
pip install --no-deps --no-build-isolation -e .

# Each job of a study imports torch and mmdet. Without bytecode this takes three times as long, and some
# machines never write bytecode (PYTHONDONTWRITEBYTECODE). Templates of packages do not compile.
site=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
"$venv/bin/python" -m compileall -q -j 0 -x '/(tests?|testing|_inductor|onnx|templates)/' "$site" >/dev/null || true
