"""Progress is seen in a terminal and outside of one; provenance says what made a result."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace

import pytest

from mathb_kit import progress as progress_module
from mathb_kit.errors import MathbError
from mathb_kit.progress import Pace, progress
from mathb_kit.provenance import provenance

CHECKOUT = Path(__file__).resolve().parents[1]


class Clock:
    """Stands for the time module in progress.py: a second passes only when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(progress_module, "time", clock)
    monkeypatch.delenv("MATHB_PROGRESS", raising=False)
    monkeypatch.delenv("MATHB_WIDGETS", raising=False)
    return clock


def in_a_terminal(monkeypatch):
    """A stderr that somebody looks at; to be called in a test, since pytest gives each phase another stderr."""
    monkeypatch.delenv("MATHB_PROGRESS", raising=False)
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)


@pytest.fixture
def notebook(monkeypatch):
    """A kernel, as far as `progress` asks; returns what was displayed: (text, display id, whether it replaces)."""
    shown = []

    def display(said, *, raw, display_id, update):
        assert raw and list(said) == ["text/plain"]
        shown.append((said["text/plain"], display_id, update))

    ipython = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=object()))
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=display))
    return shown


def test_without_a_terminal_a_plain_line_comes_now_and_then_with_rate_and_time_left(clock, capsys):
    with progress(10_000, "coin", initial=1_000) as bar:
        for _ in range(25):
            clock.now += 1
            bar.update(100)
    assert capsys.readouterr().err.splitlines() == [
        "coin: 2,000 of 10,000 attempts, 100.0/s, 00:10, 01:20 left",
        "coin: 3,000 of 10,000 attempts, 100.0/s, 00:20, 01:10 left",
        "coin: 3,500 of 10,000 attempts, 100.0/s, 00:25",
    ]


@pytest.mark.parametrize("wait", [5, 600])
def test_a_rate_over_bursts_after_waits_is_neither_the_bursts_nor_zero(clock, wait):
    """32 requests are sent at once and answered within a second after each wait: 32 / (wait + 1) a second."""
    pace, shown, true = Pace(), [], 32 / (wait + 1)
    for _ in range(12):
        clock.now += wait
        for _ in range(32):
            clock.now += 1 / 32
            pace.add(1)
            shown.append(pace.per_second())
    assert shown[31] == pytest.approx(true)  # of the first burst, as soon as it is whole
    settled = shown[5 * 32 :]
    assert max(shown) < 1.4 * true and min(settled) > 0.7 * true and settled[31::32] == pytest.approx([true] * 7)
    clock.now += 10 * wait + 60
    assert pace.per_second() < true / 2  # while nothing comes it falls


def test_a_rate_is_of_the_last_minute_and_leaves_out_what_was_no_wait(clock):
    pace = Pace()
    for per_second, seconds in ((100, 300), (10, 70)):
        for _ in range(seconds):
            clock.now += 1
            pace.add(per_second)
    assert pace.per_second() == pytest.approx(10)
    clock.now += 3600
    pace.resume()
    assert pace.per_second() == pytest.approx(10)
    clock.now += 1
    pace.add(10)
    assert pace.per_second() == pytest.approx(10)


def test_the_bar_of_a_terminal_shows_that_rate_and_at_the_end_that_of_the_whole(clock, monkeypatch, capsys):
    in_a_terminal(monkeypatch)
    now = [0.0]
    with progress(640, "coin") as bar:
        monkeypatch.setattr(bar, "_time", lambda: now[0])
        bar.start_t = bar.last_print_t = 0.0
        for _ in range(10):
            for seconds in [20] + [0.2] * 50:
                now[0] += seconds
                clock.now += seconds
                bar.update(1)
        capsys.readouterr()
        bar.refresh()
        assert re.search(r" 1\.\d\d? ?attempts/s", capsys.readouterr().err)  # 51 each 30 s, and not 5 a second
        now[0] += 210
        clock.now += 210
    assert re.search(r" 1\.\d\d? ?attempts/s", capsys.readouterr().err)  # 510 in 510 s


def test_a_short_job_without_a_terminal_says_nothing(clock, capsys):
    with progress(10, "coin") as bar:
        clock.now += 1
        bar.update(10)
    assert capsys.readouterr().err == ""


def test_an_unknown_total_and_nested_jobs_work_without_a_terminal(clock, capsys):
    with progress(None, "outer", unit="rounds") as outer, progress(4, "inner", unit="pairs") as inner:
        clock.now += 4
        inner.update(4)
        outer.update()
    assert capsys.readouterr().err.splitlines() == [
        "inner: 4 of 4 pairs, 1.0/s, 00:04",
        "outer: 1 rounds, 0.2/s, 00:04",
    ]


def test_a_failing_job_still_says_how_far_it_came(clock, capsys):
    with pytest.raises(KeyError), progress(10, "coin"):
        clock.now += 5
        raise KeyError
    assert capsys.readouterr().err == "coin: 0 of 10 attempts, 0.0/s, 00:05\n"


def screen(written: str) -> list[str]:
    """What a terminal shows after these characters (return, line feed, cursor up; no wrapping)."""
    lines, row, column = [""], 0, 0
    for token in re.findall(r"\x1b\[A|.", written, re.DOTALL):
        if token == "\r":
            column = 0
        elif token == "\n":
            row, column = row + 1, 0
            lines += [""] * (row == len(lines))
        elif token == "\x1b[A":
            row -= 1
        else:
            lines[row] = lines[row][:column].ljust(column) + token + lines[row][column + 1 :]
            column += 1
    return [line.strip() for line in lines if line.strip()]


def test_a_terminal_keeps_the_outermost_bar_and_the_notes(monkeypatch, capsys):
    in_a_terminal(monkeypatch)
    with progress(2, "outer", unit="models") as outer:
        for i in range(2):
            with progress(50, "inner", initial=20) as inner:
                inner.update(30)
                inner.note(f"note {i}")
            outer.update()
    with progress(None, "next") as bar:
        bar.update(3)
    written = capsys.readouterr().err
    assert not re.search(r"\x1b\[[\d;]*m", written), "no colours"
    shown = screen(written)
    assert shown[:2] == ["note 0", "note 1"] and len(shown) == 4
    assert re.fullmatch(r"outer: 100%.* 2/2 .* models/s\]", shown[2])
    assert re.fullmatch(r"next: 3 attempts .* attempts/s\]", shown[3])


@pytest.mark.parametrize(("name", "value"), [("TERM", "dumb"), ("CI", "true")])
def test_a_terminal_that_cannot_redraw_and_the_log_of_ci_get_plain_lines(name, value, clock, monkeypatch, capsys):
    in_a_terminal(monkeypatch)
    monkeypatch.setenv(name, value)
    with progress(10, "coin") as bar:
        clock.now += 5
        bar.update(10)
    assert capsys.readouterr().err == "coin: 10 of 10 attempts, 2.0/s, 00:05\n"


def test_a_notebook_gets_one_output_that_is_redrawn_twice_a_second_at_most(notebook, clock, capsys):
    with progress(2, "models", unit="models") as outer:
        for _ in range(2):
            with progress(80, "coin") as inner:
                for _ in range(80):
                    clock.now += 1 / 16
                    inner.update()
            outer.update()
        outer.note("all there")
    texts, ids, replaced = zip(*notebook, strict=True)
    assert 10 <= len(texts) <= 2 * 10 + 2, "10 s in all, the first 2 s without a word"
    assert len(set(ids)) == 1 and replaced == (False,) + (True,) * (len(texts) - 1)
    assert texts[0].splitlines()[0].startswith("░" * 20 + " models: 0 of 2 models, 0.0/s, 00:02")
    assert texts[0].splitlines()[1] == "█" * 8 + "░" * 12 + " coin: 33 of 80 attempts, 16.0/s, 00:02"
    assert texts[-1].splitlines() == ["all there", "models: 2 of 2 models, 0.2/s, 00:10"]
    assert capsys.readouterr().err == ""


def test_a_short_job_leaves_no_output_in_a_notebook_and_a_recorded_one_gets_plain_lines(
    notebook, clock, monkeypatch, capsys
):
    with progress(10, "coin") as bar:
        clock.now += 1
        bar.update(10)
    assert notebook == [] and capsys.readouterr().err == ""
    monkeypatch.setenv("MATHB_WIDGETS", "off")
    with progress(10, "coin") as bar:
        clock.now += 5
        bar.update(10)
    assert notebook == [] and capsys.readouterr().err == "coin: 10 of 10 attempts, 2.0/s, 00:05\n"


@pytest.mark.slow
def test_a_real_kernel_records_one_output_with_the_last_state(monkeypatch):
    import nbformat
    from nbclient import NotebookClient

    for name in ("MATHB_PROGRESS", "MATHB_WIDGETS"):
        monkeypatch.delenv(name, raising=False)
    code = (
        "import time\nfrom mathb_kit.progress import progress\n"
        "with progress(30, 'coin') as bar:\n    for _ in range(30):\n        time.sleep(0.1)\n        bar.update()"
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    (output,) = NotebookClient(notebook, kernel_name="python3").execute().cells[0].outputs
    assert re.match(r"coin: 30 of 30 attempts, \d+\.\d/s, 00:0\d$", output["data"]["text/plain"])


def test_MATHB_PROGRESS_switches_off_and_refuses_other_words(clock, monkeypatch, capsys):
    monkeypatch.setenv("MATHB_PROGRESS", "off")
    with progress(10, "coin") as bar:
        clock.now += 60
        bar.update(10)
        bar.note("unseen")
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("MATHB_PROGRESS", "loud")
    with pytest.raises(MathbError, match="bar, plain or off, not 'loud'"), progress(10, "coin"):
        pass


def test_provenance_is_json_in_utc_and_names_versions_without_importing_them():
    noon_in_tokyo = datetime(2025, 11, 13, 12, tzinfo=timezone(timedelta(hours=9)))
    record = provenance(time=noon_in_tokyo, engine={"name": "coin"})
    assert json.loads(json.dumps(record)) == record
    assert record["time"] == "2025-11-13T03:00:00+00:00" and record["engine"] == {"name": "coin"}
    import numpy

    assert record["packages"]["numpy"] == numpy.__version__
    code = "import sys; from mathb_kit.provenance import provenance; provenance(); print('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_provenance_says_in_a_sentence_which_versions_are_not_those_of_the_committed_figures(monkeypatch):
    pins = dict(re.findall(r"^([a-z-]+)==(.+)$", (CHECKOUT / "constraints.txt").read_text(), re.M))
    monkeypatch.setattr("mathb_kit.provenance._PACKAGES", ("torch", "numpy"))
    monkeypatch.setattr("mathb_kit.provenance.metadata.version", {"torch": "2.6.0", "numpy": pins["numpy"]}.get)
    assert provenance()["differs"].startswith(f"Made with torch 2.6.0 instead of {pins['torch']}: attempts may differ")
    monkeypatch.setattr("mathb_kit.provenance.metadata.version", lambda name: f"{pins[name]}+cpu")
    assert "differs" not in provenance()
