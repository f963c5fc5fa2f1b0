"""The widgets: what they show follows their state, what a model wrote stays text, and there is always a static form."""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from ipywidgets import HTML, Button, Dropdown, HTMLMath, IntSlider, SelectionSlider, Widget
from ipywidgets.widgets.widget import _instances

from mathb_kit.errors import MathbError
from mathb_kit.evaluation import Evaluation, evaluate
from mathb_kit.grading import explain
from mathb_kit.models.model import Model
from mathb_kit.plan import Plan
from mathb_kit.problems import load_problems
from mathb_kit.problems.problem import Problem
from mathb_kit.report.notebooks import run_notebook
from mathb_kit.sampling import Completion
from mathb_kit.store import Store
from mathb_kit.widgets import browse_completions, slide_k

VIEW = "application/vnd.jupyter.widget-view+json"
ESTIMATES = {("a", 1): 0.125, ("a", 4): 0.25, ("a", 8): 0.5, ("a", 64): 0.75, ("<b>", 1): 0.313, ("<b>", 4): 0.375}
CURVES = pd.DataFrame(
    [
        {"name": name, "k": k, "estimate": estimate, "low": estimate - 0.05, "high": estimate + 0.05}
        for (name, k), estimate in ESTIMATES.items()
    ]
    + [{"name": "<b>", "k": 8, "estimate": None, "low": None, "high": None}]  # beyond its plan
)
PROBLEMS = [*load_problems("mini-math")[:2], Problem("my-own", "x", "Is $a<b$ & why?", "1")]
# By problem, what is wrapped round the answer of each attempt; the gold of PROBLEMS[1] is never given.
TEXTS = ["<script>alert('{}')</script> \\boxed{{{}}}", "$x$ & <b>{}</b>\n so \\boxed{{{}}}", "no box, {} or {}"]


class Scripted:
    """An engine whose attempt i at problem p is a fixed text."""

    def sample(self, chunks):
        for chunk in chunks:
            place = [problem.key for problem in PROBLEMS].index(chunk.problem_key)
            yield chunk, [Completion(text(place, i), 5, "stop") for i in range(chunk.first, chunk.first + chunk.size)]

    def describe(self) -> dict[str, Any]:
        return {"engine": "scripted"}


def text(place: int, index: int) -> str:
    answer = "7777" if place == 1 or index % 2 == 0 else PROBLEMS[place].gold
    return TEXTS[index % 3].format(index, answer)


@pytest.fixture
def evaluation(tmp_path) -> Evaluation:
    store = Store(tmp_path / "store")
    return evaluate(Model("m & n", "hub/m"), PROBLEMS, Plan.fixed(12, chunk=4), store=store, engine=Scripted())


@pytest.fixture(autouse=True)
def shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MATHB_WIDGETS", raising=False)
    InteractiveShell.instance()


def shown(call: Callable[[], None]) -> dict[str, Any]:
    """The one output of a call, by MIME type."""
    with capture_output() as captured:
        call()
    (output,) = captured.outputs
    return output.data


def widgets(data: dict[str, Any]) -> dict[type, list[Any]]:
    """All widgets of a live output, by their class, in the order in which they stand."""
    found: dict[type, list[Any]] = defaultdict(list)

    def visit(widget: Widget) -> None:
        found[type(widget)].append(widget)
        for child in getattr(widget, "children", ()):
            visit(child)

    visit(_instances[data[VIEW]["model_id"]])
    return found


class Page(HTMLParser):
    """Elements, attributes and text of a piece of HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.pre: list[str] = []
        self._in_pre = False
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        self._in_pre = tag == "pre"

    def handle_data(self, data):
        self.text += data
        if self._in_pre:
            self.pre.append(data)

    def handle_endtag(self, tag):
        self._in_pre = False


def told(html: str) -> dict[int, list[float]]:
    """By k, the estimates in the sentences of a page."""
    sentences = re.findall(r"pass@(\d+): ([^.]*(?:\.\d[^.]*)*)", Page(html).text)
    return {int(k): [float(x) for x in re.findall(r"(0\.\d{3}) \(", rest)] for k, rest in sentences}


def test_the_slider_shows_exactly_the_estimates_of_its_k():
    live = widgets(shown(lambda: slide_k(CURVES, title="a & b")))
    (slider,), (panel,) = live[SelectionSlider], live[HTML]
    assert [value for _, value in slider.options] == [1, 4, 8, 64]
    pictures = set()
    for k in (64, 1, 8, 4, 8):
        slider.value = k
        assert told(panel.value) == {k: [estimate for (_, at), estimate in ESTIMATES.items() if at == k]}
        (image,) = [attributes for tag, attributes in Page(panel.value).elements if tag == "img"]
        assert f"pass@{k}: a " in image["alt"] and "a & b" in image["alt"]
        pictures.add(image["src"])
    assert len(pictures) == 4
    slider.value = 1
    assert "<b> 0.313 (0.263 to 0.363)" in Page(panel.value).text and "&lt;b&gt;" in panel.value


def test_the_static_slider_shows_the_smallest_the_middle_and_the_largest_k():
    static = shown(lambda: slide_k(CURVES))["text/html"]
    assert list(told(static)) == [1, 8, 64]
    one = shown(lambda: slide_k(CURVES[CURVES["k"] == 4]))["text/html"]
    assert told(one) == {4: [0.25, 0.375]}


def test_curves_that_cannot_be_shown_are_refused_with_a_remedy():
    with pytest.raises(MathbError, match="two estimates of a at k = 1; select one problem set"):
        slide_k(pd.concat([CURVES, CURVES.head(1)]))
    with pytest.raises(MathbError, match="lack the column 'model'"):
        slide_k(CURVES, by="model")
    with pytest.raises(MathbError, match="no estimate"):
        slide_k(CURVES.assign(estimate=float("nan")))


def test_the_browser_walks_through_the_attempts_that_have_the_verdict(evaluation):
    live = widgets(shown(lambda: browse_completions(evaluation, attempts=10)))
    (problem, verdict), (place,), (panel,) = live[Dropdown], live[IntSlider], live[HTMLMath]
    previous, following = live[Button]
    golds = [problem.gold for problem in PROBLEMS]
    assert [label for label, _ in problem.options] == [
        f"{each.set}/{each.id}: {c} of 12 correct" for each, c in zip(PROBLEMS, (4, 0, 4))
    ]
    for number, (_, key) in enumerate(problem.options):
        for wanted in verdict.options:
            # Attempts without a box are those with index 2, 5, 8; the right ones have an odd index.
            boxed = ["correct" if i % 2 and number != 1 else "wrong" for i in range(10)]
            verdicts = ["no_answer" if i % 3 == 2 else each for i, each in enumerate(boxed)]
            indices = [i for i, each in enumerate(verdicts) if wanted in ("all", each)]
            problem.value, verdict.value = key, wanted
            assert place.max == max(1, len(indices)) and place.value == 1 and previous.disabled
            for step, i in enumerate(indices, 1):
                page = Page(panel.value)
                assert f"Attempt {i + 1} ({step} of {len(indices)}" in page.text
                assert f"verdict {verdicts[i]}" in page.text and f"Gold {golds[number]}" in page.text
                assert page.pre == [text(number, i), str(explain(golds[number], text(number, i)))]
                assert following.disabled == (step == len(indices))
                following.click()
            if not indices:
                assert f"None of the 10 attempts is {wanted}." in Page(panel.value).text
    problem.value, verdict.value, place.value = problem.options[0][1], "all", 4
    previous.click()
    assert place.value == 3 and Page(panel.value).pre[0] == text(0, 2)


def test_what_a_model_or_a_problem_says_is_text_and_never_markup(evaluation):
    data = shown(lambda: browse_completions(evaluation, static=12))
    live = widgets(data)
    (problem, _), (panel,) = live[Dropdown], live[HTMLMath]
    pages = [data["text/html"], panel.value]
    problem.value = PROBLEMS[2].key
    pages.append(panel.value)
    for html in pages:
        elements = {tag for tag, _ in Page(html).elements}
        assert "script" not in elements and "<script>" in "".join(Page(html).pre)
    assert Page(data["text/html"]).pre == [text(0, i) for i in range(12)]
    assert PROBLEMS[0].statement in Page(data["text/html"]).text
    live = widgets(shown(lambda: browse_completions(evaluation)))
    live[Dropdown][0].value = PROBLEMS[2].key
    assert PROBLEMS[2].statement in Page(live[HTMLMath][0].value).text


def test_the_static_browser_shows_the_first_problem_with_right_and_wrong_attempts(evaluation):
    second_first = replace(evaluation, outcomes=evaluation.outcomes.iloc[[1, 2, 0]])
    page = Page(shown(lambda: browse_completions(second_first, static=2))["text/html"])
    assert page.text.startswith("m & n on my-own/x: 4 of 12 correct") and page.pre == [text(2, 0), text(2, 1)]
    heads = [attributes for tag, attributes in page.elements if tag == "th"]
    assert len(heads) == 4 and all(attributes["scope"] == "col" for attributes in heads)
    with pytest.raises(MathbError, match="static is 0"):
        browse_completions(evaluation, static=0)


def test_the_browser_begins_with_the_problem_that_is_named(evaluation):
    data = shown(lambda: browse_completions(evaluation, problem=PROBLEMS[1].key, static=2))
    assert Page(data["text/html"]).pre == [text(1, 0), text(1, 1)]
    live = widgets(data)
    assert live[Dropdown][0].value == PROBLEMS[1].key
    assert PROBLEMS[1].statement in Page(live[HTMLMath][0].value).text
    with pytest.raises(MathbError, match="was not asked problem 'my-own/none'"):
        browse_completions(evaluation, problem="my-own/none")


def test_without_live_widgets_only_the_static_form_is_shown(evaluation, monkeypatch, capsys):
    calls = [lambda: slide_k(CURVES), lambda: browse_completions(evaluation)]
    live = [shown(call) for call in calls]
    assert all(list(data) == ["text/plain", "text/html", VIEW] for data in live)
    monkeypatch.setenv("MATHB_WIDGETS", "off")
    static = [shown(call) for call in calls]
    assert static == [{kind: data[kind] for kind in ("text/plain", "text/html")} for data in live]
    assert not re.search(r"https?:|<script", "".join(data["text/html"] for data in static))
    monkeypatch.setenv("MATHB_WIDGETS", "maybe")
    with pytest.raises(MathbError, match="MATHB_WIDGETS must be on or off, not 'maybe'"):
        slide_k(CURVES)
    monkeypatch.delenv("MATHB_WIDGETS")
    monkeypatch.setitem(sys.modules, "ipywidgets", None)  # as if it were not installed
    assert [shown(call) for call in calls] == static


SCRIPT = """# %% [markdown]
# # A slider and $\\frac{{p}}{{q}} < 1$

# %% tags=["parameters"]
title = "t"

# %%
import pandas as pd
from mathb_kit.widgets import slide_k
slide_k(pd.DataFrame({curves}), title=title)
"""


def test_a_notebook_that_we_execute_holds_static_forms_and_its_page_loads_nothing(tmp_path):
    script = tmp_path / "slider.py"
    script.write_text(SCRIPT.format(curves=CURVES.head(3).to_dict("list")))
    executed = run_notebook(script, {}, tmp_path / "out")
    assert "pass@8: a 0.500 (0.450 to 0.550)" in executed.read_text() and VIEW not in executed.read_text()
    page = Page(executed.with_suffix(".html").read_text())
    told_of = [tag for tag, _ in page.elements]
    assert "mfrac" in told_of and "script" not in told_of
    sources = [attributes.get("src") or "" for _, attributes in page.elements]
    assert not [source for source in sources if source and not source.startswith("data:")] and any(sources)
    assert "pass@8: a 0.500" in page.text
