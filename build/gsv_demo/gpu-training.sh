#!/bin/bash
# Trains the demo voice on a machine with a CUDA GPU and no network: bash build/gsv_demo/gpu-training.sh [seconds]
#
# Before, in .gpu/ (ignored by git, carried along): corpus-??.tar of `python -m gsv_demo pack`, one a call where not all fit
# (what has arrived stays in /tmp/training), and wheels of soundfile and soxr:
#   pip download --no-deps --only-binary=:all: --python-version 3.12 --platform manylinux_2_28_x86_64 \
#     --platform manylinux_2_17_x86_64 -d .gpu soundfile soxr
# `seconds` 0 unpacks only. What is trained comes back in $OUT: weights.tar.part-aa, -ab (cat them together), and training.log. Not run on a GPU yet.
set -euo pipefail
seconds="${1:-400}"
cd "$(dirname "$0")/../.."
python3 -m pip install -q --no-index --no-deps --no-compile --target /tmp/site .gpu/*.whl 2>/dev/null || true
export PYTHONPATH=/tmp/site:build:runtime:client PYTHONUNBUFFERED=1
folder=/tmp/training
python3 -m gsv_demo unpack .gpu --folder "$folder"
[ "$seconds" = 0 ] && exit 0
python3 -m gsv_demo train --recipe natural --device cuda --seconds "$seconds" --folder "$folder" 2>&1 |
  tee "${OUT:-/tmp}/training.log" | tr '\r' '\n' | grep -E "joined|begins|resumed|written|rror|step=[0-9]*00 " || true
tar -C "$folder" -c weights | split -b 15M - "${OUT:-/tmp}/weights.tar.part-"  # a file that comes back has 16 MiB at most
