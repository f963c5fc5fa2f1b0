"""Notebooks with what came out of them, published beside their sources: nothing of the hour, the run or the machine."""

from __future__ import annotations

import base64
import html
import io
import json
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from mathb_kit.errors import MathbError
from mathb_kit.places import beside_package
from mathb_kit.report.course import code_cells, last_executed, linked_files, ran_as, relinked

# Which notebooks, and the profile that they are run with. The rest want what a fresh clone lacks: graders in
# environments of their own (04), an hour's scoreboard (08), or other people's data (09 to 11).
PUBLISHED = {
    "00_start_here": "course",
    "01_base_model_saturation": "mini",
    "02_building_math_b": "mini",
    "03_rl_models_on_math_b": "mini",
    "05_pass_at_k_from_first_principles": "course",
    "06_curating_a_pool": "course",
    "07_rl_lab": "course",
    "quick_experiment": "course",
}
_RICHEST_FIRST = ("text/html", "image/png", "text/markdown", "text/plain")
_PICTURE = re.compile(r'<img\b([^>]*?)\bsrc="data:image/png;base64,([^"]+)"[^>]*>\s*')
_MEASURED = "*Measured on the machine that runs it, so it is not kept here.*"


def publish_executed(folder: Path, ran: Collection[str] = tuple(PUBLISHED)) -> list[Path]:
    """Write every notebook of `PUBLISHED` as its run under ``runs/`` left it, without what differs from run to run.

    Args:
        folder: where they go.
        ran: names of those that were run; in the others what came out stays, and only the text is written anew.

    Returns:
        All of them.

    Raises:
        MathbError: a notebook was not run to its end, or its code has changed since; then nothing is written.
    """
    sources = [beside_package() / "notebooks" / f"{name}.ipynb" for name in PUBLISHED]
    copies = {source: folder.resolve() / source.name for source in sources}
    texts = {}
    for source, call in zip(sources, PUBLISHED.values()):
        executed = last_executed(source, [call]) if source.stem in ran else copies[source]
        if executed is None or not ran_as(source, executed):
            raise MathbError(
                f"{source.stem} has not been run to its end with the profile {call} since its code changed; run "
                f".ci/publish {source.stem}."
            )
        texts[copies[source]] = with_outputs(source, executed, copies)
    folder.mkdir(parents=True, exist_ok=True)
    for copy, text in texts.items():
        copy.write_text(text, encoding="utf-8")
    return list(texts)


def with_outputs(source: Path, executed: Path, copies: Mapping[Path, Path]) -> str:
    """The text of a notebook file: cells of the source, below each what came out of it in the executed one.

    Kept of an output is the richest form that a repository's page shows. Progress is not, nor what a cell with the tag
    ``measured`` shows, as that is about the machine.

    Args:
        source: the notebook as it ships.
        executed: the same code, run.
        copies: where notebooks that are published go, this one among them; other links lead to the files themselves.
    """
    notebook = json.loads(source.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            text = "".join(cell["source"])
            files = {file: file for file in linked_files(text, source)}
            cell["source"] = relinked(text, source, files | copies).splitlines(keepends=True)
    ran = json.loads(executed.read_text(encoding="utf-8"))
    for count, (cell, done) in enumerate(zip(code_cells(notebook), code_cells(ran), strict=True), 1):
        cell["execution_count"] = count
        if "measured" in cell["metadata"].get("tags", []):
            cell["outputs"] = [_shown("text/markdown", _MEASURED)]
        else:
            cell["outputs"] = _joined(kept for output in done["outputs"] for kept in _kept(output))
    return json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _joined(outputs: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """With texts that follow one another as one: where the kernel parts them is chance."""
    joined: list[dict[str, Any]] = []
    for output in outputs:
        if joined and output["output_type"] == joined[-1]["output_type"] == "stream":
            joined[-1]["text"] = "".join(joined[-1]["text"] + output["text"]).splitlines(keepends=True)
        else:
            joined.append(output)
    return joined


def _kept(output: dict[str, Any]) -> list[dict[str, Any]]:
    if output["output_type"] == "stream":
        text = "".join(output["text"]).splitlines(keepends=True)
        return [{"output_type": "stream", "name": "stdout", "text": text}] if output["name"] == "stdout" else []
    data = output["data"]
    kind = next((kind for kind in _RICHEST_FIRST if kind in data), None)
    if kind is None:
        return []
    text = "".join(data[kind])
    if kind == "image/png":
        return [_shown(kind, text, output["metadata"].get(kind))]
    pictures = []
    for attributes, picture in _PICTURE.findall(text) if kind == "text/html" else ():
        # Within HTML such pages leave it out.
        alt, width = re.search(r'alt="([^"]*)"', attributes), re.search(r"width: (\d+)px", attributes)
        look = {"alt": html.unescape(alt[1]) if alt else ""} | ({"width": int(width[1])} if width else {})
        pictures.append(_shown("image/png", picture, look))
    return [*pictures, _shown(kind, _PICTURE.sub("", text))]


def _shown(kind: str, text: str, look: Mapping[str, Any] | None = None) -> dict[str, Any]:
    value = _small(text) if kind == "image/png" else text.splitlines(keepends=True)
    return {"output_type": "display_data", "data": {kind: value}, "metadata": {kind: dict(look)} if look else {}}


def _small(picture: str) -> str:
    """A drawing in 128 colours, a third of the bytes: a repository keeps every picture that was ever in it."""
    from PIL import Image

    drawn = Image.open(io.BytesIO(base64.b64decode(picture)))
    if drawn.mode == "P":  # done before
        return picture
    drawn = drawn.convert("RGBA")
    paper = Image.alpha_composite(Image.new("RGBA", drawn.size, "white"), drawn).convert("RGB")
    stream = io.BytesIO()
    paper.quantize(128, dither=Image.Dither.NONE).save(stream, "PNG", optimize=True)
    return base64.b64encode(stream.getvalue()).decode()
