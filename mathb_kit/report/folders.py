"""Which of a call's figures are the repository's own, and which stay with its run."""

from __future__ import annotations

import os
from pathlib import Path

from mathb_kit.places import figures_root
from mathb_kit.profiles import Profile, load_profile, profile_names
from mathb_kit.real import as_committed
from mathb_kit.released.table import ReleasedTable


def figures_folder(profile: Profile) -> Path:
    """Where a profile's figures go.

    ``figures/<profile>/`` of the checkout, but only for a profile exactly as shipped, on the models that ship: quick,
    edited and retrained studies draw into ``runs/<profile>/figures/``.
    """
    as_shipped = profile.name in profile_names() and profile == load_profile(profile.name)
    committed = as_shipped and profile.commit_figures and "MATHB_CHECKPOINTS" not in os.environ
    return figures_root(profile.name, committed=committed)


def real_figures_folder() -> Path:
    """``figures/real/`` of the checkout for the very files it was drawn from, ``runs/real/figures/`` for others."""
    return figures_root("real", committed=as_committed())


def released_figures_folder(table: ReleasedTable) -> Path:
    """``figures/released/`` of the checkout for the table as released, ``runs/released/figures/`` for any other."""
    return figures_root("released", committed=table.identity == "released")


def released_figures_folders() -> tuple[Path, Path]:
    """Where figures of the table as released go, and where those of any other table go."""
    return figures_root("released", committed=True), figures_root("released", committed=False)
