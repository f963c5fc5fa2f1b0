"""The page of a run: findings counted from the verdicts, every figure and problem, nothing from elsewhere."""

from __future__ import annotations

import base64
import io
import json
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from mathb_kit.profiles import Profile, load_profile
from mathb_kit.report.page import write_page
from mathb_kit.results import StudyResults
from mathb_kit.store import Store

ROOT = Path(__file__).resolve().parents[2]
PROFILE = """
about = "a test & nothing else"
bases = ["mini-base-1", "mini-base-2"]
sets = ["{folder}/plain.jsonl"]
hard_set = "{folder}/hard.jsonl"
ks = [1, 8]
notebooks = []
tuned = {{ mini-rl-1 = "mini-base-1" }}
plan = {{ rounds = [4, 8], stop = 2, chunk = 4 }}
cost = {{ on = "a test machine", tokens_per_attempt = 50, tokens_per_second = 100, bytes_per_attempt = 1000 }}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A profile with its two sets, sampled once for all tests."""
    folder = tmp_path_factory.mktemp("study")
    plain = [{"problem": f"Compute $a=1{i}+2$. Find $a$.", "answer": 12 + i} for i in range(4)]
    hard = [
        {"problem": f"Let $a=12{i}\\cdot 7$. Find $a$.", "answer": 7 * (120 + i), "mini-base-1_unsolved": i != 2,
         "mini-base-2_unsolved": i == 2, "selected_in": 8}
        for i in range(4)
    ]  # fmt: skip
    for name, rows in (("plain", plain), ("hard", hard)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "demo.toml").write_text(PROFILE.format(folder=folder))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MATHB_RUNS", str(folder / "runs"))
        StudyResults(load_profile(str(folder / "demo.toml"))).evaluations()
    return folder


@pytest.fixture
def study(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Profile:
    monkeypatch.setenv("MATHB_RUNS", str(folder / "runs"))
    return load_profile(str(folder / "demo.toml"))


class Page(HTMLParser):
    """Tags with attributes, and the texts of the elements of one class or tag."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.told: dict[str, list[str]] = {"finding": [], "answer": [], "null": [], "h2": [], "caption": []}
        self._in = ""
        self._list = ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append((tag, attributes))
        kind = attributes.get("class", tag)
        if tag == "ul":
            self._list = kind if kind in ("finding", "answer") else ""
        if tag != "ul" and kind in self.told or tag == "li" and self._list:
            self._in = kind if kind in self.told else self._list
            self.told[self._in].append("")

    def handle_endtag(self, tag):
        self._in = self._in if tag == "span" else ""

    def handle_data(self, data):
        if self._in:
            self.told[self._in][-1] += data


@pytest.fixture
def figures(tmp_path: Path) -> Path:
    folder = tmp_path / "figures"
    folder.mkdir()
    for name in ("01_base_saturation", "02_funnel", "03_expansion", "a"):
        (folder / f"{name}.png").write_bytes(name.encode())
        (folder / f"{name}.txt").write_text("p < 0.05 & more\n")
    return folder


CHANCE = """what,k,estimate,low,high,set
mini-base-1,8,0.9,0.8,1,plain
its answers against other golds,4,0.125,0.0625,0.25,plain
uniform guessing,4,0.043,,,plain
uniform guessing,8,0.085,,,plain
"""
FORESEEN = """model,null at 4,null low,null high,selected,predicted,low,high,solved by a fresh draw
mini-base-1,0.2,0.1,0.4,3,0.62,0,2,1
"""


def test_what_was_not_sampled_is_not_told_and_the_page_samples_nothing(study, figures, tmp_path, monkeypatch):
    monkeypatch.setenv("MATHB_RUNS", str(tmp_path / "nothing"))
    assert not Page(write_page(study, figures, [], tmp_path / "index.html").read_text()).told["finding"]
    assert Store().totals() == (0, 0)


def test_the_page_tells_what_the_verdicts_say(study, figures, tmp_path):
    notebook = tmp_path / "run" / "notebooks" / "01_x.ipynb"
    notebook.parent.mkdir(parents=True)
    notebook.write_text(json.dumps({"metadata": {"papermill": {"duration": 65.2}}}))
    path = tmp_path / "run" / "index.html"
    text = write_page(study, figures, [notebook], path).read_text()
    told = Page(text).told

    assert base64.b64encode(b"03_expansion").decode() in text and "p &lt; 0.05 &amp; more" in text
    assert "a test &amp; nothing else" in text and "took 1:05 minutes" in text
    evaluations = StudyResults(study).evaluations()
    hard = study.problems(study.hard_set)
    for base, ids in (("mini-base-1", {"1", "2", "4"}), ("mini-base-2", {"3"})):
        verdicts = evaluations[base, study.hard_set].verdicts
        right = verdicts.loc[verdicts["verdict"] == "correct", "problem"]
        solved = {problem.id for problem in hard if problem.key in set(right)} & ids
        wanted = f"{base} had left {len(ids)} problems of {study.hard_set} unsolved; a fresh draw of 8 attempts solves "
        assert any(sentence.startswith(f"{wanted}{len(solved)} of them") for sentence in told["answer"])
        if base == "mini-base-1":
            assert f"reaches {len(solved)} of 3, {100 * len(solved) / 3:.1f} %" in told["null"][2]
    assert len(told["answer"]) == 1 + 2 + 1
    # Every conclusion stands at the top, and again under its question.
    assert len(told["finding"]) == 2 * 3
    assert [f"{conclusion}." for conclusion in told["finding"][:3]] == told["finding"][3:]
    assert told["finding"][2].startswith(("None of 1", "mini-rl-1 ("))
    for problem in (*study.problems(study.sets[0]), *hard):
        assert f"{problem.key.partition('@')[0]}<" in text
    total = sum(each.outcomes["n"].sum() for each in evaluations.values())
    assert f"{total:,} attempts and" in text


def test_every_finding_has_its_null_from_the_studys_own_tables(study, figures, tmp_path, monkeypatch):
    guessed, luck, _ = Page(write_page(study, figures, [], tmp_path / "index.html").read_text()).told["null"]
    assert "is not known here" in guessed and "is not known here" in luck  # neither draw was sampled
    monkeypatch.setattr(StudyResults, "chance", pd.read_csv(io.StringIO(CHANCE)))
    monkeypatch.setattr(StudyResults, "foreseen", pd.read_csv(io.StringIO(FORESEEN)))
    guessed, luck, _ = Page(write_page(study, figures, [], tmp_path / "index.html").read_text()).told["null"]
    assert "8.5 % of plain with 8 attempts" in guessed
    assert "answers, held against the golds of other problems, 12.5 % (6.2 to 25.0) of plain with 4." in guessed
    assert "of what 4 attempts miss, 4 more solve 20.0 % (10.0 to 40.0) for mini-base-1." in luck
    assert luck.endswith("0.6 (0 to 2) of the 3 of mini-base-1.")
    shorter = study.model_copy(update={"ks": (1, 4)})
    monkeypatch.setattr(StudyResults, "foreseen", pd.read_csv(io.StringIO(FORESEEN.replace("at 4", "at 2"))))
    guessed, luck, _ = Page(write_page(shorter, figures, [], tmp_path / "index.html").read_text()).told["null"]
    assert "0.043" not in guessed and "4.3 % of plain with 4 attempts" in guessed and "of what 2 attempts miss" in luck


def test_the_page_is_in_order_reachable_and_whole_in_itself(study, figures, tmp_path):
    for picture in (ROOT / "figures" / "mini").glob("*.png"):  # as heavy as the miniature's
        (figures / picture.name).write_bytes(picture.read_bytes())
    path = write_page(study, figures, [], tmp_path / "index.html")
    page = Page(path.read_text())
    heads = page.told["h2"]
    assert [head[:2] for head in heads[:3]] == ["1.", "2.", "3."] and heads[3].startswith("Ours and published")
    wanted = ["The funnel", "Every problem", "Completions to read", "Provenance", "Cost"]
    assert [head for head in heads if head in wanted] == wanted
    before, _, after = path.read_text().partition(f">{heads[3]}</h2>")
    for name in (b"02_funnel", b"01_base_saturation", b"03_expansion"):
        drawn = base64.b64encode((figures / f"{name.decode()}.png").read_bytes()).decode()
        assert drawn in before and drawn not in after

    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for tag, attributes in page.tags:
        for name in ("src", "href"):
            where = attributes.get(name, "data:")
            assert where.startswith("data:") or where.startswith("#") and where[1:] in ids, (tag, attributes)
        assert tag != "img" or attributes["alt"]
        assert tag != "th" or attributes["scope"] in ("col", "row")
    tables = [tag for tag, _ in page.tags if tag == "table"]
    assert tables and len(page.told["caption"]) == len(tables) and all(page.told["caption"])
    assert path.stat().st_size < 5e6


def test_ours_and_published_never_share_a_table_unless_like_is_beside_like(study, figures, tmp_path):
    text = write_page(study, figures, [], tmp_path / "index.html").read_text()
    assert "tiny models on synthetic problems: the two sides are not comparable" in text
    published = [part for part in text.split("<table")[1:] if "<span>Published: MATH-Beyond" in part]
    ours = [part for part in text.split("<table")[1:] if "<span>Ours" in part]
    assert len(published) == 4 and len(ours) == 3
    assert not [part for part in published if "mini-base" in part.partition("</table>")[0]]
    assert "7.83" in published[2] and "stated [1]" in published[2] and "21.2<" in published[2]  # digits as printed
    assert all(study.note.replace("&", "&amp;") in part.partition("</table>")[0] for part in ours)
