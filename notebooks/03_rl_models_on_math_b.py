# %% [markdown]
# # 03 · Do tuned models reach what their base does not?
#
# The hard set holds problems that base models did not solve in all their attempts (notebook 02). Do models that were
# tuned from those bases solve them, more than the bases would by simply trying again?
#
# **You will see** *Expansion*, the share of its base's unsolved problems that a tuned model reaches, beside a *re-drawn
# base*: because "0 of 1,024" was one draw, a frozen model solves some of these problems too, and only what goes beyond
# that is news. Then which problems were truly gained, and what tuning did to ordinary problems.
#
# **Time** Notebooks 01 to 03 together take 4:51 minutes on two CPU cores, this one about a third of it, and 0:58 once
# everything is stored (`./reproduce.sh`; [how it was measured](../README.md#the-study-in-two-commands)).
#
# **Profile** `mini` (the default), or any profile with a hard set: `course`, `single-gpu`, `paper`. The next cell
# changes it; `quick` takes k up to 256 and fewer seeds, and `rehearse` lets tiny models act a large study out.

# %% tags=["parameters"]
profile: str = "mini"  # which models, sets and plan; see `mathb reproduce --help`
quick: bool = False  # fewer attempts (k up to 256); figures then stay in runs/
rehearse: bool = False  # tiny models act under the names of the profile's models; captions say so

# %%
import pandas as pd
from IPython.display import display

import mathb_kit as mb
from mathb_kit import sentences
from mathb_kit.course import check, keep, keep_table
from mathb_kit.widgets import browse_completions, show_table

study = mb.load_profile(profile, quick=quick, rehearse=rehearse)
folder = mb.report.figures_folder(study)
# The study's tables, each sampled, graded and computed when it is first asked for.
results = mb.results.StudyResults(study)
problems = study.problems(study.hard_set)
print(f"{study.note}\nplan: {study.plan}\n{study.hard_set}: {len(problems)} problems")

# %% [markdown]
# ## Everybody meets the hard set
# In the miniature the tuned models are of two kinds: outcome-reward RL (GRPO, several seeds, none chosen by its
# results) and, as a **positive control**, a model trained on written solutions of a method that no base saw. If the
# instrument works, the control must show.
#
# The bases are drawn afresh: these attempts are others than those which selected the problems. Some models (`partial`:
# further seeds) meet only the part that they are judged on, to save attempts.

# %%
names = [*study.bases, *study.tuned]
on_hard = results.on_hard_set  # by model: mb.evaluate on study.problems_met(model, study.hard_set)
outcomes = pd.concat([e.outcomes for name, e in on_hard.items() if name not in study.partial])

# %% [markdown]
# The counts of those that met the whole set: attempts `n`, correct ones `c`, and what else became of them.

# %%
outcomes.groupby("name", sort=False)[["n", "c", "no_answer", "grader_failed", "truncated", "tokens"]].sum()

# %% [markdown]
# ## Expansion, beside a re-drawn base
# For every tuned model: of the problems that its own base left unsolved, the share that it **reaches**, which means
# solves at least once in its first k attempts. Beside it the same for a fresh draw of the base: the **null**, what
# "expansion" looks like without any training.

# %% [markdown] tags=["prediction"]
# **Before you look.** Three kinds of curves come: models tuned by RL, a model that was shown written solutions, and a
# base that was only *drawn again*. Which will be highest, and will RL lie above or below the re-drawn base?

# %%
curves = results.expansion  # mb.judging.expansion_beside_redrawn(on_hard, study.tuned, problems, study.ks)
title = sentences.titles.reached_title(results.beside_redrawn, study.note, curves)
figure = mb.plots.plot_expansion(curves, title=title)

# %% tags=["hide-input"]
caption = (
    f"Left: what is reached at k = {max(study.ks):,} on the part of {study.hard_set} that each base left unsolved at "
    f"selection ({study.note}), with counts; grey: a fresh draw of the base itself, the null. Right: the same against "
    f"k. Reach counts the first k attempts; lines are 95 % {sentences.intervals_of(curves)} intervals."
)
keep(figure, curves, folder, "03_expansion", caption)
sentences.you_should_see(sentences.ends_sentence(curves, "who", "base"))

# %% [markdown]
# The right ends of the curves as counts. The intervals (Clopper and Pearson) are those of a share in so few problems;
# the test (McNemar) looks only at problems that one of the two models solved and the other did not. Words are in the
# [glossary](../docs/glossary.md#a-tuned-model-beside-its-base).

# %%
k = max(study.ks)
judged = list(results.judgements.values())  # mb.judge(on_hard[tuned], on_hard[base], problems, k)
table = results.reach
keep_table(table, folder, "03_reach")

# %% [markdown]
# The number to look at is the **difference**: reached by the tuned model minus reached by the re-drawn base, with a
# 95 % interval for other problems of this kind. Where the base was drawn again several times, an exact test holds the
# tuned draw against all of them: had tuning changed nothing, it could be exchanged for any. Seeds of one recipe are
# tested together; the wider interval (`seeds_low`, `seeds_high`) is about other seeds as well.
#
# A difference that is not seen may still be there. The right panel says how large it would have had to be: the chance
# that a gain shows, computed from the success rates that the re-draws have.

# %% [markdown] tags=["prediction"]
# **Before you look.** Will the interval of "RL minus frozen base" lie above 0, around 0, or below it? And what would
# you have to see to change your mind?

# %%
beside_redrawn, power = results.beside_redrawn, results.power
title = sentences.titles.power_title(beside_redrawn, power, study.note)
figure = mb.plots.plot_beside_redrawn(beside_redrawn, power, title=title)

# %% tags=["hide-input"]
keep(figure, beside_redrawn, folder, "03_beside_redrawn", sentences.beside_redrawn_caption(study))
keep_table(power, folder, "03_power")
sentences.you_should_see(*sentences.beside_redrawn_sentences(results))

# %% [markdown]
# ## What the model that reaches most wrote
# Read how it solves problems that its base left unsolved: choose a problem and `correct` where widgets work, or see the
# first attempts.

# %%
widest = max(judged, key=lambda judgement: judgement.comparison.expansion.count)
browse_completions(on_hard[widest.tuned])

# %% tags=["hide-input"]
gained = widest.comparison.expansion
sentences.you_should_see(
    f"{widest.tuned} reaches {gained.count} of the {gained.of} problems that {widest.base} left unsolved.",
    sentences.counts_sentence(on_hard[widest.tuned].outcomes),
)

# %% [markdown]
# ## Beside the paper's Table 2
# As published, never mixed with ours. `not run`: this study has no attempts of that model on these problems.

# %%
beside = mb.report.beside_published(results, ["Table 2"])
show_table(beside, digits=2)

# %% tags=["hide-input"]
sentences.you_should_see(
    f"{len(beside)} published numbers; this study has its own beside {beside['ours'].notna().sum()} of them."
)

# %% [markdown]
# ## More than one lucky attempt
# A problem that counts as reached only with at least m correct attempts of all k cannot hang on a single lucky answer.
# The plan stops asking at its stop count, so larger m than that cannot be told.

# %%
at_least = results.at_least
keep_table(at_least, folder, "03_at_least")

# %% tags=["hide-input"]
sentences.you_should_see(sentences.at_least_sentence(at_least))

# %% [markdown]
# ## Which problems were truly gained
# Problem by problem, the tuned model against the re-drawn base: an exact one-sided test that is valid under plans which
# stop early, adjusted over the problems (Benjamini and Hochberg) so that 5 % of the discoveries are expected to be
# false. Not every gain would have shown; the sentences name the smallest that would.

# %%
gains = pd.concat([each.assign(tuned_model=name) for name, each in results.gains.items()], ignore_index=True)
keep_table(gains, folder, "03_gains")
shown = ["tuned_model", "problem", "base_c", "base_n", "tuned_c", "tuned_n", "gain_adjusted"]
show_table(gains[gains["gained"] | gains["lost"]].head(12)[shown], digits=4)

# %% tags=["hide-input"]
sentences.you_should_see(*(f"{name}: {sentences.gains_sentence(each)}." for name, each in results.gains.items()))

# %% [markdown]
# ## pass@k of everybody on the whole of the hard set
# Not every base left every problem of the set unsolved, so on the whole set bases start above zero.

# %%
union = results.pass_at_k_on_hard_set  # mb.pass_at_k_curve(outcomes, study.ks, by=["name"])
figure = mb.plot_pass_at_k(union, by="name", title=sentences.titles.ends_title(union, study.note, study.hard_set))

# %% tags=["hide-input"]
caption = (
    f"Mean pass@k on all {len(problems)} problems of {study.hard_set} ({study.note}), fresh draws. "
    f"Bands: {sentences.intervals_of(union)}, 95 %."
)
keep(figure, union, folder, "03_pass_at_k_on_math_b", caption)
sentences.you_should_see(sentences.ends_sentence(union, "name"))

# %% [markdown]
# ## What 64 more attempts bring
# The share of the hard set newly reached with each further 64 attempts (all of them, where there are fewer), averaged
# over the models above.

# %%
steps = results.gain_per_step
keep_table(steps, folder, "03_gain_per_64", digits=4)

# %% tags=["hide-input"]
sentences.you_should_see(sentences.steps_sentence(steps))

# %% [markdown]
# ## Sharper on ordinary problems, and at what price
# pass@1 of base and tuned model problem by problem on the ordinary set, with reach at the largest k: which problems
# were gained, which were lost. A tuned model that is better at one attempt may have forgotten how to solve a problem
# that its base solved now and then.

# %% [markdown] tags=["prediction"]
# **Before you look.** On the ordinary set: will RL move more marks above the diagonal or below it? And which triangles
# will be more, problems gained at the largest k or lost?

# %%
changes = results.changes  # mb.judging.change_by_problem, for every tuned model and its base
figure = mb.plots.plot_sharpening(changes, title=sentences.titles.sharpening_title(changes, study.note, k))

# %% tags=["hide-input"]
caption = (
    f"Each mark is a problem of {study.sets[0]} ({study.note}): pass@1 of the base "
    f"across, of the tuned model upwards. Triangles: problems reached at k = {k:,} by only one of the two."
)
keep(figure, changes, folder, "03_sharpening", caption)
sentences.you_should_see(sentences.changes_sentence(changes))

# %% [markdown]
# The same as a difference of the two curves' ends, problem by problem on the same problems: at one attempt and at the
# largest k, with a 95 % interval.

# %%
differences = results.differences  # mb.statistics.paired_difference(base outcomes, tuned outcomes, [1, k])
keep_table(differences, folder, "03_differences")

# %% tags=["hide-input"]
sentences.you_should_see(sentences.differences_sentence(differences))

# %% [markdown]
# ## Which way of solving they use
# The tiny models solve a problem in one of a few **modes**, which can be told from the text: with care, directly,
# sloppily, or by columns as on paper. Their shares before and after tuning, and the correct part of each.

# %%
if not study.miniature:
    print("Left out: only the tiny models' ways of solving have names.")
else:
    shares = results.modes  # mb.lab.mode_shares of each model
    figure = mb.plots.plot_modes(shares, title=sentences.titles.modes_title(shares, study.note))
    caption = (
        f"Share of attempts in each solution mode on {study.sets[0]} ({study.note}), first 16 attempts at every "
        "problem; dark: correct, light: wrong."
    )
    keep(figure, shares, folder, "03_solution_modes", caption)
    table = shares.pivot(index="name", columns="mode", values="share").reindex(names).fillna(0)
    display(show_table(table.reset_index()))
    sentences.you_should_see(sentences.modes_sentence(shares))

# %% [markdown]
# ## Exercise
# A tuned model solves 3 of 30 problems that its base left unsolved in 1,024 attempts. A colleague concludes that RL
# taught it three problems. What would you ask for before you agree?
#
# <details><summary>Answer</summary>
#
# At least three things. How many of the 30 does a *fresh draw of the base* solve? If it is 2 or 3, nothing is left to
# explain. Do the three rest on one correct attempt each, or on many? And is the difference more than chance: an
# interval, or a test problem by problem that is adjusted for there being 30 of them. A number that would make you
# disagree should be named before looking. How wide the uncertainty of 3 of 30 is by itself:
# ```python
# low, high = mb.statistics.proportion_interval(3, 30)
# print(f"3 of 30: {3 / 30:.0%}, 95 % interval {low:.0%} to {high:.0%}")
# ```
# </details>

# %% [markdown] tags=["exercise"]
# **Exercise 03.1.** A model solves 0 of 30 problems. Up to which share could it solve of problems like these: the upper
# end of the two-sided 95 % interval?
#
# <details><summary>Answer</summary>
#
# `mb.statistics.proportion_interval(0, 30)[1]`, 11.6 %. The rule of three (3/n = 10 %) is the end of a one-sided
# interval.
# </details>

# %%
check("03.1", ...)  # your answer in place of the dots

# %% [markdown] tags=["exercise"]
# **Exercise 03.2.** A tuned model solves five problems that the re-drawn base does not, and the base none that the
# tuned one does not. What is the two-sided p value, if nothing has changed?
#
# <details><summary>Answer</summary>
#
# Each of the five could as well have gone the other way: $2 \cdot 0.5^5 = 0.06$. Five to nothing is not yet evidence at
# 5 %.
# </details>

# %%
check("03.2", ...)  # your answer in place of the dots

# %% [markdown]
# ## Next
# All of this hangs on verdicts. [04 · Verifiers under the lens](04_verifiers_under_the_lens.ipynb) asks who gives them.
