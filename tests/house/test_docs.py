"""The documentation works: its blocks run, its commands parse, its links lead somewhere, its terms are in the code."""

from __future__ import annotations

import re
import shlex
import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
import typer
import yaml
from test_imports import LAYERS
from typer.testing import CliRunner

import mathb_kit
from mathb_kit.cli import app
from mathb_kit.miniature import CHECKPOINTS

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted(ROOT.glob("docs/*.md")), ROOT / "CONTRIBUTING.md"]
LINKED = [*PAGES, ROOT / "README.md", ROOT / "CHANGELOG.md"]
NOT_RUN = 3  # blocks marked <!-- not run: reason -->; a new one needs a good reason and a change here

_REASON = r"(?:<!-- not run: (?P<reason>[^\n]+?) -->\n)?"
_BLOCK = re.compile(_REASON + r"^```(?P<info>[^\n`]+)\n(?P<text>.*?)^```$", re.M | re.S)
_ANY_BLOCK = re.compile(r"^```.*?^```$", re.M | re.S)
_LINK = re.compile(r"\[(?P<said>[^\]]*)\]\((?P<target>[^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the file that it is (if it names one), why it is not run (if it is not)."""

    language: str
    file: str
    reason: str | None
    text: str

    @property
    def commands(self) -> list[list[str]]:
        """The words of every line of a shell block, comments gone and continued lines joined."""
        lines = self.text.replace("\\\n", " ").split("\n") if self.language == "bash" else []
        return [words for line in lines if (words := shlex.split(line, comments=True))]


@cache
def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [Block(*(b["info"] + " ").split(" ")[:2], b["reason"], b["text"]) for b in _BLOCK.finditer(text)]


def without_variables(words: list[str]) -> tuple[dict[str, str], list[str]]:
    """``NAME=value`` in front of a command, and the command."""
    count = next(number for number, word in enumerate(words) if not re.match(r"[A-Z_]+=", word))
    return dict(word.split("=", 1) for word in words[:count]), words[count:]


def parse(words: list[str]) -> None:
    """What typer makes of the words after ``mathb``, without running it; a usage error for what it does not know."""
    command, name = typer.main.get_command(app), "mathb"
    while hasattr(command, "commands"):
        name, *words = words
        assert name in command.commands, f"mathb has no verb {name!r}; it has {', '.join(command.commands)}"
        command = command.commands[name]
    command.make_context(name, words)


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md"], ids=lambda page: page.name)
def test_every_command_is_one_that_mathb_knows_with_options_that_it_takes(page):
    for words in (words for block in blocks(page) for words in block.commands):
        _, (program, *rest) = without_variables(words)
        if program == "mathb":
            parse(rest)
        elif program == "./reproduce.sh" and rest[:1] != ["test"]:
            parse(["reproduce", *rest])
        elif program == "python":
            assert (ROOT / rest[0]).is_file(), rest[0]


@pytest.mark.parametrize(
    "words", [["evaluates", "mini-base-1"], ["evaluate", "mini-base-1", "--on", "mini-math", "--only"], ["lab", "play"]]
)
def test_a_verb_or_option_that_does_not_exist_is_noticed(words):
    with pytest.raises(Exception, match="no verb|No such option"):
        parse(words)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_blocks_of_a_page_run_from_top_to_bottom_in_one_folder(page, tmp_path, monkeypatch):
    shutil.copytree(CHECKPOINTS / "mini-rl-1", tmp_path / "my-checkpoint")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    names: dict[str, object] = {}
    for block in blocks(page):
        if block.reason:
            continue
        if block.file:
            Path(block.file).write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            exec(compile(block.text, f"{page.name}: {block.text.split()[0]} ...", "exec"), names)
        for words in [] if block.file else block.commands:
            variables, (program, *rest) = without_variables(words)
            assert program == "mathb", f"{shlex.join(words)} is not run by a test; mark its block and say why"
            with monkeypatch.context() as patched:
                for name, value in variables.items():
                    patched.setenv(name, value)
                done = CliRunner().invoke(app, rest)
            assert done.exit_code == 0, f"{shlex.join(words)}: {done.exception}\n{done.output}"


def test_blocks_that_do_not_run_are_as_many_as_declared():
    marked = [block for page in PAGES for block in blocks(page) if block.reason]
    assert len(marked) == NOT_RUN, [block.reason for block in marked]
    comments = sum(page.read_text(encoding="utf-8").count("<!-- not run") for page in PAGES)
    assert comments == NOT_RUN, "a mark that stands before no block, or gives no reason"


@cache
def anchors(page: Path) -> set[str]:
    """Of the headings, as GitHub makes them: lower case, punctuation gone, hyphens for spaces."""
    text = _ANY_BLOCK.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ +(.+)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def links(page: Path) -> list[tuple[str, Path, str]]:
    """(text, file, anchor) of every link that stays in the checkout."""
    text = _ANY_BLOCK.sub("", page.read_text(encoding="utf-8"))
    found = [(link["said"], *link["target"].partition("#")[::2]) for link in _LINK.finditer(text)]
    return [(said, page.parent / file if file else page, anchor) for said, file, anchor in found if ":" not in file]


@pytest.mark.parametrize("page", LINKED, ids=lambda page: page.name)
def test_every_relative_link_leads_to_a_file_and_a_heading(page):
    for _, file, anchor in links(page):
        assert file.exists(), file
        assert not anchor or anchor in anchors(file.resolve()), f"{file} has no heading #{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_name_that_links_to_a_source_is_in_that_source(page):
    for said, file, _ in links(page):
        if file.suffix in (".py", ".toml") and said.startswith("`") and said.strip("`") not in (file.name, file.stem):
            source = file.read_text(encoding="utf-8")
            for name in re.findall(r"\w+", said):
                assert re.search(rf"\b{name}\b", source), f"{said} is not in {file}"


def test_the_readme_draws_rooms_that_are_there():
    picture = (ROOT / "README.md").read_text(encoding="utf-8").split("## How it is built\n")[1].split("```")[1]
    drawn = set(re.findall(r"\w+", re.sub(r"\([^)]*\)", "", picture))) - {"attempts", "verdicts"}
    assert len(drawn) > 10 and drawn <= {module for row in LAYERS for module in row}


def test_contributing_has_the_import_order_of_the_test():
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    order = contributing.split("this import order")[1].split("```")[1].strip().split("\n")
    assert [line.split() for line in order] == LAYERS


def test_citation_and_changelog_name_the_version_and_the_paper():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors", "license"} <= citation.keys()
    assert citation["version"] == mathb_kit.__version__
    (paper,) = citation["references"]
    assert "10.48550/arXiv.2510.11653" in [identifier["value"] for identifier in paper["identifiers"]]
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## {mathb_kit.__version__}" in changelog
