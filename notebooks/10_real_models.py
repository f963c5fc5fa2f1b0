# %% [markdown]
# # 10 · Real models, sampled elsewhere
#
# The miniature shows the instrument on models small enough to sample here. Other people have sampled real ones, many
# times per problem, and made their counts public. What does the instrument say about those?
#
# **You will see** Qwen2.5-7B and its RL-tuned descendant beside what the *frozen* base reaches of its own misses; 30
# commercial and open models with a null each; models of 70 million to 12 billion parameters at 10,000 attempts, what
# adaptive plans would have saved there and how far a forecast can be trusted; and a comparison too small to tell.
#
# **Time** About two minutes; nothing is sampled. The counts are read from the folder `real_counts` in the one that
# `MATHB_DATA_DIR` names; without it the first cell says where they come from.
#
# **Profile** `real`, always; `quick` changes nothing. Every number here was sampled elsewhere, by whom is said in each
# caption, and the verdicts are theirs. Words are in the [glossary](../docs/glossary.md#a-tuned-model-beside-its-base).

# %% tags=["parameters"]
profile: str = "real"  # the call that this notebook belongs to; nothing is sampled
quick: bool = False  # without effect: there is nothing to shorten

# %%
import mathb_kit as mb
from mathb_kit import real
from mathb_kit.course import check, keep, keep_table
from mathb_kit.places import as_told
from mathb_kit.plots import plot_differences
from mathb_kit.plots.pairs import plot_beside_null, plot_forecasts, plot_ranking
from mathb_kit.report.folders import real_figures_folder
from mathb_kit.sentences import (
    confounds_sentence,
    crossing_sentence,
    intervals_of,
    pair_sentences,
    percent,
    settings_sentence,
    titles,
    you_should_see,
)
from mathb_kit.sentences.real import (
    beyond_sentence,
    forecast_sentence,
    held_out_sentence,
    ranking_sentence,
    replay_sentence,
    top_end_sentence,
)
from mathb_kit.widgets import show_table

folder, notes = real_figures_folder(), {name: source.note for name, source in real.real_sources().items()}
print(f"{profile}: figures go to {as_told(folder)}")
for name in notes:
    print(f"{name}: {real.path_of(name).name}; {notes[name]}")

# %% [markdown]
# ## Did RL expand Qwen2.5-7B?
# Both models had 128 attempts at each of the 500 problems of MATH-500. With one draw of the base, "what it missed" and
# "what it would reach of that" cannot be read off the same attempts. At k = 64 they can: one half misses, the other
# half tries again. That share is the *null*. The tuned model is asked the same question.

# %% [markdown] tags=["prediction"]
# **Before you look.** SimpleRL-Zoo solves far more problems than its base with one attempt. Of what 64 attempts of the
# base miss, will it reach more than 64 *other attempts of the base*?

# %%
pair = real.real_pair()
title = titles.pair_title(pair, "MATH-500", notes["pair"])
figure = plot_beside_null(pair.expansion, base=pair.base, tuned=pair.tuned, title=title)

# %% tags=["hide-input"]
caption = (
    f"Of the MATH-500 problems that k attempts of {pair.base} miss: the share that k attempts of {pair.tuned} reach, "
    f"and k other attempts of the frozen base, in expectation over all ways to choose them ({notes['pair']}). Bands: "
    f"95 %, {intervals_of(pair.expansion)}."
)
keep(figure, pair.expansion, folder, "10_pair_beside_null", caption)
you_should_see(*pair_sentences(pair))

# %% [markdown]
# The table behind it. `null run low` and `high`: single runs of "select, then try again" on the frozen base report
# between these shares, so one such run tells little.

# %%
show_table(pair.expansion.drop(columns=["problems", "interval"]))

# %% [markdown]
# **Exercise.** A paper reports: "At k = 128 our RL model solves 3 problems that the base never solved in 128 attempts."
# The base missed 19. What is missing from this sentence, and what would a re-drawn base be expected to solve?
#
# <details><summary>Answer</summary>
#
# What the frozen base itself would solve of those 19 in 128 fresh attempts. Nobody drew them, but the spread of its
# success rates foretells about six: `pair.foreseen`. So "3 newly reached" is not more than a frozen base; it is a
# single problem among the three, tested by itself, that can be more than luck.
#
# ```python
# print(pair.foreseen)
# ```
# </details>

# %% [markdown]
# ## One problem at a time
# An exact test for every problem over the whole set, which neither model selected, with the share of false discoveries
# held at 5 %. Below it the families that people test in practice: problems chosen *because* of what these very attempts
# showed. They name at least as many, and are exploratory.

# %%
found = real.pair_found()
keep_table(pair.reach, folder, "10_pair_reach")
keep_table(found, folder, "10_pair_found")

# %%
golds = {}
try:
    golds = {str(number): problem.gold for number, problem in enumerate(mb.load_problems("math-500"))}
except mb.MathbError as error:
    print(f"The golds are not here: {error}")
for row in pair.newly_reached.itertuples():
    print(f"index {row.problem}: {row.base_c} to {row.tuned_c} of {row.tuned_n}, gold {golds.get(row.problem, '?')}")

# %% [markdown]
# Look at the gold before calling a gain reasoning. Where one holds a currency sign or a thin space, "never solved" may
# be a matter of how the answer was written or read, and counts cannot tell.

# %% [markdown] tags=["exercise"]
# **Exercise 10.1.** In all 128 attempts the base missed the problems that only the tuned model reached, and those that
# neither did. If the frozen base's share at the largest k of the table above held for them, how many would fresh
# attempts of the base itself solve?
#
# <details><summary>Answer</summary>
#
# The share at the largest k times the number missed, some five: more than the tuned model newly reached.
# ```python
# print(missed, missed * pair.expansion.loc[pair.expansion["k"].idxmax(), "null"])
# ```
# </details>

# %%
missed = int(pair.reach.set_index("who").loc[["tuned only", "neither"], "problems"].sum())
check("10.1", ..., pair.expansion, missed)  # your answer in place of the dots

# %% [markdown]
# ## And at other k?

# %%
curves = real.pair_curves()
figure = mb.plot_pass_at_k(curves, by="name", title=titles.crossing_title(pair, curves, "MATH-500", notes["pair"]))

# %% tags=["hide-input"]
caption = (
    f"Mean pass@k on MATH-500 of {pair.base} and {pair.tuned} ({notes['pair']}). Bands: 95 %, "
    f"{intervals_of(curves)}."
)
keep(figure, curves, folder, "10_pair_pass_at_k", caption)
keep_table(real.pair_crossing(), folder, "10_pair_crossing")
you_should_see(crossing_sentence(pair))

# %% [markdown]
# ## Thirty models with 16 attempts each
# Epoch AI's logs of OTIS Mock AIME, 45 problems. Left: pass@1. Right: each model against itself, what 8 other attempts
# reach of what 8 attempts miss. Whoever reports a difference of reach has to beat the right-hand side.

# %%
ranking = real.otis_ranking()
label = "reached by 8 attempts of what 8 others miss"
figure = plot_ranking(ranking, null_label=label, title=titles.null_title(ranking, "OTIS Mock AIME", notes["otis"]))

# %% tags=["hide-input"]
caption = (
    "pass@1 on 45 OTIS Mock AIME problems of the runs with 16 attempts, and what a frozen model reaches of its own "
    f"misses at k = 8 ({notes['otis']}). Lines: 95 %, problems as a sample, BCa bootstrap."
)
keep(figure, ranking, folder, "10_otis_ranking", caption)
you_should_see(ranking_sentence(ranking, real.rank_intervals(ranking)))

# %% [markdown]
# Two pairs of one maker whose relation somebody states. With 8 attempts or fewer, k is small: there, to be sharper and
# to reach further are nearly one thing.

# %%
pairs = real.otis_pairs()
for compared, says in pairs:
    print(f"{compared.tuned} beside {compared.base}: {says}")
beyond = real.beyond_frozen([compared for compared, _ in pairs])
title = titles.beyond_title(beyond, "pairs", notes["otis"])
figure = plot_differences(
    beyond, by="name", x_label="reached beyond the frozen base, share of what it misses", title=title
)

# %% tags=["hide-input"]
caption = (
    "What the tuned model reaches of what k attempts of the base miss, less what k other attempts of the frozen base "
    f"reach, at the largest k that the attempts allow ({notes['otis']}). Lines: 95 %, problems as a sample, BCa "
    f"bootstrap of the ratio. {'; '.join(says for _, says in pairs)}."
)
keep(figure, beyond, folder, "10_otis_pairs", caption)
you_should_see(beyond_sentence(beyond))

# %% [markdown]
# ## Ten thousand attempts
# Pythia models at 128 MATH problems. Do real base models saturate?

# %%
curves = real.pythia_curves()
figure = mb.plot_pass_at_k(curves, by="name", title=titles.top_title(curves, "128 MATH problems", notes["pythia"]))

# %% tags=["hide-input"]
caption = (
    f"Mean pass@k of Pythia models on 128 MATH problems ({notes['pythia']}). Bands: 95 %, {intervals_of(curves)}."
)
keep(figure, curves, folder, "10_pythia_pass_at_k", caption)
you_should_see(top_end_sentence(curves))

# %% [markdown]
# What would an adaptive plan have taken? Ask in rounds up to 10,000 and stop at a problem once four attempts were
# correct. The attempts of these very counts, in random order, give the expected cost exactly.

# %% [markdown] tags=["prediction"]
# **Before you look.** By which factor would a plan that stops after four right answers have cut these ten thousand
# attempts: 1.2, 2, or 10? For which model most?

# %%
replayed = real.replayed_plan()
keep_table(replayed, folder, "10_pythia_plan")

# %% tags=["hide-input"]
you_should_see(replay_sentence(replayed))

# %% [markdown] tags=["exercise"]
# **Exercise 10.2.** Which share of its attempts does the plan save for the model for which it saves most?
#
# <details><summary>Answer</summary>
#
# `1 - 1 / replayed["ratio"].max()`.
# </details>

# %%
check("10.2", ..., replayed)  # your answer in place of the dots

# %% [markdown]
# And does one have to go to 10,000? `redraw_interval` refuses to speak about more attempts than were made; this is why.
# Fit how success rates are spread to the first attempts, and forecast.

# %% [markdown] tags=["prediction"]
# **Before you look.** From the first 1,000 attempts, how far off will a forecast of pass@10,000 be: one point, five,
# twenty? Too high or too low?

# %%
forecasts = real.forecasts()
figure = plot_forecasts(forecasts, title=titles.forecast_title(forecasts, notes["pythia"]))

# %% tags=["hide-input"]
caption = (
    "Share of 128 MATH problems solved in 10,000 attempts, foretold from the first 100 or 1,000 attempts (in five "
    f"random orders each), against what came true ({notes['pythia']}). Lines: 95 % prediction intervals, empirical "
    "Bayes; grey bars: what the first attempts alone had solved."
)
keep(figure, forecasts, folder, "10_pythia_forecast", caption)
you_should_see(forecast_sentence(forecasts))

# %% [markdown]
# `pass_at_k_beyond` does not pick one distribution: it keeps every zero-inflated Beta that explains the first attempts,
# tries itself on still fewer of them, and flags what not to rely on (`mathb passk counts.csv --beyond 10000`).

# %%
held_out = real.beyond_held_out()
keep_table(held_out, folder, "10_pythia_beyond")

# %% tags=["hide-input"]
you_should_see(held_out_sentence(held_out))

# %% [markdown]
# ## Too small to tell
# SFT beside RL on 30 GSM8K problems with 8 attempts each, at several stages of training.

# %%
stages = real.beyond_frozen(real.stage_pairs())
title = titles.beyond_title(stages, "RL stages", notes["stages"])
figure = plot_differences(
    stages, by="name", x_label="reached beyond frozen SFT, share of what it misses", title=title
)

# %% tags=["hide-input"]
caption = (
    "What RLVR reaches of what 4 attempts of SFT miss, less what 4 other attempts of the frozen SFT model reach, on 30 "
    f"GSM8K problems ({notes['stages']}). Lines: 95 %, problems as a sample, BCa bootstrap of the ratio."
)
keep(figure, stages, folder, "10_stages", caption)
you_should_see(
    beyond_sentence(stages),
    f"4 attempts of SFT miss {stages['missed'].min():.1f} to {stages['missed'].max():.1f} of 30 problems in "
    f"expectation: one of them more or less is about {percent(1 / stages['missed'].mean())} of what there is to reach.",
)

# %% [markdown]
# ## What counts cannot tell
# Whether an attempt was cut short, how its answer was found, what guessing is worth, and who spent more tokens: for
# these the attempts themselves are needed. `mathb import` reads logs with texts, and `mathb compare` then fills this
# table ([how](../docs/how-do-i.md#my-checkpoint)). Of the 7B pair there are counts only.

# %%
keep_table(pair.confounds, folder, "10_pair_confounds")

# %% tags=["hide-input"]
you_should_see(confounds_sentence(pair.confounds), settings_sentence(*pair.settings))

# %% [markdown]
# Of one pair in Epoch's logs the first completions are here. The prompt asked for a last line `ANSWER: n`, not for a
# box. "explains" is what of the difference is gone when the same completions are read by another rule.

# %%
completions = real.judged_completions()
lineage = real.lineage_with_texts(completions) if completions else None
if lineage:
    readings = real.confounds_of_texts(completions, lineage)
    print(f"{lineage.tuned.rpartition('/')[2]} beside {lineage.base.rpartition('/')[2]}; {notes['otis']}")
    keep_table(readings, folder, "10_otis_confounds")
    you_should_see(confounds_sentence(readings))
else:
    print("The completions are not here: without them nothing more can be told.")

# %% [markdown]
# ## Next
# Your own counts: `mathb compare base tuned --in counts.csv`. The same questions with everything at hand, down to the
# completions: [notebook 03](03_rl_models_on_math_b.ipynb).
