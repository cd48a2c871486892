#!/usr/bin/env bash
# Generates every prompt of director-20.txt with seed 7 and tiles three frames of each clip into
# contact sheets: bash docs/gallery/make.sh OUT. Needs ffmpeg.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
out=${1:?usage: make.sh OUT}
mkdir -p "$out"
cargo build --release --quiet --manifest-path "$root/Cargo.toml"
kinora=${CARGO_TARGET_DIR:-$root/target}/release/kinora

number=0
while IFS= read -r prompt; do
  number=$((number + 1))
  name=$(printf '%02d' "$number")
  "$kinora" generate "$prompt" --seed 7 --force --output "$out/$name.mp4"
  # first, middle and last frame side by side
  frames=$(ffprobe -v error -count_packets -select_streams v -show_entries stream=nb_read_packets \
    -of csv=p=0 "$out/$name.mp4")
  ffmpeg -nostdin -v error -y -i "$out/$name.mp4" -frames:v 1 -vf \
    "select='eq(n,0)+eq(n,$((frames / 2)))+eq(n,$((frames - 1)))',scale=-2:160,tile=3x1:padding=4,pad=872:160:(ow-iw)/2:0" \
    "$out/$name.png"
done <"$(dirname "$0")/director-20.txt"
ffmpeg -nostdin -v error -y -framerate 1 -reinit_filter 0 -i "$out/%02d.png" -frames:v 1 \
  -vf "tile=2x10:padding=4" "$out/sheet.jpg"
