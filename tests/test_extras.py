"""What an extra brings is asked for in one sentence, before anything is done."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from mathb_kit.cli import app
from mathb_kit.errors import MathbError
from mathb_kit.extras import need


def test_missing_packages_are_named_with_the_extra_that_brings_them():
    need("notebooks", "Counting", "json", "csv")
    with pytest.raises(MathbError) as caught:
        need("notebooks", "Counting", "json", "no_such_a", "no_such_b", "no_such_c")
    assert str(caught.value) == (
        "Counting takes the packages no_such_a, no_such_b and no_such_c: python -m pip install 'mathb_kit[notebooks]'."
    )
    with pytest.raises(MathbError, match="takes the package no_such_a:"):
        need("models", "Counting", "no_such_a")


@pytest.mark.parametrize("call", ["mini", "released", "real", "scoreboard", "verifiers"])
def test_without_the_notebooks_extra_a_study_ends_before_it_begins(call, monkeypatch):
    monkeypatch.setattr("mathb_kit.extras.find_spec", lambda name: None if name == "papermill" else name)
    result = CliRunner().invoke(app, ["reproduce", call])
    assert result.exit_code == 2 and result.stdout == ""
    assert "Running a notebook takes the package papermill" in result.stderr
    assert CliRunner().invoke(app, ["reproduce", "mini", "--plan"]).exit_code == 0
