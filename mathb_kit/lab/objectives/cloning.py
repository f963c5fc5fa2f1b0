"""Cloning objectives: raise the likelihood of texts that are known to be right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mathb_kit.lab.objectives.batch import Batch, group_sum, kl_estimate, mean_of_tokens

if TYPE_CHECKING:
    from torch import Tensor


def best_of_n_weights(rewards: Tensor, groups: Tensor) -> Tensor:
    """How likely best-of-n is to pick each attempt of its group, ties broken at random, shape (rows,).

    1/c for each of c right attempts; 1/n for each of n where all are wrong.
    """
    import torch

    right = group_sum(rewards, groups)
    size = group_sum(torch.ones_like(rewards), groups)
    return torch.where(right > 0, rewards / right.clamp(min=1), 1 / size)


def raft(batch: Batch, kl: float = 0.0) -> Tensor:
    """RAFT (arXiv 2304.06767): clone the best of n attempts.

    L = - mean over prompts of sum_i w_i sum_t log pi(y_it) + kl mean_it k3_it,  w_i = 1/c for c right attempts

    The weights are those with which best-of-n picks (`best_of_n_weights`), so the gradient is the expectation of
    picking one. With the KL to the base and on-policy attempts, a tabular policy comes to rest at base exp(R / a) / Z.

    Departures: the expectation instead of one pick; a prompt without a right attempt is left out instead of cloning a
    wrong one (RAFT with verdicts as rewards, arXiv 2504.11343, leaves it out too, but clones every right attempt
    alike); one update per rollout batch instead of fine-tuning on it; no KL unless asked for.
    """
    picked = best_of_n_weights(batch.rewards, batch.groups) * batch.rewards
    prompts = int(batch.groups.max()) + 1
    loss = -(picked * (batch.log_probs * batch.mask).sum(1)).sum() / prompts
    if kl:
        loss = loss + kl * mean_of_tokens(kl_estimate(batch.log_probs, batch.reference_log_probs), batch.mask)
    return loss


def on_policy_distillation(batch: Batch) -> Tensor:
    """On-policy distillation: the student samples, a teacher scores every token; no verdict is used.

    L = - mean over all tokens of A_it log pi(y_it),  A_it = log teacher(y_it) - log old(y_it)

    Its gradient is that of KL(pi || teacher) of each token's distribution, at the prefixes that the student sampled.
    Held against off-policy distillation (`distillation` on the teacher's own attempts), as arXiv 2608.11829 does.

    Departures: from the issue's description, the paper was not at hand; what a token does to later ones is left out, as
    in the common implementations; one update per rollout batch.
    """
    advantages = (batch.teacher_log_probs - batch.old_log_probs).detach()
    return -mean_of_tokens(advantages * batch.log_probs, batch.mask)


def distillation(batch: Batch) -> Tensor:
    """Supervised training on given solutions: the upper control, not RL (its "attempts" were never sampled).

    L = - mean over all solution tokens of log pi(y_it)
    """
    return -mean_of_tokens(batch.log_probs, batch.mask)
