"""Many training runs side by side: processes with one thread each, as many as there are processors, run after run.

At the miniature's size two single-threaded runs finish sooner than one run with two threads after the other, and a
process that takes the next run spares the seconds in which its libraries load.
"""

from __future__ import annotations

import base64
import json
import os
import pickle
import signal
import sys
import traceback
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from queue import Empty, SimpleQueue

from mathb_kit.children import Child, Died, NotReady
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

    Ctrl-C ends all at once; what each run kept stays.

    Raises:
        MathbError: without ``failures``, a run that failed, with what it reported last; the others that had begun are
            finished first.
    """
    idle: SimpleQueue[Child] = SimpleQueue()
    started: list[Child] = []

    def make(run: Run) -> None:
        try:
            child = idle.get_nowait()
        except Empty:
            started.append(child := _start())
        try:
            child.send(base64.b64encode(pickle.dumps(run)).decode())
            said = child.receive()
        except Died as how:
            said = f"nothing: its process ended with {how}"
        else:
            idle.put(child)
        if said:
            raise MathbError(f"The training run {run.folder} failed and said: {said}")

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
                bar.note(str(error) if error else f"trained: {folder}")
        except BaseException as error:
            pool.shutdown(wait=False, cancel_futures=True)
            if isinstance(error, KeyboardInterrupt):  # it went to this process alone
                for child in started:
                    if child.alive:
                        os.killpg(child.process.pid, signal.SIGKILL)
            raise
    return [run.folder for run in runs]


def _start() -> Child:
    paths = os.pathsep.join([str(_ROOT), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MATHB_PROGRESS": "off", "PYTHONPATH": paths}
    child = Child([sys.executable, "-m", "mathb_kit.lab.many"], environment)
    try:
        child.ready()
    except NotReady as why:
        raise MathbError(f"No process for training runs could be started; it said: {why}") from None
    return child


def main() -> None:
    """Runs from standard input, a line each; one line back for each: null, or what went wrong."""
    parent = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever libraries print, only replies go to the parent
    import torch

    torch.set_num_threads(1)

    def reply(message: object) -> None:
        parent.write(json.dumps(message) + "\n")
        parent.flush()

    reply({"ready": True})
    for line in sys.stdin:
        said = None
        try:
            pickle.loads(base64.b64decode(json.loads(line))).train()
        except MathbError as error:
            said = str(error)
        except Exception as error:  # the parent raises it again
            said = traceback.format_exception_only(error)[-1].strip()
        reply(said)


if __name__ == "__main__":
    main()
