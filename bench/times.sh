#!/usr/bin/env bash
# Times of the README: a fresh clone in an empty folder with an empty HOME, then each call once, as a Markdown table.
#   bench/times.sh            about 20 minutes on two cores
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
git clone --quiet "$root" "$work/mathb_kit"
mkdir "$work/home"
cd "$work/mathb_kit"
export HOME="$work/home"

timed() {  # label, command...
  local label=$1 started=$SECONDS
  shift
  "$@" > "$work/log" 2>&1 || { tail -n 30 "$work/log" >&2; echo "failed: $label" >&2; exit 1; }
  local took=$((SECONDS - started))
  printf '| %s | %d:%02d |\n' "$label" $((took / 60)) $((took % 60))
}

printf '%s cores, %s\n\n| call | minutes:seconds |\n|---|---|\n' "$(nproc)" "$(uname -m)"
timed 'set-up (first `./reproduce.sh --plan`, downloads included)' ./reproduce.sh mini --plan
timed '`./reproduce.sh`' ./reproduce.sh
timed '`./reproduce.sh` again' ./reproduce.sh
MATHB_RUNS="$work/quick" timed '`./reproduce.sh mini --quick`, nothing stored' ./reproduce.sh mini --quick
timed '`./reproduce.sh test`' ./reproduce.sh test
