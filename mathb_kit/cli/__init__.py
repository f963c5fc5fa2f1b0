"""The command ``mathb``: each verb calls one library function and prints what it returns."""

# ruff: noqa: I001  verbs stand in the help in the order of these imports
from mathb_kit.cli.app import app
from mathb_kit.cli import studies, evaluate, evidence, sets, models, numbers, store, view, lab

__all__ = ["app", "evaluate", "evidence", "lab", "main", "models", "numbers", "sets", "store", "studies", "view"]


def main() -> None:
    """Entry point of the command ``mathb``."""
    app()
