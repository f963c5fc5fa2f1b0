# %% [markdown]
# # 08 · What expands? The scoreboard, read critically
#
# Several objectives and methods that claim to expand, one base, the same number of sampled tokens, learning rates
# chosen alike, several seeds, the last checkpoint. Which of them reaches problems that its base does not, and how much
# of what the board says can it bear?
#
# **You will see** everything that was tried; the board with intervals, and a frozen base beside every number; what a
# board of this size could *not* have seen; the same rows at matched pass@1; two controls; and a template for an
# objective of your own. Every sentence below a picture is computed from the board that was found.
#
# **Time** Minutes, most of it for the objective of your own at the end. The board itself is made by `./reproduce.sh
# scoreboard`, in an hour (`--plan` prints it); without it this notebook makes the quick board, minutes, once.
#
# **Profile** `mini`, always: the tiny models. `size = "long"` reads a second board: few rows, and a budget at which
# GRPO has learnt what it can (`./reproduce.sh scoreboard-long`). `quick` reads (or makes) the quick board even where
# another is there: a budget too small to learn anything, so it shows how the reading works, and its numbers mean
# nothing. Words are in the [glossary](../docs/glossary.md#a-tuned-model-beside-its-base).

# %% tags=["parameters"]
profile: str = "mini"  # the call that this notebook belongs to; it always uses the tiny models
quick: bool = False  # read (or make) the quick scoreboard even where a larger one is finished
size: str = "full"  # the scoreboard to read: full or long

# %%
from IPython.display import display

import mathb_kit as mb
from mathb_kit.course import check, keep, keep_table
from mathb_kit.lab import reading, scores
from mathb_kit.lab.composition import composition_table
from mathb_kit.lab.objectives import Objective
from mathb_kit.lab.result import finished_or_quick
from mathb_kit.lab.tuning import at_limit, by_rate
from mathb_kit.places import as_told
from mathb_kit.plots.scoreboard import plot_learning_rates, plot_plane, plot_scores
from mathb_kit.sentences import percent, titles, you_should_see
from mathb_kit.sentences.scoreboard import (
    composition_sentences,
    distillation_sentence,
    expands_sentences,
    limits_sentences,
    matched_sentence,
    scoreboard_sentences,
    verdicts_sentence,
    yardstick_sentence,
)
from mathb_kit.widgets import show_table

result = finished_or_quick("quick" if quick else size)
board, k = result.board, result.board.plan.n_max
folder = result.figures
folder.mkdir(parents=True, exist_ok=True)
note = f"{board.base}, {board.tokens:,} sampled tokens a run, {len(board.seeds)} seeds" + (
    "" if board.counts else "; QUICK: a budget with which nothing is learned"
)
print(f"{board.name}: {note}\n{len(board.problems)} held-out problems, plan {board.plan}; figures: {as_told(folder)}")

# %% [markdown]
# ## 1. Everything that was tried
# Learning rates on a grid, widened while the best lies at an edge, each under tuning seeds that no run of the board
# has; validation problems split from the training set choose, never the held-out ones. Runs that failed are listed.

# %%
rates = by_rate(result.tried)
figure = plot_learning_rates(rates, title=titles.rates_title(rates, note))
show_table(result.failures)

# %% tags=["hide-input"]
caption = (
    f"Mean of the last three validations by learning rate, seeds tried: {rates['seeds'].max()} ({note}); a frame marks "
    "the choice."
)
keep(figure, rates, folder, "08_learning_rates", caption)
edges = at_limit(result.tried, board)
you_should_see(
    f"{len(result.tried)} runs were tried to choose {rates['chosen'].sum()} rates; {len(result.failures)} runs failed.",
    *(edges or ["No choice lies at an end of what was tried."]),
    f"Runs at the chosen rates differ by up to {(rates['highest'] - rates['lowest'])[rates['chosen']].max():.3f} under "
    "other seeds: a choice between two close rates is mostly luck.",
)

# %% [markdown]
# ## 2. The board
# *Expansion*: the share of held-out problems that a run reaches in k attempts and one draw of the base does not;
# *Shrinkage*: the other way round. A model that learned nothing has both, by luck alone. So beside every one of them
# stands its *null*: a **frozen base drawn afresh** (dashed). Only what goes beyond it is news.

# %% [markdown] tags=["prediction"]
# **Before you look.** All rows had the same budget. Which objective will have the largest Expansion? Will it be larger
# than that of a base that was only drawn again?

# %%
final = scores.score_table(result)
matched = scores.score_table(result, "matched")
keep_table(matched, folder, "08_matched")
told = reading.comparisons(result)
about = f"k = {k:,}; dashed: a frozen base; hollow: stopped at matched pass@1; lines: 95 %"
title = titles.board_title(told, about, note)
figure = plot_scores(final, matched if len(matched) else None, title=title)

# %% tags=["hide-input"]
caption = (
    f"Same budget ({note}), {len(board.problems)} held-out problems, k = {k:,}. Dashed: a frozen base. Hollow: the "
    "same runs stopped at matched pass@1. Gains: bootstrap over problems and seeds; rates: Clopper-Pearson over "
    "problems, 95 %."
)
keep(figure, final, folder, "08_scoreboard", caption)
you_should_see(*scoreboard_sentences(result))

# %% [markdown]
# What a row sampled itself is the same for all; what others wrote or scored for it (hints, beginnings of solutions, a
# teacher, written solutions) comes on top:

# %%
tokens = result.runs[result.runs["stage"] == "final"].groupby("row", sort=False)[["sampled_tokens", "others_tokens"]]
show_table(tokens.mean().round().astype(int).reset_index())

# %% [markdown]
# The question of this notebook, row by row, by an exact test: if training had changed nothing, runs and fresh draws of
# the base would reach the problems that its first draw left unsolved alike.

# %% tags=["hide-input"]
you_should_see(*expands_sentences(result))

# %% [markdown]
# In the list before, "more than" and "less than" are said only where the 95 % interval of the difference from the null
# leaves out 0. That is the reading of most papers. The next section asks what it is worth.
#
# **Exercise.** An objective shows Expansion 3 of 48 and a frozen base 2 of 48. Its authors report "6 % of previously
# unsolvable problems". What do you ask?
#
# <details><summary>Answer</summary>
#
# How many of them a second draw of the base solves: 2 of 48, so the problems were not unsolvable. And whether the
# difference has an interval without 0:
# ```python
# for name, count in (("tuned", 3), ("frozen", 2)):
#     low, high = mb.statistics.proportion_interval(count, 48)
#     print(f"{name}: {count / 48:.1%} [{low:.1%}, {high:.1%}]")
# ```
# </details>

# %% [markdown]
# ## 3. What this board could not have seen
# The differences from the frozen base that all these words rest on:

# %%
title = titles.board_title(told, f"every row less a frozen base, drawn afresh; lines: 95 %, {scores.INTERVAL}", note)
figure = mb.plots.plot_differences(told, by="row", panel="question", x_label="difference", title=title)

# %% tags=["hide-input"]
caption = (
    f"Every row less a frozen base: gain of pass@1, Expansion and Shrinkage beyond the null ({note}). Bars: 95 %, "
    f"{scores.INTERVAL}."
)
keep(figure, told, folder, "08_beside_frozen_base", caption)
you_should_see(verdicts_sentence(result))

# %% [markdown]
# "Not told apart" is no result about the objective as long as nobody says which effect *would* have shown. That follows
# from the number of problems, seeds, draws and comparisons:

# %% tags=["hide-input"]
you_should_see(*limits_sentences(result))

# %%
shows = told[told["question"] != "pass@1"].pivot(index="row", columns="question", values="shows_mostly")
show_table((shows * len(board.problems)).loc[list(final["row"])].reset_index(), digits=1).set_caption(
    "Problems beyond the null that would show in four of five boards"
)

# %% [markdown]
# **Exercise.** You want to see an Expansion of half the size in four of five boards. Which buys it: twice the seeds, or
# four times the problems?
#
# <details><summary>Answer</summary>
#
# An interval's width falls with the square root of what is sampled, so half the effect takes four times as much of
# whatever makes it wide. More seeds narrow only the part that comes from seeds: the problems stay the same few. Four
# times the problems halve the part that comes from problems, and leave that of the seeds. Which part is larger, the
# spread of the single runs says:
# ```python
# print(scores.by_run(result).groupby(["row", "stage"])[["pass_1", "expansion", "shrinkage"]].std().round(3))
# ```
# </details>

# %% [markdown] tags=["exercise"]
# By which factor must the number of problems grow for half the effect to show, where problems alone make the interval
# wide?

# %%
check("08.1", ...)  # your answer in place of the dots

# %% [markdown]
# ## 4. Against the yardstick
# Row minus GRPO on the same problems. Rows differ in pass@1 too, so a difference in reach may only say that one of them
# learned less. That is what the next section is for.

# %%
against = scores.against_yardstick(result)
keep_table(against, folder, "08_against_yardstick")
columns = [name for name in against if name != "interval"]
show_table(against[columns])

# %% tags=["hide-input"]
you_should_see(*(yardstick_sentence(result, row) for row in against["row"]))

# %% [markdown]
# ## 5. At matched pass@1
# Each run stopped where its validation reward had first gained a declared share of what GRPO gains in the end. Runs
# that never got there are missing, and the others are the luckier ones.

# %%
if len(matched):
    shown = ["row", "seeds", "pass_1", "reach", "expansion", "expansion_null", "shrinkage", "shrinkage_null"]
    display(show_table(matched[shown]))

# %% tags=["hide-input"]
trained = final[~final["row"].isin(board.beside)]
you_should_see(
    matched_sentence(result),
    f"Gains of pass@1 on the held-out problems lie between {matched['pass_1'].min():+.3f} and "
    f"{matched['pass_1'].max():+.3f} there, and between {trained['pass_1'].min():+.3f} and "
    f"{trained['pass_1'].max():+.3f} at the end: so far the matching worked." if len(matched) else "Nothing is left.",
    *(scoreboard_sentences(result, "matched") if len(matched) else ()),
)  # fmt: skip

# %% [markdown]
# Every row in a cell of its own, with its runs and their mean: to the right is sharper, upwards is wider. A base drawn
# again and again (grey) shows how much of the height is luck.

# %% [markdown] tags=["prediction"]
# **Before you look.** To the right the runs are sharper. Will they lie above the frozen base's draws, level with them,
# or below?

# %%
runs = scores.by_run(result)
figure = plot_plane(runs, k=k, title=titles.plane_title(runs, note))

# %% tags=["hide-input"]
caption = (
    f"Runs of each row and their mean ({note}); grey: the range of the base's draws, and the other rows' means. "
    "Hollow: stopped at matched pass@1."
)
keep(figure, runs, folder, "08_plane", caption)
draws, ends = runs[runs["stage"] == "base"], runs[runs["stage"] == "final"]
low, high = draws["reach"].min(), draws["reach"].max()
you_should_see(
    f"{len(draws)} draws of one frozen base reach between {percent(low)} and {percent(high)}. Of {len(ends)} finished "
    f"runs {(ends['reach'] > high).sum()} lie above that range and {(ends['reach'] < low).sum()} below; "
    f"{(ends['pass_1'] > draws['pass_1'].max()).sum()} have a higher pass@1 than any draw."
)

# %% [markdown]
# **Exercise.** Which row would you choose if only pass@1 counted, and which if only reach did?
#
# <details><summary>Answer</summary>
#
# The best of each, with intervals; where the interval of the best holds the second best, the choice is a toss-up. And
# the best of many is always luckier than it is good.
# ```python
# ours = final[~final["row"].isin(board.beside)]
# for what in ("pass_1", "reach"):
#     best = ours.loc[ours[what].idxmax()]
#     print(f"{what}: {best['row']} {best[what]:+.3f} [{best[f'{what}_low']:+.3f}, {best[f'{what}_high']:+.3f}]")
# ```
# </details>

# %% [markdown]
# ## 6. Why: which way of solving is left
# In this world a solution announces its method (its *mode*) with its first words. Sharpening is, to a large part, the
# choice of these.

# %%
modes = result.modes[result.modes["stage"].isin(["base", "final", "beside"])]
table = modes.groupby(["row", "mode"])["share"].mean().unstack(fill_value=0)
entropy = result.runs[result.runs["stage"] == "final"].groupby("row")[["entropy", "kl"]].mean()
show_table(table.join(entropy).loc[list(dict.fromkeys(modes["row"]))].reset_index())

# %% tags=["hide-input"]
of_base = modes[modes["row"] == board.base].groupby("mode")[["share", "correct_share"]].mean()
best = (of_base["correct_share"] / of_base["share"]).idxmax()
taken = table.drop(index=[board.base, *board.beside], errors="ignore")[best]
often = of_base.loc[best, "share"]
you_should_see(
    f"On these problems the base is right most often in its {best} mode, and takes it in {percent(often)} of attempts. "
    f"Always taking it would multiply the right answers of that mode by {1 / often:.1f} and no more.",
    f"The rows take it in {percent(taken.min())} ({taken.idxmin()}) to {percent(taken.max())} ({taken.idxmax()}).",
)

# %% [markdown]
# ## 7. Controls: can the instrument see an Expansion at all?
# If nothing expands, is it RL or the instrument? A *positive control* is a case in which Expansion must show. The
# first: models taught a method that no base saw, by *distillation* (training on written solutions).

# %% tags=["hide-input"]
you_should_see(distillation_sentence(result))

# %% [markdown]
# The second: worlds where RL itself should expand. The choice between careful and quick is made anew at every step,
# problems have several steps, and a single quick one spoils the answer. RL trains on problems of one and two steps; the
# held-out ones have more, and the base hardly ever gets through them. The worlds differ in how often the base saw steps
# chained, and in the budget.

# %% [markdown] tags=["prediction"]
# **Before you look.** In this world a step is taken carefully or not, anew every time. Will RL reach problems of four
# steps that its base practically never solves?

# %%
control = composition_table(result.composition, k)
keep_table(control, folder, "08_composition")

# %% tags=["hide-input"]
you_should_see(*composition_sentences(result))

# %% [markdown]
# What is sharpening for one step is Expansion for who counts whole problems: if p is the chance of a careful step,
# problems of four steps come out right with p to the fourth. Reach at some k never says by itself whether something new
# was learned.
#
# **Exercise.** A step is taken carefully with chance 0.15, and RL makes it 0.9. By which factor does the success rate
# rise on problems of one step, and of four? What do 256 attempts reach of the latter before and after?
#
# <details><summary>Answer</summary>
#
# By 6, and by $6^4 = 1296$: from $0.15^4 = 0.0005$ to $0.66$. With 256 attempts that is pass@256 from
# $1 - (1 - 0.0005)^{256} = 12\,\%$ to practically 100 %. A problem "reached" only after RL, without any new skill.
# </details>

# %% [markdown] tags=["exercise"]
# The factor for problems of four steps:

# %%
check("08.2", ...)  # your answer in place of the dots

# %% [markdown]
# ## 8. An idea of this project, reported whether or not it works
# `grpo-early`: GRPO on the first four tokens, where a method is chosen, and a leash to the base on all later ones, so
# that the steps of the method keep their spread. Tried for reach at the same budget:

# %%
if "grpo-early" in set(final["row"]):
    you_should_see(*(yardstick_sentence(result, "grpo-early", stage) for stage in scores.STAGES))
else:
    print("This scoreboard has no row grpo-early.")

# %% [markdown]
# It is tailored to a world whose methods announce themselves; a model whose method shows later needs another cut.
#
# Two more cautions that no number above contains. **The same tokens are not the same updates**: OREAL learns from two
# attempts a prompt, and GRPO takes two steps per batch; with equal updates the order may change. **One world**: the
# base was trained to mix three methods, so there is a mode to collapse into by construction.

# %% [markdown] tags=["exercise"]
# **Exercise 08.3.** Seven rows are held against a frozen base at 5 % each, and in truth none differs. How likely is at
# least one to look as if it did (taken as independent)?
#
# <details><summary>Answer</summary>
#
# $1 - 0.95^7 = 0.30$. A board of seven finds something in three of ten worlds without anything to find.
# </details>

# %%
check("08.3", ...)  # your answer in place of the dots

# %% [markdown]
# ## 9. Your own objective in twenty lines
# A loss is a function of a `Batch`: log-probabilities of the sampled tokens (what is differentiated), rewards, groups
# and a mask. Change it, run the cell, and it stands beside the others: one seed, a learning rate that nobody tuned.

# %%
from mathb_kit.lab.objectives.batch import Batch, group_mean, leave_one_out, policy_gradient


def rare_first(batch: Batch):
    """REINFORCE with a leave-one-out baseline; a problem weighs the more, the fewer of its attempts are right."""
    advantages = leave_one_out(batch.rewards, batch.groups)
    missed = 1 - group_mean(batch.rewards, batch.groups)
    return policy_gradient(batch, missed * advantages)


mine = Objective("rare-first", rare_first)
with_mine = reading.with_objective(result, mine, learning_rate=1e-3)
table = scores.score_table(with_mine)
shown = ["row", "seeds", "pass_1", "pass_1_low", "pass_1_high", "expansion", "expansion_null", "shrinkage"]
show_table(table[table["row"].isin([mine.name, board.yardstick])][[*shown, "shrinkage_null"]])

# %% tags=["hide-input"]
you_should_see(
    yardstick_sentence(with_mine, mine.name),
    f"That is one run beside {len(board.seeds)}: another seed may say otherwise.",
)

# %% [markdown]
# **Exercise.** Give your objective an exploration of its own by sampling otherwise: fewer problems a step with more
# attempts each. What does it cost?
#
# <details><summary>Answer</summary>
#
# Rare right answers are seen more often, but fewer problems are seen at all; the budget is the same. It trains once
# more:
# ```python
# wide = reading.with_objective(result, Objective("rare-first-wide", rare_first), prompts=2, group=4 * board.group)
# print(yardstick_sentence(wide, "rare-first-wide"))
# ```
# </details>

# %% [markdown]
# ## Next
# [09 · The paper's figures from its released table](09_the_released_table.ipynb): the same questions, asked of the
# paper's own data.
