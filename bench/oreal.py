"""Why OREAL gains what it gains here: its gradients beside GRPO's on the same attempts, part by part.

    python bench/oreal.py [--batches 12] [--csv bench/oreal.csv]

Attempts of mini-base-1 at training problems, the token reward model trained for 10 steps before (as in the paper) and
for 60. ``attempts`` have a gradient, of 128 in a batch; ``norm`` is the gradient's; ``rising`` is its cosine with the
direction in which the expected reward rises (RLOO's gradient from all other batches); ``coherence`` its cosine with
the same objective's gradient from another batch. A minute on one core; docs/what-the-miniature-shows.md quotes it.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MATHB_PROGRESS", "off")

import pandas as pd  # noqa: E402

from mathb_kit.csv_files import write_csv  # noqa: E402
from mathb_kit.lab.gradients import Probe, gradient_table  # noqa: E402

STEPS = ["grpo", "oreal-reinforce", "oreal-shaped", "oreal-every-token", "oreal", "oreal-released-every-token",
         "oreal-released"]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--batches", type=int, default=12)
    parser.add_argument("--csv", type=Path, default=None)
    arguments = parser.parse_args()
    tables = []
    for warm_up in (10, 60):
        table, told = gradient_table(Probe(batches=arguments.batches, warm_up=warm_up), STEPS)
        print(f"token reward model after {warm_up} steps: " + ", ".join(f"{k} {v:.3f}" for k, v in told.items()))
        print(table.round(3).to_string(index=False), flush=True)
        tables.append(table.assign(warm_up=warm_up, **told))
    if arguments.csv:
        write_csv(pd.concat(tables), arguments.csv, float_format="%.4g")


if __name__ == "__main__":
    main()
