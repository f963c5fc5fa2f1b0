"""OREAL (arXiv 2502.06781): cloning one right attempt, pushing off one wrong one, both weighted token by token.

Two readings, because paper and released code (github.com/InternLM/OREAL) differ in which side carries the pass rate,
in how losses are averaged and in what the KL refers to. Both take one update per rollout batch. Ablations take one part
out, most as a rewriting of the batch, so that nothing else can differ. In the order of the paper's Table 2: REINFORCE
is `oreal_reinforce`, + reward shaping `oreal_shaped`, + behaviour cloning `oreal_every_token`, + importance weights
`oreal`; a better initial policy and filtered queries are no losses.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mathb_kit.lab.objectives.batch import (
    Batch,
    group_mean,
    kl_estimate,
    leave_one_out,
    mean_of_tokens,
    mixed,
    policy_gradient,
)

if TYPE_CHECKING:
    from torch import Generator, Tensor

_CERTAIN = 1e3  # a token logit whose sigmoid is 0 or 1


def keep_pairs(rewards: Tensor, groups: Tensor, generator: Generator) -> Tensor:
    """One right and one wrong attempt of every mixed group, drawn at random: boolean, shape (rows,)."""
    import torch

    kept = torch.zeros(len(rewards), dtype=torch.bool)
    contrast = mixed(rewards, groups).cpu()
    order = torch.randperm(len(rewards), generator=generator).tolist()
    seen = set()
    for row in order:
        place = (int(groups[row]), float(rewards[row]))
        if contrast[row] and place not in seen:
            seen.add(place)
            kept[row] = True
    return kept.to(rewards.device)


def token_weights(token_scores: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Weights of tokens in right and in wrong attempts, shape (rows, tokens) each (equation 10 of OREAL).

    m_t = mean of the scores u_1..u_t,  w+ = max(2 sigmoid(m) - 1, 0),  w- = max(1 - 2 sigmoid(m), 0)

    The paper writes w(s_<=t) without saying how scores become w; the running mean is the released code's, and at the
    last token it is what the reward model is trained on.
    """
    running = (token_scores * mask).cumsum(1) / mask.cumsum(1).clamp(min=1)
    signed = (2 * running.sigmoid() - 1) * mask
    return signed.clamp(min=0), (-signed).clamp(min=0)


def reward_model_loss(token_scores: Tensor, rewards: Tensor, mask: Tensor) -> Tensor:
    """ONE cross-entropy per attempt, on the sigmoid of its mean token score (equation 12 of OREAL); mean over attempts.

    - [ r log q + (1 - r) log(1 - q) ],  q = sigmoid( (1/T) sum_t u_t ); not a cross-entropy per token.
    """
    import torch

    mean_scores = (token_scores * mask).sum(1) / mask.sum(1).clamp(min=1)
    return torch.nn.functional.binary_cross_entropy_with_logits(mean_scores, rewards)


def oreal(batch: Batch, eta: float = 0.5, kl: float = 0.01) -> Tensor:
    """OREAL as written (equation 11, with the reward reshaping that it does not repeat).

    L = mean over kept attempts of sum_t [ - w+_t log pi_t 1[right] + eta (1 - p) w-_t log(pi / old)_t 1[wrong] ]
        + kl KL(pi || old)

    p is the prompt's pass rate in this rollout batch. Departures and gaps: the paper weighs wrong attempts with
    F(1 - p) for any preprocessing F and speaks of a leave-one-out estimate, here F is the identity and p counts every
    attempt; eta is the code's, the paper has no number; with a single update per batch the KL to ``old`` has no
    gradient yet, so ``kl`` does nothing unless the trainer is told to take more updates.
    """
    right, wrong = token_weights(batch.token_scores, batch.mask)
    kept = batch.kept.float()
    reshaped = (1 - group_mean(batch.rewards, batch.groups)) * (1 - batch.rewards)
    cloning = -batch.rewards * (right * batch.log_probs).sum(1)
    pushing = eta * reshaped * (wrong * (batch.log_probs - batch.old_log_probs)).sum(1)
    penalty = kl * mean_of_tokens(kl_estimate(batch.log_probs, batch.old_log_probs), batch.mask * kept[:, None])
    return (kept * (cloning + pushing)).sum() / kept.sum().clamp(min=1) + penalty


def oreal_released(batch: Batch, eta: float = 0.5, kl: float = 0.01) -> Tensor:
    """OREAL as its released code computes it.

    L = (1/N+) sum_right A_i sum_t w+_t (-log pi_t) - (eta/N-) sum_wrong A_i sum_t w-_t exp(log pi_t - log old_t)
        + (kl/N) sum k3_t(base),  A_i = leave-one-out of rewards +1 and -1; N+, N-, N count kept tokens

    So right attempts weigh 2 (n - c) / (n - 1) and wrong ones 2 c / (n - 1): here the *right* side carries 1 - p.
    Departures: the code's ratio is to the policy's own detached value; with its one update per batch that is ``old``.
    Rates are constant and rollouts come from the whole distribution, where the code decays rates and samples with top_p
    0.9; both are the trainer's.
    """
    import torch

    right, wrong = token_weights(batch.token_scores, batch.mask)
    mask = batch.mask * batch.kept[:, None]
    advantages = leave_one_out(2 * batch.rewards - 1, batch.groups)[:, None]
    is_right = batch.rewards[:, None]
    cloning = -advantages * right * batch.log_probs
    pushing = -eta * advantages * wrong * torch.exp(batch.log_probs - batch.old_log_probs)
    penalty = kl_estimate(batch.log_probs, batch.reference_log_probs)
    return (
        mean_of_tokens(cloning, mask * is_right)
        + mean_of_tokens(pushing, mask * (1 - is_right))
        + kl * mean_of_tokens(penalty, mask)
    )


def oreal_every_token(batch: Batch, eta: float = 0.5, kl: float = 0.01) -> Tensor:
    """OREAL without its token reward model: every token of a kept attempt weighs 1.

    A reward model that is certain of the outcome from the first token on has w+ = 1 in right attempts and w- = 1 in
    wrong ones. Pairs are kept as before, so that one part only is missing; the released configuration without a reward
    model also trains on every attempt.
    """
    certain = (_CERTAIN * (2 * batch.rewards - 1))[:, None].expand_as(batch.mask)
    return oreal(replace(batch, token_scores=certain), eta, kl)


def oreal_reinforce(batch: Batch) -> Tensor:
    """OREAL's starting point: REINFORCE on every attempt with rewards +1 and -1, no baseline (Table 2, "REINFORCE").

    L = - mean_i (2 r_i - 1) sum_t log pi(y_it)

    Departure: the paper does not say which baseline its REINFORCE has; here it has none, rewards being those of the
    released code. No KL.
    """
    return policy_gradient(batch, 2 * batch.rewards - 1)


def oreal_shaped(batch: Batch) -> Tensor:
    """OREAL's second step: REINFORCE on every attempt with leave-one-out rewards (Table 2, "+ reward shaping").

    L = - mean_i A_i sum_t log pi(y_it),  A_i = leave-one-out of rewards +1 and -1

    In their rebuttal the authors call this row the GRPO-like setting, with shaping on all attempts. It is RLOO with
    rewards twice as large. No KL.
    """
    return policy_gradient(batch, leave_one_out(2 * batch.rewards - 1, batch.groups))


def oreal_released_every_token(batch: Batch, eta: float = 0.5, kl: float = 0.01) -> Tensor:
    """OREAL as its released code trains without a token reward model: every token of every attempt weighs 1.

    Its configuration without a reward model keeps all attempts and freezes nothing; all else is `oreal_released`.
    """
    import torch

    certain = (_CERTAIN * (2 * batch.rewards - 1))[:, None].expand_as(batch.mask)
    everything = torch.ones_like(batch.rewards, dtype=torch.bool)
    return oreal_released(replace(batch, token_scores=certain, kept=everything), eta, kl)


def oreal_not_reshaped(batch: Batch, eta: float = 0.5, kl: float = 0.01) -> Tensor:
    """OREAL without reward reshaping: a wrong attempt weighs eta, whatever its prompt's pass rate.

    In a group of its own a wrong attempt has pass rate 0, so its 1 - p is 1.
    """
    import torch

    alone = torch.arange(len(batch.rewards), device=batch.rewards.device)
    return oreal(replace(batch, groups=alone), eta, kl)
