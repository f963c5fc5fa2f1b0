"""Whatever a model, a problem or a server wrote: on pages, cards, widgets and in notebooks it is text, never markup."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from mathb_kit.evaluation import evaluate
from mathb_kit.foreign import counts_from_frame
from mathb_kit.judging import compare_pair, judge_checkpoint
from mathb_kit.models import matched
from mathb_kit.models.model import Model
from mathb_kit.plan import Plan
from mathb_kit.problems import load_problems
from mathb_kit.problems.problem import Problem, ProblemSet
from mathb_kit.profiles import load_profile
from mathb_kit.report.card import write_card
from mathb_kit.report.comparison import write_comparison
from mathb_kit.report.html import Picture, render
from mathb_kit.report.notebooks import run_notebook
from mathb_kit.report.page import write_page
from mathb_kit.results import StudyResults
from mathb_kit.sampling import Completion
from mathb_kit.store import Store
from mathb_kit.widgets import browse_completions, show_table, slide_k

MARK = "pwned"  # in every payload, so that its remains are told from our own markup
PAYLOADS = [
    # elements
    "<script>pwned(1)</script>",
    "<SCRIPT SRC=//x.invalid/pwned.js></SCRIPT>",
    "<img src=x onerror=pwned(1)>",
    "<svg onload=pwned(1)>",
    "<svg><script>pwned(1)</script></svg>",
    "<svg><animate onbegin=pwned(1) attributeName=x dur=1s>",
    "<body onload=pwned(1)>",
    "<iframe src=javascript:pwned(1)></iframe>",
    "<iframe srcdoc='<script>pwned(1)</script>'></iframe>",
    "<a href=javascript:pwned(1)>x</a>",
    "<a href='java&#x0A;script:pwned(1)'>x</a>",
    "<form action=javascript:pwned(1)><button>x</button></form>",
    "<object data=javascript:pwned(1)></object>",
    "<meta http-equiv=refresh content='0;url=javascript:pwned(1)'>",
    "<details open ontoggle=pwned(1)>",
    "<math><mi xlink:href=javascript:pwned(1)>x</mi></math>",
    "<base href=javascript:pwned(1)//>",
    # out of attributes
    "\"><script>pwned(1)</script>",
    "'><script>pwned(1)</script>",
    "\" onmouseover=\"pwned(1)",
    "' onmouseover='pwned(1)",
    "x onfocus=pwned(1) autofocus",
    # out of elements, comments and CDATA
    "</pre></td></table><script>pwned(1)</script>",
    "</title></style></script><script>pwned(1)</script>",
    "</textarea></noscript><img src=x onerror=pwned(1)>",
    "<!-- --><script>pwned(1)</script><!--",
    "--><script>pwned(1)</script>",
    "<![CDATA[<script>pwned(1)</script>]]>",
    "]]><script>pwned(1)</script>",
    "<?pwned <script>pwned(1)</script>?>",
    # out of templates
    "{{ '<script>pwned(1)</script>' | safe }}",
    "{% raw %}<script>pwned(1)</script>{% endraw %}",
    "{{ cycler.__init__.__globals__ }}<img src=x onerror=pwned(1)>",
    # out of formulas
    r"$\href{javascript:pwned(1)}{x}$ and $x$",
    r"$\text{</math><img src=x onerror=pwned(1)>}$",
    r"\(\text{<svg onload=pwned(1)>}\) \[\class{x\" onclick=\"pwned(1)}{x}\]",
    r"\boxed{<script>pwned(1)</script>}",
    # broken in two, and already escaped
    "<scr\u0000ipt>pwned(1)</scr\u0000ipt>",
    "<script\n>pwned(1)</script\n>",
    "&lt;script&gt;pwned(1)&lt;/script&gt;",
]


class Harm(HTMLParser):
    """Elements and attributes of a page that a payload made or reached."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.harm: list[str] = []
        self.text, self._script = "", False
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self._script = tag == "script"
        for name, value in attributes:
            value = value or ""
            # Text may stand in a label, and nowhere else; a browser drops control characters from an address.
            address = re.sub(r"[\x00-\x20]", "", value).lower()
            if name.startswith("on") or address.startswith("javascript:") or MARK in name:
                self.harm.append(f"<{tag} {name}={value!r}>")
            elif MARK in value and name not in ("alt", "title", "aria-label", "id") and not address.startswith("#"):
                self.harm.append(f"<{tag} {name}={value!r}>")
        if tag in ("iframe", "object", "embed", "base", "form", "animate"):
            self.harm.append(f"<{tag}>")

    def handle_endtag(self, tag: str) -> None:
        self._script = self._script and tag != "script"

    def handle_data(self, data: str) -> None:
        if self._script and MARK in data:
            self.harm.append(f"script: {data[:80]}")
        self.text += data

    def handle_comment(self, data: str) -> None:
        if MARK in data:
            self.harm.append(f"comment: {data[:80]}")

    handle_decl = handle_pi = unknown_decl = handle_comment


def assert_harmless(page: str, shown: list[str] = PAYLOADS) -> None:
    """Nothing of the payloads is markup, and all of ``shown`` is there to be read as it was written."""
    parsed = Harm(page)
    assert parsed.harm == []
    text = re.sub(r"\s", "", parsed.text)
    missing = [each for each in shown if re.sub(r"\s", "", each) not in text]
    assert missing == []


PLAIN = [each for each in PAYLOADS if "$" not in each and "\\" not in each]  # formulas are drawn, not quoted


class Hostile:
    """An engine whose attempts are payloads, each with a right or a wrong box."""

    def sample(self, chunks: Any) -> Iterator[tuple[Any, list[Completion]]]:
        for chunk in chunks:
            texts = (PAYLOADS[i % len(PAYLOADS)] for i in range(chunk.first, chunk.first + chunk.size))
            yield chunk, [Completion(f"{text} \\boxed{{{len(text) % 2}}}", 5, "stop") for text in texts]

    def describe(self) -> dict[str, Any]:
        return {"engine": "<script>pwned('engine')</script>"}


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATHB_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("MATHB_WIDGETS", "off")
    InteractiveShell.instance()


def problems(name: str, **columns: Any) -> list[Problem]:
    return [Problem(name, str(i), text, "1", columns) for i, text in enumerate(PAYLOADS)]


def test_there_are_payloads_and_the_check_finds_each_that_is_markup():
    assert len(PAYLOADS) >= 35 and all(MARK in each for each in PAYLOADS)
    assert Harm(PAYLOADS[0]).harm and Harm(PAYLOADS[2]).harm and Harm(PAYLOADS[9]).harm
    raw = [each for each in PAYLOADS if Harm(f"<p title='{each}'>{each}</p>").harm]
    assert len(raw) >= len(PAYLOADS) - 7  # those for templates and formulas do their harm elsewhere
    with pytest.raises(AssertionError):
        assert_harmless("<p>nothing shown</p>")


def test_the_page_of_a_run(tmp_path, monkeypatch):
    for name, unsolved in (("plain", {}), ("hard", {"mini-base-1_unsolved": True, "selected_in": 40})):
        rows = [{"problem": each.statement, "answer": "1"} | unsolved for each in problems(name)]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    study = load_profile("mini").model_copy(
        update={
            "name": "hostile", "about": "".join(PAYLOADS), "bases": ("mini-base-1",), "ks": (1, 40),
            "sets": (str(tmp_path / "plain.jsonl"),), "hard_set": str(tmp_path / "hard.jsonl"), "pool": None,
            "tuned": {"mini-rl-1": "mini-base-1"}, "partial": (), "plan": Plan.fixed(40),
        }
    )  # fmt: skip
    monkeypatch.setattr("mathb_kit.results.evaluations.engine_factory", lambda *_, **__: lambda model: Hostile())
    StudyResults(study).evaluations()
    figures = tmp_path / "figures"
    figures.mkdir()
    (figures / "02_x.png").write_bytes(b"x")
    (figures / "02_x.txt").write_text("\n".join(PAYLOADS))
    page = write_page(study, figures, [], tmp_path / "index.html").read_text(encoding="utf-8")
    assert_harmless(page)
    assert Harm(page).text.count(PLAIN[0]) >= 4  # about, caption, statements of two sets, completions


def test_the_card_of_a_checkpoint(tmp_path):
    chosen = ProblemSet("<svg onload=pwned('set')>", tuple(problems("<svg onload=pwned('set')>", source=PAYLOADS[0])))
    base, tuned = (Model(f"{name}<img src=x onerror=pwned(1)>", f"hub/{name}") for name in ("base", "tuned"))

    class Nothing(Hostile):
        def sample(self, chunks: Any) -> Iterator[tuple[Any, list[Completion]]]:
            for chunk, texts in super().sample(chunks):
                yield chunk, [Completion(each.text.rpartition("\\boxed")[0], 5, "stop") for each in texts]

    judged = judge_checkpoint(
        matched(base, tuned), chosen, Plan.fixed(len(PAYLOADS)), store=Store(tmp_path / "store"),
        engine_for=lambda model: Nothing() if model == base else Hostile(),
    )  # fmt: skip
    page, _ = write_card(judged, tmp_path / "cards")
    assert_harmless(page.read_text(encoding="utf-8"), PLAIN[:1])


def test_the_page_of_a_comparison(tmp_path):
    base, tuned, *names = PLAIN
    rows = [(model, name, 16, (i * k) % 17) for model, k in ((base, 3), (tuned, 5)) for i, name in enumerate(names)]
    table = pd.DataFrame(rows, columns=["model", "problem", "n", "c"])
    origin = {"grader": PAYLOADS[0], "source": PAYLOADS[2], "licence": PAYLOADS[3], "files": [{"name": PAYLOADS[4]}]}
    samples = counts_from_frame(table, origin, on=PAYLOADS[5])
    pair = compare_pair(samples.arm(base), samples.arm(tuned), on=samples.on, note=samples.note)
    page, _ = write_comparison(pair, tmp_path / "cards", samples.origin)
    assert page.parent == tmp_path / "cards"
    assert_harmless(page.read_text(encoding="utf-8"), [base, tuned, *names[:5], PAYLOADS[3], PAYLOADS[5]])


def test_the_static_forms_of_the_widgets(tmp_path):
    chosen = [Problem("set", "0", "".join(PAYLOADS), PAYLOADS[0])]
    model = Model("<img src=x onerror=pwned(1)>", "hub/m")
    tried = evaluate(model, chosen, Plan.fixed(len(PAYLOADS)), store=Store(tmp_path / "store"), engine=Hostile())
    curves = pd.DataFrame({"name": PLAIN[:3], "k": 1, "estimate": 0.5, "low": 0.4, "high": 0.6})
    with capture_output() as captured:
        browse_completions(tried, static=len(PAYLOADS))
        slide_k(curves, title=PLAIN[0])
    attempts, slider = (output.data["text/html"] for output in captured.outputs)
    assert_harmless(attempts)
    assert_harmless(slider, PLAIN[:3])
    row = {"index": 0, "text": PAYLOADS[0], "answer": PAYLOADS[1], "verdict": "correct"}
    problem = {"statement": "".join(PAYLOADS), "gold": PAYLOADS[2]}
    assert_harmless(render("attempts.html", label="", problem=problem, row=row, which=PAYLOADS[3], why=PAYLOADS[4]))


def test_the_page_of_a_call_and_its_links(tmp_path):
    names = {text: text for text in PAYLOADS} | {"x": "javascript:pwned(1)"}
    page = render(
        "pictures.html", title=PAYLOADS[0], note="".join(PAYLOADS), beside=None, notebooks=names,
        pictures=[Picture("", "".join(PAYLOADS))], provenance="".join(PAYLOADS),
    )  # fmt: skip
    assert not [each for each in Harm(page).harm if not re.fullmatch(r"<a href='[\w%./-]*'>", each)]
    assert_harmless(re.sub(r"<a href=\"[\w%./-]*\">", "<a>", page))


def without_own_controls(page: str) -> str:
    """A page of the viewer without its links, and its forms and their values: of those it is seen that they are quoted,
    and that a link leads to a page of ours and a form to the page that it stands on or to the search.
    """
    assert not re.findall(r"<form(?! class=\"choose\"(?: role=\"search\"(?: action=\"search\")?)?>)", page)
    served = r"(?:\.|problems?|search|attempt|beside|compare|compare\.csv|runs?)(?:\?|\")"
    assert not re.findall(rf'href="(?!{served}|[\w.-]+"|#|data:,)', page)
    page = re.sub(r"</?form[^<>]*>", "", page)
    return re.sub(r'(href|value|id)="[^"<>]*"', "", page)


def test_every_page_of_the_viewer_and_its_files(tmp_path):
    from mathb_kit.places import runs_root
    from mathb_kit.viewer import reading, write_bundle
    from mathb_kit.viewer.numbers import cells
    from mathb_kit.viewer.pages import Pages
    from mathb_kit.viewer.reading import Choice, Wanted
    from mathb_kit.viewer.server import link
    from mathb_kit.viewer.sets import ProblemSets
    from mathb_kit.viewer.snapshot import take_snapshot

    odd = "<img src=x onerror=pwned(1)>"
    statement = "".join(PAYLOADS)
    rows = [{"id": text.replace("/", "-"), "problem": statement, "answer": text} for text in (odd, PAYLOADS[33])]
    path = runs_root() / "odd.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    base, tuned = Model(odd, "hub/b"), Model(PLAIN[0], f"hub/{odd}", base=odd, system=PAYLOADS[2])
    for model in (base, tuned):
        evaluate(model, load_problems(path), Plan.fixed(len(PAYLOADS)), engine=Hostile())
    folder = runs_root() / "lab" / odd
    folder.mkdir(parents=True)
    (folder / "log.jsonl").write_text(json.dumps({"step": 1, "reward": 0.5}) + "\n")
    (folder / "recipe.json").write_text(json.dumps({"recipe": {"objective": PAYLOADS[0], "base": PAYLOADS[18]}}))
    now = take_snapshot(Store(), ProblemSets())
    now.damaged.extend(PLAIN)
    pages = Pages(now, link, attempts=len(PAYLOADS), note="".join(PLAIN))
    cell, other = cells(now)
    key = reading.problems(now, cell, Choice()).rows[0]["problem"]
    wanted = Wanted(text="pwned", answer=None)
    shown = {
        "overview": pages.overview(), "problems": pages.problems(cell), "runs": pages.runs(),
        "compare": pages.compare(), "run": pages.run(f"lab/{odd}"),
        "searched": pages.problems(cell, Choice(text=PAYLOADS[19])),
        "problem": pages.problem(cell, key), "chosen": pages.problem(cell, key, Choice(text=odd), wanted),
        "answer": pages.problem(cell, key, wanted=Wanted(answer=PAYLOADS[17], text=PAYLOADS[0])),
        "beside": pages.beside(key, cell, other), "fault": pages.fault("".join(PAYLOADS), PAYLOADS[0]),
        **{f"attempt {index}": pages.attempt(cell, key, index) for index in {*range(0, len(PAYLOADS), 6), 34}},
    }  # fmt: skip
    for name, page in shown.items():
        assert_harmless(without_own_controls(page), [] if name == "fault" else [odd])
    for payload in PAYLOADS:  # in every attempt as a hit, and what is asked for
        found = without_own_controls(pages.search(cell, Wanted(text=payload.upper())))
        assert_harmless(found, [payload])
        assert re.search(r"<mark>[^<>]*pwned[^<>]*</mark>", found), payload
    text = re.sub(r"\s", "", Harm(without_own_controls(shown["problem"])).text)
    # The note, a damaged file, the statement and the completion.
    assert min(text.count(re.sub(r"\s", "", each)) for each in PLAIN) >= 4
    # Of a payload cut into a formula and the rest, too, nothing is lost: what was written stands below the page.
    assert_harmless(without_own_controls(shown["attempt 34"]), PAYLOADS[34:35])
    write_bundle(tmp_path / "pages")
    files = [*(tmp_path / "pages").glob("*.html")]
    assert len(files) >= 8
    for file in files:
        assert_harmless(without_own_controls(file.read_text(encoding="utf-8")), [])
    assert not [file.name for file in (tmp_path / "pages").iterdir() if not re.fullmatch(r"[a-z0-9.-]+", file.name)]


SCRIPT = """# %% tags=["parameters"]
file = ""

# %%
import json, pandas as pd
from mathb_kit.widgets import show_table
texts = json.load(open(file))
table = pd.DataFrame({"text": texts, texts[0]: 0.5})
show_table(table)

# %%
table
"""


def test_no_notebook_shows_a_table_that_passes_markup_on(checkout):
    """pandas' own ``.style`` does; `show_table` and a bare table do not."""
    notebooks = sorted((checkout / "notebooks").glob("*.py"))
    assert len(notebooks) > 9
    assert not [path.name for path in notebooks if re.search(r"\.style\b|Styler|HTML\(", path.read_text())]


def test_the_table_of_failures_by_verifier():
    from mathb_kit.plots.verifiers import style_failures

    rows = pd.DataFrame({"case": PAYLOADS, "reader": "right", "x": "wrong"})
    assert_harmless(style_failures(rows).to_html())


def test_the_table_of_an_executed_notebook(tmp_path):
    (tmp_path / "texts.json").write_text(json.dumps(PAYLOADS))
    (tmp_path / "own.py").write_text(SCRIPT)
    executed = run_notebook(tmp_path / "own.py", {"file": str(tmp_path / "texts.json")}, tmp_path / "out")
    assert_harmless(show_table(pd.DataFrame({"text": PAYLOADS, PAYLOADS[0]: 0.5})).to_html())
    assert_harmless(executed.with_suffix(".html").read_text(encoding="utf-8"))
