"""From problems to attempts: engines, the driver that skips what the store has, and its report.

`mathb_kit.draw.Draw` has the verbs. Names load on first use: the shell completes an engine's name without pandas.
"""

from importlib import import_module
from typing import Any

_HOME = {
    "ENGINES": "engines",
    "Chunk": "engine",
    "CommittingEngine": "engine",
    "Completion": "engine",
    "DryRun": "dry_run",
    "Engine": "engine",
    "EngineFactory": "engine",
    "SampleReport": "driver",
    "Shard": "shard",
    "chunk_seed": "engine",
    "engine_factory": "engines",
    "get_engine": "engines",
    "parse_engine": "engines",
    "parse_shard": "shard",
}
__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
