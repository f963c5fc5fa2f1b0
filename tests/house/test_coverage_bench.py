"""The simulation behind the intervals: its quick form runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

BENCH = Path(__file__).resolve().parents[2] / "bench"


@pytest.mark.slow
def test_the_quick_form_of_the_coverage_table_runs_and_goes_on_where_it_stopped(tmp_path):
    call = [sys.executable, BENCH / "coverage.py", "--quick", "--runs", "20", "--parts", tmp_path / "parts"]
    env = os.environ | {"OMP_NUM_THREADS": "1", "MATHB_DATA_DIR": ""}
    first = subprocess.run(call, env=env, capture_output=True, text=True, check=True)
    parts = sorted((tmp_path / "parts").glob("*.csv"))
    assert len(parts) == 9 * 2 * 3  # worlds, sizes, plans; without real counts
    parts[0].unlink()
    again = subprocess.run(call, env=env, capture_output=True, text=True, check=True)
    assert again.stdout.count(" problems, ") == 1  # that cell alone is computed anew
    assert first.stdout.split("Over all")[1] == again.stdout.split("Over all")[1]
    table = pd.concat(map(pd.read_csv, parts[1:]))
    ours = table[table["interval"].str.contains("widened")]
    assert ours["coverage"].mean() > 0.93 and (ours["width"] > 0).all()
