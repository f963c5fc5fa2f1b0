"""Where the pages, figures and executed notebooks of each call of ``mathb reproduce`` go."""

from __future__ import annotations

import os
from pathlib import Path

from mathb_kit.profiles import Profile, load_profile, profile_names
from mathb_kit.provenance import checkout
from mathb_kit.released.table import ReleasedTable
from mathb_kit.store import runs_root


def run_folder(profile: Profile) -> Path:
    """``runs/<profile>/``: what a run of this profile writes besides the store and the committed figures."""
    return runs_root() / profile.name


def figures_folder(profile: Profile) -> Path:
    """Where a profile's figures go.

    ``figures/<profile>/`` of the checkout, but only for a profile exactly as shipped, on the models that ship: quick,
    edited and retrained studies draw into ``runs/<profile>/figures/``.
    """
    root = checkout()
    as_shipped = profile.name in profile_names() and profile == load_profile(profile.name)
    if root is None or not (as_shipped and profile.commit_figures) or "MATHB_CHECKPOINTS" in os.environ:
        return run_folder(profile) / "figures"
    return root / "figures" / profile.name


def released_run_folder() -> Path:
    """``runs/released/``: page and executed notebook of the call ``released``."""
    return runs_root() / "released"


def released_figures_folder(table: ReleasedTable) -> Path:
    """``figures/released/`` of the checkout for the table as released, ``runs/released/figures/`` for any other."""
    committed, apart = released_figures_folders()
    return committed if table.identity == "released" else apart


def released_figures_folders() -> tuple[Path, Path]:
    """Where figures of the table as released go, and where those of any other table go."""
    apart, root = released_run_folder() / "figures", checkout()
    return (root / "figures" / "released" if root else apart), apart
