"""Fixtures for all tests."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]
GIVEN_RUNS = os.environ.get("MATHB_RUNS")

# A background job of a script ignores Ctrl-C, and so would the children that tests send it to.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def checkout() -> Path:
    """Root of the repository."""
    return CHECKOUT


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real data: ``MATHB_DATA_DIR``, else ``../shared/data`` beside the checkout, else a skip."""
    folder = Path(os.environ.get("MATHB_DATA_DIR") or CHECKOUT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; MATHB_DATA_DIR names another folder")
    return folder.resolve()


@pytest.fixture(autouse=True)
def _runs_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the developer's own runs, and none reads local mirrors unless it asks to."""
    monkeypatch.setenv("MATHB_RUNS", str(tmp_path / "runs"))
    monkeypatch.delenv("MATHB_DATA_DIR", raising=False)
    monkeypatch.delenv("MATHB_CHECKPOINTS", raising=False)


@pytest.fixture
def finished(_runs_apart: None) -> Callable[..., None]:
    """Copies folders of the runs that ``MATHB_RUNS`` names into the test's own, so that what CI has just done there is
    read and not done again; where there are none, the test does it all.
    """

    def copy(*names: str) -> None:
        for name in names if GIVEN_RUNS else ():
            if (source := Path(GIVEN_RUNS, name)).is_dir():
                shutil.copytree(source, Path(os.environ["MATHB_RUNS"], name))

    return copy
