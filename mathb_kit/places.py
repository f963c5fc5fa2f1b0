"""Where things lie: the checkout, the notebooks, and the folder of everything that runs leave behind."""

from __future__ import annotations

import os
from pathlib import Path

from mathb_kit.errors import MathbError


def checkout() -> Path | None:
    """Root of the repository this package runs from, or None where it is installed without one."""
    root = Path(__file__).resolve().parents[1]
    return root if (root / "pyproject.toml").is_file() or (root / ".git").exists() else None


def beside_package() -> Path:
    """Where ``notebooks``, ``docs`` and ``constraints.txt`` lie: the checkout, or an installed package with copies."""
    return checkout() or Path(__file__).parent


def called(folder: Path) -> str:
    """What the user calls a folder: a link by its own name, and ``.`` by that of the folder it stands for."""
    return Path(os.path.abspath(folder)).name


def runs_root() -> Path:
    """Folder of everything that runs leave behind: ``MATHB_RUNS``, else ``runs`` in the checkout (or here).

    Raises:
        MathbError: it is a file.
    """
    root = Path(os.path.expanduser(os.environ.get("MATHB_RUNS") or (checkout() or Path.cwd()) / "runs"))
    if root.is_file():
        raise MathbError(f"{root}, where runs go, is a file; point MATHB_RUNS to a folder, or unset it.")
    return root


def store_root() -> Path:
    """The store that is used where none is named."""
    return runs_root() / "store"


def replies_root() -> Path:
    """Replies of servers, which were paid for."""
    return runs_root() / "replies"


def logs_root() -> Path:
    """Messages of child processes."""
    return runs_root() / "logs"


def cards_root() -> Path:
    """Model cards and evaluation records."""
    return runs_root() / "cards"


def imports_root() -> Path:
    """Results that were sampled elsewhere, by the name they were given."""
    return runs_root() / "imports"


def lab_root() -> Path:
    """Training runs and what is compared of them."""
    return runs_root() / "lab"


def verifiers_root() -> Path:
    """Environments of other people's verifiers and their results."""
    return runs_root() / "verifiers"


def models_root() -> Path:
    """Where fetched and unpacked models lie: ``MATHB_MODEL_DIR``, else ``models`` in the runs folder."""
    return Path(os.path.expanduser(os.environ.get("MATHB_MODEL_DIR") or runs_root() / "models"))


def run_root(study: str) -> Path:
    """Executed notebooks, the page, and figures of a call of ``mathb reproduce`` that are not for the repository."""
    return runs_root() / study


def figures_root(study: str, *, committed: bool) -> Path:
    """Figures and their tables: ``figures/<study>`` of the checkout, or apart from it under `run_root`.

    Args:
        study: name of a profile, or of another call of ``mathb reproduce``.
        committed: whether they are the repository's own. Without a checkout they lie apart all the same.
    """
    root = checkout()
    return root / "figures" / study if committed and root else run_root(study) / "figures"


def as_told(path: Path) -> str:
    """A path as a notebook tells it, the same on every machine.

    ``runs/...`` below `runs_root`, wherever that is; in the checkout as seen from its root; else the path itself.
    """
    path = path.resolve()
    for root, name in ((runs_root().resolve(), "runs"), (checkout(), "")):
        if root and path.is_relative_to(root):
            return Path(name, path.relative_to(root)).as_posix()
    return str(path)
