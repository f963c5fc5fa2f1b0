"""Many training runs side by side: one process with one thread each, as many at a time as there are processors.

At the miniature's size two single-threaded runs finish sooner than one run with two threads after the other.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from mathb_kit.errors import MathbError
from mathb_kit.progress import progress

_ROOT = Path(__file__).resolve().parents[2]


def train_all(
    runs: Sequence[Mapping[str, Any]], processes: int | None = None, failures: dict[str, str] | None = None
) -> list[Path]:
    """Make every run's checkpoint; finished ones are kept, stopped ones go on.

    Args:
        runs: keyword arguments of `mathb_kit.lab.train`, JSON values only, each with a folder ``to`` of its own.
        processes: at a time; one per processor by default.
        failures: takes up what a failed run said, by its folder, while the others go on.

    Returns:
        The folders, in order.

    Raises:
        MathbError: without ``failures``, a run that failed, with what it said last; the others that had begun are
            finished first.
    """
    environment = {
        **os.environ, "OMP_NUM_THREADS": "1", "MATHB_PROGRESS": "off",
        "PYTHONPATH": os.pathsep.join([str(_ROOT), os.environ.get("PYTHONPATH", "")]),
    }  # fmt: skip

    def make(run: Mapping[str, Any]) -> None:
        command = [sys.executable, "-m", "mathb_kit.lab.many", json.dumps(dict(run))]
        done = subprocess.run(command, env=environment, check=False, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            said = (done.stderr.strip().splitlines() or ["nothing"])[-1]
            raise MathbError(f"The training run {run['to']} failed and said: {said}")

    left = [run for run in runs if not _finished(run)]
    with progress(len(left), "training", "runs") as bar, ThreadPoolExecutor(processes or os.cpu_count()) as pool:
        waiting = {pool.submit(make, run): run for run in left}
        try:
            for done in as_completed(waiting):
                folder, error = waiting[done]["to"], done.exception()
                if error and (failures is None or not isinstance(error, MathbError)):
                    raise error
                if error:
                    failures[folder] = str(error)
                bar.update(1)
                bar.note(f"{'failed' if error else 'trained'}: {folder}")
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return [Path(run["to"]) for run in runs]


def _finished(run: Mapping[str, Any]) -> bool:
    """Whether this very checkpoint is there, so that no process need be started to see it."""
    recipe = Path(run["to"]) / "recipe.json"
    if not recipe.is_file():
        return False
    made = json.loads(recipe.read_text(encoding="utf-8"))["recipe"]
    made = {**made, **made["training"]}
    asked = {**run, "base": Path(run["base"]).name}  # a recipe names a checkpoint folder by its last part
    return all(made.get(name) == value for name, value in asked.items() if name != "to")


def main(arguments: str) -> None:
    """One run, in a process of its own."""
    import torch

    from mathb_kit.lab.trainer import train

    torch.set_num_threads(1)
    try:
        train(**json.loads(arguments))
    except MathbError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(sys.argv[1])
