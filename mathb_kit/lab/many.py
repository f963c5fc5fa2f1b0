"""Many training runs side by side: one process with one thread each, as many at a time as there are processors.

At the miniature's size two single-threaded runs finish sooner than one run with two threads after the other.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from mathb_kit.errors import MathbError
from mathb_kit.lab.run import Run
from mathb_kit.progress import progress

_ROOT = Path(__file__).resolve().parents[2]


def train_all(runs: Sequence[Run], processes: int | None = None, failures: dict[str, str] | None = None) -> list[Path]:
    """Make every run's checkpoint; finished ones are kept, stopped ones go on.

    Args:
        runs: each with a folder of its own; an objective of your own must come from a module that others can import.
        processes: at a time; one per processor by default.
        failures: takes up what a failed run reported, by its folder, while the others go on.

    Returns:
        The folders, in order.

    Raises:
        MathbError: without ``failures``, a run that failed, with what it reported last; the others that had begun are
            finished first.
    """
    environment = {
        **os.environ, "OMP_NUM_THREADS": "1", "MATHB_PROGRESS": "off",
        "PYTHONPATH": os.pathsep.join([str(_ROOT), os.environ.get("PYTHONPATH", "")]),
    }  # fmt: skip

    def make(run: Run) -> None:
        command = [sys.executable, "-m", "mathb_kit.lab.many"]
        done = subprocess.run(command, env=environment, check=False, stderr=subprocess.PIPE, input=pickle.dumps(run))
        if done.returncode:
            last = (done.stderr.decode(errors="replace").strip().splitlines() or ["nothing"])[-1]
            raise MathbError(f"The training run {run.folder} failed and said: {last}")

    left = [run for run in runs if not run.finished()]
    with progress(len(left), "training", "runs") as bar, ThreadPoolExecutor(processes or os.cpu_count()) as pool:
        waiting = {pool.submit(make, run): str(run.folder) for run in left}
        try:
            for done in as_completed(waiting):
                folder, error = waiting[done], done.exception()
                if error and (failures is None or not isinstance(error, MathbError)):
                    raise error
                if error:
                    failures[folder] = str(error)
                bar.update(1)
                bar.note(f"{'failed' if error else 'trained'}: {folder}")
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return [run.folder for run in runs]


def main() -> None:
    """One run, from standard input, in a process of its own."""
    import torch

    torch.set_num_threads(1)
    try:
        pickle.load(sys.stdin.buffer).train()
    except MathbError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
