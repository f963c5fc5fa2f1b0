# %% [markdown]
# # 01 · How far do base models get with enough attempts?
#
# MATH-Beyond starts from an observation: give an ordinary base model 1,024 attempts, and it solves nearly every
# problem of the sets that RL is usually judged on. Here the same question is asked of tiny language models that ship
# with this project, on two sets of arithmetic problems. Every attempt is really sampled and really graded.
#
# You will see pass@k of three base models up to the largest k of the profile, with an interval, and what the adaptive
# plan saved. On two CPU cores this takes a few minutes; a second run only reads what the first one stored.

# %% tags=["parameters"]
profile: str = "mini"  # which models, sets and plan; see `mathb reproduce --help`
quick: bool = False  # fewer attempts (k up to 256); figures then stay in runs/

# %%
import mathb_kit as mb

study = mb.load_profile(profile, quick=quick)
folder = mb.figures_folder(study)
print(f"profile {study.name}: {study.about}\nplan: {study.plan}\nfigures: {folder}")

# %% [markdown]
# ## The problems
# `mini-math` plays the part of MATH-500 (ordinary problems), `mini-aime` that of AIME (harder ones).

# %%
sets = {name: mb.load_problems(name) for name in study.sets}
for name, problems in sets.items():
    print(f"{name} ({len(problems)} problems), the first and the last:")
    for problem in (problems[0], problems[-1]):
        print(f"   {problem.statement}   gold {problem.gold}")

# %% [markdown]
# ## Sample, grade, count
# The plan is adaptive: a problem that has been solved often enough after a round gets no more attempts. The counts of
# each model and set: attempts `n`, correct ones `c`, and what else became of them.

# %%
import pandas as pd

evaluations = {
    (base, name): mb.evaluate(mb.get_model(base), problems, study.plan)
    for base in study.bases
    for name, problems in sets.items()
}
outcomes = pd.concat([e.outcomes for e in evaluations.values()])
counts = ["n", "c", "no_answer", "grader_failed", "truncated", "tokens"]
outcomes.groupby(["set", "name"], sort=False)[counts].sum()

# %% [markdown]
# What attempts look like: the first few of one base model at one problem, with the answer read from each and the
# verdict on it.

# %%
name = study.sets[0]
first = evaluations[study.bases[0], name]
problem = sets[name][-1]
print(problem.statement, "  gold", problem.gold)
first.completions(problem, count=8).style.hide(axis="index")

# %% [markdown]
# ## pass@k
# A problem's estimate is exactly unbiased under the adaptive plan (path counting: Girshick, Mosteller and Savage 1946;
# for a fixed number of attempts it is the estimator of Chen et al. 2021). The band is a 95 % percentile bootstrap over
# problems: it answers what other problems of the same kind would give.

# %%
curves = mb.pass_at_k_curve(outcomes, study.ks, by=["set", "name"])
figure = mb.plot_pass_at_k(curves, by="name", panel="set", title=f"pass@k of the base models ({study.name})")
caption = (
    f"Mean pass@k of {len(study.bases)} base models on {' and '.join(sets)} (profile {study.name}: {study.about}; "
    f"synthetic arithmetic problems). Plan: {study.plan}. Bands: {curves['interval'].iloc[0]}, 95 %."
)
mb.save_figure(figure, curves, folder, "01_base_saturation", caption)
print(caption)

# %% [markdown]
# The ends of the curves as numbers: one attempt, and the largest k.

# %%
ends = curves[curves["k"].isin([1, max(study.ks)])]
ends.style.hide(axis="index").format(precision=3)

# %% [markdown]
# ## What the adaptive plan saved
# Attempts used beside those that a fixed number of attempts per problem would have taken for the same largest k.

# %%
saved = mb.attempts_saved(outcomes, by=["set", "name"])
saved.to_csv(folder / "01_attempts_saved.csv", index=False, lineterminator="\n", float_format="%.4g")
saved.style.hide(axis="index").format(precision=2)

# %% [markdown]
# ## Try it yourself
# How much of a model's pass@k hangs on a single correct attempt? Count the problems that were solved exactly once.

# %% tags=["solution"]
once = outcomes[outcomes["c"] == 1]
once.groupby(["set", "name"]).size().rename("problems solved exactly once").to_frame()
