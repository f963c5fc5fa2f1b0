"""Versions of extractor and grader: hashes of what their code means.

Hashed are the syntax trees of the sources, without docstrings, comments and layout, and the versions of the libraries
that the symbolic rung asks: a comment does not grade a million stored attempts again, a changed constant does.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from mathb_kit.errors import MathbError

_FOLDER = Path(__file__).parent
_EXTRACTOR = ("box_terms.py", "boxes.py", "declared.py", "extraction.py")
# Every other source of this package decides verdicts but these, which carry texts and verdicts about or show them.
_CARRIERS = (
    "__init__.py", "conventions.py", "explanation.py", "files.py", "model_judge.py", "stored.py", "versions.py"
)  # fmt: skip
_PINS = ("math-verify", "latex2sympy2_extended", "sympy", "antlr4-python3-runtime")


def code_version(sources: Iterable[str], pins: Iterable[str] = ()) -> str:
    """12 hex digits over the syntax trees of Python sources, in order, and over ``pins`` ("name==version")."""
    digest = hashlib.sha256()
    for part in (*map(_meaning, sources), *pins):
        digest.update(part.encode("utf-8", "surrogatepass") + b"\0")
    return digest.hexdigest()[:12]


def _meaning(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            node.body = [one for one in body if not _is_text(one)]  # a docstring, or one of an attribute
    return " ".join(_dump(tree))


def _is_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _dump(node: object) -> Iterator[str]:
    """Not ``ast.dump``: what it prints of absent parts differs between versions of Python."""
    if isinstance(node, ast.AST):
        yield type(node).__name__
        for name, value in ast.iter_fields(node):
            if value is not None and value != []:
                yield name
                yield from _dump(value)
        yield ")"
    elif isinstance(node, list):
        for one in node:
            yield from _dump(one)
    else:
        yield repr(node)


def _pins() -> Iterator[str]:
    for name in _PINS:
        try:
            yield f"{name}=={version(name)}"
        except PackageNotFoundError:
            raise MathbError(f"Grading needs the package {name}; install what constraints.txt names.") from None


def _sources(names: Iterable[str]) -> Iterator[str]:
    return ((_FOLDER / name).read_text(encoding="utf-8") for name in names)


EXTRACTOR_VERSION = code_version(_sources(_EXTRACTOR))
"""12 hex digits over what reads answers from texts."""

GRADER_VERSION = code_version(
    _sources(sorted(path.name for path in _FOLDER.glob("*.py") if path.name not in _CARRIERS)), _pins()
)
"""12 hex digits over what decides verdicts, and over the libraries that the symbolic rung asks."""
