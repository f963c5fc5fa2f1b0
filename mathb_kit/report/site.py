"""The project as a static site: documentation, executed notebooks, gallery and reference, built by MkDocs Material.

Nothing on its pages comes from a network, and its search works from files. A dead link ends the build.
"""

from __future__ import annotations

import base64
import html
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from mathb_kit.errors import MathbError
from mathb_kit.extras import need
from mathb_kit.places import beside_package, checkout
from mathb_kit.report.api_pages import api_pages
from mathb_kit.report.course import course_notebooks, last_executed, relinked
from mathb_kit.report.html import own_text
from mathb_kit.report.maths import with_maths

_FIGURES = {
    "real": "Real models, sampled elsewhere", "powered": "The miniature with power", "mini": "The miniature",
    "scoreboard": "RL objectives compared", "scoreboard-long": "RL objectives compared, with a longer budget",
    "laptop": "A real language model on two cores", "laptop-math": "A real language model, by level",
    "real-rl": "RL on a real language model", "released": "The paper's released table",
}  # fmt: skip
_CODE = re.compile(r"(```.*?```|`[^`\n]+`|^(?: {4}|\t).*$)", re.S | re.M)
# A cell that keeps a figure names its file.
_KEPT = re.compile(r'\bkeep\(figure, .*?"(\d\d_\w+)"', re.S)
_MATHS = re.compile(r"\$\$[^$]+\$\$|(?<![\\$])\$(?!\s)[^$\n]+(?:\n[^$\n]+)?(?<![\\\s])\$")


def build_site(folder: Path) -> Path:
    """Build the site.

    Args:
        folder: where it goes; a site that is there is replaced.

    Returns:
        Its first page.

    Raises:
        MathbError: there is no clone, a package of the extra ``site`` is missing, the folder holds something else, or
            the build found a fault, e.g. a dead link.
    """
    need("site", "Building the site", "mkdocs", "material")
    need("notebooks", "Building the site", "jupytext", "nbconvert")
    if checkout() is None:
        raise MathbError("The site is built from a clone: an installed package has neither its figures nor its README.")
    if folder.exists() and any(folder.iterdir()) and not (folder / "sitemap.xml").is_file():
        raise MathbError(f"{folder} holds something else than a site; name another folder, or move that away.")
    with tempfile.TemporaryDirectory(prefix="mathb-site-") as made:
        write_sources(Path(made))
        # A process of its own: MkDocs sets up logging and signals as if it were alone. Not --quiet: it would not count
        # its warnings then, and every dead link is one.
        command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--clean",
                   "--config-file", f"{made}/mkdocs.yml", "--site-dir", str(folder.resolve())]  # fmt: skip
        quiet = {"NO_MKDOCS_2_WARNING": "1", "DISABLE_MKDOCS_2_WARNING": "true"}
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ | quiet)
        if done.returncode:
            told = (done.stderr + done.stdout).strip().replace(made, "")
            raise MathbError(f"The site could not be built: {told}")
    return folder / "index.html"


def write_sources(folder: Path) -> None:
    """Write what MkDocs builds the site from: ``docs`` and ``mkdocs.yml``."""
    root, docs = beside_package(), folder / "docs"
    docs.mkdir()
    copies = _copies(root, docs)
    for source, copy in copies.items():
        copy.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix == ".md":
            copy.write_text(_markdown(source.read_text(encoding="utf-8"), source, copies), encoding="utf-8")
        elif source.suffix == ".ipynb":
            _write_notebook(source, copy, copies)
        else:
            shutil.copyfile(source, copy)
    (docs / "gallery.md").write_text(_gallery(root / "figures", docs / "notebooks"), encoding="utf-8")
    (docs / "api").mkdir()
    for name, text in api_pages().items():
        (docs / "api" / f"{name}.md").write_text(text, encoding="utf-8")
    for name, copy in (("site.css", "site.css"), ("frame_worker.js", "iframe-worker.js")):
        (docs / copy).write_text(own_text(name), encoding="utf-8")
    (folder / "mkdocs.yml").write_text(_settings(docs), encoding="utf-8")


def _copies(root: Path, docs: Path) -> dict[Path, Path]:
    """Files of the repository that stand on the site, and where."""
    pages = {page: docs / "guide" / page.name for page in sorted((root / "docs").glob("*.md"))}
    above = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
    pages |= {root / name: docs / copy for name, copy in above.items()}
    notebooks = {each: docs / "notebooks" / f"{each.stem}.md" for each in sorted((root / "notebooks").glob("*.ipynb"))}
    figures = {
        each: docs / each.relative_to(root) for each in sorted((root / "figures").glob("*/*"))
        if each.suffix in (".png", ".txt", ".csv")
    }  # fmt: skip
    return pages | notebooks | figures


def _markdown(text: str, source: Path, copies: dict[Path, Path]) -> str:
    """A page of the repository as one of the site: links lead to copies, formulas are drawn, folded texts are read."""
    text = relinked(text, source, copies).replace("<details>", '<details markdown="1">')
    parts = _CODE.split(text)
    return "".join(part if number % 2 else _MATHS.sub(_drawn, part) for number, part in enumerate(parts))


def _drawn(formula: re.Match[str]) -> str:
    # MathML in the middle of Markdown: what Markdown would take for emphasis is written otherwise.
    return str(with_maths(" ".join(formula[0].split("\n")))).replace("*", "&#42;").replace("_", "&#95;")


def _write_notebook(source: Path, copy: Path, copies: dict[Path, Path]) -> None:
    """A notebook as a page, with what came out of it where it was executed; its pictures lie beside it."""
    executed = last_executed(source)
    cells = json.loads((executed or source).read_text(encoding="utf-8"))["cells"]
    parts, pictures, drawing = [], 0, 0
    for cell in cells:
        text, tags = "".join(cell["source"]), cell["metadata"].get("tags", [])
        if cell["cell_type"] == "markdown":
            shown = _markdown(_as_in(source, executed, text), source, copies)
            parts.append(f'<div class="{tags[0]}" markdown="1">\n\n{shown}\n\n</div>' if tags else shown)
        elif cell["cell_type"] == "code" and text and "remove-cell" not in tags:
            code = f"```python\n{text}\n```"
            hidden = f'<details class="source" markdown="1"><summary>code</summary>\n\n{code}\n\n</details>'
            if "hide-input" not in tags:  # the cell that draws stands before the hidden one that keeps
                drawing = len(parts)
            if kept := _KEPT.search(text):
                parts.insert(drawing, f'<span id="{kept[1]}"></span>')
            parts.append(hidden if "hide-input" in tags else code)
            for output in cell["outputs"]:
                data = output.get("data", {})
                if "image/png" in data:
                    pictures += 1
                    picture = copy.with_name(f"{copy.stem}-{pictures}.png")
                    picture.write_bytes(base64.b64decode("".join(data["image/png"])))
                    parts.append(f"![What the cell above draws.]({picture.name})")
                else:
                    parts.append(_output(output, data))
    if not executed:
        parts.insert(1, "*Not executed here: `mathb reproduce course`, then `mathb site` again, shows what comes out.*")
    copy.write_text("\n\n".join(filter(None, parts)) + "\n", encoding="utf-8")


def _as_in(source: Path, executed: Path | None, text: str) -> str:
    """The text of a cell with links as in the source: those of an executed notebook lead from another folder."""
    if executed is None:
        return text
    above = Path(os.path.relpath(source.parent.parent, executed.parent)).as_posix()
    return text.replace(f"]({above}/", "](../")


def _output(output: dict[str, Any], data: dict[str, Any]) -> str:
    if output["output_type"] == "stream":
        if output["name"] == "stderr":
            return ""
        return f'<pre class="out">{html.escape("".join(output["text"]))}</pre>'
    if "text/html" in data:
        return f'<div class="out">{"".join(data["text/html"])}</div>'
    if "text/markdown" in data:
        return f'<div class="seen" markdown="1">\n\n{"".join(data["text/markdown"])}\n\n</div>'
    text = html.escape("".join(data.get("text/plain", "")))
    return f'<pre class="out">{text}</pre>' if text else ""


def _gallery(figures: Path, notebooks: Path) -> str:
    """All committed figures: small ones to choose from, then each with its caption, data and notebook."""
    drawn_in = {
        name: f"notebooks/{each.name}#{name}" for each in sorted(notebooks.glob("[0-9]*.md"))
        for name in re.findall(r'<span id="(\d\d_\w+)">', each.read_text(encoding="utf-8"))
    }  # fmt: skip
    parts = ["# Gallery", "Every figure that the repository holds. A click leads to its caption, to the data behind it "
             "and to the code that draws it."]  # fmt: skip
    for study in [*_FIGURES, *sorted(each.name for each in figures.glob("*") if each.name not in _FIGURES)]:
        pictures = sorted((figures / study).glob("*.png"))
        if pictures:
            parts.append(f"## {_FIGURES.get(study, study)}")
            small = (
                f'<a href="#{study}-{each.stem}"><img src="figures/{study}/{each.name}" alt="{_name(each)}" '
                f'loading="lazy"><span>{_name(each)}</span></a>'
                for each in pictures
            )
            parts.append(f'<div class="thumbs">{"".join(small)}</div>')
        for picture in pictures:
            note = picture.with_suffix(".txt")
            caption = note.read_text(encoding="utf-8").strip() if note.is_file() else picture.stem
            place = f"figures/{study}/{picture.name}"
            data = f" [Data]({place[:-4]}.csv)." if picture.with_suffix(".csv").is_file() else ""
            page = drawn_in.get(picture.stem)
            code = f" [Code]({page})." if page else ""
            parts.append(f"### {_name(picture)} {{#{study}-{picture.stem}}}")
            parts.append(f"![{html.escape(caption.split('. ')[0])}]({place})\n\n{html.escape(caption)}{data}{code}")
    return "\n\n".join(parts) + "\n"


def _name(picture: Path) -> str:
    """What a figure is called: ``01_base_saturation.png`` is *Base saturation*."""
    return picture.stem.lstrip("0123456789_").replace("_", " ").replace("pass at k", "pass@k").capitalize()


def _settings(docs: Path) -> str:
    """``mkdocs.yml``."""
    titles = {f"{name}.md": title for name, title in course_notebooks().itertuples(index=False)}
    guide = [f"guide/{page.name}" for page in sorted((docs / "guide").glob("*.md"))]
    rooms = sorted((docs / "api").glob("*.md"), key=lambda page: (page.stem != "mathb_kit", page.stem))
    reference = [{page.stem: f"api/{page.name}"} for page in rooms]
    scheme = {"toggle": {"icon": "material/brightness-6", "name": "light or dark"}}
    settings = {
        "site_name": "mathb_kit",
        "docs_dir": str(docs),
        "use_directory_urls": False,  # so that links work from files
        "theme": {
            "name": "material",
            "font": False,  # the reader's own; nothing is fetched
            "features": ["navigation.tabs", "navigation.top", "toc.follow", "content.code.copy"],
            "palette": [
                {"media": "(prefers-color-scheme: light)", "scheme": "default", "primary": "indigo", **scheme},
                {"media": "(prefers-color-scheme: dark)", "scheme": "slate", "primary": "indigo", **scheme},
            ],
        },
        "extra_css": ["site.css"],
        "extra": {"polyfills": ["iframe-worker.js"]},  # ours, else the theme fetches one; it knows it by this name
        "plugins": ["search", "offline"],
        "nav": [
            {"Start": "index.md"},
            {"Course": [{title: f"notebooks/{name}"} for name, title in titles.items()]},
            {"Gallery": "gallery.md"},
            {"Guide": guide},
            {"Reference": reference},
            {"Contributing": "contributing.md"},
            {"Changelog": "changelog.md"},
        ],
        "validation": {
            "nav": {"omitted_files": "warn", "not_found": "warn"},
            "links": {"not_found": "warn", "anchors": "warn", "unrecognized_links": "warn", "absolute_links": "warn"},
        },
    }
    slugs = "!!python/object/apply:pymdownx.slugs.slugify {kwds: {case: lower}}"  # as GitHub makes its anchors
    extensions = ["tables", "md_in_html", "attr_list", "pymdownx.highlight", "pymdownx.superfences"]
    lines = [f"  - {name}" for name in extensions] + [f"  - toc:\n      permalink: true\n      slugify: {slugs}"]
    values = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in settings.items()]  # JSON is YAML
    return "\n".join([*values, "markdown_extensions:", *lines]) + "\n"
