# %% [markdown]
# # 09 · The paper's figures from its released table
#
# MATH-Beyond was released with what 21 models made of its 181 problems: for each of them whether 1,024 attempts left it
# unsolved, and pass@k on a grid of k. How much of the paper can be redrawn from that without sampling anything, and
# what does the paper not say?
#
# **You will see** the table checked against what the paper publishes; the paper's Tables 2 and 4 and Figures 3, 5, 6
# and 7 with intervals; and one thing that the paper does not have: what a **frozen base reaches against itself**, from
# the released numbers alone.
#
# **Time** About a minute, mostly drawing; nothing is sampled. The table is read from the hub at a pinned revision, or
# from a copy in the folder that `MATHB_DATA_DIR` names.
#
# **Profile** `released`, always; `quick` changes nothing. A table that a program made up for tests says so in every
# caption. Words are in the [glossary](../docs/glossary.md#a-tuned-model-beside-its-base).

# %% tags=["parameters"]
profile: str = "released"  # the call that this notebook belongs to; nothing is sampled
quick: bool = False  # without effect: there is nothing to shorten

# %%
import mathb_kit as mb
from mathb_kit import released
from mathb_kit.course import check, keep, keep_table
from mathb_kit.places import as_told
from mathb_kit.plots import released as plots
from mathb_kit.published import compare_with_published, published, published_stages
from mathb_kit.report.folders import released_figures_folder
from mathb_kit.report.status import status_table
from mathb_kit.sentences import last_step_sentence, percent, steps_sentence, you_should_see
from mathb_kit.widgets import show_table

table = released.read_released_table()
folder = released_figures_folder(table)
print(f"{profile}: {table.note}\nread from {table.source}\nfigures: {as_told(folder)}")
for remark in table.remarks:
    print(f"Odd in the table as released: {remark}")

# %% [markdown]
# ## What kind of number is pass@k here?
# Nobody says whether pass@64 is the paper's indicator (one of the *first* 64 attempts is correct) or the unbiased
# estimate from all 1,024. The values do: an estimate is above 0 at every k as soon as there is one success, and an
# indicator is never between 0 and 1. At k = 1,024 the two are one.

# %% tags=["hide-input"]
kind = released.detect_kind(table)
you_should_see(kind.sentence)

# %% [markdown]
# What can be recovered: from estimates the number of successes in 1,024 attempts, from indicators the 64 attempts in
# which the first success came.

# %%
if kind.name == "estimates":
    recovered = released.recovered_counts(table, kind)
    certain = recovered["c_low"] == recovered["c_high"]
    print(f"{certain.sum():,} of {len(recovered):,} counts are certain; the others are many successes, known roughly.")
elif kind.name == "indicators":
    recovered = released.first_success(table, kind)
    print(f"{recovered['by'].notna().sum():,} of {len(recovered):,} (problem, model) pairs have a first success.")
else:
    recovered = None
    print("Nothing below k = 1,024.")
recovered.sample(5, random_state=0) if recovered is not None else None

# %% [markdown]
# **Exercise.** A problem was solved in 3 of 1,024 attempts. What is its pass@64 as an unbiased estimate, and what could
# it be as an indicator?
#
# <details><summary>Answer</summary>
#
# As an estimate $1 - \binom{1021}{64} / \binom{1024}{64} = 0.176$, the share of all ways to choose 64 of the attempts
# that hold one of the three: `mb.pass_at_k(1024, 3, 64)`. As an indicator 0 or 1, depending on whether one of the three
# came among the first 64.
# </details>

# %% [markdown]
# ## Does the table say what the paper says?
# `yes`: the same number as far as it was printed. `not run`: needs sampling, or stages before the table. Where the
# paper's number is not known, there is nothing to compare with.

# %%
compared = compare_with_published(released.as_published(table)).query("paper == 'MATH-Beyond'").drop(columns="paper")
keep_table(compared, folder, "09_agreement")
show_table(compared.drop(columns="source"), digits=2)

# %% tags=["hide-input"]
differ = compared[compared["agrees"] == "no"]
you_should_see(
    f"{(compared['agrees'] == 'yes').sum()} of {len(compared)} published numbers come out of this table again, "
    f"{len(differ)} do not, and {(~compared['agrees'].isin(['yes', 'no'])).sum()} it cannot say.",
    *(f"{row.subject}, {row.metric}: published {row.published:g}, here {row.ours:g}." for row in differ.itertuples()),
)

# %% [markdown]
# The paper counts 41 problems that all eleven bases left unsolved (the *intersection*, MATH-B-I). A single verdict is
# enough to change that number. These problems were left unsolved by all bases but one:

# %%
unsolved = released.unsolved_table(table)
ours = unsolved.set_index("subject").loc["intersection of the eleven bases (MATH-B-I)"]
nearly = released.nearly_intersection(table)
show_table(nearly, digits=4)

# %% tags=["hide-input"]
rare = nearly.sort_values("pass@1024").iloc[:1]
you_should_see(
    f"By the table's flags {ours['unsolved']} problems were left unsolved by all eleven, by pass@1024 = 0 "
    f"{ours['zero_pass']}; 41 are published. {len(nearly)} problems lack one verdict only.",
    *(f"The nearest miss is {row[1]}, solved by {row[2]} alone." for row in rare.itertuples()),
)

# %% [markdown]
# ## Table 4: what each model leaves unsolved

# %%
figure = plots.plot_unsolved(unsolved, title=f"Table 4: unsolved in 1,024 attempts ({table.label})")

# %% tags=["hide-input"]
caption = (
    f"Problems of MATH-Beyond that each model left unsolved in 1,024 attempts, the union and the intersections "
    f"({table.note}). Lines: 95 % intervals of Clopper and Pearson, problems as a sample."
)
keep(figure, unsolved, folder, "09_table_4", caption)
models = unsolved[unsolved["kind"] == "base"]
fewest, most = models.loc[models["unsolved"].idxmin()], models.loc[models["unsolved"].idxmax()]
you_should_see(
    f"Of {fewest['of']} problems, {fewest['subject']} leaves the fewest of all bases unsolved, {fewest['unsolved']} "
    f"[{percent(fewest['low'])}, {percent(fewest['high'])}], and {most['subject']} the most, {most['unsolved']} "
    f"[{percent(most['low'])}, {percent(most['high'])}]."
)

# %% [markdown]
# ## Table 2: Expansion at k = 1,024
# *Expansion* here: each tuned model on the problems that its own base left unsolved. The rows that are not in the paper
# are its instruct models, treated alike.

# %% [markdown] tags=["prediction"]
# **Before you look.** MATH-Beyond's point is that RL should struggle here. Which Expansions do you expect for models
# tuned by RL: below 10 %, some 20 %, or half?

# %%
expansion = released.expansion_table(table)
figure = plots.plot_expansion_rates(expansion, title=f"Table 2: Expansion at k = 1,024 ({table.label})")

# %% tags=["hide-input"]
caption = (
    f"Expansion of tuned models over their bases at k = 1,024 ({table.note}). Lines: 95 % intervals of Clopper and "
    "Pearson, problems as a sample; rings: as the paper's Table 2 has it. None of them has a re-drawn base beside it; "
    "see the last figures."
)
keep(figure, expansion, folder, "09_table_2", caption)
top = expansion.loc[expansion["rate"].idxmax()]
of_base = expansion[expansion["base"] == "r1-1.5b"]
you_should_see(
    f"The largest Expansion is that of {top['tuned']}: {top['count']} of {top['of']}, {percent(top['rate'])} "
    f"[{percent(top['low'])}, {percent(top['high'])}].",
    f"The models tuned from r1-1.5b lie between {percent(of_base['rate'].min())} and {percent(of_base['rate'].max())}; "
    f"the highest lower end of their intervals is {percent(of_base['low'].max())}, the lowest upper end "
    f"{percent(of_base['high'].min())}: where the first is the smaller, all these intervals overlap.",
)

# %% [markdown]
# ## Figure 5: Expansion against k
# *BCa* in the caption: a bootstrap over problems whose percentiles are corrected for bias and skew
# ([notebook 05](05_pass_at_k_from_first_principles.ipynb)).

# %%
curves = released.expansion_by_k(table, kind)
figure = plots.plot_curves_by_panel(
    curves.assign(panel="over " + curves["base"]), by="tuned", panel="panel", columns=2, y_label="Expansion",
    title=f"Figure 5: Expansion against k ({table.label})",
)  # fmt: skip

# %% tags=["hide-input"]
caption = (
    f"Expansion against k on what each base left unsolved in 1,024 attempts ({table.note}). Bands: 95 % intervals, "
    f"{curves['interval'].iloc[0]}. The paper shows the upper two panels."
)
keep(figure, curves, folder, "09_figure_5", caption)
you_should_see(last_step_sentence(curves.assign(panel="over " + curves["base"]), by="tuned", panel="panel"))

# %% [markdown]
# ## Figure 6: pass@k of all 21 models

# %%
curves = released.pass_at_k_curves(table, kind)
figure = plots.plot_curves_by_panel(
    curves, by="model", panel="family", y_label="pass@k on MATH-B-U",
    title=f"Figure 6: pass@k against k ({table.label})",
)  # fmt: skip

# %% tags=["hide-input"]
caption = (
    f"Mean pass@k on all {len(table.problems)} problems against k, by family of models ({table.note}). Bands: 95 % "
    f"intervals, {curves['interval'].iloc[0]}."
)
keep(figure, curves, folder, "09_figure_6", caption)
at_end = curves[curves["k"] == curves["k"].max()].set_index("model")["estimate"]
you_should_see(
    f"At k = {curves['k'].max():,} the models lie between {percent(at_end.min())} ({at_end.idxmin()}) and "
    f"{percent(at_end.max())} ({at_end.idxmax()}); {(at_end < 0.5).sum()} of {len(at_end)} solve less than half. Every "
    "problem of this set was missed by some of these very models: that is how the set was made."
)

# %% [markdown]
# ## Figure 7: what 64 more attempts bring

# %%
gains = released.gain_by_k(table)
figure = plots.plot_gain_per_step(gains, title=f"Figure 7: gain per 64 attempts ({table.label})")

# %% tags=["hide-input"]
caption = (
    f"Share of MATH-B-U newly solved by the last 64 of k attempts, mean over 21 models ({table.note}); both axes are "
    f"logarithmic. Band: 95 % interval, {gains['interval'].iloc[0]}."
)
keep(figure, gains, folder, "09_figure_7", caption)
you_should_see(steps_sentence(gains))

# %% [markdown]
# ## Figure 3, topics and sources
# Difficulty and topic are GPT-5's ratings.

# %%
difficulty = released.difficulty_counts(table)
figure = plots.plot_difficulty(difficulty, title=f"Figure 3: difficulty ({table.label})")

# %% tags=["hide-input"]
caption = f"Problems of the union and of the bases' intersection by difficulty, as rated by GPT-5 ({table.note})."
keep(figure, difficulty, folder, "09_figure_3", caption)
means = [
    f"{name} {(rows['difficulty'] * rows['problems']).sum() / rows['problems'].sum():.1f}"
    for name, rows in difficulty.groupby("set", sort=False)
]
you_should_see(
    f"Mean rating: {', '.join(means)}. What one model rates as hard others may solve, and the other way round."
)

# %%
topics = released.topic_counts(table)
figure = plots.plot_topics(topics, title=f"Topics ({table.label})")

# %% tags=["hide-input"]
caption = (
    f"Share of topics in the union and in the bases' intersection, with counts ({table.note}). Lines: 95 % intervals "
    "of Clopper and Pearson, problems as a sample."
)
keep(figure, topics, folder, "09_topics", caption)
first = [
    f"{name} {rows.iloc[0]['topic']} ({percent(rows.iloc[0]['share'])})"
    for name, rows in topics.sort_values("problems", ascending=False, kind="stable").groupby("set", sort=False)
]
you_should_see(f"The commonest topic: {', '.join(first)}.")

# %%
sources = released.source_counts(table)
keep_table(sources, folder, "09_sources")

# %% tags=["hide-input"]
you_should_see(", ".join(f"{percent(row.share)} from {row.source}" for row in sources.itertuples()) + ".")

# %% [markdown]
# ## What a frozen base reaches against itself
# "Unsolved in 1,024 attempts" was one draw. How much would the same frozen model reach in other attempts? That number
# is the *null* of an Expansion: what comes out although nobody trained. One answer lies in the table: of the problems
# that one half of a base's attempts missed, the share that its other half solved.
#
# It needs candidates that were not selected by these attempts, and nearly has them: of the 184 candidates before the
# sieve only three are not in the table, those that all 21 models solved. `rate_if_dropped` says what these three could
# change at most. It cannot say more than that: the candidates had failed 16 attempts of R1-Distill-Qwen-7B before, and
# if those are among the 1,024 of `r1-7b`, its own null is off.

# %% [markdown] tags=["prediction"]
# **Before you look.** No model is trained here. Of what 512 attempts of a base miss, which share will 512 other
# attempts of *the same base* solve: below 1 %, some 10 %, or 30 %? And how many tuned models will lie above it?

# %%
if kind.name == "undecided":
    print("Left out: it takes pass@512 as well.")
else:
    null = released.split_half_null(table, kind)
    beside = released.expansion_beside_null(table, null)
    figure = plots.plot_expansion_beside_null(beside, title=f"Tuned models beside their frozen bases ({table.label})")
    caption = (
        "Of the problems that 512 attempts of the base miss: the share reached by 512 attempts of the tuned model, and "
        f"by 512 other attempts of the base itself ({table.note}). Bars: 95 % interval of the latter, "
        f"{null['interval'].iloc[0]}. Not in the paper."
    )
    keep(figure, beside, folder, "09_beside_null", caption)
    keep_table(null, folder, "09_null")
    above = beside["expansion"] > beside["null_high"]
    you_should_see(
        f"{above.sum()} of {len(beside)} tuned models lie above the whole interval of their frozen base's own share, "
        f"{(~above).sum()} within or below it. A frozen base reaches {percent(beside['null'].min())} to "
        f"{percent(beside['null'].max())} of what it missed."
    )

# %% [markdown]
# At the full 1,024 attempts a half is not enough. But counts say how success rates are spread over the candidates, and
# that foretells what a fresh draw of the base would reach of its own unsolved problems (empirical Bayes with a mass at
# zero). Read Table 2 against this line.

# %%
if kind.name != "estimates":
    foreseen = None
    print("Left out: it takes counts, which only estimates give.")
else:
    foreseen = released.foreseen_redraw(table, kind)
    mb.plots.write_csv(foreseen, folder / "09_foreseen.csv", float_format="%.6g")
    told = (
        f"A re-drawn {row.base} would reach {row.estimate:.1f} of its {row.of} ({row.low} to {row.high}; "
        f"{row.estimate_if_dropped:.1f} with the three dropped candidates as problems solved once)."
        for row in foreseen.itertuples()
    )
    you_should_see(*told)
foreseen

# %% [markdown]
# **Exercise.** At k = 512 the frozen base's own share is simply counted. Why not at 1,024, where Table 2 stands?
#
# <details><summary>Answer</summary>
#
# Counting it takes one draw that misses the problems and another, of as many attempts, that tries them again: 2,048
# attempts, and the table has 1,024. So at 1,024 it is a forecast from how success rates are spread. A re-drawn base,
# 1,024 attempts on its own unsolved problems, would replace the forecast by a count; `mathb evaluate --base` draws one.
# </details>

# %% [markdown] tags=["exercise"]
# How many attempts at a problem does it take to count the frozen base's own share at k = 1,024?

# %%
check("09.2", ...)  # your answer in place of the dots

# %% [markdown]
# ## Figure 1, left: the construction as published
# Drawn from published counts alone; two of them are not known.

# %%
stages = published_stages()
figure = plots.plot_published_pipeline(stages, title=f"Figure 1, left: construction as published ({table.label})")

# %% tags=["hide-input"]
caption = (
    "Problems left after each stage of MATH-Beyond's construction: a schematic drawn from published counts "
    f"({stages['source'].iloc[0]}), nothing run here. Beside it in this folder: figures of the {table.note}."
)
keep(figure, stages, folder, "09_pipeline", caption)
known = stages.dropna(subset="value")
you_should_see(
    f"{len(known)} of {len(stages)} stages have a published count: from {known['value'].iloc[0]:,.0f} to "
    f"{known['value'].iloc[-1]:,.0f} problems."
)

# %% [markdown]
# ## What has been redrawn so far, and from what
# One column per call of `mathb reproduce`: `sampled` from attempts of the paper's models, `miniature` from tiny ones,
# `released` from this table, `schematic` from published numbers.

# %%
status = status_table()
show_table(status)

# %% tags=["hide-input"]
made = [f"{status.isin([how]).any(axis=1).sum()} {how}" for how in ("sampled", "miniature", "released", "schematic")]
you_should_see(f"Of {len(status)} figures and tables of the paper there are by now: {', '.join(made)}.")

# %% [markdown]
# All published numbers that were found, of the three papers:

# %%
published().groupby(["paper", "item", "confidence"], sort=False).size().rename("numbers").reset_index()

# %% [markdown]
# **Exercise.** The two Nemotron models are versions 1 and 2 of one recipe. Is the second better? Count the problems
# that only one of them reaches.
#
# <details><summary>Answer</summary>
#
# Problems that both reach, or neither, say nothing about the difference; of the others an even coin would give half to
# each (the exact McNemar, or sign, test):
# ```python
# from mathb_kit.statistics.mcnemar import sign_test
# chosen = table.unsolved["r1-1.5b"]
# first = table.pass_at(1024)["nemotron-research-reasoning-qwen-1.5b-v1"][chosen] > 0
# second = table.pass_at(1024)["nemotron-1.5b"][chosen] > 0
# gained, lost = int((second & ~first).sum()), int((first & ~second).sum())
# print(f"only version 2: {gained}; only version 1: {lost}; p = {sign_test(gained, lost):.2f}")
# ```
# So few problems can hardly tell two models apart: with n of them, even n to 0 has p = 2 / 2^n.
# </details>

# %% [markdown] tags=["exercise"]
# **Exercise 09.1.** Six problems are solved by the second version only, one by the first only. What is the two-sided p
# value of the sign test?
#
# <details><summary>Answer</summary>
#
# `sign_test(6, 1)` is 0.125: the chance of 0, 1, 6 or 7 heads in seven tosses.
# </details>

# %%
check("09.1", ...)  # your answer in place of the dots

# %% [markdown]
# ## Next
# Back to the map: [00 · Start here](00_start_here.ipynb).
