"""The registry's styles: how a kind of model is asked where nobody says otherwise."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from mathb_kit.settings import read_toml

REGISTRY = Path(__file__).with_name("registry.toml")


@cache
def style(name: str) -> dict[str, Any]:
    """The table ``[styles.name]`` of ``registry.toml``."""
    return read_toml(REGISTRY)["styles"][name]
