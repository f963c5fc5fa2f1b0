"""The page of a run holds every figure and caption and links every notebook, escaped."""

import base64
from pathlib import Path

from mathb_kit.report.page import write_page


def test_the_page_embeds_figures_with_captions_and_links_notebooks(tmp_path: Path):
    figures = tmp_path / "figures"
    figures.mkdir()
    (figures / "a.png").write_bytes(b"picture")
    (figures / "a.txt").write_text("p < 0.05 & more\n")
    notebook = tmp_path / "run" / "notebooks" / "01_x.ipynb"
    notebook.parent.mkdir(parents=True)
    text = write_page("mini", figures, [notebook], tmp_path / "run" / "index.html").read_text()
    assert base64.b64encode(b"picture").decode() in text
    assert "p &lt; 0.05 &amp; more" in text
    assert "href='notebooks/01_x.html'" in text
