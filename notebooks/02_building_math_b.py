# %% [markdown]
# # 02 · Building a set that the bases do not solve
#
# MATH-Beyond was made by filtering a large pool down to problems that base models do not solve in 1,024 attempts. What
# is left when the same is done in small, and is it impossible for those models?
#
# **You will see** the funnel from a pool with the dirt of real pools to the hard set, what the sieve left of each base
# model, that the set shipped (`mini-math-b`) is what comes out, and what a **fresh draw** makes of the selected
# problems: 0 of 1,024 is not "impossible".
#
# **Time** Notebooks 01 to 03 together take 4:51 minutes on two CPU cores, this one the largest part of it, and 0:58
# once everything is stored (`./reproduce.sh`; [how it was measured](../README.md#the-study-in-two-commands)).
#
# **Profile** `mini` (the default), `powered` or `course`: profiles with a pool to build from. The next cell changes it;
# with `quick` the sieve stops at 256 attempts, so that more problems are left.

# %% tags=["parameters"]
profile: str = "mini"  # which models, sets and plan; see `mathb reproduce --help`
quick: bool = False  # fewer attempts (k up to 256); figures then stay in runs/
rehearse: bool = False  # tiny models act under the names of the profile's models; captions say so

# %%
import pandas as pd

import mathb_kit as mb
from mathb_kit import construction, sentences
from mathb_kit.course import check, keep, keep_table
from mathb_kit.places import as_told
from mathb_kit.widgets import show_table

study = mb.load_profile(profile, quick=quick, rehearse=rehearse)
folder = mb.report.figures_folder(study)
# The study's tables, each sampled, graded and computed when it is first asked for.
results = mb.results.StudyResults(study)
pool = study.problems(study.pool)
print(f"{study.note}\nfigures: {as_told(folder)}\n{study.pool}: {len(pool)} candidates")

# %% [markdown]
# ## Filters that need no model
# The paper screens with a model first. Here all that costs seconds comes first, and golds are checked before anything
# is sampled: hardly any attempt hits a wrong gold, so it would cost every model all of its attempts and then look like
# a problem beyond all of them. Golds are checked by an exact evaluator of the statement, never by a model under study.
#
# A **funnel** is the list of stages with what each leaves and why it dropped the rest
# ([glossary](../docs/glossary.md#building-a-hard-set)).

# %%
funnel = results.screened
show_table(funnel.to_frame())

# %% tags=["hide-input"]
sentences.you_should_see(sentences.funnel_sentence(funnel.to_frame()))

# %% [markdown]
# Some of what was dropped, and why.

# %%
dropped = funnel.dropped.groupby("reason", sort=False).head(1).head(12)
texts = pool.to_frame()[["problem", "statement", "gold"]]
show_table(dropped.merge(texts, on="problem")[["reason", "statement", "gold"]])

# %% tags=["hide-input"]
sentences.you_should_see(
    f"{len(dropped)} of {len(funnel.dropped):,} dropped problems. Every one has its reason, and what repeats another "
    "problem names it."
)

# %% [markdown]
# ## A cheap screen, then the sieve
# One model gets 16 attempts: what it solves is too easy (the **screen**). Then every base gets up to the largest k on
# what is left, and a problem stays if at least one base never solved it (the **sieve**).

# %% [markdown] tags=["prediction"]
# **Before you look.** Of the candidates that the filters left, which share will no attempt of at least one base solve:
# a tenth, a third, or most?

# %%
k, sieve = max(study.ks), results.sieve  # construction.prescreen, then construction.sieve, on what the filters left
counts = results.stages

# %%
figure = mb.plots.plot_funnel(counts, title=sentences.titles.funnel_title(counts, study.note))

# %% tags=["hide-input"]
caption = (
    f"Candidates left after each stage ({study.note}). "
    f"{f'Screen: 16 attempts of {study.screen}; sieve' if study.screen else 'Sieve'}: "
    f"{k:,} attempts of {f'each of {len(study.bases)} base models' if len(study.bases) > 1 else study.bases[0]}."
)
keep(figure, counts, folder, "02_funnel", caption)
sentences.you_should_see(sentences.funnel_sentence(counts))

# %% [markdown]
# The same with the reasons:

# %%
show_table(counts[["stage", "kept", "dropped", "reasons"]])

# %% [markdown]
# Unsolved by each base, by any of them (**union**), by all of them (**intersection**):

# %%
table = results.unsolved
keep_table(table, folder, "02_unsolved", float_format=None)

# %% tags=["hide-input"]
sentences.you_should_see(sentences.unsolved_sentence(table))

# %% [markdown]
# ## Beside the paper
# The stages and counts of MATH-Beyond as published, with how well each is known. `not run`: this study did not sample
# those models.

# %%
beside = mb.report.beside_published(results, ["Construction", "Table 4"])
show_table(beside, digits=2)

# %% tags=["hide-input"]
sentences.you_should_see(
    f"{len(beside)} published numbers; this study has its own beside {beside['ours'].notna().sum()} of them. The "
    "miniature's counts are about other models and problems, and are never set beside the paper's."
)

# %% [markdown]
# ## The frozen set
# The hard set ships with the project as this sieve left it, so that later models meet the same problems.

# %%
hard = study.problems(study.hard_set)
frozen, found = {problem.statement for problem in hard}, {problem.statement for problem in sieve.union()}
print(f"{study.hard_set} as shipped: {len(frozen)} problems")
print(f"this run's union: {len(found)}; in both: {len(frozen & found)}")

# %% tags=["hide-input"]
sentences.you_should_see(sentences.overlap_sentence(frozen, found))

# %% [markdown]
# ## The selected problems under a fresh draw
# A **draw** is a named sequence of attempts. The sieve's draw selected the problems, and selection by a bad draw is
# flattering: problems that were unlucky once are solved the next time. Of the problems that each base left unsolved, a
# fresh draw of the same frozen model solves:

# %% [markdown] tags=["prediction"]
# **Before you look.** Each base left some problems unsolved in all its attempts. How many of them will *the very same*
# model solve when it tries again as often: none, one in ten, one in three?

# %%
retest = results.retest  # construction.retested, from mb.evaluate(base, hard, study.plan) of each base
retest = retest.rename(columns={"solved": "solved by a fresh draw"})
keep_table(retest, folder, "02_retest")

# %% tags=["hide-input"]
solved, selected = retest["solved by a fresh draw"].sum(), retest["selected"].sum()
sentences.you_should_see(
    f"Of {selected:,} times that a base had left a problem unsolved, a fresh draw of the very same base solves "
    f"{solved:,} ({sentences.percent(solved / selected)}). `low` and `high` bound each share with 95 % confidence."
)

# %% [markdown]
# ## Could that have been foreseen?
# Two ways to know it without a fresh draw, both from the sieve's own attempts at *all* its candidates.
#
# - The **split-half null**: of the problems missed in half the attempts, the share that the other half solves. A *null*
#   is what an instrument shows where nothing is to be seen; here, what an untrained model gains over itself.
# - A **prediction** for the full number of attempts: how success rates are spread over the candidates is fitted before
#   selection (empirical Bayes with a mass at zero: some problems may never be solved), then asked about problems with
#   no success.

# %%
foreseen = (
    results.foreseen
)  # mb.statistics.frozen_null, and mb.statistics.redraw_interval by mb.statistics.fit_success_rates
keep_table(foreseen, folder, "02_foreseen")

# %% tags=["hide-input"]
sentences.you_should_see(sentences.foreseen_sentence(foreseen))

# %% [markdown]
# ## Real pools
# The stages before sampling on the pools that the paper used, where their files are at hand (`MATHB_DATA_DIR`).

# %%
import os

if not os.environ.get("MATHB_DATA_DIR"):
    print("Left out: MATHB_DATA_DIR names no folder with local copies.")
else:
    real_benchmarks = [mb.load_problems(name) for name in ("math-500", "aime-2024", "aime-2025", "amc-23")]
    real_pools = [mb.load_problems(name) for name in ("dapo-math-17k", "deepscaler")]
    real_stages = construction.stages_before_sampling(real_benchmarks, exact_answers=False)
    frames = []
    for real_pool in real_pools:
        frames.append(construction.run_filters(real_pool, real_stages).to_frame().assign(pool=real_pool.name))
    real = pd.concat(frames, ignore_index=True)
    figure = mb.plots.plot_funnel(real, title=sentences.titles.pools_title(real))
    caption = (
        "Problems left after each filter that needs no model, on local copies of DAPO-Math-17K and of a part of "
        "DeepScaleR-Preview, against MATH-500, AIME 2024 and 2025, and AMC 2023. Our filters, not the paper's. "
        + "; ".join(f"{p.name}: {p.note or 'whole'}" for p in real_pools)
    )
    keep(figure, real, folder, "02_real_pools", caption)
    sentences.you_should_see(*(f"{p.name}: {sentences.funnel_sentence(f)}" for p, f in zip(real_pools, frames)))

# %% [markdown]
# ## Exercise
# A problem is solved once in 2,000 attempts on average. How likely is it that 1,024 attempts miss it, and that a fresh
# draw of 1,024 then solves it? What follows for a tuned model that "expands" by solving some of the selected problems?
#
# <details><summary>Answer</summary>
#
# It is missed with $(1 - 1/2000)^{1024} = 0.60$ and solved by the next draw with 0.40, whatever happened before: draws
# are independent. So a set selected by one draw holds problems that its own base solves the next time, and a tuned
# model must be compared with that, not with zero.
# ```python
# missed = (1 - 1 / 2000) ** 1024
# print(f"missed {missed:.2f}, then solved {1 - missed:.2f}")
# ```
# </details>

# %% [markdown] tags=["exercise"]
# **Exercise 02.1.** Check the first number: how likely is it that 1,024 attempts miss a problem that is solved once in
# 2,000?
#
# <details><summary>Answer</summary>
#
# $(1 - 1/2000)^{1024} = 0.60$.
# </details>

# %%
check("02.1", ...)  # your answer in place of the dots

# %% [markdown] tags=["exercise"]
# **Exercise 02.2.** Write a function of a list of success rates and a number n: how many of these problems are expected
# to be missed in n attempts and then solved in n others?
#
# <details><summary>Answer</summary>
#
# ```python
# def newly_solved(rates, n):
#     return sum((1 - p) ** n * (1 - (1 - p) ** n) for p in rates)
# ```
# Each problem counts with the chance of both; draws are independent. It is largest where $(1-p)^n = 1/2$, and 0 for
# what is always or never solved.
# </details>

# %%
check("02.2", ...)  # your answer in place of the dots

# %% [markdown]
# ## Next
# The hard set is there. Who reaches into it?
# [03 · Do tuned models reach what their base does not?](03_rl_models_on_math_b.ipynb)
