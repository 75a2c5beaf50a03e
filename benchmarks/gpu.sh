#!/usr/bin/env bash
# Compare ours, nnU-Net's network and ResEnc M (and, where asked for, variants of ours) on one GPU, from a machine that has
# Python and torch, in one call of at most 8 minutes (installing included):
#
#     bash benchmarks/gpu.sh [OUT] [options of benchmarks/gpu.py]       # OUT: default $OUT, else gpu_run
#
# Its two tables (OUT/gpu.md, OUT/gpu.json) are written line by line, so that a call cut off leaves what it measured.
# PYTHON (default python3) names the interpreter that has torch, WHEELS (default .gpu_wheels) the folder of wheels.
#
# Wheels it needs beside torch, numpy, scipy, numba, pandas, scikit-image and scikit-learn: those in NEEDED. Where there is no
# network, gather them before, anywhere with pip, for that machine's Python, and take the folder along (40 MiB):
#
#     PYTHON_VERSION=3.12 bash benchmarks/gpu.sh --gather
set -euo pipefail
started=$(date +%s)
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
wheels=${WHEELS:-.gpu_wheels}
NEEDED=(
  nnunetv2==2.8.1 dynamic-network-architectures==0.4.4 batchgenerators==0.25.5 batchgeneratorsv2==0.3.6 acvl-utils==0.2.6
  monai==1.6.1 connected-components-3d==3.29.0 nibabel==5.4.2 SimpleITK==2.5.7
)

if [ "${1:-}" = --gather ]; then
  mkdir -p "$wheels"
  version=${PYTHON_VERSION:-$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')}
  platforms=(manylinux_2_28_x86_64 manylinux_2_27_x86_64 manylinux_2_17_x86_64 manylinux2014_x86_64)
  for package in "${NEEDED[@]}"; do
    # What comes as a source archive alone is pure Python, and is built here.
    "$python" -m pip download -q --no-deps --only-binary=:all: --python-version "$version" --implementation cp \
      "${platforms[@]/#/--platform=}" -d "$wheels" "$package" 2>/dev/null ||
      "$python" -m pip wheel -q --no-deps -w "$wheels" "$package"
  done
  # Packed anew, SimpleITK's 50 MiB are 30.
  for wheel in "$wheels"/[sS]imple*.whl; do
    [ -e "$wheel" ] || continue
    site=$(mktemp -d)
    "$python" -m zipfile -e "$wheel" "$site"
    XZ_OPT=-2 tar -C "$site" -cJf "$wheel.partial" .
    mv "$wheel.partial" "${wheel%.whl}.tar.xz"
    rm -r "$site" "$wheel"
  done
  du -sh "$wheels"
  exit
fi

out=${OUT:-gpu_run}
if [ $# -gt 0 ] && [[ $1 != -* ]]; then out=$1; shift; fi
site=$(mktemp -d)
trap 'rm -rf "$site"' EXIT
if [ -d "$wheels" ]; then
  "$python" -m pip install -q --no-index --no-deps --no-compile --target "$site" "$wheels"/*.whl
  for packed in "$wheels"/*.tar.xz; do [ -e "$packed" ] && tar -C "$site" -xJf "$packed"; done
elif ! "$python" -c 'import nnunetv2, SimpleITK, monai, cc3d' 2>/dev/null; then
  "$python" -m pip install -q --no-deps --no-compile --target "$site" "${NEEDED[@]}"
fi
commit=$(git rev-parse --short HEAD 2>/dev/null || echo unknown)
# The limit is a second line of defence: gpu.py ends by itself.
PYTHONPATH="$PWD:$site${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1 \
  timeout 500 "$python" benchmarks/gpu.py "$out" --started "$started" --commit "$commit" "$@"
