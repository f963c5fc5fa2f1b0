"""Packages that only some of what the toolkit does takes: extras of the installation."""

from __future__ import annotations

from importlib.util import find_spec

from mathb_kit.errors import MathbError


def need(extra: str, what: str, *packages: str) -> None:
    """Go on only where the packages are installed.

    Args:
        extra: the extra of ``mathb_kit`` that brings them.
        what: what takes them: the sentence's subject, e.g. ``"Running a notebook"``.
        packages: names as they are imported.

    Raises:
        MathbError: one is missing; the sentence says how to install it.
    """
    if missing := [name for name in packages if find_spec(name) is None]:
        names = " and ".join(filter(None, [", ".join(missing[:-1]), missing[-1]]))
        raise MathbError(
            f"{what} takes the package{'s' * (len(missing) > 1)} {names}: python -m pip install 'mathb_kit[{extra}]'."
        )
