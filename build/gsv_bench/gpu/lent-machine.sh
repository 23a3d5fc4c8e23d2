#!/bin/bash
# `make bench-gpu ARGS=--brief` on a lent machine with a CUDA GPU, torch and no network: bash build/gsv_bench/gpu/lent-machine.sh
# [DEVICE SIZE EXTRA], from the repository's root. Run on an H100 on 2026-11-27 (docs/benchmarks.md, "On an H100").
#
# Before, in .gpu/ (ignored by git, carried along):
# - kit.part-00, -01 and kit.sha256: packages for Python 3.12 beside those of the machine, laid out, without device code of
#   other GPUs, as one tar.xz: onnxruntime-gpu nvidia-pytriton numpy<2 tritonclient pydantic pydantic_core annotated_types
#   typing_inspection typing_extensions soundfile soxr cffi pycparser anyascii importlib_metadata pyloudnorm
#   python-rapidjson pyzmq redis sh tenacity;
# - texts.json of `python -m gsv_bench.gpu --record-texts --texts .gpu/texts.json`.
# Where only half of the kit travels at a time, an earlier call puts part 00 into /tmp/parts.
# What is measured comes back in $OUT: all.tgz (figures and logs, renewed after every part), served.json and traces.
set -u
device=${1:-cuda} size=${2:-official} extra=${3:-}
begun=$SECONDS
say() { echo "== $((SECONDS - begun)) s: $*"; }
site=${SITE:-/tmp/site}
if [ ! -e "$site/.whole" ]; then
  cat $(ls /tmp/parts/kit.part-* .gpu/kit.part-* 2>/dev/null | awk -F/ '!seen[$NF]++' | sort -t- -k2) >/tmp/kit.tar.xz
  sha256sum /tmp/kit.tar.xz | grep -q "$(cat .gpu/kit.sha256)" || { echo "the kit is not whole"; ls -la /tmp/parts .gpu; exit 1; }
  mkdir -p "$site" && xz -T0 -dc /tmp/kit.tar.xz 2>/dev/null | tar -C "$site" -xf - && [ -d "$site/numpy" ] || python3 - "$site" <<'P' || exit 1
import sys, tarfile
tarfile.open("/tmp/kit.tar.xz").extractall(sys.argv[1])
P
  touch "$site/.whole"
fi
say unpacked
# Triton's Python stub takes no PYTHONPATH: an environment of our own, with the kit before what the image has.
packages=$(python3 -c 'import torch; print(torch.__path__[0].rsplit("/", 1)[0])')
base=$(python3 -c 'import sys; print(getattr(sys, "_base_executable", "") or sys.executable)')
venv=${VENV:-/tmp/gsv-venv}
rm -rf "$venv" && mkdir -p "$venv/bin" "$venv/lib/python3.12/site-packages"
printf 'home = %s\ninclude-system-site-packages = false\n' "$(dirname "$(readlink -f "$base")")" >"$venv/pyvenv.cfg"
ln -s "$base" "$venv/bin/python3" && ln -s python3 "$venv/bin/python"
printf '%s\n' "$site" "$PWD/runtime" "$PWD/build" "$PWD/client" "$PWD/loadtest" "$packages" >"$venv/lib/python3.12/site-packages/kit.pth"
export PATH=$venv/bin:$PATH
[ -d "$packages/nvidia" ] && ln -sfn "$packages/nvidia" "$site/nvidia"
export LD_LIBRARY_PATH=$(ls -d "$packages"/nvidia/*/lib 2>/dev/null | tr '\n' ':')${LD_LIBRARY_PATH:-}
unset PYTHONPATH
export PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 TQDM_DISABLE=1
python3 -c 'import sys, numpy, onnxruntime, torch, onnx; print(sys.version.split()[0], sys.prefix, *(m.__version__ for m in (numpy, onnxruntime, torch, onnx)))'
work=${WORK:-/tmp/gsv-work} out=$work/out
mkdir -p "$out" "$OUT"
keep() {
  cp "$out/served.json" "$OUT/" 2>/dev/null
  cp "$out"/trace-*.json.gz "$OUT/" 2>/dev/null
  tar -C "$work" --exclude='trace-*' -czf "$OUT/.all" out $(cd "$work" && ls state/server.log* 2>/dev/null) && mv "$OUT/.all" "$OUT/all.tgz"
}
bench=(python3 -m gsv_bench.gpu --device "$device" --size "$size" --brief $extra --texts .gpu/texts.json --work "$work" --out "$out")
part() {  # NAME SECONDS
  timeout -k 5 "$2" "${bench[@]}" --parts="$1" --here >"$out/$1.log" 2>&1
  local code=$?
  say "$1 ended with $code"
  [ $code = 0 ] || tail -15 "$out/$1.log"
  keep
}
nvidia-smi -L 2>/dev/null || /usr/local/nvidia/bin/nvidia-smi -L 2>/dev/null
"${bench[@]}" --parts=prepare --here >"$out/prepare.log" 2>&1 &
preparing=$!
part machine 60
part t2s-onnxruntime "${T2S_S:-110}"
part served "${SERVED_S:-220}"
python3 -m gsv_runtime.server down --state "$work/state" >/dev/null 2>&1  # where the part was stopped
part stages-onnxruntime "${STAGES_S:-70}"
part trace "${TRACE_S:-45}"
kill $preparing 2>/dev/null && say "prepare had not ended"
tail -5 "$out/prepare.log"
keep
python3 - "$out" <<'P'
import json, pathlib, sys
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.json")):
    values = json.loads(path.read_text())
    print(path.name, "seconds", values.get("seconds"))
    for name, failure in values.get("failures", {}).items():
        print("  FAILED", name, failure["error"][:300])
    for name, value in values.items():
        if name not in ("failures", "seconds", "log", "log of a start that failed") and not name.startswith("trace"):
            print("  ", name, json.dumps(value)[:420])
P
say done
