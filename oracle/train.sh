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
cores=$(nproc)
python=${PYTHON:-python}
# On the CPU one process a core beats threads; a GPU is fed by one.
[ "$device" = cpu ] && processes=${PROCESSES:-$cores} || processes=1
common=(--device "$device" --processes "$processes")

nice -n 19 "$python" train_codec.py --run "$runs/codec" "${common[@]}" --steps "${CODEC_STEPS:-20000}"
nice -n 19 "$python" train_text.py --run "$runs/text" --threads "$cores" --steps "${TEXT_STEPS:-4000}"
cache=("$python" cache_latents.py --codec "$runs/codec" --out "$runs/cache" --device "$device")
nice -n 19 "${cache[@]}" --threads "$cores" --frames 1 --count "${STILLS:-40000}"
nice -n 19 "${cache[@]}" --threads "$cores" --frames 97 --count "${CLIPS:-20000}"
nice -n 19 "$python" train_transformer.py --run "$runs/transformer" --text "$runs/text" \
  --codec "$runs/codec" --cache "$runs/cache" "${common[@]}" \
  --plan "${PLAN:-1x64:8000,1x64+49x16+97x8:18000}"
"$python" export.py --codec "$runs/codec" --text "$runs/text" --transformer "$runs/transformer"
