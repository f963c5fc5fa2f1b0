# %% [markdown]
# # 06 · Curating a pool
#
# Before a benchmark or an RL run there is a pool: thousands of problems from the web, with copies, broken formulas,
# wrong golds, and problems of the very benchmarks that one wants to be judged on. MATH-Beyond and DeepMath-103K spend
# most of their work here.
#
# **You will see** what a pool is made of, what each filter takes and why, why no model under study may check answers,
# and what curation **buys**: the same RL recipe on a raw pool, on the same pool curated, and on one with wrong golds.
# Where the files of real pools are at hand (`MATHB_DATA_DIR`), the same filters run over them. An exercise each.
#
# **Time** Minutes: nine short RL runs are trained (three pools, three seeds) and kept in `runs/`, so that a second time
# nothing is trained. `quick` trains three much shorter ones.
#
# **Profile** `course`: it says where figures go, and nothing else. The pool is synthetic and the models are the tiny
# ones, always. Words are in the [glossary](../docs/glossary.md#building-a-hard-set).

# %% tags=["parameters"]
profile: str = "course"  # where figures go
quick: bool = False  # a short training with one seed instead of three: everything runs, little is learned

# %%
import os

import pandas as pd
from IPython.display import display

import mathb_kit as mb
from mathb_kit import construction
from mathb_kit.course import check, keep, keep_table
from mathb_kit.lab import curation
from mathb_kit.places import as_told
from mathb_kit.sentences import funnel_sentence, percent, you_should_see
from mathb_kit.widgets import show_table

study = mb.load_profile(profile, quick=quick)
folder = mb.report.figures_folder(study)
print(f"{study.note}\nfigures: {as_told(folder)}")

# %% [markdown]
# ## What is in it?
# A synthetic pool: arithmetic of the miniature with a declared share of dirt, far more of it than a real pool has. The
# table says, by kind of problem (family), what its golds (reference answers) look like and how many rows are copies.

# %%
raw = curation.raw_pool()
ordinary = [mb.load_problems(name) for name in ("mini-math", "mini-aime")]
analysis = construction.source_analysis([raw], ordinary, by="family")
show_table(analysis.loc[:, (analysis != 0).any()], digits=2)

# %% tags=["hide-input"]
whole = (analysis["integer"] * analysis["rows"]).sum() / len(raw)
you_should_see(
    f"{len(raw):,} problems in {len(analysis)} families. {percent(whole)} of the golds are whole numbers, and "
    f"{analysis['copies'].sum()} rows are typed like an earlier one. What else is wrong the table cannot say: "
    "that takes filters."
)

# %% [markdown]
# ## What each filter takes
# The pool through all stages that need no attempts.

# %% [markdown] tags=["prediction"]
# **Before you look.** Which filter will take most: missing golds, broken statements, copies, or wrong golds?

# %%
funnel = curation.curation_funnel(raw)
counts = funnel.to_frame().assign(pool=raw.name)
figure = mb.plots.plot_funnel(counts, title="A synthetic training pool, curated")

# %% tags=["hide-input"]
caption = (
    f"Problems left after each filter ({study.note}). Synthetic pool of {len(raw)} training problems with declared "
    "dirt; golds are checked by an exact evaluator of the statement."
)
keep(figure, counts, folder, "06_funnel", caption)
you_should_see(funnel_sentence(counts))

# %% [markdown]
# Every dropped row has a reason. One example of each:

# %%
examples = funnel.dropped.assign(category=funnel.dropped["reason"].str.split(":").str[0]).groupby("category").head(1)
examples = examples.merge(raw.to_frame()[["problem", "statement", "gold"]], on="problem")
show_table(examples[["reason", "statement", "gold"]])

# %% tags=["hide-input"]
reasons = funnel.dropped["reason"].str.split(":").str[0].value_counts()
you_should_see(
    f"{len(reasons)} kinds of reasons for {reasons.sum()} dropped rows; the commonest is '{reasons.index[0]}' "
    f"({reasons.iloc[0]}), the rarest '{reasons.index[-1]}' ({reasons.iloc[-1]})."
)

# %% [markdown]
# How much of the declared dirt was found, and was anything clean dropped? The filters do not see `kind`.

# %%
kinds = raw.to_frame().set_index("problem")["kind"]
kept = pd.Series({problem.key: True for problem in funnel.kept}).reindex(kinds.index, fill_value=False)
found = pd.crosstab(kinds, kept.map({True: "kept", False: "dropped"}))
mb.plots.write_csv(found, folder / "06_dirt_found.csv", index=True)
show_table(found.rename_axis(columns=None).reset_index())

# %% tags=["hide-input"]
dirty = found.drop(index="clean")
missed = dirty.index[dirty.get("kept", 0) > 0]
you_should_see(
    f"Of {dirty.to_numpy().sum()} dirty rows {dirty['dropped'].sum()} are dropped, and of {found.loc['clean'].sum()} "
    f"clean ones {found.loc['clean'].get('dropped', 0)}.",
    f"Kept though dirty: {', '.join(missed)}." if len(missed) else "Nothing dirty is kept.",
    "Golds were checked by an exact evaluator of the statement, which real pools do not have.",
)

# %% [markdown]
# ## Who may check answers?
# Real statements have no exact evaluator. Then independent solvers check golds: MATH-Beyond keeps a problem if one of
# two strong models reproduces the gold in two attempts, DeepMath if three solutions agree with it. A model that is
# judged on the result must not be among them: it would shape its own examination. The library refuses.

# %%
try:
    construction.refuse_evaluated([mb.get_model("mini-base-1")], [mb.get_model("mini-rl-1")])
except mb.MathbError as refusal:
    you_should_see(f"A refusal, and what to do instead: {refusal}")

# %% [markdown]
# The price of that check: a gold that is wrong is dropped, and so is every problem that the solvers cannot solve. The
# hardest problems go first, which is why DeepMath's authors and MATH-Beyond's both stop at what strong models can do.
#
# **Exercise.** Two independent solvers each reproduce a right gold with chance $p$ per attempt and never hit a wrong
# one. With two attempts each, which share of right problems with $p = 0.1$ survives "at least one reproduces it", and
# which "all four agree"?
#
# <details><summary>Answer</summary>
#
# $1 - 0.9^4 = 34\,\%$ and $0.1^4 = 0.01\,\%$. Agreement of all is a filter for easy problems.
# </details>

# %%
check("06.1", ...)  # your answer in place of the dots

# %% [markdown]
# ## What curation buys
# The same RL recipe (GRPO, explained in [notebook 07](07_rl_lab.ipynb)), the same budget of sampled tokens, the same
# base: on the raw pool, on the curated one, and on the curated one with every second gold off by a carry.

# %% [markdown] tags=["prediction"]
# **Before you look.** Three pools, one recipe, the same budget. How much will the raw pool cost against the curated
# one? And how much will it hurt if every second gold is wrong?

# %%
budget, seeds = (40_000, (1,)) if quick else (300_000, (1, 2, 3))
checkpoints = curation.train_arms(tokens=budget, seeds=seeds)
print(*(f"{arm}, seed {seed}: {path.name}" for (arm, seed), path in checkpoints.items()), sep="\n")

# %% [markdown]
# Then every model tries two sets that no pool holds a problem of, and so does the untrained base.

# %%
ks = [1, 16]
tried = curation.evaluate_arms(checkpoints, "mini-base-1", ("mini-math", "mini-aime"), attempts=16 if quick else 64)
bought = curation.what_curation_buys(tried, ks)
figure = mb.plots.plot_differences(
    bought, by="arm", panel="set", title="What curation buys: change of pass@k over the base"
)

# %% tags=["hide-input"]
caption = (
    f"Mean pass@k less that of the base ({study.note}), GRPO with {budget:,} sampled tokens on each pool, "
    f"{len(seeds)} {'seed' if quick else 'seeds'} each. Bars: 95 %, {bought['interval'].iloc[0]}. Synthetic pools."
)
keep(figure, bought, folder, "06_what_curation_buys", caption)

# %% [markdown]
# The same as numbers. An interval over *problems and seeds* draws both again: other problems of their kind, and other
# runs of the same recipe.

# %%
show_table(bought.drop(columns=["against", "interval"]))

# %% tags=["hide-input"]
you_should_see(
    *(
        f"k = {k}: {(rows['low'] > 0).sum()} of {len(rows)} differences from the base are gains whose interval leaves "
        f"out 0, {(rows['high'] < 0).sum()} are losses; they go from {rows['difference'].min():+.3f} to "
        f"{rows['difference'].max():+.3f}."
        for k, rows in bought[bought["arm"] != "base"].groupby("k")
    ),
    f"Runs of each arm: {len(seeds)}. Intervals made from so few seeds are rather too narrow than too wide.",
)

# %% [markdown]
# The same against the raw pool: is the step from raw to curated one that other seeds and problems would show, too?

# %%
beside_raw = curation.what_curation_buys(tried, ks, against="raw")
beside_raw = beside_raw[~beside_raw["arm"].isin(["raw", "base"])]
keep_table(beside_raw, folder, "06_beside_raw").hide(["against", "interval"], axis="columns")

# %% tags=["hide-input"]
clear = beside_raw[beside_raw["low"] * beside_raw["high"] > 0]
you_should_see(
    f"{len(clear)} of {len(beside_raw)} intervals leave out 0 (were there nothing to find, "
    f"{0.05 * len(beside_raw):.1f} would on average)"
    + "".join(f"; {row.arm}, {row.set}, k = {row.k}: {row.difference:+.3f}" for row in clear.itertuples()) + ".",
    "Where an interval holds 0, this experiment cannot say whether curation mattered: its half width is about the "
    f"smallest difference that would have shown, here {(beside_raw['high'] - beside_raw['low']).min() / 2:.3f} to "
    f"{(beside_raw['high'] - beside_raw['low']).max() / 2:.3f}.",
)  # fmt: skip

# %% [markdown]
# **Exercise.** Rows of the raw pool without a usable gold are never solved by anybody. What do they do to a GRPO run of
# a fixed budget of tokens, and what do wrong golds do that these do not?
#
# <details><summary>Answer</summary>
#
# GRPO weighs an attempt against the mean of its *group*, the attempts at the same problem. A group in which all fail
# is not *mixed* and teaches nothing, but its tokens are spent: the run is a shorter one. With a wrong gold the right
# answer is no longer rewarded, which is the same loss; and a mistake that happens to hit the wrong gold *is* rewarded.
# How often that happens can be measured before any training:
# ```python
# wrong = list(curation.pools()["wrong golds"])[1::2]
# hit = mb.evaluate(mb.get_model("mini-base-1"), wrong, mb.Plan.fixed(16), draw="lab").outcomes
# print(f"{hit['c'].sum() / hit['n'].sum():.2%} of attempts")
# ```
# </details>

# %% [markdown] tags=["exercise"]
# **Exercise 06.3.** Write a function of a success rate p and a group's size n: how likely is the group *mixed*, with
# both right and wrong attempts?
#
# <details><summary>Answer</summary>
#
# ```python
# def mixed(p, n):
#     return 1 - p**n - (1 - p)**n
# ```
# Neither all right nor all wrong. With p = 0.05 and 16 attempts it is 0.56: nearly half of such groups teach GRPO
# nothing.
# </details>

# %%
check("06.3", ...)  # your answer in place of the dots

# %% [markdown]
# ## Real pools
# DAPO-Math-17K and the part of DeepScaleR that could be had, against four benchmarks and the MATH test set, where their
# files are at hand (`MATHB_DATA_DIR`).

# %%
if not os.environ.get("MATHB_DATA_DIR"):
    print("Left out: MATHB_DATA_DIR names no folder with local copies.")
else:
    benchmarks = [mb.load_problems(name) for name in ("math-500", "aime-2024", "aime-2025", "amc-23", "math-test")]
    real_pools = [mb.load_problems(name) for name in ("dapo-math-17k", "deepscaler")]
    real = construction.source_analysis(real_pools, benchmarks)
    mb.plots.write_csv(real, folder / "06_real_sources.csv", float_format="%.6g")
    display(show_table(real.loc[:, (real != 0).any()]))
    most = real.loc[(real["copies"] / real["rows"]).idxmax()]
    you_should_see(
        f"{real['rows'].sum():,} rows. The largest share of copies is in {most['pool']}: {most['copies']:,} of its "
        f"{most['rows']:,} rows are typed like an earlier one."
    )

# %% [markdown]
# Copies that are typed alike are easy. Reworded ones are found by a fingerprint of their words (MinHash), and then held
# against each other: a number, a piece of a formula or a deciding word that stands in one only makes two problems of
# them. How many problems of each benchmark stand in the pools, typed alike and reworded:

# %%
if os.environ.get("MATHB_DATA_DIR"):
    overlap = pd.concat([construction.overlaps(list(each), benchmarks).assign(pool=each.name) for each in real_pools])
    overlap = overlap.groupby(["pool", "benchmark", "typed_alike"])["benchmark_id"].nunique().unstack(fill_value=0)
    overlap = overlap.rename(columns={True: "typed alike", False: "reworded"}).reset_index()
    mb.plots.write_csv(overlap, folder / "06_real_overlaps.csv")
    display(show_table(overlap))
    most = overlap.loc[overlap[["typed alike", "reworded"]].sum(axis=1).idxmax()]
    you_should_see(
        f"The pool that comes nearest to a benchmark is {most['pool']}: {most['typed alike']} problems of "
        f"{most['benchmark']} stand in it typed alike, {most['reworded']} reworded. Who trains on it and is judged "
        "there is judged on what was learnt by heart."
    )

# %% [markdown]
# These rules need no model. DeepMath-103K asked one: of each candidate the five nearest benchmark problems by embedding
# were shown to a judge, and posts of a forum were rewritten into problems with one answer. Both can be had
# (`embedder` and `contamination_judge`, `rewriter` and `gold_solver` in the file that `mathb construct FILE --plan`
# prices first), and `bench/near_duplicates.py --embedder FOLDER` says what rules and embeddings find and miss.

# %% [markdown]
# Broken LaTeX that can be mended without guessing is mended before the funnel; a mended problem is another problem and
# says so.

# %%
if os.environ.get("MATHB_DATA_DIR"):
    for real_pool in real_pools:
        mended = construction.repair(real_pool)
        print(f"{real_pool.name}: {len(mended.table):,} of {len(real_pool):,} statements mended")

# %% [markdown]
# **Exercise.** A filter finds 99 % of contaminated problems and wrongly drops 1 % of clean ones. Of a pool of 10,000,
# 100 stand in a benchmark. Of what it drops, which share was contaminated?
#
# <details><summary>Answer</summary>
#
# $99 / (99 + 99) = 50\,\%$: 99 of the 100, and 1 % of 9,900. For a training pool that is a fair price; for a small
# benchmark one reads what is dropped, which is why every row has a reason.
# </details>

# %%
check("06.2", ...)  # your answer in place of the dots

# %% [markdown]
# ## Your own benchmark
# A whole construction is a small TOML file: pool, benchmarks, screen, verifiers, models. `mathb construct my-set.toml
# --plan` says what it would sample; with `--to FOLDER` it builds the set, resumes where it was stopped, and leaves a
# folder that `datasets.load_dataset` reads. Its upper bound for the miniature's own hard set:

# %%
settings = construction.Construction(
    name="my-set", pool=("mini-pool",), benchmarks=("mini-math", "mini-aime"), exact_answers=True,
    screen="mini-base-3", models=("mini-base-1", "mini-base-2", "mini-base-3"), attempts=256,
)  # fmt: skip
price = construction.attempts_at_most(settings)
show_table(price)

# %% tags=["hide-input"]
you_should_see(
    f"At most {price['attempts'].sum():,} attempts, {percent(price['attempts'].iloc[0] / price['attempts'].sum())} of "
    f"them for the screen, which drops what is easy before {price['model'].nunique()} models get their many attempts."
)

# %% [markdown]
# ## Next
# [07 · The RL lab](07_rl_lab.ipynb): a model is trained on a pool while you watch.
