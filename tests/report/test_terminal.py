"""Tables for a terminal."""

from __future__ import annotations

import pandas as pd

from mathb_kit.report.terminal import text_table


def test_numbers_stand_right_names_left_and_a_line_parts_the_header():
    points = ["+1.0 (-2.0 to +4.0)", "-0.5 (-1.0 to 0.0)"]
    table = pd.DataFrame({"model": ["a", "longer"], "k": [1, 1024], "points": points})
    header, rule, *rows = text_table(table).split("\n")
    assert set(rule) == {"-", " "}
    assert rows[0].startswith("a ") and rows[1].startswith("longer")
    assert all(row[header.index("k")] in "14" for row in rows)
    assert rows[0].endswith("(-2.0 to +4.0)") and len({len(row) for row in rows}) == 1


def test_no_number_is_broken_however_narrow_the_terminal_and_nothing_is_lost():
    table = pd.DataFrame({"name": ["a very long name " * 4], "tokens": [14_800_000], "empty": [None]})
    shown = text_table(table, width=40)
    assert "14,800,000" in shown and "empty" not in shown
    assert "".join(shown.split()).count("averylongname") + shown.count("very long") >= 4
    assert max(map(len, shown.split("\n"))) <= 40
    assert text_table(table.head(0))
