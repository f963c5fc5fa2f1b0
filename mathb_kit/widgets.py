"""Tables to read in a notebook, and two things to play with: a slider over k, and a browser of completions.

With ipywidgets in a front end that shows widgets (JupyterLab does) the two are live. Elsewhere (a terminal, a page
on the web, a notebook executed into a page) the same output holds a static form: plain HTML, nothing fetched from a
network. ``MATHB_WIDGETS=off`` leaves the live form out of the output altogether, as our notebook runner does.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from mathb_kit.errors import MathbError
from mathb_kit.evaluation import Evaluation
from mathb_kit.grading import explain
from mathb_kit.outcomes import require_columns
from mathb_kit.plots.style import WIDTH, figure_style, look_of, title_of
from mathb_kit.problems import set_and_id
from mathb_kit.report.html import render
from mathb_kit.sentences import intervals_of
from mathb_kit.settings import did_you_mean
from mathb_kit.verdicts import Verdict

if TYPE_CHECKING:
    import pandas as pd
    from ipywidgets import Widget
    from matplotlib.figure import Figure
    from pandas.io.formats.style import Styler

_VIEW = "application/vnd.jupyter.widget-view+json"
_ALL = "all"


def show_table(table: pd.DataFrame, digits: int = 3) -> Styler:
    """A table to read: without its index, empty where a value is missing, and its texts as text, to the left.

    A model's texts may stand in it, and pandas by itself would pass them on as markup. The same table gives the same
    bytes: by itself pandas would draw its cells' ids at random.

    Args:
        table: any.
        digits: decimals of its fractions.
    """
    digest = hashlib.sha256(table.to_csv(index=False).encode("utf-8", "surrogatepass")).hexdigest()[:10]
    shown = table.style.set_uuid(digest).hide(axis="index").format(precision=digits, na_rep="", escape="html")
    left = [{"selector": each, "props": "text-align: left"} for each in ("th", "td")]
    texts = table.columns[[kind.kind not in "biufc" for kind in table.dtypes]]
    if table.columns.is_unique:
        shown = shown.set_table_styles({name: left for name in texts}, axis=0)
    return shown.format_index(escape="html", axis="columns")


def slide_k(curves: pd.DataFrame, *, by: str = "name", title: str = "") -> None:
    """Every model's pass@k with its interval at one k at a time; a slider moves k.

    The static form shows the smallest, the middle and the largest k side by side.

    Args:
        curves: rows of `mathb_kit.statistics.pass_at_k_curve` for one problem set: ``by``, k, estimate, low, high; rows
            without an estimate are left out.
        by: column that names the models.
        title: what the picture is of.

    Raises:
        MathbError: a missing column, no estimate at all, or two estimates of one model at one k.
    """
    require_columns(curves, [by, "k", "estimate", "low", "high"], "curves")
    curves = curves.dropna(subset="estimate")
    if curves.empty:
        raise MathbError("The curves hold no estimate to show; give curves with at least one k within the plan.")
    if (twice := curves.duplicated([by, "k"])).any():
        name, k = curves.loc[twice, [by, "k"]].iloc[0]
        raise MathbError(f"The curves have two estimates of {name} at k = {k}; select one problem set before the call.")
    ks = sorted(map(int, curves["k"].unique()))

    @cache  # a slider passes the same values over and over
    def drawn(*some: int) -> str:
        return _picture(_draw(curves, by, some, title), title, [_sentence(curves, by, k) for k in some])

    def live() -> Widget:
        from ipywidgets import HTML, Layout, SelectionSlider, VBox

        slider = SelectionSlider(
            options=[(f"{k:,}", k) for k in ks], value=ks[0], description="k", layout=Layout(width="32rem")
        )
        shown = HTML(drawn(ks[0]))
        slider.observe(lambda change: setattr(shown, "value", drawn(change["new"])), "value")
        return VBox([slider, shown])

    few = sorted({ks[0], ks[len(ks) // 2], ks[-1]})
    _show(drawn(*few), "\n".join(_sentence(curves, by, k) for k in few), live)


def browse_completions(
    evaluation: Evaluation, *, problem: str | None = None, attempts: int = 64, static: int = 3
) -> None:
    """What a model wrote: a problem, its gold, and its attempts one by one, all or those with one verdict.

    The static form is a table of the first attempts at one problem.

    Args:
        evaluation: the evaluation to read; its attempts come from its store.
        problem: key of the problem to begin with; by default the first that has both correct and wrong attempts.
        attempts: how many of each problem's attempts can be browsed, the first ones.
        static: how many the static form shows.

    Raises:
        MathbError: ``attempts`` or ``static`` is not positive, or no problem has that key.
    """
    for name, value in (("attempts", attempts), ("static", static)):
        if value < 1:
            raise MathbError(f"{name} is {value}; at least one attempt must be shown.")
    problems = _problems(evaluation)
    if problem is not None and problem not in problems:
        raise MathbError(
            f"{evaluation.model.name} was not asked problem {problem!r}{did_you_mean(problem, problems)}; its problems "
            "are in evaluation.outcomes."
        )

    @lru_cache(maxsize=64)
    def read(key: str, count: int = attempts) -> list[dict[str, Any]]:
        table = evaluation.first_attempts(count, [key])
        return table.astype(object).where(table.notna(), None).to_dict("records")

    verdicts = evaluation.verdicts
    has = {verdict: set(verdicts.loc[verdicts["verdict"] == verdict, "problem"]) for verdict in Verdict}
    mixed = has[Verdict.CORRECT] & has[Verdict.WRONG]
    key = problem or next((key for key in problems if key in mixed), next(iter(problems)))
    rows = read(key, static)
    label = f"{evaluation.model.name} on {problems[key]['label']}"
    lines = [f"attempt {row['index'] + 1}: {row['verdict']}, answer {row['answer']!r}" for row in rows]
    static_form = render("attempts.html", label=label, problem=problems[key], rows=rows)
    stop = evaluation.model.sampling.stop
    _show(static_form, "\n".join([label, *lines]), lambda: _browser(problems, key, read, stop))


def _browser(
    problems: Mapping[str, dict[str, Any]], first: str, read: Callable[[str], list[dict[str, Any]]], stop: Sequence[str]
) -> Widget:
    from ipywidgets import Button, Dropdown, HBox, HTMLMath, IntSlider, Layout, VBox

    problem = Dropdown(
        options=[(each["label"], key) for key, each in problems.items()], value=first, description="problem",
        layout=Layout(width="28rem"),
    )  # fmt: skip
    verdict = Dropdown(options=[_ALL, *Verdict], description="verdict", layout=Layout(width="16rem"))
    position = IntSlider(min=1, max=1, description="shown", layout=Layout(width="28rem"))
    previous, following = Button(description="previous"), Button(description="next")
    shown = HTMLMath()

    def matching() -> list[dict[str, Any]]:
        return [row for row in read(problem.value) if verdict.value in (_ALL, row["verdict"])]

    def show(_: object = None) -> None:
        rows = matching()
        position.disabled = len(rows) < 2
        previous.disabled, following.disabled = position.value <= 1, position.value >= len(rows)
        if rows:
            row, kind = rows[position.value - 1], "" if verdict.value == _ALL else f" that are {verdict.value}"
            which = f"{position.value} of {len(rows)}{kind}"
        else:
            row, which = None, f"None of the {len(read(problem.value))} attempts is {verdict.value}."
        why = explain(problems[problem.value]["gold"], row["text"], stop=stop) if row and row["text"] else None
        shown.value = render("attempts.html", label="", problem=problems[problem.value], row=row, which=which, why=why)

    def choose(_: object = None) -> None:
        position.value, position.max = 1, max(1, len(matching()))
        show()  # also where the position was 1 before

    def step(by: int) -> None:
        position.value = min(max(position.value + by, position.min), position.max)

    problem.observe(choose, "value")
    verdict.observe(choose, "value")
    position.observe(show, "value")
    previous.on_click(lambda _: step(-1))
    following.on_click(lambda _: step(1))
    choose()
    return VBox([HBox([problem, verdict]), HBox([previous, position, following]), shown])


def _problems(evaluation: Evaluation) -> dict[str, dict[str, Any]]:
    """By problem key, in the evaluation's order: label, statement and gold."""
    by_key = {problem.key: problem for problem in evaluation.problems}
    return {
        row.problem: {
            "label": f"{set_and_id(row.problem)}: {row.c} of {row.n} correct",
            "statement": by_key[row.problem].statement,
            "gold": by_key[row.problem].gold,
        }
        for row in evaluation.outcomes.itertuples()
    }


def _sentence(curves: pd.DataFrame, by: str, k: int) -> str:
    rows = curves[curves["k"] == k]
    values = [
        f"{name} {estimate:.3f}" + (f" ({low:.3f} to {high:.3f})" if low == low else "")
        for name, estimate, low, high in zip(rows[by], rows["estimate"], rows["low"], rows["high"])
    ]
    kinds = intervals_of(rows) if "interval" in rows and rows["low"].notna().any() else ""
    note = f"; intervals: {kinds}" if kinds else ""
    return f"pass@{k:,}: {', '.join(values)}{note}."


def _draw(curves: pd.DataFrame, by: str, ks: Sequence[int], title: str) -> Figure:
    """A panel per k, a bar per model with a mark at its end and its interval."""
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(curves[by]))
    with figure_style():
        looks = look_of(names)
        width = WIDTH if len(ks) > 1 else 0.7 * WIDTH
        figure = Figure(figsize=(width, 0.4 * len(names) + (1.4 if title else 1.1)), layout="constrained")
        axes = figure.subplots(1, len(ks), sharey=True, squeeze=False)[0]
        for axis, k in zip(axes, ks):
            rows = curves[curves["k"] == k].set_index(by).reindex(names)
            for y, row in enumerate(rows.itertuples()):
                colour, marker = looks[row.Index]["color"], looks[row.Index]["marker"]
                axis.barh(y, row.estimate, color=colour, alpha=0.25, height=0.6)
                axis.plot([row.low, row.high], [y, y], color=colour, linewidth=2, clip_on=False)
                axis.plot(row.estimate, y, color=colour, marker=marker, linestyle="", clip_on=False)
                if row.estimate == row.estimate:
                    axis.text(1.06, y, f"{row.estimate:.3f}", va="center", fontsize=9)
            axis.set_xlim(0, 1)
            axis.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
            axis.set_xlabel("pass@k (share of problems)")
            axis.set_title(f"k = {k:,}")
        axes[0].set_yticks(range(len(names)), [str(name) for name in names])
        axes[0].invert_yaxis()
        title_of(figure, title)
    return figure


def _picture(figure: Figure, title: str, sentences: Sequence[str]) -> str:
    stream = io.BytesIO()
    with figure_style():  # by its own size, or the bytes would hang on how Jupyter crops figures
        figure.savefig(stream, format="png", dpi=150, bbox_inches=figure.bbox_inches, metadata={"Software": None})
    return render(
        "slider.html", alt=f"{title or 'pass@k'}. {' '.join(sentences)}", sentences=sentences,
        width=f"{96 * figure.get_figwidth():.0f}", data=base64.b64encode(stream.getvalue()).decode(),
    )  # fmt: skip


def _show(static: str, text: str, live: Callable[[], Widget]) -> None:
    from IPython.display import display

    forms: dict[str, Any] = {"text/plain": text, "text/html": static}
    if _wanted():
        try:
            import ipywidgets  # noqa: F401
        except ImportError:
            pass
        else:
            forms[_VIEW] = live()._repr_mimebundle_()[_VIEW]
    display(_Output(forms))


class _Output:
    """One output with all its forms; a front end takes the richest that it knows, plain Python the text."""

    def __init__(self, forms: dict[str, Any]) -> None:
        self.forms = forms

    def __repr__(self) -> str:
        return self.forms["text/plain"]

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        return self.forms


def _wanted() -> bool:
    mode = os.environ.get("MATHB_WIDGETS") or "on"
    if mode not in ("on", "off"):
        raise MathbError(f"MATHB_WIDGETS must be on or off, not {mode!r}.")
    return mode == "on"
