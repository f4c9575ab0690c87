#!/usr/bin/env bash
# Collects the wheels of envs/gpu-wheels.txt for the GPU check in $WHEELS, at most 50 MB in all.
set -euo pipefail
python=${PYTHON:-python3} wheels=${WHEELS:-.gpu-wheels} version=${PYTHON_VERSION:-3.12}
pins=envs/constraints.txt most=50

stop() { echo "error: $*" >&2; exit 2; }

[[ $version =~ ^3\.1[12]$ ]] || stop "PYTHON_VERSION=$version: choose 3.11 or 3.12"
command -v "$python" >/dev/null || stop "there is no program $python: name a Python with pip, as in \`make gpu-wheels PYTHON=python3\`"
options=(--disable-pip-version-check --quiet --no-deps --only-binary=:all: --implementation cp
  --python-version "$version")
for glibc in 2_28 2_27 2_24 2_17; do options+=(--platform "manylinux_${glibc}_x86_64"); done
options+=(--platform manylinux2014_x86_64 --platform manylinux1_x86_64)

names=()
while read -r name; do
  pin=$(grep -i "^${name}==" "$pins") || stop "envs/gpu-wheels.txt: $name has no version in $pins"
  names+=("$pin")
done < <(grep -v '^#' envs/gpu-wheels.txt)

[[ ! -e $wheels || -d $wheels ]] || stop "$wheels: is a file; name a folder for the wheels (WHEELS=...)"
mkdir -p "$wheels" 2>/dev/null || stop "$wheels: this folder cannot be made; name another one (WHEELS=...)"
for pin in "${names[@]}"; do # two versions of a package stop pip
  name=${pin%%==*}
  find "$wheels" -maxdepth 1 -iname "${name//-/_}-*.whl" -delete
done
echo "collecting ${#names[@]} wheels for Python $version in $wheels"
said=$("$python" -m pip download "${options[@]}" --dest "$wheels" "${names[@]}" 2>&1) ||
  stop "pip cannot collect the wheels ($(tail -n 1 <<<"$said")): check the internet connection, and run again"

for pin in "${names[@]}"; do
  name=${pin%%==*}
  [[ $(find "$wheels" -maxdepth 1 -iname "${name//-/_}-*.whl") ]] || { echo "error: no wheel of $pin is in $wheels" >&2; exit 1; }
done
size=$(du -sm "$wheels" | cut -f1)
((size <= most)) || { echo "error: the wheels in $wheels have $size MB, more than $most" >&2; exit 1; }
echo "${#names[@]} wheels, $size MB"
