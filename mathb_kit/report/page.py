"""One page per run: the findings first, then the paper's numbers, figures, problems, completions and the cost."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mathb_kit.errors import MathbError
from mathb_kit.judging import study_evaluations
from mathb_kit.profiles import Profile
from mathb_kit.provenance import provenance
from mathb_kit.report import html
from mathb_kit.report.findings import findings
from mathb_kit.report.sections import beside_the_paper, by_problem, completions, cost, funnel, models


def write_page(study: Profile, figures: Path, notebooks: Sequence[Path], path: Path) -> Path:
    """Write a self-contained page; what it says comes from the store and from the figures' own files.

    Args:
        study: the profile.
        figures: folder with ``name.png``, ``name.txt`` (caption) and ``name.csv`` files.
        notebooks: executed notebooks whose ``.html`` lies beside them, under the page's folder.
        path: where to write.
    """
    evaluations = study_evaluations(study, stored_only=True)
    pictures = {picture.stem: picture for picture in sorted(figures.glob("*.png"))}
    found = findings(study, evaluations, figures)
    parts = [
        *([html.paragraph(study.about, "warning")] if study.rehearsal else []),
        html.paragraph(
            f"Base models: {len(study.bases)}, tuned from them: {len(study.tuned)}; up to {max(study.ks):,} attempts "
            f"at a problem (plan: {study.plan}). Every sentence and number below is computed from what was sampled.",
            "note",
        ),
    ]
    for number, finding in enumerate(found, 1):
        parts += [
            html.heading(f"{number}. {finding.question}"),
            html.bullets(finding.sentences, "finding"),
            html.paragraph(finding.null, "null"),
            *([_picture(pictures.pop(finding.figure))] if finding.figure in pictures else []),
            *([html.details("The whole verdicts", html.bullets(finding.more))] if finding.more else []),
        ]
    parts += [
        html.heading("Ours and published, side by side"),
        *beside_the_paper(study, found),
        html.heading("The funnel"),
        *funnel(study, figures),
        *(_picture(pictures.pop(name)) for name in [*pictures] if name.startswith("02_")),
        *([html.heading("More figures"), *map(_picture, pictures.values())] if pictures else []),
        html.heading("Every problem"),
        html.table(
            by_problem(study, evaluations),
            f"Correct attempts of those made, by model ({study.note}). A plan stops early where a problem is solved "
            "often, so the numbers of attempts differ; shares sort as shares.",
            sortable=True,
            maths=["statement"],
        ),
        html.heading("Completions to read"),
        *completions(study, evaluations),
        html.heading("Provenance"),
        html.table(models(study), "What was sampled from. The key stands for weights, prompt and sampling settings."),
        html.details("Versions and machine that wrote this page", _as_json(provenance())),
        html.heading("Cost"),
        *cost(study, evaluations, notebooks),
        html.heading("Notebooks"),
        _notebook_links(notebooks, path),
    ]
    path.write_text(html.page(f"{study.name}: {study.about}", *parts), encoding="utf-8")
    return path


def write_pictures(
    title: str, figures: Path, notebooks: Sequence[Path], path: Path, *before: str, **told: object
) -> Path:
    """The simpler page of a call that is no profile: its figures, notebooks and provenance. Arguments as above.

    Args:
        before: HTML that comes before the figures.
        told: more for the provenance.
    """
    parts = [
        *before,
        html.heading("Figures"),
        *map(_picture, sorted(figures.glob("*.png"))),
        html.heading("Notebooks"),
        _notebook_links(notebooks, path),
        html.heading("Provenance"),
        html.details("Versions and machine", _as_json(provenance(**told))),
    ]
    path.write_text(html.page(title, *parts), encoding="utf-8")
    return path


def every_caption_says(folder: Path, words: str, what: str) -> None:
    """MathbError naming the first figure whose caption lacks ``words``; ``what`` goes on after "does not say that"."""
    for picture in folder.glob("*.png"):
        caption = picture.with_suffix(".txt")
        if not caption.is_file() or words not in caption.read_text(encoding="utf-8"):
            raise MathbError(f"{picture} does not say that {what}.")


def _notebook_links(notebooks: Sequence[Path], path: Path) -> str:
    folder = path.parent.resolve()
    return html.links({each.stem: each.with_suffix(".html").relative_to(folder) for each in notebooks})


def _picture(picture: Path) -> str:
    note = picture.with_suffix(".txt")
    return html.picture(picture, note.read_text(encoding="utf-8").strip() if note.is_file() else picture.stem)


def _as_json(record: Mapping[str, Any]) -> str:
    return html.preformatted(json.dumps(record, indent=1))
