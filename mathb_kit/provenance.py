"""Where a result came from: versions, machine, source revision, time."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from mathb_kit.places import beside_package, checkout

_PACKAGES = ("torch", "transformers", "numpy", "math-verify", "vllm", "ray")


def provenance(*, time: datetime | None = None, **extra: Any) -> dict[str, Any]:
    """A JSON-ready record that makes a result file self-describing.

    Args:
        time: timezone-aware moment to record instead of now.
        extra: anything else to record, e.g. ``engine=engine.describe()``.

    Returns:
        ``time`` (UTC, ISO 8601), ``python``, ``platform``, ``cpus``, ``packages`` (name to version, installed ones
        only), ``git`` (``revision`` and ``dirty``, or None outside a git checkout), then ``extra``. Where versions are
        not those of the committed figures, ``differs`` is a sentence that says so.
    """
    packages = _versions()
    differs = _differences(packages)
    return {
        "time": (time or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "packages": packages,
        **({"differs": differs} if differs else {}),
        "git": _git(),
        **extra,
    }


def _versions() -> dict[str, str]:
    versions = {}
    for name in _PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _differences(packages: Mapping[str, str]) -> str:
    """A sentence about packages of other versions than constraints.txt has; empty if there are none."""
    lines = (beside_package() / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if "==" in line and not line.startswith("#"))
    installed = {name: version.split("+")[0] for name, version in packages.items()}  # 2.13.0+cpu is 2.13.0
    others = [f"{name} {own} instead of {pins[name]}" for name, own in installed.items() if own != pins[name]]
    if not others:
        return ""
    return f"Made with {', '.join(others)}: attempts may differ from those behind the committed figures."


def _git() -> dict[str, Any] | None:
    root = checkout()
    # Without its own .git the copy may lie inside some other repository, whose revision would be a lie.
    if root is None or not (root / ".git").exists():
        return None
    try:
        revision = _git_output(root, "rev-parse", "HEAD")
        return {"revision": revision, "dirty": bool(_git_output(root, "status", "--porcelain"))}
    except (FileNotFoundError, subprocess.CalledProcessError):  # no git here, or a checkout it refuses to read
        return None


def _git_output(root: Path, *command: str) -> str:
    return subprocess.run(["git", "-C", root, *command], check=True, capture_output=True, text=True).stdout.strip()
