"""Processor seconds of 200 training steps per objective, and where they go, in one run on one thread.

    python bench/lab.py [--steps 20] [--objectives grpo oreal ...]

Every objective trains mini-base-1 for a few steps at the default batch (16 prompts, 8 attempts each), in turns of one
process. Processor time, not the clock, because the machine may be shared; scaled to 200 steps without the loading. The
last line is GRPO with rollouts scored by the network's own forward, a prompt read once for every attempt and again
before every minibatch: what it was before, in the same process.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MATHB_PROGRESS", "off")

from mathb_kit.lab import scoring, update  # noqa: E402
from mathb_kit.lab.objectives import OBJECTIVES  # noqa: E402
from mathb_kit.lab.run import train  # noqa: E402

_PLAIN = "grpo, not packed"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--objectives", nargs="*", default=list(OBJECTIVES))
    arguments = parser.parse_args()
    time.perf_counter = time.process_time  # the trainer's own clock then counts processor seconds
    print(f"{'objective':26} {'s/200 steps':>11} {'to GRPO':>7}  sampling  grading   update tokens/step")
    grpo, packed = None, scoring.is_small_llama
    for name in [*dict.fromkeys(["grpo", *arguments.objectives]), _PLAIN]:
        for module in (scoring, update):
            module.is_small_llama = packed if name != _PLAIN else lambda _: False
        with tempfile.TemporaryDirectory() as folder:
            train(name.split(",")[0], "mini-base-1", steps=arguments.steps, to=folder)
            training = json.loads((Path(folder) / "recipe.json").read_text())["training"]
        total = training["seconds"] * 200 / arguments.steps
        grpo = grpo or total
        shares = [training["seconds_of"][part] / training["seconds"] for part in ("sampling", "grading", "update")]
        tokens = training["sampled_tokens"] / arguments.steps
        print(f"{name:26} {total:11.1f} {total / grpo:7.2f}", *(f"{share:8.0%}" for share in shares), f"{tokens:8.0f}")


if __name__ == "__main__":
    main()
