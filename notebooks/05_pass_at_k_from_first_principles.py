# %% [markdown]
# # 05 · pass@k from first principles
#
# What does pass@k estimate, why do tools get it wrong, and when does a difference mean anything?
#
# **You will see** eight short sections, each a picture or table from real attempts or an exact calculation, with a
# sentence below it that is computed from what came out, and an exercise whose answer is folded away. One widget: a
# slider over k.
#
# **Time** Minutes where notebooks 01 and 02 have run before, because it reads their attempts from the store; a fresh
# start samples them first and takes that much longer.
#
# **Profile** `mini` (tiny models of this project; the default), `course`, or any profile with a hard set. The next cell
# changes it; `quick` takes k up to 256 only. Where real counts of a larger model are at hand (`MATHB_DATA_DIR`), they
# are shown beside ours. Words are in the [glossary](../docs/glossary.md#estimating).

# %% tags=["parameters"]
profile: str = "mini"  # which models, sets and plan; see `mathb reproduce --help`
quick: bool = False  # fewer attempts (k up to 256); figures then stay in runs/
rehearse: bool = False  # tiny models act under the names of the profile's models; captions say so

# %%
import numpy as np
import pandas as pd
from IPython.display import display

import mathb_kit as mb
from mathb_kit import statistics as st
from mathb_kit.course import check, first_principles, keep, keep_table
from mathb_kit.places import as_told
from mathb_kit.sentences import intervals_of, percent, you_should_see
from mathb_kit.widgets import show_table, slide_k

study = mb.load_profile(profile, quick=quick, rehearse=rehearse)
folder = mb.report.figures_folder(study)
ks, k_max = list(study.ks), max(study.ks)
print(f"{study.note}\nfigures: {as_told(folder)}")

# %% [markdown]
# ## 0. pass@k in five lines
# Of n attempts c were right. Take k of them, one after the other, without putting any back. How likely is it that all
# are wrong? The first is wrong with chance (n − c)/n; then one wrong one is gone, and so on. pass@k is the chance of
# the opposite.

# %%
def pass_at_k_by_hand(n, c, k):
    all_wrong = 1.0
    for taken in range(k):
        all_wrong *= max(n - c - taken, 0) / (n - taken)
    return 1 - all_wrong


print(f"10 attempts, 3 right: pass@1 = {pass_at_k_by_hand(10, 3, 1):.3f}, pass@2 = {pass_at_k_by_hand(10, 3, 2):.3f}")

# %% [markdown]
# Is that what the library computes? Over every n up to 24, every c and every k:

# %%
cases = [(n, c, k) for n in range(1, 25) for c in range(n + 1) for k in range(1, n + 1)]
furthest = max(abs(pass_at_k_by_hand(*case) - mb.pass_at_k(*case)) for case in cases)
assert furthest < 1e-12
print(f"{len(cases):,} cases; the two differ by {furthest:.0e} at most")

# %% [markdown]
# They are one. From here on the library's, which takes whole tables and other plans than a fixed n, and has intervals.

# %% [markdown]
# ## 1. What pass@k estimates
# A model has many tries at every problem of a hard set. How many problems does it solve at least once in k tries? First
# four single problems and the mean over the set.

# %%
base = study.model(study.bases[0])
hard_name = study.sets[-1]
problems = study.problems(hard_name)
run = mb.evaluate(base, problems, study.plan)
single = mb.estimate_pass_at_k(run.outcomes, ks)
pick = run.outcomes.assign(share=run.outcomes["c"] / run.outcomes["n"]).sort_values("share")["problem"]
chosen = [pick.iloc[round(q * (len(pick) - 1))] for q in (0.25, 0.5, 0.75, 1.0)]
short = {problem.key: f"problem {problem.id}" for problem in problems}
lines = single[single["problem"].isin(chosen)].assign(what=lambda rows: rows["problem"].map(short))
mean = mb.pass_at_k_curve(run.outcomes, ks).assign(what=f"mean of all {len(problems)}")
lines = pd.concat([mean, lines])[["what", "k", "estimate", "low", "high"]]
figure = mb.plot_pass_at_k(lines, by="what", title=f"{base.name} on {hard_name}")

# %% tags=["hide-input"]
caption = (
    f"pass@k of {base.name} on four problems of {hard_name} and the mean over the set ({study.note}). Plan: "
    f"{study.plan}. Band: {intervals_of(mean)}, 95 %; single problems have none."
)
keep(figure, lines, folder, "05_one_problem_many_problems", caption)
first, last = mean.iloc[0], mean.iloc[-1]
half = lines[lines["what"].ne(first["what"]) & lines["estimate"].ge(0.5)].groupby("what")["k"].min()
you_should_see(
    f"The mean climbs from {percent(first['estimate'])} at one attempt to {percent(last['estimate'])} "
    f"[{percent(last['low'])}, {percent(last['high'])}] at {k_max:,}: slower than any single problem that is solved. "
    + " ".join(f"{name.capitalize()} reaches one half at k = {k:,}." for name, k in half.items())
    + f" Below one half to the end: {len(chosen) - len(half)} of the four."
)

# %% [markdown]
# **The formula behind it.** A model solves a problem in one attempt with some probability $p$. In $k$ independent
# attempts it solves it at least once with probability $1 - (1 - p)^k$: on a logarithmic axis every problem draws the
# same S, further right the smaller its $p$. The curve of a set is the mean of many such S.
#
# **The band** is a 95 % interval for the mean over *problems as a sample*: had they been others of their kind. A share
# of yes-no problems would have Clopper and Pearson's exact interval; a mean of values between gets the same for as many
# problems as would leave a share equally uncertain (*at equal variance*). Such intervals are lopsided near 0 and 1, as
# they must be. The band's ends never fall: pass@k cannot.

# %% [markdown]
# Real counts, where they are at hand: 800 problems with 128 attempts each by one language model.

# %%
import os
from pathlib import Path

from mathb_kit.statistics.counts import read_counts

real, file = None, Path(os.environ.get("MATHB_DATA_DIR") or "nowhere") / "passk_counts_dev.jsonl"
if not file.is_file():
    print(f"Left out: MATHB_DATA_DIR names no folder with {file.name}.")
else:
    real = read_counts(file)
    real = real[real["n"] == 128].rename(columns={"problem_id": "problem"})
    real = real.assign(model="real counts", draw="main", plan="fixed 128")
    table = mb.pass_at_k_curve(real, [1, 2, 4, 16, 128]).drop(columns=["model", "draw"]).round(4)
    display(table)
    rise = table["estimate"].iloc[-1] - table["estimate"].iloc[0]
    you_should_see(
        f"This model finds {percent(table['estimate'].iloc[0])} at once; from one attempt to 128 the mean rises by "
        f"{100 * rise:.1f} points in all."
    )

# %% [markdown]
# **Exercise.** A set has pass@1 = 10 %. Between which values can its pass@1,024 lie?
#
# <details><summary>Answer</summary>
#
# Between 0.1 and nearly 1. If a tenth of the problems have $p = 1$ and the rest $p = 0$, it stays at 0.1; if all have
# $p = 0.1$, it is $1 - 0.9^{1024}$. pass@1 says nothing about how the rates are spread:
# ```python
# for what, p, share in (("all alike", [0.1], [1.0]), ("all or nothing", [0.0, 1.0], [0.9, 0.1])):
#     print(what, st.SuccessRates(np.array(p), np.array(share)).pass_at_k([1, 1024]).round(4))
# ```
# </details>

# %% [markdown]
# ## 2. Why the plug-in is biased
# With c correct of n attempts it is tempting to put c/n for p: $1 - (1 - c/n)^k$, the *plug-in*. What does it give on
# average, over all that could come out of n attempts? Nothing is simulated below: a sum over c = 0 to n with binomial
# weights.

# %% [markdown] tags=["prediction"]
# **Before you look.** On average, over all that could come out of n attempts: will the plug-in be too low, too high, or
# now one and now the other?

# %%
from scipy.stats import binom

n, p = 64, 0.02
c = np.arange(n + 1)
weight = binom.pmf(c, n, p)
rows = []
for k in (k for k in ks if k <= n):
    rows.append(("true", k, 1 - (1 - p) ** k))
    rows.append(("plug-in, on average", k, weight @ (1 - (1 - c / n) ** k)))
    rows.append(("unbiased, on average", k, weight @ mb.pass_at_k(np.full_like(c, n), c, k)))
bias = pd.DataFrame(rows, columns=["estimator", "k", "estimate"])
figure = mb.plot_pass_at_k(bias, by="estimator", title=f"Mean of two estimators, n = {n}, p = {p} (exact)")
show_table(bias.pivot(index="k", columns="estimator", values="estimate").reset_index(), digits=4)

# %% tags=["hide-input"]
caption = f"Exact means over the binomial outcomes of n = {n} attempts at success rate p = {p}; no model is involved."
keep(figure, bias, folder, "05_plug_in_bias", caption)
wide = bias.pivot(index="k", columns="estimator", values="estimate")
gap = wide["plug-in, on average"] - wide["true"]
you_should_see(
    f"The plug-in is off by up to {gap[gap.abs().idxmax()]:+.3f}, at k = {gap.abs().idxmax()}; "
    f"the unbiased one by at most {(wide['unbiased, on average'] - wide['true']).abs().max():.0e}, which is rounding."
)

# %% [markdown]
# The *unbiased* estimate is that of [Chen et al. 2021](https://arxiv.org/abs/2107.03374):
# $1 - \binom{n-c}{k} / \binom{n}{k}$, the share of all ways of choosing k of the n attempts that hold a correct one. It
# is right on average for every k up to n.
#
# **Exercise.** Is the plug-in too low or too high, and why always that way?
#
# <details><summary>Answer</summary>
#
# Too low for $k > 1$: $1 - (1 - x)^k$ is concave in $x$, so by Jensen's inequality its mean over estimates of $p$ lies
# below its value at the mean of the estimates, which is $p$.
# </details>

# %% [markdown]
# ## 3. Why curves cross
# Two made-up worlds. In one the success rates of problems are spread out; in the other the middle ones have become
# high, and a third of the problems is never solved.

# %%
spread = st.beta_success_rates(0.3, 1.2)
sharpened = st.beta_success_rates(3.0, 2.0, zero_mass=0.35)
worlds = pd.concat(
    [
        pd.DataFrame({"world": name, "k": ks, "estimate": rates.pass_at_k(ks)})
        for name, rates in (("spread out", spread), ("sharpened", sharpened))
    ]
)
figure = mb.plot_pass_at_k(worlds, by="world", title="Two made-up worlds of success rates")

# %% tags=["hide-input"]
caption = (
    "Exact pass@k of two assumed distributions of success rates, no model involved: Beta(0.3, 1.2), and Beta(3, 2) "
    "with 35 % of problems never solved."
)
keep(figure, worlds, folder, "05_crossing_made_up", caption)
both = worlds.pivot(index="k", columns="world", values="estimate")
behind = both.index[both["sharpened"] < both["spread out"]]
you_should_see(
    f"At k = 1 the sharpened world is ahead, {both['sharpened'].iloc[0]:.2f} to "
    f"{both['spread out'].iloc[0]:.2f}; from k = {behind.min()} on it is behind. Which is better depends on k."
)

# %% [markdown]
# Now a real pair: a base and its RL-tuned descendant on an ordinary set. RL raises the chance of what a model already
# finds now and then, and may drop the rest; whether it did so here is what the picture and the table ask.

# %% [markdown] tags=["prediction"]
# **Before you look.** Who will be ahead at k = 1, and who at the largest k?

# %%
ordinary = study.problems(study.sets[0])
tuned_name, its_base = next(iter(study.tuned.items()))
pair = {name: mb.evaluate(study.model(name), ordinary, study.plan).outcomes for name in (its_base, tuned_name)}
curves = mb.pass_at_k_curve(pd.concat(pair.values()), ks, by=["name"])
figure = mb.plot_pass_at_k(curves, by="name", title=f"{study.sets[0]}: base and RL")
difference = st.paired_difference(pair[its_base], pair[tuned_name], [1, k_max])
show_table(difference)

# %% tags=["hide-input"]
caption = f"{its_base} and {tuned_name} on {study.sets[0]} ({study.note}). Bands: {intervals_of(curves)}, 95 %."
keep(figure, curves, folder, "05_base_and_rl", caption)
differences = [
    f"At k = {row.k:,}, {tuned_name} less {its_base} is {row.estimate:+.3f}, and the interval [{row.low:+.3f}, "
    f"{row.high:+.3f}] {'leaves out 0.' if row.low * row.high > 0 else 'holds 0: the two cannot be told apart.'}"
    for row in difference.itertuples()
]
you_should_see(*differences)

# %% [markdown]
# Move k and see who is ahead where. (In a page without a running kernel, some values of k side by side.)

# %%
slide_k(curves, by="name", title=f"{study.sets[0]}: base and RL")

# %% [markdown]
# **Exercise.** The two bands overlap at some k. Does that mean that the models do not differ there?
#
# <details><summary>Answer</summary>
#
# No. Both models met the same problems, so what a problem does to one it does to the other, and much of it cancels in
# the *paired* difference. Its interval, in the table above, is what answers the question; it can leave out 0 where the
# bands overlap:
# ```python
# print(st.paired_difference(pair[its_base], pair[tuned_name], ks)[["k", "estimate", "low", "high"]])
# ```
# </details>

# %% [markdown]
# ## 4. The winner's curse of "0 of 1,024"
# A problem with no success in 1,024 attempts need not be impossible: p below 0.3 % is all that is known. Here the
# problems that a base left unsolved meet *the same base* in fresh attempts, and two forecasts of that are held
# against it.
#
# A flat prior on each problem by itself (Jeffreys: Beta(1/2, 1/2)) forecasts without looking at any other problem.
# Fitting the spread of success rates to the whole pool of candidates (*empirical Bayes*) uses what the pool shows.

# %%
candidates = mb.results.StudyResults(study).candidate_outcomes
spreads = {name: st.fit_success_rates(outcomes) for name, outcomes in candidates.items()}
hard = study.problems(study.hard_set)
left = {name: {problem.key for problem in hard.unsolved_by(name)} for name in study.bases}
fresh = {name: mb.evaluate(study.model(name), hard, study.plan).outcomes for name in study.bases}
curse = first_principles.winners_curse(left, fresh, spreads, k_max)
keep_table(curse, folder, "05_winners_curse", digits=1)

# %% tags=["hide-input"]
held = curse["solved by a fresh draw"].between(curse["low"], curse["high"])
far = curse["a Jeffreys prior per problem says"] - curse["solved by a fresh draw"]
you_should_see(
    f"Fresh attempts of the very same models solve {curse['solved by a fresh draw'].sum()} of the "
    f"{curse['problems left unsolved'].sum()} problems that they had left unsolved. The interval of the forecast from "
    f"the pool holds the count for {held.sum()} of {len(held)} bases; the Jeffreys prior is off by {far.min():+.1f} to "
    f"{far.max():+.1f} problems."
)

# %% [markdown]
# **Exercise.** The predictions use the candidates *before* selection. What would go wrong with a prior fitted to the
# selected problems alone?
#
# <details><summary>Answer</summary>
#
# There every problem shows 0 of k: the best fit is $p = 0$ for all, and the forecast is that nothing is ever solved.
# Selection has removed the very problems that say what small success rates look like.
# ```python
# name = study.bases[-1]
# selected = candidates[name][candidates[name]["c"] == 0]
# circular = st.redraw_interval(selected, [k_max], st.fit_success_rates(selected))
# print(f"{name}: {circular['estimate'].iloc[0]:.2f} of {len(selected)} expected to be solved by a fresh draw")
# ```
# </details>

# %% [markdown]
# ## 5. Plans that stop early
# Most attempts of a fixed n go to problems that were settled after the first few. An *adaptive plan* stops a problem at
# the end of a round once it has enough successes. But then c/n is no longer fair: the plan stops *because* it was
# lucky. Below the mean of two estimates of pass@4, summed over every end point of a small plan.

# %% [markdown]
# How such a plan stops, with three made-up problems:

# %%
from mathb_kit.plots import diagrams

figure = diagrams.plot_how_a_plan_stops()

# %% [markdown] tags=["prediction"]
# **Before you look.** A plan stops *because* a problem was solved. Taken as if n had been fixed, is c/n then too high
# or too low on average? And is it more so for easy problems or for hard ones?

# %%
from mathb_kit.statistics.adaptive import count_paths, is_end_point

plan = mb.Plan(rounds=(4, 8, 16), stop=1, chunk=4)
rows = []
for p in (0.01, 0.03, 0.1, 0.3):
    true, naive, exact, attempts = 1 - (1 - p) ** 4, 0.0, 0.0, 0.0
    for n in plan.rounds:
        for c in range(n + 1):
            if is_end_point(plan, n, c):
                chance = count_paths(plan, n, c) * p**c * (1 - p) ** (n - c)
                naive += chance * mb.pass_at_k(n, c, 4)
                exact += chance * float(st.exact_pass_at_k(plan, n, c, 4))
                attempts += chance * n
    rows.append((p, true, naive, exact, attempts, plan.n_max))
stopped = pd.DataFrame(rows, columns=["p", "true pass@4", "as if n were fixed", "path counting", "attempts", "fixed n"])
show_table(stopped, digits=4)

# %% tags=["hide-input"]
off = stopped[["as if n were fixed", "path counting"]].sub(stopped["true pass@4"], axis=0)
you_should_see(
    f"Taken as if n were fixed, the estimate is off by up to "
    f"{off['as if n were fixed'].loc[off['as if n were fixed'].abs().idxmax()]:+.3f}; path counting by at most "
    f"{off['path counting'].abs().max():.0e}. An easy problem (p = {stopped['p'].iloc[-1]}) costs "
    f"{stopped['attempts'].iloc[-1]:.1f} attempts instead of {plan.n_max}, a hard one (p = {stopped['p'].iloc[0]}) "
    f"{stopped['attempts'].iloc[0]:.1f}."
)

# %% [markdown]
# *Path counting*: an order of successes and failures is a path from (0, 0) to where the plan stopped. Of all paths that
# the plan allows to that point, the share with a success among the first k attempts is an unbiased estimate of pass@k
# ([Girshick, Mosteller and Savage 1946](https://doi.org/10.1214/aoms/1177731018)).
#
# What a plan costs depends on how hard the problems are. With the spread of success rates fitted above:

# %%
plans = [mb.Plan.fixed(k_max), study.plan, mb.Plan.up_to(k_max, stop=1), mb.Plan.up_to(k_max, stop=4)]
assumed = {f"{name}, its candidates": (rates, len(candidates[name])) for name, rates in spreads.items()}
if real is not None:
    assumed["real counts"] = (st.fit_success_rates(real), len(real))
prices = first_principles.plan_prices(assumed, plans, k_max)
show_table(prices)

# %% tags=["hide-input"]
of_plan = prices.groupby("plan", sort=False)[list(prices.columns[2:])].mean()
ours, fixed_n = of_plan.loc[str(study.plan)], of_plan.loc[str(plans[0])]
you_should_see(
    f"On average over the spreads above, the plan of this study ({study.plan}) costs "
    f"{percent(ours.iloc[0] / fixed_n.iloc[0])} of the attempts of {plans[0]}. Its interval at k = 1 is "
    f"{ours.iloc[1] / fixed_n.iloc[1]:.2f} times as wide, at k = {k_max:,} {ours.iloc[2] / fixed_n.iloc[2]:.2f} times."
)

# %% [markdown]
# **Exercise.** At the largest k all plans give the same width. Why?
#
# <details><summary>Answer</summary>
#
# There the estimate is 1 if a problem was ever solved and 0 if not, whatever the stop count, and whether it was solved
# does not depend on when the plan stopped.
# ```python
# for n, c in ((4, 1), (8, 2), (16, 1), (16, 0)):
#     print(f"{c} of {n}: pass@16 =", st.exact_pass_at_k(mb.Plan(rounds=(4, 8, 16), stop=1, chunk=4), n, c, 16))
# ```
# </details>

# %% [markdown]
# ## 6. Nulls: what a frozen model gains over itself
# Give a model k attempts, take the problems it missed, and give *the same model* k more: what it now solves is
# "Expansion" without any training. Such a number, what comes out although nothing happened, is called a *null*. This
# one is computed from one draw without bias, for every k up to half the attempts (*split-half*).

# %%
figure = diagrams.plot_what_a_null_is()

# %% [markdown] tags=["prediction"]
# **Before you look.** The real thing, with the candidates of every base: of what k attempts miss, which share will k
# other attempts of the same model solve? Will that share rise or fall with k?

# %%
nulls = first_principles.null_curves(candidates, ks, "its candidates")
share = "share of missed problems solved the next time"
figure = mb.plot_pass_at_k(nulls, by="model", title="A frozen model against itself", y_label=share)

# %% tags=["hide-input"]
caption = (
    "Split-half null: of the problems missed in k attempts, the share solved in k further attempts of the same model "
    f"({study.note}). Bands: {nulls['interval'].iloc[0]}, 95 %."
)
keep(figure, nulls.drop(columns="interval"), folder, "05_frozen_null", caption)
ends = nulls[nulls["k"] == nulls["k"].max()]
you_should_see(
    f"With k = {ends['k'].iloc[0]:,} attempts a frozen model still reaches, of what it missed, "
    + ", ".join(
        f"{percent(row.estimate)} [{percent(row.low)}, {percent(row.high)}] ({row.model})" for row in ends.itertuples()
    )
    + ". None of that was learned."
)

# %% [markdown]
# The same on the real counts of section 1. `unsolved` is the number of problems expected to be missed in the first k
# attempts.

# %%
if real is None:
    print("Left out: no real counts.")
else:
    halves = [mb.statistics.frozen_null(real, k) for k in (1, 2, 4)]
    rows = [(null.k, null.unsolved, null.rate, null.low, null.high) for null in halves]
    display(pd.DataFrame(rows, columns=["k", "unsolved", "solved the next time", "low", "high"]).round(3))
    you_should_see(
        f"Of what {halves[0].k} attempt misses here, {percent(halves[0].rate)} is solved by another one: the larger "
        "this share, the more of the misses were bad luck."
    )

# %% [markdown]
# **Exercise.** Published expansions of RL models over their base's unsolved problems are 5 % to 21 % at k = 1,024. What
# must stand beside such a number?
#
# <details><summary>Answer</summary>
#
# The same number for a fresh draw of the base itself, on the same problems and k, and both with intervals: only what
# goes beyond it is news. What single runs of "select, then try again" report for a frozen base, over random splits of a
# fixed draw:
# ```python
# draw = mb.evaluate(base, problems, mb.Plan.fixed(study.chance), draw="chance").outcomes
# print(st.frozen_null_runs(draw, study.chance // 2)[["unsolved", "reached", "rate"]].describe().round(3))
# ```
# </details>

# %% [markdown]
# ## 7. Chance
# Short answers can be guessed, with no mathematics at all. What a given model's own guesses are worth shows when its
# answers to a problem are held against the golds (reference answers) of *other* problems whose golds have as many
# digits. That needs a fixed number of attempts: an adaptive plan stops by the true gold, and so leaves more wrong
# answers where the problems are hard.

# %%
fixed = mb.evaluate(base, problems, mb.Plan.fixed(study.chance), draw="chance")
held = st.chance_curve(mb.judging.chance_of(fixed, problems, [k for k in ks if k <= study.chance]))
show_table(held[["k", "estimate", "low", "high", "problems", "interval"]], digits=4)

# %% tags=["hide-input"]
last = held.iloc[-1]
real_pass = mb.pass_at_k_curve(fixed.outcomes, [int(last["k"])]).iloc[0]
you_should_see(
    f"At k = {last['k']:,} the model's answers hit a foreign gold of the same length in "
    f"{percent(last['estimate'])} of cases [{percent(last['low'])}, {percent(last['high'])}], the right one in "
    f"{percent(real_pass['estimate'])}. Guessing AIME's 1,000 possible answers uniformly has pass@1,024 of "
    f"{percent(st.uniform_chance(1000, 1024))}."
)

# %% [markdown]
# **Exercise.** A set has pass@1,024 of 80 % and a chance level of 64 %. How much saturation is left after chance?
#
# <details><summary>Answer</summary>
#
# $(0.80 - 0.64) / (1 - 0.64) = 0.44$ of what guessing leaves over; `st.chance_corrected(0.80, 0.64)`.
# </details>

# %% [markdown]
# ## 8. The neighbours
# pass@k asks whether an answer can be found, majority voting (maj@k) whether it can be found *without knowing which is
# right*, Cover@τ and G-Pass@k whether it is found reliably: in at least a share τ of the attempts. All from the same
# attempts:

# %%
from mathb_kit.outcomes import answer_counts

table = st.neighbours(fixed.outcomes, answer_counts(fixed.verdicts), k=16)
show_table(table.drop(columns=["model", "draw"]))

# %% tags=["hide-input"]
solved = fixed.outcomes["c"] > 0
scores = table.set_index("metric")["estimate"]
you_should_see(
    f"{solved.sum()} of {len(solved)} problems are found at least once in {study.chance} attempts; "
    f"the highest of these scores is {scores.idxmax()} with {percent(scores.max())}, the lowest {scores.idxmin()} with "
    f"{percent(scores.min())}. Same attempts, another question."
)

# %% [markdown]
# **Exercise.** Which of these can RL raise without a single new problem becoming solvable?
#
# <details><summary>Answer</summary>
#
# All but pass@k for large k: a model that always gives the answer it used to give one time in ten has perfect maj@k,
# Cover and G-Pass, and solves not one problem more. That is *sharpening*, and the problems found above are all that it
# can bring.
# </details>

# %% [markdown]
# ## Exercises that check themselves
# The three below are about the whole notebook.

# %% [markdown] tags=["exercise"]
# **Exercise 05.1.** The opposite extreme of pass@k is *pass^k*: the chance that **all** of k attempts are right. Write
# `pass_hat_k(n, c, k)` without bias, as in section 0.
#
# <details><summary>Answer</summary>
#
# ```python
# from math import comb
#
# def pass_hat_k(n, c, k):
#     return comb(c, k) / comb(n, k)
# ```
# Of all choices of k of the n attempts, those that consist of right ones only.
# </details>

# %%
check("05.1", ...)  # your answer in place of the dots

# %% [markdown] tags=["exercise"]
# **Exercise 05.2.** A problem was solved in 3 of 1,024 attempts. What is its pass@64?
#
# <details><summary>Answer</summary>
#
# $1 - \binom{1021}{64} / \binom{1024}{64} = 0.176$. The plug-in says 0.171.
# </details>

# %%
check("05.2", ...)  # your answer in place of the dots

# %% [markdown] tags=["exercise"]
# **Exercise 05.3.** A set has pass@1,024 of 80 % and a chance level of 64 %. Which share of what guessing leaves over
# is solved?
#
# <details><summary>Answer</summary>
#
# $(0.80 - 0.64) / (1 - 0.64) = 0.44$.
# </details>

# %%
check("05.3", ...)  # your answer in place of the dots

# %% [markdown]
# ## Next
# [06 · Curating a pool](06_curating_a_pool.ipynb): where the problems come from, and what cleaning them buys.
