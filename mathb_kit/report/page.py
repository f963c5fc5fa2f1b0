"""One page per run: the findings first, then the paper's numbers, figures, problems, completions and the cost."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from mathb_kit.errors import MathbError
from mathb_kit.profiles import Profile
from mathb_kit.provenance import provenance
from mathb_kit.report.html import PageTable, Picture, render
from mathb_kit.report.sections import (
    READ_PROBLEMS,
    beside_the_paper,
    by_problem,
    completions,
    cost,
    models,
    published_numbers,
    stages,
)
from mathb_kit.results import StudyResults
from mathb_kit.sentences.findings import findings


def write_page(study: Profile, figures: Path, notebooks: Sequence[Path], path: Path) -> Path:
    """Write a self-contained page; what it says is computed from the store, and nothing is sampled for it.

    Args:
        study: the profile.
        figures: folder with ``name.png`` and ``name.txt`` (caption) files.
        notebooks: executed notebooks whose ``.html`` lies beside them, under the page's folder.
        path: where to write.
    """
    results = StudyResults(study, stored_only=True)
    evaluations, answers = results.evaluations(), findings(results)
    pictures = _pictures(figures)
    others = {name: each for name, each in pictures.items() if name not in {answer.figure for answer in answers}}
    page = render(
        "study.html",
        title=f"{study.name}: {study.about}",
        study=study,
        findings=answers,
        pictures=pictures,
        beside=beside_the_paper(results, answers),
        stages=stages(results),
        published_stages=published_numbers("Construction", "problems left"),
        funnel_pictures=[each for name, each in others.items() if name.startswith("02_")],
        more_pictures=[each for name, each in others.items() if not name.startswith("02_")],
        by_problem=PageTable.of(
            by_problem(study, evaluations),
            f"Correct attempts of those made, by model ({study.note}). A plan stops early where a problem is solved "
            "often, so the numbers of attempts differ; shares sort as shares.",
            sortable=True,
            maths=["statement"],
        ),
        completions=completions(study, evaluations),
        completions_of=READ_PROBLEMS,
        models=PageTable.of(
            models(study), "What was sampled from. The key stands for weights, prompt and sampling settings."
        ),
        cost=cost(study, evaluations, notebooks),
        notebooks=_beside(path, notebooks),
        provenance=json.dumps(provenance(), indent=1),
    )
    path.write_text(page, encoding="utf-8")
    return path


def write_pictures(
    title: str, figures: Path, notebooks: Sequence[Path], path: Path, *, note: str = "", beside: PageTable | None = None
) -> Path:
    """The simpler page of a call that is no profile: its figures, notebooks and provenance. Arguments as above.

    Args:
        note: what was done, above the figures and in the provenance.
        beside: our numbers beside the published ones.
    """
    record = provenance(note=note) if note else provenance()
    page = render(
        "pictures.html", title=title, note=note, beside=beside, pictures=_pictures(figures).values(),
        notebooks=_beside(path, notebooks), provenance=json.dumps(record, indent=1),
    )  # fmt: skip
    path.write_text(page, encoding="utf-8")
    return path


def every_caption_says(folder: Path, words: str, what: str) -> None:
    """MathbError naming the first figure whose caption lacks ``words``; ``what`` goes on after "does not say that"."""
    for picture in folder.glob("*.png"):
        caption = picture.with_suffix(".txt")
        if not caption.is_file() or words not in caption.read_text(encoding="utf-8"):
            raise MathbError(f"{picture} does not say that {what}.")


def _beside(path: Path, notebooks: Sequence[Path]) -> dict[str, str]:
    """Names and addresses of the notebooks' pages, seen from the page's folder."""
    folder = path.parent.resolve()
    return {each.stem: each.with_suffix(".html").relative_to(folder).as_posix() for each in notebooks}


def _pictures(figures: Path) -> dict[str, Picture]:
    """Figures with their captions, by name."""
    notes = {png: png.with_suffix(".txt") for png in sorted(figures.glob("*.png"))}
    return {
        png.stem: Picture.of(png, note.read_text(encoding="utf-8").strip() if note.is_file() else png.stem)
        for png, note in notes.items()
    }
