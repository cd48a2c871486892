# Sourced by the scripts beside it: builds Kinora unless KINORA names a binary, opens a studio of its
# own that may send webhooks to this machine, and closes it at the end. Sets $base and $tools.

cd "$(dirname "${BASH_SOURCE[0]}")/../../../.."
here=crates/kinora/tests/sdk
tools=$PWD/target/sdk

if [ -z "${KINORA:-}" ]; then
  cargo build --release --locked
  KINORA=target/release/kinora
fi

data=$(mktemp -d)
printf '[network]\nallow_private_webhooks = true\n' >"$data/kinora.toml"
"$KINORA" serve --port 0 --data-dir "$data" 2>"$data/log" &
studio=$!
trap 'kill $studio 2>/dev/null || true; wait $studio 2>/dev/null || true; rm -rf "$data"' EXIT
for _ in $(seq 100); do
  base=$(sed -n 's/.*is open: //p' "$data/log")
  [ -n "$base" ] && break
  sleep 0.1
done
[ -n "$base" ] || { cat "$data/log" >&2; exit 1; }

# Installs a version of a Python package into a folder of its own; prints the folder's programs.
python_package() {
  local place=$tools/python-$1-$2
  if [ ! -e "$place/ready" ]; then
    python3 -m venv "$place"
    "$place/bin/pip" install --quiet --disable-pip-version-check "$1==$2"
    touch "$place/ready"
  fi
  echo "$place/bin"
}
