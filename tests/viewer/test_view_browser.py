"""`mathb view` as a person meets it: the command, a real browser, a telephone, the keyboard, files from a disk."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import CHROMIUM, Browser
from test_viewer import WRITTEN, sample_tiny, step, write_run

from mathb_kit.places import runs_root
from mathb_kit.viewer import write_bundle

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")]


@pytest.fixture
def address() -> Iterator[str]:
    """Of the running command; at its end it gets a Ctrl-C, which is to be quiet."""
    sample_tiny()
    write_run("lab/going", [step(1, reward=0.5), step(2, reward=0.25)])
    command = [sys.executable, "-m", "mathb_kit.cli", "view", "--no-browser"]
    # A background job of a shell ignores Ctrl-C, and so would what it starts.
    server = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    try:
        yield server.stdout.readline().strip()
    finally:
        os.kill(server.pid, signal.SIGINT)
        _, said = server.communicate(timeout=30)
        assert (server.returncode, said.strip()) == (0, "")


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[Browser]:
    with Browser(tmp_path / "screenshots", (1400, 1000)) as browser:
        yield browser


def press(screen: Browser, name: str) -> None:
    """A key that a person would type."""
    code = {"ArrowRight": 39, "ArrowLeft": 37, "Enter": 13, "Escape": 27}.get(name)
    if code:
        screen.key(name, code)
        return
    for kind in ("keyDown", "keyUp"):
        screen.call("Input.dispatchKeyEvent", type=kind, key=name, text=name if kind == "keyDown" else "")


def heading(screen: Browser, text: str) -> None:
    title = f"document.querySelector('h1')?.textContent === {json.dumps(text)}"
    screen.wait(f"document.readyState === 'complete' && {title}")  # before, its script may not be there


def test_the_keyboard_alone_leads_through_the_store(address, screen):
    screen.open(address)
    heading(screen, "What is in the store")
    assert "token" not in screen.run("location.href")
    press(screen, "j")
    screen.wait("document.querySelector('tr.here')?.textContent.includes('small')")
    press(screen, "Enter")
    heading(screen, "small on tiny")
    press(screen, "/")
    screen.wait("document.activeElement.name === 'q'")
    for letter in "2x":
        press(screen, letter)
    assert screen.run("document.activeElement.value") == "2x"
    screen.run("document.activeElement.form.requestSubmit()")
    screen.wait("document.readyState === 'complete' && document.querySelectorAll('tbody tr').length === 1")
    press(screen, "u")
    heading(screen, "What is in the store")
    for key in "jj":
        press(screen, key)
    press(screen, "Enter")
    heading(screen, "small-rl on tiny")
    press(screen, "j")
    press(screen, "Enter")
    heading(screen, "1: small-rl")
    press(screen, "ArrowRight")
    heading(screen, "2: small-rl")
    press(screen, "j")
    press(screen, "j")
    screen.wait("document.activeElement.id === 'a1'")
    press(screen, "Enter")
    heading(screen, "Attempt 2 at 2: small-rl")
    press(screen, "ArrowLeft")
    heading(screen, "Attempt 1 at 2: small-rl")
    press(screen, "?")
    screen.wait("document.getElementById('keys').open")
    press(screen, "Escape")
    screen.wait("!document.getElementById('keys').open")
    press(screen, "c")
    heading(screen, "Checkpoints on tiny")
    press(screen, "r")
    heading(screen, "Training runs")
    assert screen.complaints == []
    host = re.match(r"http://[\d.:]+/", address)[0]
    assert [each for each in screen.requests if not each.startswith(host)] == []


def test_thinking_is_folded_mathematics_is_drawn_and_a_choice_counts_at_once(address, screen):
    screen.open(address)
    heading(screen, "What is in the store")
    screen.open(screen.run("document.querySelector('tbody a').href"))
    screen.open(screen.run("document.querySelector('tbody a').href"))
    heading(screen, "1: small")
    assert screen.run("document.querySelector('details.thinking').open") is False
    assert screen.run("document.querySelector('.problem math').getBoundingClientRect().width > 0")
    assert screen.run("[...document.querySelectorAll('article math')].some(each => each.textContent.includes('x'))")
    press(screen, "t")
    screen.wait("document.querySelector('details.thinking').open")
    screen.run("const choice = document.querySelector('[name=verdict]'); choice.value = 'wrong'; "
               "choice.dispatchEvent(new Event('change')); true")  # fmt: skip
    screen.wait("document.querySelectorAll('article').length === 1")
    assert screen.run("location.search").endswith("verdict=wrong")


def test_all_completions_are_searched_from_the_page_of_a_model_and_nothing_of_them_is_markup(address, screen):
    screen.open(address)
    heading(screen, "What is in the store")
    screen.open(screen.run("document.querySelector('tbody a').href"))
    heading(screen, "small on tiny")
    screen.run("const box = document.querySelector('[name=text]'); box.value = '<THINK>2?'; box.form.requestSubmit(); "
               "true")  # fmt: skip
    heading(screen, "Search: small on tiny")
    assert screen.run("[...document.querySelectorAll('td mark')].map(each => each.textContent)") == ["<think>2?"]
    assert screen.run("document.querySelector('td mark').parentElement.textContent.trim()") == WRITTEN["small"][0][0]
    press(screen, "j")
    press(screen, "Enter")
    heading(screen, "Attempt 1 at 1: small")
    assert screen.complaints == []


def test_a_run_that_goes_on_is_seen_to_without_loading_the_page_again(address, screen):
    screen.open(address)
    heading(screen, "What is in the store")
    screen.open(screen.run("location.href") + "run?run=lab/going")
    heading(screen, "lab/going")
    assert "2 steps" in screen.run("document.querySelector('.lead').textContent")
    screen.run("window.untouched = true")
    with (runs_root() / "lab/going/log.jsonl").open("a") as log:
        log.write(step(3, reward=0.75))
    screen.wait("document.querySelector('.lead').textContent.includes('3 steps')")
    assert screen.run("window.untouched") and screen.complaints == []


@pytest.mark.parametrize("served", [True, False])
def test_a_column_that_is_left_out_is_so_in_every_list_and_after_a_reload_until_it_is_chosen_again(
    address, screen, served, tmp_path
):
    if not served:
        write_bundle(tmp_path / "pages")
        address = (tmp_path / "pages" / "index.html").as_uri()
    shown = ("[...document.querySelectorAll('table.list')].map(table => [...table.rows].map(row => [...row.cells]"
             ".filter(cell => cell.getClientRects().length).map(cell => cell.textContent.trim())))")  # fmt: skip

    def choose(name: str) -> None:
        label = f"[...document.querySelectorAll('.columns label')].find(each => each.innerText.trim() === '{name}')"
        screen.run(f"document.querySelector('.columns').open = true; {label}.firstChild.click(); true")

    def widths() -> list[list[int]]:
        return [[len(row) for row in table] for table in screen.run(shown)]

    screen.open(address)
    heading(screen, "What is in the store")
    whole = widths()
    choose("pass@1")  # with its interval
    choose("attempts")
    assert widths() == [[columns - 3 for columns in table] for table in whole]
    assert all("attempts" not in table[0] and "pass@k" in table[0] for table in screen.run(shown))
    screen.open(screen.run("location.href"))
    assert widths() == [[columns - 3 for columns in table] for table in whole]
    screen.open(screen.run("[...document.querySelectorAll('a')].find(each => each.textContent === 'Compare').href"))
    (compared,) = screen.run(shown)
    assert "pass@1" not in compared[0] and "model" in compared[0]
    # The base has no base of its own, which a cell over several columns says: rows stay as wide as the head.
    choose("null")
    spans = ("[...document.querySelectorAll('table.list tr')].map(row => [...row.cells].filter(cell => "
             "cell.getClientRects().length).reduce((sum, cell) => sum + cell.colSpan, 0))")  # fmt: skip
    assert len(set(screen.run(spans))) == 1 and screen.run("Boolean(document.querySelector('td.why'))")
    choose("pass@1")
    assert "pass@1" in screen.run(shown)[0][0]
    assert screen.complaints == []


@pytest.mark.parametrize("served", [True, False])
def test_no_page_is_wider_than_a_telephone_in_light_or_dark(address, screen, served, tmp_path):
    if served:
        screen.open(address)
        heading(screen, "What is in the store")
        start = screen.run("location.href")
        searched = [screen.run("document.querySelector('tbody a').href").replace("/problems?", "/search?") + "&text=b"]
    else:
        write_bundle(tmp_path / "pages")
        start, searched = (tmp_path / "pages" / "index.html").as_uri(), []
    for scheme in ("light", "dark"):
        screen.call("Emulation.setDeviceMetricsOverride", width=400, height=860, deviceScaleFactor=1, mobile=True)
        screen.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        waiting, seen = [start, *searched], set()
        while waiting:
            at = waiting.pop()
            screen.open(at)
            kind = re.search(r"(\w*)(?:[-.][\w.-]*html)?(?:\?|$)", at.rpartition("/")[2])[1]
            if kind in seen or at.endswith(".csv"):
                continue
            seen.add(kind)
            assert screen.run("document.documentElement.scrollWidth <= innerWidth"), at
            # A cell over several columns moves the names of those after it along: counted from the row's end.
            assert screen.run("""[...document.querySelectorAll('table.stacked')].every(table =>
                [...table.tBodies[0].rows].every(row => {
                    const last = [...row.cells].at(-1), heads = [...table.tHead.rows[0].cells];
                    return last.dataset.label === heads.at(-last.colSpan).textContent;
                }))"""), at
            # However long a problem's name is, its share stands beside it.
            assert screen.run("""[...document.querySelectorAll('.problems tbody tr')].every(row => {
                row.cells[0].querySelector('a').textContent = 'test/intermediate_algebra/' + '1'.repeat(30);
                const range = document.createRange(), share = row.cells[3].getBoundingClientRect();
                range.selectNodeContents(row.cells[0]);
                return range.getBoundingClientRect().right <= share.left + 1;
            })"""), at
            dark = screen.run("getComputedStyle(document.body).backgroundColor") != "rgba(0, 0, 0, 0)"
            assert dark == (scheme == "dark"), at
            screen.screenshot(f"{'served' if served else 'file'}_{kind or 'overview'}_{scheme}")
            waiting += [each for each in screen.run("[...document.querySelectorAll('a')].map(each => each.href)")
                        if "#" not in each and "csv" not in each]  # fmt: skip
        assert len(seen) >= 7, seen
    assert screen.complaints == []
    assert served or [each for each in screen.requests if not each.startswith("file:")] == []


def test_files_sort_and_filter_without_a_server(screen, tmp_path):
    sample_tiny()
    write_bundle(tmp_path / "pages")
    (listed, *_) = [path for path in (tmp_path / "pages").glob("list-*") if "<title>small on" in path.read_text()]
    screen.open(listed.as_uri())
    ids = "[...document.querySelectorAll('tbody tr:not([hidden]) th')].map(each => each.textContent)"
    assert screen.run(ids) == ["1", "2"]
    screen.run("const head = [...document.querySelectorAll('th button')].find(each => each.textContent === 'correct'); "
               "head.click(); true")  # fmt: skip
    assert screen.run(ids) == ["2", "1"]
    press(screen, "/")
    for letter in "1x":
        press(screen, letter)
    screen.wait(f"JSON.stringify({ids}) === '[\"1\"]'")
    assert screen.complaints == []
