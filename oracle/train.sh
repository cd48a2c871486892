#!/usr/bin/env bash
# Trains kinora-1 from nothing: codec, text encoder, latent cache, transformer, export.
#
#   bash train.sh RUNS          on the CPU, at the lowest priority
#   DEVICE=cuda bash train.sh RUNS
#
# Each stage resumes from its checkpoint; run it again after an interruption. Lengths of the stages
# can be set by CODEC_STEPS, TEXT_STEPS, STILLS, CLIPS and PLAN.
set -euo pipefail
cd "$(dirname "$0")"
runs=${1:?usage: train.sh RUNS}
device=${DEVICE:-cpu}
threads=${THREADS:-$(nproc)}
python=${PYTHON:-python}
common=(--threads "$threads")

nice -n 19 "$python" train_codec.py --run "$runs/codec" --device "$device" "${common[@]}" \
  --steps "${CODEC_STEPS:-20000}"
nice -n 19 "$python" train_text.py --run "$runs/text" "${common[@]}" --steps "${TEXT_STEPS:-4000}"
cache=("$python" cache_latents.py --codec "$runs/codec" --out "$runs/cache" --device "$device")
nice -n 19 "${cache[@]}" --frames 1 --count "${STILLS:-40000}" "${common[@]}"
nice -n 19 "${cache[@]}" --frames 97 --count "${CLIPS:-20000}" "${common[@]}"
nice -n 19 "$python" train_transformer.py --run "$runs/transformer" --text "$runs/text" \
  --codec "$runs/codec" --cache "$runs/cache" --device "$device" "${common[@]}" \
  --plan "${PLAN:-1:64:8000,49:16:12000,97:8:6000}"
"$python" export.py --codec "$runs/codec" --text "$runs/text" --transformer "$runs/transformer"
