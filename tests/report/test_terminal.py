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


def test_where_numbers_want_more_than_the_terminal_has_they_are_whole_all_the_same():
    table = pd.DataFrame([[12_345_678 * i for i in range(1, 9)] + ["some name"]], columns=[*"abcdefgh", "who"])
    header, _, *rows = text_table(table, width=40).split("\n")
    assert rows[0].split()[:8] == [f"{12_345_678 * i:,}" for i in range(1, 9)]
    assert " ".join(" ".join(row.split()[8:] if not i else row.split()) for i, row in enumerate(rows)) == "some name"
    many = pd.DataFrame([range(12)], columns=[f"candidates {letter}" for letter in "abcdefghijkl"])
    assert text_table(many, width=60).split("\n")[0].split() == ["candidates"] * 12


def test_what_is_little_is_not_shown_as_nothing():
    table = pd.DataFrame({"p": [0.0, 2.1e-9, -1e-7, 0.0004, 0.0006, 1.0]})
    assert [row.strip() for row in text_table(table).split("\n")[2:]] == [
        "0.000", "2.1e-09", "-1.0e-07", "4.0e-04", "0.001", "1.000"
    ]  # fmt: skip
