# %% [markdown]
# # Quick experiment: one model, one set, five cells
#
# What can this model do with many attempts? Any model by name (`mathb models`), hub id, checkpoint folder, `.gguf` file
# or adapter folder; any set by name (`mathb problems`) or file.
#
# **You will see** counts, pass@k with its interval, and what the model wrote at the problem that it finds hardest.
#
# **Time** Seconds with a miniature; some minutes on two cores with a real language model of 135 million parameters, by
# one changed word: `model = "smollm2-135m"`. Larger ones want a GPU.
#
# **Profile** None: the next cell names model, set and attempts.

# %% tags=["parameters"]
model: str = "mini-base-1"  # what you want to know about
problems: str = "mini-aime"  # on which problems
first: int = 6  # problems taken from the set
attempts: int = 32  # most attempts at each
engine: str = "transformers"  # what samples; vllm on a GPU
most_tokens: int = 512  # of an attempt, where the model's own limit is larger: real ones are at 2,048 and more

# %%
import mathb_kit as mb
from mathb_kit import sentences
from mathb_kit.widgets import show_table

mb.models.fetch_small([model])  # a small real model comes by itself
chosen = mb.get_model(model)
if chosen.sampling.max_tokens > most_tokens:
    chosen = mb.models.asked(chosen, max_tokens=most_tokens)
chosen_problems = mb.load_problems(problems)[:first]
print(f"{chosen.name} on {chosen_problems.name} ({chosen_problems.note})")

# %%
plan = mb.Plan.up_to(attempts)
result = mb.evaluate(chosen, chosen_problems, plan, engine=mb.sampling.get_engine(chosen, engine))
sentences.you_should_see(sentences.counts_sentence(result.outcomes))
show_table(result.outcomes[["n", "c", "no_answer", "grader_failed", "truncated", "tokens"]].sum().to_frame().T)

# %% [markdown]
# **pass@k** is the chance that at least one of k attempts is correct, averaged over the problems
# ([glossary](../docs/glossary.md#estimating)).

# %%
curve = mb.pass_at_k_curve(result.outcomes, [1, *plan.rounds], by=["name"])
title = f"{chosen.name} on {chosen_problems.name}, up to {attempts} attempts"
figure = mb.plot_pass_at_k(curve, by="name", title=title)
sentences.you_should_see(sentences.ends_sentence(curve, "name"))
show_table(curve)

# %%
hardest = {problem.key: problem for problem in chosen_problems}[result.outcomes.set_index("problem")["c"].idxmin()]
print(hardest.statement, "  gold", hardest.gold)
show_table(result.completions(hardest, count=5))

# %% [markdown]
# **Exercise.** The plan stops asking at a problem that was solved a few times. Is `c / n` over all attempts above then
# the same as pass@1?
#
# <details><summary>Answer</summary>
#
# No. Hard problems get more attempts than easy ones, so `c / n` over all attempts weighs them more and comes out too
# low, while pass@1 weighs all problems alike. (And on a single problem, stopping because of luck makes `c / n` too
# high; counting paths repairs that.)
# ```python
# print(result.outcomes["c"].sum() / result.outcomes["n"].sum(), "and", curve["estimate"].iloc[0])
# ```
# </details>

# %% [markdown]
# ## Next
# [01 · How far do base models get with enough attempts?](01_base_model_saturation.ipynb) does this for a whole study;
# the map of all notebooks is in [00 · Start here](00_start_here.ipynb).
