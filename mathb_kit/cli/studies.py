"""Verbs about the study as a whole: redraw it, take its course along."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mathb_kit.cli.app import REPRODUCE, Json, app
from mathb_kit.cli.complete import OTHER_CALLS, calls, one_of
from mathb_kit.errors import MathbError
from mathb_kit.report.records import to_json


@app.command(rich_help_panel=REPRODUCE)
def reproduce(
    profile: Annotated[
        str,
        typer.Argument(
            metavar="CALL", help="A call of ./reproduce.sh --help, or a .toml file.", autocompletion=one_of(calls)
        ),
    ] = "mini",
    quick: Annotated[bool, typer.Option("--quick", help="Fewer attempts, drawn into runs/ only.")] = False,
    plan: Annotated[bool, typer.Option("--plan", help="Print attempts, tokens, hours and disk, and stop.")] = False,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="With --plan: sample for 30 s here instead of assuming.")
    ] = False,
    from_scratch: Annotated[bool, typer.Option("--from-scratch", help="Train the tiny models again first.")] = False,
    rehearse: Annotated[bool, typer.Option("--rehearse", help="Act the call out with tiny models.")] = False,
    only: Annotated[
        list[str], typer.Option(metavar="NAME", help="Of verifiers or a scoreboard only this row; may be repeated.")
    ] = [],
    as_json: Json = False,
) -> None:
    """Redraw the study's figures and tables.

    What it costs is printed first. An interrupted run loses nothing: call it again. --json goes with --plan.

    \b
    Example: mathb reproduce mini --quick
    Example: mathb reproduce paper --plan
    """
    if not profile.endswith(".toml") and profile not in calls():
        from mathb_kit.settings import did_you_mean

        names = ", ".join(calls())
        raise MathbError(
            f"There is no profile {profile!r}{did_you_mean(profile, calls())}; there are {names}, and any .toml file."
        )
    if as_json and (not plan or profile in OTHER_CALLS):
        raise MathbError("--json goes with --plan of a profile; for the rest see the .csv files beside the figures.")
    if not plan:
        from mathb_kit.report.notebooks import need_notebooks

        need_notebooks()  # before anything is fetched, trained or sampled
    if profile in OTHER_CALLS:
        given = {"--only": only, "--quick": quick, "--calibrate": calibrate, "--from-scratch": from_scratch,
                 "--rehearse": rehearse}  # fmt: skip
        _refuse_others(profile, {option for option, value in given.items() if value})
        _other_call(profile, only, quick, plan)
        return
    if only:
        raise MathbError("--only chooses among the rows of verifiers or a scoreboard; leave it out.")
    if not plan:
        from mathb_kit.report import reproduce as study

        if calibrate:
            raise MathbError("--calibrate measures for --plan; give both.")
        study.reproduce(profile, quick=quick, from_scratch=from_scratch, rehearse=rehearse)
        return
    from mathb_kit.profiles import load_profile
    from mathb_kit.report.price import price, price_record

    chosen = load_profile(profile, quick, rehearse)
    if calibrate:
        from mathb_kit.report import calibration

        chosen = calibration.calibrated(chosen, calibration.calibrate(chosen))
    print(to_json(price_record(chosen)) if as_json else price(chosen))


def _refuse_others(call: str, given: set[str]) -> None:
    """MathbError for an option that a call which is no profile does not take."""
    if given - set(OTHER_CALLS[call]):
        *others, last = OTHER_CALLS[call]
        takes = f"{', '.join(others)} and {last}" if others else f"{last} only"
        raise MathbError(f"{call} takes {takes}; leave the other options out.")


def _other_call(call: str, only: list[str], quick: bool, plan: bool) -> None:
    """A call that is no profile: its price, or the call itself."""
    if call == "real":
        from mathb_kit.report import real

        print(real.price_of_real()) if plan else real.redraw_real()
        return
    from mathb_kit.report import calls as other

    if call == "released":
        print(other.price_of_released()) if plan else other.redraw_released()
    elif call == "verifiers":
        print(other.price_of_verifiers(only)) if plan else other.compare_verifiers(only, quick=quick)
    else:
        size = "long" if call == "scoreboard-long" else "quick" if quick else "full"
        print(other.price_of_scoreboard(only, size=size)) if plan else other.compare_objectives(only, size=size)


@app.command(rich_help_panel=REPRODUCE)
def course(
    to: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Where copies to work in go.")] = None,
    slides: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Where slides of them go.")] = None,
    as_json: Json = False,
) -> None:
    """List, copy or show the notebooks of the course.

    Copies go with the pages that they link to; nothing that is there is written over. Slides hold what came out where
    a call of mathb reproduce has run the notebook.

    \b
    Example: mathb course
    Example: mathb course --to my-course
    Example: mathb course --slides my-slides
    """
    from mathb_kit.report.course import copy_course, course_notebooks, course_slides

    if to and slides:
        raise MathbError("--to makes copies and --slides makes slides; give one of the two.")
    if slides:
        pages = course_slides(slides)
        text = f"{len(pages)} sets of slides in {slides}; arrow keys go from one to the next"
        print(to_json({"slides": pages}) if as_json else text)
        return
    if to is None:
        table = course_notebooks()
        print(to_json(table) if as_json else "\n".join(f"{name:36} {title}" for name, title in table.values))
        return
    copies = copy_course(to)
    text = f"{len(copies)} notebooks in {to}; open them with: jupyter lab {to}"
    print(to_json({"notebooks": copies}) if as_json else text)


@app.command(rich_help_panel=REPRODUCE)
def site(
    to: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Where it goes; else runs/site.")] = None,
    as_json: Json = False,
) -> None:
    """Build a site of documentation, notebooks and figures.

    It needs no network, to build or to read. Notebooks hold what came out where a call of mathb reproduce has run them.

    \b
    Example: mathb site --to my-site
    """
    from mathb_kit.places import runs_root
    from mathb_kit.report.site import build_site

    first = build_site(to or runs_root() / "site")
    print(to_json({"page": first}) if as_json else f"The site is there: {first}")
