# %% [markdown]
# # 00 · Start here
#
# Reinforcement learning (RL) makes language models better at mathematics. Does it teach them something new, or only to
# say more often what their base could say already? This course asks that of models so small that two CPU cores sample
# hundreds of thousands of their attempts in minutes.
#
# **You will see** a map of the notebooks, sixty-four attempts of a tiny language model at one problem, what becomes of
# "solved" when it may try more than once, and where everything is kept.
#
# **Time** Seconds.
#
# **Profile** `mini` (tiny models that ship with this project; the default). A profile is one study: its models, problem
# sets and number of attempts; the next cell changes it, and `quick` takes fewer attempts. Here it only decides which
# model tries which problem.

# %% tags=["parameters"]
profile: str = "mini"  # which models, sets and plan; see `mathb reproduce --help`
quick: bool = False  # fewer attempts (k up to 256); figures then stay in runs/
rehearse: bool = False  # tiny models act under the names of the profile's models; captions say so

# %%
import mathb_kit as mb
from mathb_kit import sentences
from mathb_kit.course import check
from mathb_kit.places import as_told
from mathb_kit.plots import course
from mathb_kit.widgets import show_table

study = mb.load_profile(profile, quick=quick, rehearse=rehearse)
print(study.note)

# %% [markdown]
# ## The question
# A **base** model is tuned by RL on problems whose answers can be checked. Afterwards one attempt is right more often:
# *pass@1* rises. Give the base many attempts, though, and it often finds the answer too. So there are two stories:
#
# - **Sharpening**: the tuned model says at once what its base says now and then.
# - **Expansion**: it solves problems that its base does not solve however often it tries.
#
# The paper [MATH-Beyond](https://arxiv.org/abs/2510.11653) built a set of problems that base models do not solve in
# 1,024 attempts, so that only expansion can score on it. All words are in the [glossary](../docs/glossary.md).

# %% [markdown]
# ## The map

# %%
figure = course.plot_course_map()

# %% tags=["hide-input"]
above = sum(row == 0 for *_, row in course.STATIONS)
sentences.you_should_see(
    f"{len(course.STATIONS)} notebooks. The {above} of the upper row are read from left to right; each of the others "
    "wants only what an arrow brings to it."
)

# %% [markdown]
# Times are minutes on two CPU cores with the profile `mini`; 01 to 03 were measured together.
#
# | notebook | its question | best after | time |
# |---|---|---|---|
# | [01](01_base_model_saturation.ipynb) | Do bases solve nearly all with enough attempts? Is it luck? | 00 | 4:51 |
# | [02](02_building_math_b.ipynb) | What is left after 1,024 attempts, and is that impossible? | 01 | with 01 |
# | [03](03_rl_models_on_math_b.ipynb) | Do tuned models reach what their base does not? | 02 | with 01 |
# | [04](04_verifiers_under_the_lens.ipynb) | Who says that an answer is right, and is it? | 01 | minutes |
# | [05](05_pass_at_k_from_first_principles.ipynb) | What does pass@k estimate? | 01 | minutes |
# | [06](06_curating_a_pool.ipynb) | What do filters take, and what does a clean pool buy? | 02 | minutes |
# | [07](07_rl_lab.ipynb) | What does RL change, step by step? | 03 | minutes |
# | [08](08_what_expands.ipynb) | Which RL objective reaches further? | 07 | minutes |
# | [09](09_the_released_table.ipynb) | What do the paper's own released data show? | 03 | minutes |
# | [10](10_real_models.ipynb) | And real models, sampled elsewhere, beside their null? | 09 | minutes |
# | [11](11_rl_on_a_real_model.ipynb) | What does RL make of a real model, on two cores? | 10 | half an hour |
#
# Once 01 to 03 have run, all of them again take 0:58, because what was sampled is stored.
#
# Besides, [quick_experiment](quick_experiment.ipynb): five cells for any model and any set. Prerequisites: some Python,
# what a probability is; no GPU and no experience with language models.

# %% [markdown]
# ## How to run them
# From the folder that holds `README.md`:
# ```bash
# ./reproduce.sh             # makes .venv the first time, then runs 01 to 03 and draws their figures
# ./reproduce.sh course      # all notebooks
# .venv/bin/jupyter lab notebooks/00_start_here.ipynb    # read and run them yourself, a cell at a time
# ```
#
# `./reproduce.sh` leaves each notebook with its outputs as a page in `runs/`. Cells that sample say how far they are; a
# run that was stopped goes on where it was, because what was sampled is kept.

# %% [markdown]
# ## A first experiment
# One problem and its **gold**, the reference answer.

# %%
model = study.model(study.bases[0])
problem = study.problems(study.sets[0])[0]
print(f"{problem.statement}   gold {problem.gold}")

# %% [markdown]
# Now the model tries. An **attempt** is one completion, sampled at random like any text of a language model; the same
# prompt gives another one each time. A **draw** is a named sequence of attempts: this one is called `first-look`, and
# another name would give fresh attempts.

# %% [markdown] tags=["prediction"]
# **Before you look.** Sixty-four attempts of one model at one problem. Will their answers be alike? How many do you
# expect to be right? Write a number down.

# %%
plan = mb.Plan.fixed(64)
tried = mb.evaluate(model, [problem], plan, draw="first-look", engine=study.engine)
show_table(tried.completions(problem, count=6))

# %% [markdown]
# `answer` is what was read from the text: what stands in its last `\boxed{...}`. `verdict` is what the grader says of
# answer and gold.

# %% tags=["hide-input"]
sentences.you_should_see(sentences.counts_sentence(tried.outcomes))

# %% [markdown]
# ## More than one try
# How likely is at least one correct answer, if the model may try k times? That is **pass@k**, the measure of this
# whole course.

# %% [markdown] tags=["prediction"]
# **Before you look.** The share above is right at one attempt. With how many attempts, do you think, is at least one
# right nine times out of ten? Draw the curve from 1 to 64 in the air, then run the cell.

# %%
curve = mb.pass_at_k_curve(tried.outcomes, [1, 2, 4, 8, 16, 32, 64], by=["name"])
figure = mb.plot_pass_at_k(curve, by="name", title=f"One problem, {plan.n_max} attempts", y_label="pass@k")

# %% tags=["hide-input"]
sentences.you_should_see(sentences.ends_sentence(curve, "name"))

# %% [markdown]
# With $c$ correct among $n$ attempts, pass@k is the share of all choices of $k$ attempts that hold a correct one:
# $1 - \binom{n-c}{k} / \binom{n}{k}$. [Notebook 05](05_pass_at_k_from_first_principles.ipynb) says why.

# %% [markdown]
# ## Where it went
# Attempts, answers and verdicts are in the **store**, a folder that all notebooks share. So the same question asked
# again costs nothing:

# %%
again = mb.evaluate(model, [problem], plan, draw="first-look", engine=study.engine)
print(f"store: {as_told(again.draw.store.root)}\nfigures of this profile: {as_told(mb.report.figures_folder(study))}")

# %% tags=["hide-input"]
same = again.outcomes["c"].equals(tried.outcomes["c"])
sentences.you_should_see(
    f"The second call sampled {again.new_tokens:,} tokens; its count of correct attempts is "
    f"{'the same' if same else 'another'}. `mathb store counts` lists what is there."
)

# %% [markdown]
# ## What the miniature is and is not
# It **is** real: networks of about 100,000 parameters that write text token by token, problems in LaTeX, golds that
# come from the numbers drawn. Everything after the sampling is the code that large models use, too.
#
# It is **not** evidence about large models. Arithmetic at this size has its own reasons to be hard, and no number here
# confirms or refutes one of the paper; those are shown apart, as published.
# [More of this](../docs/what-the-miniature-shows.md#what-the-miniature-is-and-is-not).

# %% [markdown]
# ## Exercise
# A fresh draw of 64 attempts at the same problem: will it have the same number of correct ones? And what if no attempt
# of a draw is correct, is the problem then beyond the model?
#
# <details><summary>Answer</summary>
#
# Hardly ever exactly the same: the count is random, about $\sqrt{n\,p\,(1-p)}$ up or down. For the same reason
# "0 of 64" is one draw's result and not a property of the model: a success rate of 1 in 100 gives it every second time
# ($0.99^{64} = 0.53$). The whole course is about not being fooled by this.
# ```python
# fresh = mb.evaluate(model, [problem], plan, draw="second-look", engine=study.engine)
# print(tried.outcomes["c"].item(), "and", fresh.outcomes["c"].item(), "of", plan.n_max)
# ```
# </details>

# %% [markdown] tags=["exercise"]
# **Exercise 00.1.** A model is right once in 100 attempts. How likely is it that 64 attempts are all wrong?
#
# <details><summary>Answer</summary>
#
# $0.99^{64} = 0.53$: every second draw of 64 finds nothing.
# </details>

# %%
check("00.1", ...)  # your answer in place of the dots

# %% [markdown] tags=["exercise"]
# **Exercise 00.2.** What is your best estimate of this model's pass@1 at this problem? `tried.outcomes` has `n`, the
# attempts, and `c`, the right ones.
#
# <details><summary>Answer</summary>
#
# `tried.outcomes["c"].item() / tried.outcomes["n"].item()`: with a fixed number of attempts the share of right ones is
# unbiased.
# </details>

# %%
check("00.2", ..., tried.outcomes)  # your answer in place of the dots

# %% [markdown]
# ## Next
# [01 · How far do base models get with enough attempts?](01_base_model_saturation.ipynb)
