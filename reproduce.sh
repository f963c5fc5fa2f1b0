#!/usr/bin/env bash
# Makes .venv beside this file (3 minutes and 2 GB the first time, nothing after that), then reproduces the study.
# See ./reproduce.sh --help. Where packages come from is pip's own configuration: every PIP_* variable is honoured.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

usage() {
  cat <<'EOF'
Usage: ./reproduce.sh [CALL] [OPTIONS]        times are for two CPU cores, set-up excluded

  mini          (default) the study on tiny models that ship with it, no network; 5 minutes
  powered       the same question where a gain of a tenth would show: 150 problems, four re-draws; half an hour,
                --quick a few minutes
  test          the tests; 6 minutes. Further words go to pytest: ./reproduce.sh test tests/house/test_docs.py
  laptop        real language models (135M and 0.5B) on GSM8K; fetches 560 MB; an hour, --quick 10 minutes
  laptop-math   a 0.5B model on MATH-500 by level, k = 64; half an hour on idle cores
  real-rl       RL on a real model (135M) from a supervised start of ours, by adapters that ship: held-out word problems
                (SVAMP, from MATHB_DATA_DIR), k = 32; fetches 90 MB; half an hour, --quick 5 minutes
  real          real models sampled elsewhere, beside their null (counts in MATHB_DATA_DIR); 2 minutes
  released      tables and figures from the released MATH-B table (hub or MATHB_DATA_DIR), checked; 1 minute
  evening       a 1.5B base and what RL made of it at k = 128: an evening on one GPU of 24 GB (--plan tells)
  single-gpu    one base model and its RL descendants at k = 128; days on a GPU (--plan tells)
  single-gpu-1024   the same at k = 1,024
  paper         21 models at k = 1,024; needs a cluster
  course        every notebook on the miniature, drawn into runs/ only; 20 minutes
  scoreboard    RL objectives compared by what they expand, eight seeds; an hour, rates frozen. --quick 3 minutes;
                --only NAME or all
  scoreboard-long   a board of six rows, with a budget at which GRPO has learnt what it can; an hour
  verifiers     other graders on the same completions, each in an environment of its own; 3 GB, 15 minutes the
                first time; --only NAME (repeatable) runs fewer, --only main needs no download

  --plan          print attempts, tokens, hours and disk, and stop (--json with it: for scripts)
  --calibrate     with --plan: sample for 30 s here and put measured rates in place of the assumed ones
  --quick         a quarter of the attempts (k = 256), drawn into runs/ only; 3 minutes
  --from-scratch  train the tiny models again first, drawn into runs/ only; about an hour
  --rehearse      a GPU or cluster call acted out with tiny models, drawn into runs/ only; 2 to 5 minutes
  --help          this text

Figures land in figures/<call>/, executed notebooks and everything sampled in runs/ (MATHB_RUNS moves it).
An interrupted run loses nothing that was finished: call it again. MATHB_PROGRESS=bar, plain or off says how progress
is shown. More verbs, each with examples: .venv/bin/mathb --help
EOF
}

fail() { echo "reproduce.sh: $1" >&2; exit 1; }

find_python() {
  local name
  for name in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
    if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$name"
      return
    fi
  done
  fail "Python 3.11 or newer is needed and ${PYTHON:-python3} is not; install one or name it: PYTHON=/path/to/python ./reproduce.sh"
}

# The stamp is written last. It changes with the dependencies and with the folder, which .venv has written into it.
make_environment() {
  local stamp python
  stamp="$(cat pyproject.toml constraints.txt | cksum) $PWD"
  # A Python that was upgraded or removed leaves a .venv that no longer runs.
  [[ ! -e .venv/bin/python ]] || .venv/bin/python -c "" 2>/dev/null || touch .venv/mathb-installing
  [[ ! -e .venv/mathb-installing && "$(cat .venv/mathb-ready 2>/dev/null)" == "$stamp" ]] && return

  python=$(find_python)
  if [[ -e .venv/mathb-installing ]]; then
    echo "The last set-up was interrupted; starting it over."
    rm -rf .venv
  fi
  mkdir -p .venv
  rm -f .venv/mathb-ready
  touch .venv/mathb-installing

  echo "Making the Python environment .venv (about 3 minutes, 2 GB) ..."
  "$python" -m venv .venv || fail "$python cannot make a virtual environment; on Debian or Ubuntu: apt install python3-venv"
  # torch alone first: with its version fixed and no label, pip takes a CPU build where one is offered.    1 min
  install "torch==$(sed -n 's/^torch==//p' constraints.txt)"
  # The rest and this package, editable; built with the setuptools that constraints.txt names, not a fresh one.  2 min
  install setuptools
  install --no-build-isolation -e ".[notebooks,test]"
  rm .venv/mathb-installing
  echo "$stamp" > .venv/mathb-ready
}

install() {
  # Modules are compiled when they are first imported, which few are: all of them would take most of a minute.
  .venv/bin/python -m pip install --quiet --no-compile -c constraints.txt "$@" ||
    fail "pip could not install ${*: -1} (its reason is above: network, disk space or a missing package); mend it and call again"
}

case "${1:-}" in
  -h | --help | help) usage ;;
  test)
    make_environment
    exec .venv/bin/python -m pytest --numprocesses auto --dist loadfile "${@:2}"
    ;;
  *)
    for word in "$@"; do
      if [[ $word == -h || $word == --help ]]; then usage; exit; fi
    done
    make_environment
    exec .venv/bin/mathb reproduce "$@"
    ;;
esac
