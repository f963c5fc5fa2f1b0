# %% [markdown]
# # 11 · RL on a real language model
#
# The miniature learns arithmetic with RL in a minute. What does the same loop do to a language model that others
# trained, on word problems that others wrote, on two processor cores? SmolLM2-135M hardly ever boxes an answer, so RL
# has nothing to start from: a short **supervised start** on training solutions makes a base of our own. From there
# GRPO, with two seeds, trains a low-rank adapter (LoRA) beside the weights, which stay as they are.
#
# **You will see** how training went; pass@1 and pass@k on held-out problems beside what guessing is worth; whether RL
# reached beyond the *frozen* start, with its re-draws; and how much of the gain is only form: a box, an ending.
#
# **Time** The adapters ship, so nothing is trained here; sampling on two cores takes about half an hour the first time
# and nothing later. The problems (SVAMP) come from the folder that `MATHB_DATA_DIR` names, the model's weights by
# themselves.
#
# **Profile** `real-rl`; `quick` takes a fifth of the problems and 16 attempts.

# %% tags=["parameters"]
profile: str = "real-rl"  # start, tuned models, problems and plan
quick: bool = False  # fewer problems and attempts; figures then stay in runs/

# %%
import mathb_kit as mb
from mathb_kit import sentences
from mathb_kit.course import check, keep, keep_table
from mathb_kit.lab import word_problems
from mathb_kit.places import as_told
from mathb_kit.plots.scoreboard import plot_training
from mathb_kit.widgets import browse_completions, show_table

study = mb.load_profile(profile, quick=quick)
folder = mb.report.figures_folder(study)
mb.models.fetch_small(study.bases)
results = mb.results.StudyResults(study)
problems = study.problems(study.sets[0])
print(f"{study.note}\nplan: {study.plan}\n{problems.name}: {problems.note} problems\nfigures: {as_told(folder)}")

# %% [markdown]
# ## What was trained
# The recipes, fixed before any attempt at a held-out problem was looked at. `distillation` clones written solutions:
# the equation that ASDiv writes down, and the answer in a box. RL then sees MAWPS, which has answers only. Whatever is
# a problem of SVAMP, up to typing or in other words, was left out of both. The base's weights are the 4-bit ones of a
# package, so that no model hub is needed.

# %%
show_table(word_problems.recipe_table())

# %% [markdown]
# Training as it went. Reward is the share of right attempts at training problems; KL is measured to the start.

# %%
logs = word_problems.shipped_logs(study.tuned)
ends = word_problems.ends_of(logs)
about = f"GRPO from {study.bases[0]} on MAWPS, {len(logs)} seeds; means over five steps"
figure = plot_training(logs, title=sentences.titles.training_title(ends, about, study.note))

# %% tags=["hide-input"]
training = word_problems.joined_logs(logs)
caption = (
    f"Training of the tuned models of profile {study.name} on MAWPS, from the logs that ship with the adapters: "
    "means over five steps."
)
keep(figure, training, folder, "11_training", caption)

# %%
keep_table(ends, folder, "11_training_ends", float_format="%.4g")

# %% [markdown]
# ## pass@k on problems that nobody was trained on
# Everybody meets the same held-out problems of SVAMP. Chance: the start's own answers held against golds of *other*
# problems with as many digits, and uniform guessing among the numbers with as many digits. Golds here are short: where
# guessing solves as much as a model, its attempts at that k show no mathematics.

# %% [markdown] tags=["prediction"]
# **Before you look.** RL raised the reward on training problems. On problems that nobody was trained on, will pass@1
# rise? And pass@k at the largest k?

# %%
curves = results.on_first_set_curves  # mb.pass_at_k_curve(outcomes, study.ks, by=["name"])
differences = results.differences  # mb.statistics.paired_difference(base outcomes, tuned outcomes, [1, k])
title = sentences.titles.both_ends_title(differences, f"{len(problems)} problems of {problems.name}", study.note)
figure = mb.plot_pass_at_k(curves, by="name", title=title)

# %% tags=["hide-input"]
caption = (
    f"Mean pass@k on the first {len(problems)} problems of {problems.name} ({study.note}); chance: the start's answers "
    f"held against golds of other problems with as many digits, {study.chance} attempts each. Bands: 95 %, problems as "
    "a sample."
)
keep(figure, curves, folder, "11_pass_at_k", caption)
sentences.you_should_see(sentences.ends_sentence(curves, "name"))

# %% [markdown]
# The same as differences of the curves' ends, problem by problem.

# %%
keep_table(differences, folder, "11_differences")

# %% tags=["hide-input"]
sentences.you_should_see(sentences.differences_sentence(differences))

# %% [markdown]
# ## Beyond the frozen start?
# A draw of its own of the start says which problems it leaves unsolved in all its attempts. Of these, what do the tuned
# models reach, and what does the very same start reach by trying again? Words are in the
# [glossary](../docs/glossary.md#a-tuned-model-beside-its-base).

# %% [markdown] tags=["prediction"]
# **Before you look.** Of the problems that the start left unsolved in all its attempts, who will reach more: the models
# tuned by RL, or the very same start that tries again?

# %%
beside_redrawn, power = results.beside_redrawn, results.power
title = sentences.titles.power_title(beside_redrawn, power, study.note)
figure = mb.plots.plot_beside_redrawn(beside_redrawn, power, title=title)

# %% tags=["hide-input"]
keep(figure, beside_redrawn, folder, "11_beside_redrawn", sentences.beside_redrawn_caption(study))
keep_table(power, folder, "11_power")
sentences.you_should_see(*sentences.beside_redrawn_sentences(results))

# %% [markdown]
# ## Form or reasoning?
# Each row reads the same attempts by another rule. What a rule "explains" is what of the difference is gone under it:
# attempts that were cut, a box in another place, a last number without a box, luck, length.

# %%
readings = results.form_of_gains
keep_table(readings, folder, "11_form")

# %% tags=["hide-input"]
sentences.you_should_see(
    *(f"{name}: {sentences.confounds_sentence(table)}" for name, table in readings.groupby("tuned_model", sort=False))
)

# %% [markdown]
# ## What it writes
# Choose a problem where widgets work.

# %%
browse_completions(results.on_first_set[next(iter(study.tuned))])

# %% [markdown]
# **Exercise.** The reward during training rose. Does that alone say that held-out pass@1 rose, and if that rose, that
# the model reaches problems that its start could not?
#
# <details><summary>Answer</summary>
#
# Neither. Reward is measured on training problems, which come again, and under a policy that sharpens. pass@1 on
# held-out problems is the first question, reach at the largest k beside the re-drawn start the second; the tables above
# answer them one by one.
# ```python
# print(differences[["tuned", "k", "difference", "low", "high"]])
# print(beside_redrawn[["tuned", "of", "reached", "redrawn", "low", "high"]])
# ```
# </details>

# %% [markdown] tags=["exercise"]
# **Exercise 11.1.** A start puts an answer into a box in 40 % of its attempts, and half of these boxes are right. RL
# makes it box in 80 %; still half of the boxes are right. By how much did pass@1 rise?
#
# <details><summary>Answer</summary>
#
# From $0.4 \cdot 0.5 = 0.20$ to $0.8 \cdot 0.5 = 0.40$, by 0.20, and nothing of it is mathematics: it ends its
# sentences. That is why *form* has a table of its own above.
# </details>

# %%
check("11.1", ...)  # your answer in place of the dots

# %% [markdown] tags=["exercise"]
# **Exercise 11.2.** A weight matrix of 576 times 576 numbers gets a low-rank adapter (LoRA) of rank 8. How many numbers
# are trained for it?
#
# <details><summary>Answer</summary>
#
# Two factors of 576 times 8: $2 \cdot 576 \cdot 8 = 9216$, beside 331,776 that stay as they are.
# </details>

# %%
check("11.2", ...)  # your answer in place of the dots

# %% [markdown]
# ## Next
# Train your own: `mathb lab train --lora 8 --from smollm2-words --on mawps`
# ([how](../docs/how-do-i.md#my-objective)). What the objectives are is in
# [notebook 07](07_rl_lab.ipynb).
