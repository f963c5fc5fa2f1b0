# %% [markdown]
# # 07 · The RL lab: what outcome reward does to a model
#
# A production stack of RL needs GPUs, and teaching code stops at a falling loss. Here a language model of 10^5
# parameters is trained on the verdicts of its own attempts while you watch: what does that change in it?
#
# **You will see** a group of attempts become advantages; GRPO written from its first line to its learning curve, in
# thirty lines that hide nothing; a live run of the library's; the modes of solution shift from step to step; every
# problem before against after, with the completions to browse; and what OREAL's token reward model makes of single
# tokens. An exercise each. Whether RL makes *new* problems solvable is the question of notebook 08.
#
# **Time** The training at the default parameters takes about two minutes, the one by hand one more; the rest is
# minutes, too. A finished run of the library's is read again, never trained again.
#
# **Profile** `mini`, always: the tiny models. The next cell chooses the objective and the seed; `quick` trains a fifth
# of the steps, with which little is learned. Words are in the [glossary](../docs/glossary.md#the-rl-lab).

# %% tags=["parameters"]
profile: str = "mini"  # the call that this notebook belongs to; it always uses the tiny models
quick: bool = False  # a fifth of the training: everything runs, little is learned
objective: str = "grpo"  # try raft, nsr, pass-at-k, oreal, ...: `mathb lab objectives` lists them
seed: int = 1  # a finished run is read; another seed trains anew

# %%
import pandas as pd

import mathb_kit as mb
from mathb_kit.course import LiveCurves, check, keep
from mathb_kit.lab.many import train_all
from mathb_kit.lab.objectives import get_objective
from mathb_kit.lab.run import Run
from mathb_kit.lab.run_folder import read_log
from mathb_kit.lab.token_credit import learn_credit
from mathb_kit.places import as_told, lab_root
from mathb_kit.plots.scoreboard import plot_token_credit, plot_training
from mathb_kit.sentences import changes_sentence, modes_sentence, percent, you_should_see
from mathb_kit.widgets import browse_completions, show_table

base = mb.get_model("mini-base-1")
steps, by_hand, k = (20, 10, 16) if quick else (100, 60, 64)
folder = lab_root() / "notebook-07"
figures = folder / "figures"
choices = {"base": "mini-base-1", "prompts": 8, "group": 16, "seed": seed}
print(f"{objective} from {base.name}, {steps} steps of 8 problems with 16 attempts each; kept in {as_told(folder)}")

# %% [markdown]
# ## 1. A group of attempts, and what becomes of it
# The model tries one training problem 16 times: a *group*. The grader says right or wrong, the *reward* 1 or 0, and
# nothing else is known.

# %%
problem = mb.load_problems("mini-train")[130]
tried = mb.evaluate(base, [problem], mb.Plan.fixed(16), draw="lab")
group = tried.completions(problem, 16)[["text", "verdict"]]
print(problem.statement, "  gold", problem.gold)
show_table(group.head(8))

# %% [markdown]
# How good is an attempt? Good *compared with what*? There is no value network that would know what to expect; an
# attempt is judged against the other attempts at its problem. Two ways of doing so, side by side: its reward less the
# mean of the others (*leave one out*), and its reward less the mean of all, in units of their spread (GRPO's
# *advantage*).

# %%
import torch

from mathb_kit.lab.objectives.batch import leave_one_out, standardized

rewards = (torch.tensor((group["verdict"] == "correct").tolist())).float()
same = torch.zeros(16, dtype=torch.long)
group = group.assign(reward=rewards, leave_one_out=leave_one_out(rewards, same), grpo=standardized(rewards, same))
show_table(group.groupby("verdict")[["reward", "leave_one_out", "grpo"]].first().reset_index())

# %% tags=["hide-input"]
mixed = 0 < rewards.sum() < len(rewards)
you_should_see(
    f"{int(rewards.sum())} of {len(rewards)} attempts are right: "
    + ("there are both, the group is *mixed*." if mixed else "all verdicts are the same, the group is not *mixed*."),
    f"The advantages add up to {abs(group['leave_one_out'].sum()):.2f} and {abs(group['grpo'].sum()):.2f}: what right "
    "attempts gain, wrong ones lose. In a group that is not mixed all are 0, and nothing is learned from its tokens.",
)

# %% [markdown]
# The *objective* makes a loss of it: one function from log-probabilities, rewards and groups. Its documentation has the
# formula, says where it comes from, and where it departs from its source.

# %%
loss = get_objective(objective).loss
print(getattr(loss, "func", loss).__doc__)

# %% [markdown]
# **Exercise.** All 16 attempts are right. What is the gradient of GRPO, of RAFT (cloning of right attempts), and of NSR
# (negative-only reinforcement: wrong attempts are pushed off, right ones ignored)?
#
# <details><summary>Answer</summary>
#
# RAFT goes on cloning what is right already; the other two have nothing to say about a problem that is solved. Two
# attempts with two tokens each show it:
# ```python
# from mathb_kit.lab.objectives import OBJECTIVES, Batch
# for name in ("grpo", "raft", "nsr"):
#     log_probs = torch.full((2, 2), -0.5, requires_grad=True)
#     batch = Batch(log_probs, log_probs.detach(), torch.ones(2), torch.ones(2, 2), torch.zeros(2, dtype=torch.long))
#     OBJECTIVES[name].loss(batch).backward()
#     print(name, log_probs.grad.tolist())
# ```
# </details>

# %% [markdown] tags=["exercise"]
# **Exercise 07.2.** One of sixteen attempts is right. What is its advantage in GRPO?
#
# <details><summary>Answer</summary>
#
# ```python
# one = torch.zeros(16)
# one[0] = 1
# print(standardized(one, same)[0])
# ```
# 3.75: the rarer a success, the stronger it pulls.
# </details>

# %%
check("07.2", ...)  # your answer in place of the dots

# %% [markdown]
# ## 2. GRPO from the first line
# What the thirty lines below want from the library is a model that can be asked (`bench`): graded attempts, and the
# log-probability of every token of them. The rest stands here.
#
# A right attempt of a mixed group is pulled up, a wrong one pushed down. But the attempts were sampled by the policy as
# it *was*; the further an update moves it, the less they say. So nothing is paid for moving a token's probability
# beyond the *clip*.

# %%
from mathb_kit.plots import diagrams

figure = diagrams.plot_what_grpo_moves()

# %% [markdown]
# In symbols: of $G$ attempts at a problem, attempt $i$ has reward $r_i$ and $T_i$ tokens $y_{i,t}$; $\bar r$ and $s$
# are mean and standard deviation of the rewards, $\pi$ is the policy, $\epsilon$ the clip. Advantage, ratio and loss:
#
# $$A_i = \frac{r_i - \bar r}{s + 10^{-4}}, \quad \rho_{i,t} = \frac{\pi(y_{i,t})}{\pi_{\mathrm{old}}(y_{i,t})}, \quad
# L = -\frac{1}{G} \sum_{i=1}^{G} \frac{1}{T_i} \sum_{t=1}^{T_i} \min(\rho_{i,t} A_i,
# \mathrm{clip}(\rho_{i,t}, 1 - \epsilon, 1 + \epsilon) A_i)$$
#
# where $\pi(y_{i,t})$ is the probability of that token after the prompt and the tokens before it.

# %%
def advantages(rewards, groups):
    """How much better an attempt did than all at its problem, in units of their spread."""
    result = torch.zeros_like(rewards)
    for group in groups.unique():
        mine = groups == group
        result[mine] = (rewards[mine] - rewards[mine].mean()) / (rewards[mine].std() + 1e-4)
    return result


def grpo_loss(log_probs, old_log_probs, advantage, mask, clip=0.2):
    """Rows are attempts, columns their tokens; mask is 1 on tokens and 0 behind the end."""
    ratio = torch.exp(log_probs - old_log_probs)  # 1 as long as the policy is the one that sampled
    paid = ratio * advantage[:, None]
    at_most = ratio.clamp(1 - clip, 1 + clip) * advantage[:, None]
    per_attempt = (torch.minimum(paid, at_most) * mask).sum(1) / mask.sum(1)
    return -per_attempt.mean()

# %% [markdown]
# Is that GRPO? Held against the library's objective on real attempts, with log-probabilities moved at random so that
# some ratios lie beyond the clip: the loss, and its gradient by every token.

# %%
from mathb_kit.lab.by_hand import Workbench
from mathb_kit.lab.objectives import OBJECTIVES, Batch

bench = Workbench.of(base)
training = list(mb.load_problems("mini-train"))
drawn = bench.attempts(training[:8], group=16, seed=seed)
old = bench.log_probs(drawn).detach()
moved = (old + 0.3 * torch.randn(old.shape, generator=torch.Generator().manual_seed(seed))).requires_grad_()
mine = grpo_loss(moved, old, advantages(drawn.rewards, drawn.groups), drawn.mask)
theirs = OBJECTIVES["grpo"].loss(Batch(moved, old, drawn.rewards, drawn.mask, drawn.groups))
by_token = [torch.autograd.grad(loss, moved)[0] for loss in (mine, theirs)]
off = max(abs(mine - theirs).item(), (by_token[0] - by_token[1]).abs().max().item())
assert off < 1e-6
print(f"loss {mine:.6f} and {theirs:.6f}; loss and {moved.numel():,} gradients differ by {off:.0e} at most")

# %% [markdown]
# And `bench.log_probs`? The network reads an attempt once, from the prompt on, and scores at every place all tokens
# that could come *next*: the scores in front of a token say how likely it was. Here for the first attempt:

# %%
prompt, written = drawn.rollouts.prompts[0], drawn.rollouts.completions[0]
ids = torch.tensor([prompt + written])
of_next = bench.network(ids).logits[0, :-1].log_softmax(-1)  # a row per place, a column per token of the vocabulary
of_written = of_next.gather(1, ids[0, 1:, None])[-len(written) :, 0]  # the column of the token that did come
assert (of_written - old[0, : len(written)]).abs().max() < 1e-4
tokens = bench.engine.tokenizer.convert_ids_to_tokens(written)
show_table(pd.DataFrame({"token": tokens, "probability": of_written.exp().detach().numpy()}))

# %% [markdown]
# Now the loop: draw problems, try each eight times, update twice (in the second the ratio is no longer 1), look. Ten
# *probe problems* of a harder set are tried now and then and never trained on: how many does one of 16 attempts solve?

# %% [markdown] tags=["prediction"]
# **Before you look.** Five curves will grow: mean reward, share of mixed groups, entropy, distance from the base (KL),
# and probe problems reached. Which will rise, and which fall?

# %%
import random

rng, probes = random.Random(seed), mb.load_problems("mini-aime")[::3]
optimizer = torch.optim.AdamW(bench.network.parameters(), weight_decay=0.0)


def probe(step):
    return {"step": step, "reached": bench.reached(probes), "probes": len(probes)}


with LiveCurves(f"GRPO by hand, from {base.name}") as live:
    live.add(probe(0))
    for step in range(1, by_hand + 1):
        drawn = bench.attempts(rng.sample(training, 16), group=8, seed=100 * seed + step)
        advantage, old = advantages(drawn.rewards, drawn.groups), bench.log_probs(drawn).detach()
        row = bench.report(step, drawn)
        optimizer.param_groups[0]["lr"] = 1e-3 * min(1, step / 10)  # gently at first
        for _ in range(2):
            loss = grpo_loss(bench.log_probs(drawn), old, advantage, drawn.mask)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(bench.network.parameters(), 1.0)
            optimizer.step()
        live.add(row | (probe(step) if step % 10 == 0 else {}))

# %% tags=["hide-input"]
rows = live.log.dropna(subset="reward")
reached = live.log.dropna(subset="reached")
early, late = rows.head(5).mean(numeric_only=True), rows.tail(5).mean(numeric_only=True)
you_should_see(
    f"From the first five steps to the last the mean reward goes from {early['reward']:.2f} to {late['reward']:.2f}, "
    f"the entropy from {early['entropy']:.3f} to {late['entropy']:.3f} nats, the KL to {late['kl']:.3f}.",
    f"Mixed groups go from {percent(early['mixed'] / early['groups'])} to {percent(late['mixed'] / late['groups'])}.",
    f"Of {len(probes)} probe problems 16 attempts reach {reached['reached'].iloc[0]:.0f} before training and "
    f"{reached['reached'].iloc[-1]:.0f} after it: ten problems can show a collapse, not a small change.",
)

# %% [markdown] tags=["exercise"]
# **Exercise 07.1.** Change one thing: write `leave_one_out_by_hand(rewards)` for a single group, the reward less the
# mean of the *other* attempts (RLOO's advantage).
#
# <details><summary>Answer</summary>
#
# ```python
# def leave_one_out_by_hand(rewards):
#     others = (rewards.sum() - rewards) / (len(rewards) - 1)
#     return rewards - others
# ```
# Put in for `advantages`, group by group, it makes RLOO of the loop above, but for the clip.
# </details>

# %%
check("07.1", ...)  # your answer in place of the dots

# %% [markdown]
# ## 3. Train
# A step: draw problems, sample attempts (*rollouts*) at temperature 1 from the whole distribution, grade them, update.
# Where the loss is clipped, two updates per batch of rollouts, else clipping never acts. The log has a row per step.
# From here on the library does it: the same lines, with budgets, resuming, and every objective.

# %%
run = Run.of(objective, to=folder / f"{objective}-{seed}-{steps}", steps=steps, **choices)
with LiveCurves(f"{objective} from {base.name}") as live:  # a finished run is only read: then nothing grows
    trained = run.train(watch=live.add)
log = read_log(trained)
figure = plot_training({objective: log}, title=f"{objective} from {base.name}, seed {seed}")

# %% tags=["hide-input"]
caption = (
    f"One run of {objective} from {base.name} ({steps} steps, seed {seed}): mean reward of the attempts sampled, "
    "entropy, KL to the base, tokens per attempt; running means of five steps."
)
keep(figure, log, figures, "07_training", caption)
begin, end = log.head(5).mean(numeric_only=True), log.tail(5).mean(numeric_only=True)
you_should_see(
    f"From the first five steps to the last the mean reward goes from {begin['reward']:.2f} to {end['reward']:.2f}.",
    f"The *entropy*, how open the choice of a next token is, goes from {begin['entropy']:.3f} to {end['entropy']:.3f} "
    f"nats; the *KL*, how far the model has moved from its base, from {begin['kl']:.3f} to {end['kl']:.3f}.",
    f"Of {log['groups'].sum():,.0f} groups {percent(log['mixed'].sum() / log['groups'].sum())} were mixed, "
    f"{percent(begin['mixed'] / begin['groups'])} at first and {percent(end['mixed'] / end['groups'])} at last. Where "
    "an objective compares within a group, the others cost tokens and taught nothing.",
)

# %% [markdown]
# Where the time goes, on this machine:

# %% tags=["measured"]
seconds = log[["sampling", "grading", "update"]].sum()
(100 * seconds / seconds.sum()).round().astype(int).to_frame("% of the time").T

# %% [markdown]
# ## 4. Which way of solving it takes
# The base mixes three ways of writing a solution, *modes*: carefully, directly, and sloppily (which drops carries).
# Every random choice of a run is a function of seed and step, so a run of fewer steps *is* the beginning of the longer
# one: we train some and ask each for 16 attempts at every problem of `mini-math`.

# %% [markdown] tags=["prediction"]
# **Before you look.** The base solves carefully, directly or sloppily. Which of these will RL take more often, and from
# which step on?

# %%
stops = [steps // 8, steps // 4, steps // 2]
parts = [Run.of(objective, steps=stop, to=folder / f"{objective}-{seed}-{stop}", **choices) for stop in stops]
checkpoints = dict(zip(stops, train_all(parts))) | {steps: trained}
ordinary = mb.load_problems("mini-math")
plan = mb.Plan.up_to(k, stop=2)
evaluations = {0: mb.evaluate(base, ordinary, plan)}
evaluations |= {step: mb.evaluate(mb.get_model(path), ordinary, plan) for step, path in checkpoints.items()}
shares = pd.concat(
    [mb.lab.mode_shares(each).assign(name=f"step {step}") for step, each in evaluations.items()], ignore_index=True
)
figure = mb.plots.plot_modes(shares, title=f"Solution modes along {objective}")

# %% tags=["hide-input"]
caption = (
    f"Share of attempts in each solution mode on mini-math along one run of {objective} from {base.name} (first 16 "
    "attempts at each problem); dark: correct, light: wrong."
)
keep(figure, shares, figures, "07_modes", caption)
share = shares.pivot(index="mode", columns="name", values="share").fillna(0)
moved = share[f"step {steps}"] - share["step 0"]
most = moved.abs().idxmax()
you_should_see(
    modes_sentence(shares[shares["name"].isin(["step 0", f"step {steps}"])]),
    f"From the base to step {steps} the {most} mode moves most, by {100 * moved[most]:+.0f} points of all attempts.",
)

# %% [markdown]
# **Exercise.** pass@1 of a problem rises from 0.3 to 0.9 because the careful mode, which was taken in a third of the
# attempts, is now always taken. How much does pass@64 rise?
#
# <details><summary>Answer</summary>
#
# Hardly: from $1 - 0.7^{64} > 0.999999$ to 1. The solution was there all along, it is only taken more often. That is
# *sharpening*.
# </details>

# %%
check("07.3", ...)  # your answer in place of the dots

# %% [markdown]
# ## 5. Every problem, before and after
# Each mark is a problem of `mini-math`: pass@1 of the base across, after training upwards. Triangles: only one of the
# two solved it in the attempts allowed.

# %% [markdown] tags=["prediction"]
# **Before you look.** Will problems move up that the base hardly ever solved, or those that it solved now and then?

# %%
changes = mb.judging.change_by_problem(evaluations[0], evaluations[steps], k).assign(name=objective)
figure = mb.plots.plot_sharpening(changes)

# %% tags=["hide-input"]
caption = f"Problems of mini-math before and after {steps} steps of {objective} (seed {seed}); reach at k = {k}."
keep(figure, changes, figures, "07_before_after", caption)
difference = mb.statistics.paired_difference(evaluations[0].outcomes, evaluations[steps].outcomes, [1, k])
you_should_see(
    changes_sentence(changes),
    *(
        f"Over the whole set pass@{row.k} changes by {row.estimate:+.3f} [{row.low:+.3f}, {row.high:+.3f}]."
        for row in difference.itertuples()
    ),
)

# %% [markdown]
# Read what became of the solutions, of one problem first: those of the base, then those of the trained model.

# %%
browse_completions(evaluations[0], problem=ordinary[1].key, attempts=16)

# %%
browse_completions(evaluations[steps], problem=ordinary[1].key, attempts=16)

# %% tags=["hide-input"]
texts = {step: evaluations[step].first_attempts(16).groupby("problem")["text"].nunique().mean() for step in (0, steps)}
you_should_see(
    f"In 16 attempts at a problem the base writes {texts[0]:.1f} different texts on average, the trained model "
    f"{texts[steps]:.1f}. The fewer, the more often it only repeats itself, and the less further attempts can bring."
)

# %% [markdown]
# **Exercise.** One run was trained and one set looked at. Name three reasons why this is no evidence yet that the
# objective is good, or bad.
#
# <details><summary>Answer</summary>
#
# Another seed may differ more than another objective (notebook 08 has several). The learning rate was nobody's choice:
# there each objective tries the same ones, and validation problems choose. And on problems that the base solves anyway
# nothing can be gained at large k: there are harder ones.
# </details>

# %% [markdown]
# ## 6. Which tokens deserve the credit
# One verdict for a whole attempt, but some of its tokens did it. OREAL trains a second network that scores every token,
# from nothing but these verdicts: the mean score over an attempt is to say whether it is right. How the running mean
# moves along an attempt is *token credit*. Here the policy stays the base, and the reward model learns from its
# attempts, as in OREAL's warm-up.

# %% tags=["hide-input"]
credit_model = learn_credit("mini-base-1", steps=steps, seed=seed)
losses = pd.Series(credit_model.losses)
you_should_see(
    f"The loss of the reward model starts at {losses.head(5).mean():.3f} (ln 2 = 0.693 is no knowledge) and ends at "
    f"{losses.tail(5).mean():.3f}, over five steps each."
)

# %% [markdown]
# Attempts at a problem that it was not trained on, one strip each. In one colour what OREAL would clone if the attempt
# is right, in the other what it would push off if it is wrong.

# %%
unseen = mb.load_problems("mini-math")[45]
attempts = credit_model.attempts(unseen, 64, seed=seed)
credit = credit_model.credit(attempts)
verdicts = credit.groupby("attempt")["correct"].first()
chosen = [*verdicts[verdicts].index[:3], *verdicts[~verdicts].index[:3]]
strip = credit[credit["attempt"].isin(chosen)]
strip = strip.sort_values(["correct", "attempt", "place"], ascending=[False, True, True])
figure = plot_token_credit(strip, title=f"Token weights at {unseen.key.split('@')[0]}, gold {unseen.gold}")

# %% tags=["hide-input"]
caption = (
    f"Token weights of a reward model trained for {steps} steps on attempts of {base.name}, on attempts at a problem "
    f"of mini-math ({unseen.statement}): the first three right and the first three wrong ones of 64."
)
keep(figure, strip, figures, "07_token_credit", caption)
last = credit.groupby("attempt").last()
right, wrong = (last.loc[last["correct"] == which, "mean_score"] for which in (True, False))
you_should_see(
    f"{len(right)} of {len(last)} attempts are right. Their mean score is {right.mean():.2f}, that of wrong ones "
    f"{wrong.mean():.2f}; {percent((right > 0).mean())} of the right ones are above 0, {percent((wrong < 0).mean())} "
    "of the wrong ones below."
)

# %% [markdown]
# **From score to weight.** With $m_t$ the running mean of the scores up to token $t$ and $\sigma$ the logistic
# function, a token of a right attempt is cloned with weight $\max(2\sigma(m_t) - 1, 0)$, and a token of a wrong one is
# pushed off with $\max(1 - 2\sigma(m_t), 0)$. That is what the strips show.
#
# **Exercise.** Where along an attempt do right and wrong ones part? Average the running score by place.
#
# <details><summary>Answer</summary>
#
# ```python
# by_place = credit.groupby(["place", "correct"])["mean_score"].mean().unstack().head(24)
# print(by_place.rename(columns={True: "right", False: "wrong"}).round(2).T.to_string())
# ```
# A method that announces itself can show its worth at the first token; a slip in the arithmetic only where it happens.
# </details>
#
# **Exercise.** The reward model's head starts at zero. Why does OREAL then have no gradient at all, and what follows
# for its first steps?
#
# <details><summary>Answer</summary>
#
# All scores are 0, $\sigma(0) = 1/2$, and both weights are 0. So the first steps train the reward model alone
# (*warm-up*).
# ```python
# from mathb_kit.lab.objectives import OBJECTIVES, Batch
# log_probs = torch.full((2, 3), -0.5, requires_grad=True)
# batch = Batch(
#     log_probs, log_probs.detach(), torch.tensor([1.0, 0.0]), torch.ones(2, 3), torch.zeros(2, dtype=torch.long),
#     token_scores=torch.zeros(2, 3), kept=torch.tensor([True, True]),
# )
# OBJECTIVES["oreal"].loss(batch).backward()
# print(log_probs.grad.abs().max())
# ```
# </details>
#
# **Exercise.** Train on wrong attempts alone (`nsr`) for as many steps. What happens to the entropy?
#
# <details><summary>Answer</summary>
#
# Look for yourself; it trains as long as the run above. What is pushed off has to go somewhere, and not to one place:
# the literature finds that negatives keep entropy up longer. Whether they do here, your run says.
# ```python
# other = Run.of("nsr", to=folder / f"nsr-{seed}-{steps}", steps=steps, **choices).train()
# logs = {objective: log, "nsr": read_log(other)}
# plot_training(logs, title=f"{objective} and nsr")
# print(pd.DataFrame({name: each[["reward", "entropy", "kl"]].tail(5).mean() for name, each in logs.items()}).round(3))
# ```
# </details>

# %% [markdown]
# ## Next
# [08 · What expands?](08_what_expands.ipynb): many objectives, several seeds, a frozen base beside them.
