"""From a completion to a verdict: extraction, a ladder of comparisons, workers that can be killed.

Names load on first use, so that a worker process imports no pandas.
"""

from importlib import import_module
from typing import Any

_HOME = {
    "EXTRACTOR_VERSION": "versions",
    "Extraction": "extraction",
    "POLICIES": "extraction",
    "extract": "extraction",
    "extract_all": "extraction",
    "GRADER_VERSION": "versions",
    "VERDICTS": "grader",
    "CONVENTIONS": "conventions",
    "Explanation": "explanation",
    "explain": "explanation",
    "ModelJudge": "model_judge",
    "Grade": "grader",
    "Grader": "grader",
    "grade": "grader",
    "grade_file": "files",
    "read_verdicts": "stored",
}
__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
