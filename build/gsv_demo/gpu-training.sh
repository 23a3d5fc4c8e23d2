#!/bin/bash
# Trains the demo voice on a lent machine with a CUDA GPU and no network: bash build/gsv_demo/gpu-training.sh SECONDS
#
# All is over in so many seconds. Beside the training thirty steps of every stage are tried on a little of the corpus:
# where one of them fails, the training ends at once, and most of the machine's time is still there. TRIED=yes leaves
# that out, where no time would be left for another try.
#
# Before, in .gpu/ (ignored by git, carried along): corpus-00.tar of `python -m gsv_demo pack`, and wheels of what is
# missing there:
#   pip download --no-deps --only-binary=:all: --python-version 3.12 --platform manylinux_2_28_x86_64 \
#     --platform manylinux_2_17_x86_64 -d .gpu soundfile soxr cffi pycparser
# Weights of an earlier training in .gpu/weights/ (with training-only.pt) are trained on, and so are checkpoints of stages
# in .gpu/run/.
# What is trained comes back in $OUT: weights.tar.part-aa, -ab (cat them together), training.log and smoke.log. Where
# a stage failed, the networks of the others come instead, without their optimisers: run/ in the same tar file.
set -euo pipefail
wall="${1:?the seconds that all may take}"
out="${OUT:-/tmp/out}"
mkdir -p "$out"
cd "$(dirname "$0")/../.."
nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader | tee "$out/machine.txt"
site=/tmp/site-training
[ -d "$site/soxr" ] || python3 -m pip install -q --no-index --no-deps --no-compile --target "$site" .gpu/*.whl
export PYTHONPATH=$site:build:runtime:client PYTHONUNBUFFERED=1 TQDM_DISABLE=1
folder=/tmp/training small=/tmp/smoke
python3 -m gsv_demo unpack .gpu --folder "$folder"
train() { python3 -m gsv_demo train --recipe natural --device cuda "$@"; }
mkdir -p "$folder/run"
[ -d .gpu/run ] && cp .gpu/run/*.pt "$folder/run/"
more=()
[ -d .gpu/weights ] && more=(--from-weights .gpu/weights)
left=$((wall - SECONDS))
seconds=$((left - 80)) # the rest joins the corpus, measures and codes it, starts Python four times, and writes files
setsid timeout $((left - 20)) python3 -m gsv_demo train --recipe natural --device cuda --seconds "$seconds" \
  --folder "$folder" "${more[@]}" > "$out/training.log" 2>&1 &
training=$!
tried() {
  mkdir -p "$small/corpus"
  for part in hibari joe kokoro references; do
    for file in $(ls "$folder/corpus" | grep "^$part-" | cut -d. -f1 | sort -u | head -2 || true); do
      cp "$folder/corpus/$file".* "$small/corpus/"
    done
  done
  cp "$folder/phones.json" "$small/"
  timeout 150 python3 -m gsv_demo train --recipe natural --device cuda --steps 30 --folder "$small" > "$out/smoke.log" 2>&1
}
if [ -z "${TRIED:-}" ] && ! tried; then
  kill -- -$training || true
  tr '\r' '\n' < "$out/smoke.log" | tail -60
  exit 1
fi
echo "begun after ${SECONDS} s"
wait $training || echo "training ended with $?"
grep -E "joined|begins|resumed|written|recorded|not finite|rror|step=[0-9]*000 " "$out/training.log" || true
what=weights
if [ ! -f "$folder/weights/training-only.pt" ] && ! train --stage export --folder "$folder"; then # from what was saved last
  tr '\r' '\n' < "$out/training.log" | tail -60
  what=run
  python3 - "$folder/run" << 'P'
import pathlib, sys, torch
for path in pathlib.Path(sys.argv[1]).glob("*.pt"):
    kept = torch.load(path, weights_only=True)
    torch.save({name: kept[name] for name in ("step", "seconds", "modules")}, path)
P
fi
tar -C "$folder" -c "$what" | split -b 15M - "$out/weights.tar.part-" # a file that comes back has 16 MiB at most
