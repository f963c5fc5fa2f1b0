"""Pages: what a model wrote is data, tables have headers, nothing is fetched from anywhere."""

import re
from html.parser import HTMLParser

import pandas as pd
import pytest

from mathb_kit.report.html import PageTable, Picture, render
from mathb_kit.report.maths import with_markdown, with_maths


class Seen(HTMLParser):
    """Tags with attributes, and the text outside style and script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        text = str(text)
        self.tags, self.texts, self._skip = [], [], False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self._skip = tag in ("style", "script")

    def handle_endtag(self, tag):
        self._skip = self._skip and tag not in ("style", "script")

    def handle_data(self, data):
        if not self._skip:
            self.texts.append(data)

    def names(self):
        return {tag for tag, _ in self.tags}


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        r"$\text{<script>alert(1)</script>}$",
        r"$\href{javascript:alert(1)}{x}$",
        r"$\text{<img src=x onerror=alert(1)>}$",
        r"\(\style{position:fixed}{x}\) \[\class{a}{x}\]",
        r"$\text{</math><script>alert(1)</script>}$",
        "**<script>alert(1)</script>** `<b>` \n```html\n<script>alert(1)</script>\n```\n# <i>x</i>",
        "**a $x$ ** `$` ** \ue0000\ue001 <script>",
    ],
)
def test_what_a_model_wrote_never_becomes_markup(text):
    for seen in (Seen(with_maths(text)), Seen(with_markdown(text))):
        assert seen.names() <= {"code", "math", "mrow", "mtext", "mi", "mo", "mn", "strong", "pre"}
        for _, attributes in seen.tags:
            assert set(attributes) <= {"class", "display"}
            assert "javascript" not in str(attributes)


def test_formulas_are_drawn_and_what_cannot_be_read_is_shown_as_written():
    seen = Seen(with_maths(r"If $\frac{1}{2}x < 3$ then \(\boxed{4}\), but $\left( 3$ costs \$5 & <b>."))
    assert {"mfrac", "math", "code"} <= seen.names() and "b" not in seen.names()
    assert r"\left( 3" in seen.texts and "".join(seen.texts).endswith(r" costs \$5 & <b>.")
    assert "code" in Seen(with_maths("$" + "{" * 500 + "x" + "}" * 500 + "$")).names()
    assert with_maths("line\nbreak $") == "line\nbreak $"


def test_markdown_of_a_model_is_drawn_and_hides_no_text():
    text = "### Step 1\n**So** 2*3*4 is `x < y` **$a^2$**\n```python\nprint('<b>')\n```\n[link](http://a) **not\nbold**"
    shown = str(with_markdown(text))
    assert "<strong>Step 1</strong>" in shown and "<strong>So</strong> 2*3*4" in shown
    assert "<code>x &lt; y</code>" in shown and "<pre>print(&#39;&lt;b&gt;&#39;)\n</pre>" in shown
    assert re.search("<strong><math.*</math></strong>", shown)
    assert "[link](http://a) **not\nbold**" in shown and "<a" not in shown


def test_what_models_write_without_marks_is_drawn_too():
    seen = Seen(with_maths(r"Carefully: 88\cdot 2=176;\boxed{\frac{1}{2}} \cdot x"))
    assert {"mfrac", "mrow"} <= seen.names()
    assert "·" in seen.texts and seen.texts[0] == "Carefully: " and seen.texts[-1] == r" \cdot x"


def page_with_a_table() -> str:
    frame = pd.DataFrame(
        {
            "problem": ["one/a<b", "one/2", "two/10", "two/9"],
            "c": [1024, 3, 20, 100],
            "rate": [0.25, float("nan"), 1.0, 0.5],
            "solved": ["1 of 16", "", "1 of 1,024", "2 of 16"],
        }
    )
    table = PageTable.of(frame, "counts & shares", sortable=True)
    return render(
        "pictures.html", title="A & B", note="", beside=table, pictures=[Picture.of(_figure(), "two < points")],
        notebooks={"one": "one & two.html"}, provenance="{}",
    )  # fmt: skip


def test_a_page_needs_nothing_from_elsewhere_and_its_tables_have_headers():
    seen = Seen(page_with_a_table())
    tags = seen.tags
    for tag, attributes in tags:
        for name in ("src", "href"):
            wanted = ("data:", "#", "one%20%26%20two.html")
            assert attributes.get(name, "#").startswith(wanted), (tag, attributes)
    assert [a["rel"] for tag, a in tags if tag == "link"] == ["icon"]
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    targets = [attributes["href"] for tag, attributes in tags if tag == "a"]
    targets.remove("one%20%26%20two.html")
    heads = ["#our-numbers-beside-the-published-ones", "#figures", "#notebooks", "#provenance"]
    assert len(ids) == len(set(ids)) and targets == ["#main", *heads]
    assert {target.removeprefix("#") for target in targets} <= set(ids)
    assert [a["scope"] for tag, a in tags if tag == "th"] == ["col"] * 4 + ["row"] * 4
    assert {"caption", "thead", "tbody", "figcaption", "main", "nav", "header"} <= seen.names()
    assert [attributes["alt"] for tag, attributes in tags if tag == "img"] == ["two < points"]
    assert ("html", {"lang": "en"}) in tags
    assert {"counts & shares", "one/a<b", "1,024", "0.250", "1.000", "A & B", "two < points"} <= set(seen.texts)
    assert not {"button", "input", "select"} & seen.names()  # nothing that would be dead without its script


@pytest.mark.slow
def test_in_a_browser_tables_sort_by_keyboard_and_filter_and_without_scripts_all_is_there(tmp_path):
    browser = pytest.importorskip("browser", reason="needs websocket-client")
    if browser.CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    path = tmp_path / "page.html"
    path.write_text(page_with_a_table(), encoding="utf-8")
    rows = "[...document.querySelectorAll('tbody tr')].filter(row => row.checkVisibility())"

    def column(number: int) -> list[str]:
        return screen.run(f"{rows}.map(row => row.cells[{number}].textContent)")

    with browser.Browser(tmp_path / "browser") as screen:
        screen.open(path.as_uri())
        heads = "document.querySelectorAll('thead th')"
        for number, ascending in ((3, ["1 of 1,024", "1 of 16", "2 of 16", ""]), (2, ["0.250", "0.500", "1.000", ""]),
                                  (1, ["3", "20", "100", "1,024"]),
                                  (0, ["one/2", "one/a<b", "two/9", "two/10"])):  # fmt: skip
            screen.run(f"{heads}[{number}].querySelector('button').focus()")
            screen.key(" ", 32)
            assert screen.run(f"{heads}[{number}].getAttribute('aria-sort')") == "ascending"
            assert column(number) == ascending
            screen.key(" ", 32)
            assert screen.run(f"{heads}[{number}].getAttribute('aria-sort')") == "descending"
            empty = [cell for cell in ascending if not cell]
            assert column(number) == [cell for cell in reversed(ascending) if cell] + empty  # empty cells stay last
            assert screen.run("document.querySelectorAll('[aria-sort]').length") == 1
        give = "(control, value) => { control.value = value; control.dispatchEvent(new Event('input')) }"
        screen.run(f"({give})(document.querySelector('input'), 'a<B')")
        assert column(0) == ["one/a<b"]
        screen.run(f"({give})(document.querySelector('input'), '')")
        screen.run(f"({give})(document.querySelector('select'), 'two')")
        assert sorted(column(0)) == ["two/10", "two/9"]
        assert screen.run("document.querySelector('output').textContent") == "2 of 4 rows"
        assert screen.requests == [path.as_uri()] and screen.complaints == []

        screen.call("Emulation.setScriptExecutionDisabled", value=True)
        screen.open(path.as_uri())
        assert column(0) == ["one/a<b", "one/2", "two/10", "two/9"]
        grounds = []
        for scheme in ("light", "dark"):
            screen.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
            colour = "getComputedStyle(document.querySelector({!r})).backgroundColor"
            assert screen.run(colour.format(".card")) == "rgb(255, 255, 255)"  # the figures' own ground
            grounds.append(screen.run(colour.format("th[scope=row]")))
        assert grounds[0] == "rgb(255, 255, 255)" != grounds[1]


def _figure():
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1, 1))
    figure.subplots().plot([0, 1], [0, 1])
    return figure
