"""Other people's verifiers beside ours: the same completions, each framework in an environment of its own.

Names load on first use.
"""

from importlib import import_module
from typing import Any

_HOME = {
    "FailureCase": "failure_modes",
    "load_failure_modes": "failure_modes",
    "mode_titles": "failure_modes",
    "Catalogue": "catalogue",
    "load_catalogue": "catalogue",
    "comparison_rows": "rows",
    "count_rows": "rows",
    "run_verifiers": "comparison",
    "read_comparison": "comparison",
    "overview": "comparison",
    "run_folder": "comparison",
    "label_agreement": "tables",
    "disagreements": "tables",
    "failure_table": "tables",
    "framework_table": "tables",
    "slowest": "tables",
    "decided_symbolically": "sensitivity",
    "reach_by_policy": "sensitivity",
    "rung_shares": "sensitivity",
    "resting_on_one": "sensitivity",
}
__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
