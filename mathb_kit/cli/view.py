"""The verb that shows the store in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mathb_kit.cli.app import KEPT, app


@app.command("view", rich_help_panel=KEPT)
def view(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[FOLDER]", help="A runs folder, or the store in it; else MATHB_RUNS."),
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, metavar="N", help="Port of this machine; else a free one.")
    ] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Only print the address.")] = False,
    bundle: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write files into a new folder instead, and stop.")
    ] = None,
    most: Annotated[
        int, typer.Option("--megabytes", min=1, metavar="N", help="With --bundle: at most this much.")
    ] = 50,
    problems: Annotated[
        list[Path], typer.Option(metavar="FILE", help="A problem set without a name, for its statements; repeatable.")
    ] = [],
) -> None:
    """Read what was sampled, in a browser.

    Models by set, problems that sort and filter, completions with their verdicts and a search in all of them, two
    models side by side, checkpoints compared, training runs. Only this machine can ask, with the secret in the address
    that is printed; nothing is written, and no page loads anything from the network. Statements come from
    MATHB_DATA_DIR and what the hub's client has kept; HF_HUB_OFFLINE=0 fetches others. Files (--bundle) have no search.

    \b
    Example: mathb view
    Example: mathb view --bundle my/pages
    """
    from mathb_kit.viewer import serve, write_bundle

    if bundle is None:
        serve(folder, port=port, browser=not no_browser, problems=problems)
    else:
        print(write_bundle(bundle, of=folder, megabytes=most, problems=problems))
