"""Virtual environments for other people's frameworks, made with plain venv and pip; every ``PIP_*`` variable counts."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

from mathb_kit.errors import MathbError
from mathb_kit.verifiers.catalogue import Environment

# Written last, so that an environment with it is whole. It changes with the packages, Python and the folder, which a
# virtual environment has written into it.
_STAMP = "mathb-ready"


def make_environment(name: str, environment: Environment, folder: Path) -> Path:
    """The Python of an environment, which is made if it is not there or was made for other packages.

    Args:
        name: for messages.
        environment: packages.
        folder: receives ``venv/`` and ``freeze.txt`` (what pip installed in the end).

    Raises:
        MathbError: the environment cannot be made; pip's last line is in the message.
    """
    venv = folder.resolve() / "venv"
    python = venv / "bin" / "python"
    stamp = json.dumps([environment.install, environment.dependencies, sys.version, str(venv)])
    ready = venv / _STAMP
    if ready.is_file() and ready.read_text(encoding="utf-8") == stamp and _runs(python):
        return python
    print(f"{name}: making its environment (about {environment.megabytes:,} MB on disk) ...", flush=True)
    started = time.monotonic()
    shutil.rmtree(venv, ignore_errors=True)
    venv.parent.mkdir(parents=True, exist_ok=True)
    _run(name, [sys.executable, "-m", "venv", str(venv)])
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--quiet"]
    alone = [] if environment.dependencies else ["--no-deps"]
    for packages in environment.install:
        _run(name, [*pip, "install", *alone, *packages])
    frozen = _run(name, [*pip, "freeze"])
    (folder / "freeze.txt").write_text(frozen, encoding="utf-8")
    ready.write_text(stamp, encoding="utf-8")
    print(f"{name}: {frozen.count(chr(10))} packages in {time.monotonic() - started:.0f} s", flush=True)
    return python


def _runs(python: Path) -> bool:
    """False where the Python that the environment was made from is gone."""
    try:
        return subprocess.run([python, "-c", ""], capture_output=True).returncode == 0
    except OSError:
        return False


def _run(name: str, command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        lines = [line for line in lines if not line.startswith("WARNING")] or ["no message"]
        raise MathbError(f"the environment of {name} cannot be made: {lines[-1]}")
    return done.stdout
