# %% [markdown]
# # 01 · How far do base models get with enough attempts?
#
# MATH-Beyond starts from an observation: give an ordinary base model 1,024 attempts, and it solves nearly every
# problem of the sets that RL is usually judged on. Is that so for tiny language models on arithmetic, and is it luck?
#
# **You will see** what the models write, pass@k of all base models up to the largest k of the profile, with an interval
# and a slider over k, what mere guessing is worth on the same problems, and what the adaptive plan saved.
#
# **Time** Notebooks 01 to 03 together take 4:51 minutes on two CPU cores, this one less than a minute of it, and 0:58
# once everything is stored (`./reproduce.sh`; [how it was measured](../README.md#the-study-in-two-commands)).
#
# **Profile** `mini` (the default), or any profile: `course`, `single-gpu`, `paper`. The next cell changes it; `quick`
# takes k up to 256 only, and `rehearse` lets tiny models act a large study out.

# %% tags=["parameters"]
profile: str = "mini"  # which models, sets and plan; see `mathb reproduce --help`
quick: bool = False  # fewer attempts (k up to 256); figures then stay in runs/
rehearse: bool = False  # tiny models act under the names of the profile's models; captions say so

# %%
import mathb_kit as mb
from mathb_kit import sentences
from mathb_kit.course import check, keep, keep_table
from mathb_kit.places import as_told
from mathb_kit.widgets import browse_completions, show_table, slide_k

study = mb.load_profile(profile, quick=quick, rehearse=rehearse)
folder = mb.report.figures_folder(study)
# The study's tables, each sampled, graded and computed when it is first asked for.
results = mb.results.StudyResults(study)
print(f"{study.note}\nplan: {study.plan}\nfigures: {as_told(folder)}")

# %% [markdown]
# ## The problems
# The first set plays the part of MATH-500 (ordinary problems), the last that of AIME (harder ones). Every problem has a
# **gold**, its reference answer. Words in bold are in the [glossary](../docs/glossary.md).

# %%
sets = {name: study.problems(name) for name in study.sets}
for name, problems in sets.items():
    print(f"{name} ({len(problems)} problems), the first and the last:")
    for problem in (problems[0], problems[-1]):
        print(f"   {problem.statement}   gold {problem.gold}")

# %% tags=["hide-input"]
longest = {name: max(len(problem.gold) for problem in problems) for name, problems in sets.items()}
sentences.you_should_see(*(f"The longest gold of {name} has {length} characters." for name, length in longest.items()))

# %% [markdown]
# ## Sample and grade
# Every **attempt** is really sampled and really graded. How many there are is up to the **plan**, and this one is
# *adaptive*: all problems get a first round of attempts; one that has been solved often enough (the plan's *stop*) gets
# no more, the others go on to the next round.

# %%
import pandas as pd

evaluations = results.on_sets  # by base and set: mb.evaluate(study.model(base), problems, study.plan)
outcomes = pd.concat([e.outcomes for e in evaluations.values()])

# %% [markdown]
# The counts of each model and set: attempts `n`, correct ones `c`, and what else became of them. An adaptive plan
# spends most attempts on hard problems, so `c / n` over all of them says little; pass@k below weighs all problems
# alike.

# %%
counts = ["n", "c", "no_answer", "grader_failed", "truncated", "tokens"]
show_table(outcomes.groupby(["set", "name"], sort=False)[counts].sum().reset_index())

# %% tags=["hide-input"]
sentences.you_should_see(sentences.counts_sentence(outcomes))

# %% [markdown]
# ## What attempts look like
# Attempts of one base model at the harder set, with the answer read from each and the **verdict** on it. Where widgets
# work, choose a problem and read on; elsewhere the first few are shown.

# %%
first = evaluations[study.bases[0], study.sets[-1]]
browse_completions(first)

# %% tags=["hide-input"]
sentences.you_should_see(f"{study.bases[0]} on {study.sets[-1]}. {sentences.counts_sentence(first.outcomes)}")

# %% [markdown]
# ## pass@k
# **pass@k** is the chance that at least one of k attempts at a problem is correct, averaged over the problems.

# %% [markdown] tags=["prediction"]
# **Before you look.** At one attempt a base solves some share of each set. Where will its curve end at the largest k,
# on the ordinary set and on the harder one: near where it began, halfway up, or at the top?

# %%
curves = results.saturation  # mb.pass_at_k_curve(outcomes, study.ks, by=["set", "name"])
figure = mb.plot_pass_at_k(curves, by="name", panel="set", title=sentences.titles.saturation_title(curves, study.note))

# %% tags=["hide-input"]
caption = (
    f"Mean pass@k of {len(study.bases)} base models on {' and '.join(sets)} ({study.note}). "
    f"Plan: {study.plan}. Bands: {sentences.intervals_of(curves)}, 95 %."
)
keep(figure, curves, folder, "01_base_saturation", caption)
sentences.you_should_see(sentences.ends_sentence(curves, "name", "set"))

# %% [markdown]
# A set is **saturated** where its curves are flat near 1: more attempts bring nothing, and it can no longer tell models
# apart.

# %% tags=["hide-input"]
sentences.you_should_see(sentences.last_step_sentence(curves, "name", "set"))

# %% [markdown]
# One k at a time, with the intervals: move the slider and watch the models change places, or not.

# %%
slide_k(curves[curves["set"] == study.sets[-1]], title=f"pass@k on {study.sets[-1]} ({study.name})")

# %% tags=["hide-input"]
ranks = curves[curves["set"] == study.sets[-1]].pivot(index="name", columns="k", values="estimate").rank()
leaders = list(dict.fromkeys(ranks.idxmax()))
sentences.you_should_see(f"In the lead, from k = 1 to {max(study.ks):,}: {', then '.join(leaders)}.")

# %% [markdown]
# **How it is computed.** With $c$ correct among a fixed number of $n$ attempts, a problem's estimate is
# $1 - \binom{n-c}{k} / \binom{n}{k}$ (Chen et al. 2021): the share of choices of $k$ attempts that hold a correct one.
# Under an adaptive plan $n$ depends on luck and that formula would be wrong; then sampling paths are counted instead
# (Girshick, Mosteller and Savage 1946), which is exactly unbiased, too.
# [Notebook 05](05_pass_at_k_from_first_principles.ipynb) takes both apart.

# %% [markdown]
# ## Two intervals for two questions
# The ends of the curves as numbers, with the intervals of both questions: had the *problems* been others of their kind
# (a sample of problems), and had *exactly these problems* been attempted afresh.

# %%
ends = results.saturation_ends  # the second kind by interval="attempts"
keep_table(ends, folder, "01_ends", float_format="%.4g")

# %% tags=["hide-input"]
sentences.you_should_see(sentences.widths_sentence(ends))

# %% [markdown]
# ## What guessing is worth
# A short answer can be hit by chance. So one base's answers to each problem are also held against the golds of *other*
# problems whose golds have as many digits: no mathematics can help there. This needs a fixed number of attempts at
# every problem (an adaptive plan stops by the true gold), and a **draw** of its own: a named sequence of fresh
# attempts. Beside it, for every k, uniform guessing among the numbers with as many digits as the gold.

# %% [markdown] tags=["prediction"]
# **Before you look.** A blind guesser gets as many attempts as the model. What will it solve with the largest k:
# nothing, a few percent, or half?

# %%
chance = results.chance  # mb.judging.chance_lines, set by set, of a draw "chance" by mb.Plan.fixed(study.chance)

# %%
guesser = study.bases[0]
figure = mb.plot_pass_at_k(chance, by="what", panel="set", title=sentences.titles.chance_title(chance, study.note))

# %% tags=["hide-input"]
caption = (
    f"pass@k of {guesser}; its answers held against the golds of other problems with as many digits, at a fixed "
    f"{study.chance} attempts; and uniform guessing among the numbers with as many digits, exact "
    f"({study.note}). Bands: problems as a sample, 95 %."
)
keep(figure, chance, folder, "01_chance", caption)
sentences.you_should_see(sentences.ends_sentence(chance, "what", "set"))

# %% [markdown]
# What is left of saturation after chance, at the largest k: $(\text{pass@}k - \text{chance}) / (1 - \text{chance})$,
# with uniform guessing as chance.

# %%
left = results.saturation_after_chance
keep_table(left, folder, "01_saturation_after_chance", float_format="%.4g")

# %% tags=["hide-input"]
sentences.you_should_see(sentences.after_chance_sentence(left))

# %% [markdown]
# ## What the adaptive plan saved
# Attempts used beside those that a fixed number of attempts per problem would have taken for the same largest k.

# %% [markdown] tags=["prediction"]
# **Before you look.** By which factor does stopping early cut the number of attempts: a half, five, a hundred? On which
# set more?

# %%
saved = results.attempts_saved
keep_table(saved, folder, "01_attempts_saved", digits=2, float_format="%.4g")

# %% tags=["hide-input"]
sentences.you_should_see(sentences.saved_sentence(saved))

# %% [markdown]
# ## Exercise
# How much of a model's pass@k hangs on a single correct attempt? Count the problems that were solved exactly once. Why
# can there be such problems at all, if the plan stops only after several correct attempts?
#
# <details><summary>Answer</summary>
#
# A problem with fewer correct attempts than the plan's stop count was never stopped: it took all attempts that the plan
# allows, and one of them was right. If the grader erred there, or luck had been a little different, it would count as
# unsolved. [Notebook 04](04_verifiers_under_the_lens.ipynb) reads these completions.
# ```python
# once = outcomes[outcomes["c"] == 1]
# print(once.groupby(["set", "name"]).size().rename("problems solved exactly once").to_frame())
# ```
# </details>

# %% [markdown] tags=["exercise"]
# Check your count: over all models and sets.

# %%
check("01.1", ..., outcomes)  # your answer in place of the dots

# %% [markdown] tags=["exercise"]
# **Exercise 01.2.** An answer is one of 1,000 numbers. What is pass@1,024 of uniform guessing?
#
# <details><summary>Answer</summary>
#
# $1 - 0.999^{1024} = 0.64$; `mb.statistics.uniform_chance(1000, 1024)`.
# </details>

# %%
check("01.2", ...)  # your answer in place of the dots

# %% [markdown]
# ## Next
# If bases solve nearly everything, what do they *not* solve?
# [02 · Building a set that the bases do not solve](02_building_math_b.ipynb)
