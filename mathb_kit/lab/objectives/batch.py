"""What an objective reads, and the few pieces that most objectives share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """Attempts at several prompts, whole groups together; rows are attempts, columns their sampled tokens.

    Attributes:
        log_probs: of the sampled tokens under the policy, shape (rows, tokens); what the loss is differentiated by.
        old_log_probs: under the policy that sampled them, same shape, no gradient.
        rewards: 1 for a correct attempt, else 0, shape (rows,).
        mask: 1 on sampled tokens, 0 on padding, shape (rows, tokens).
        groups: number of each attempt's prompt, from 0 without gaps, shape (rows,).
        reference_log_probs: under the base (or what it was reset to), for objectives that ask for it.
        entropies: of the policy's distribution at each token, in nats, with gradient, for objectives that ask for it.
        token_scores: logits of a token reward model, no gradient, for objectives that have one.
        kept: the attempts that an objective with a token reward model trains on, boolean, shape (rows,).
        teacher_log_probs: under a teacher, no gradient, for objectives that have one.
        max_tokens: the token limit of sampling.
    """

    log_probs: Tensor
    old_log_probs: Tensor
    rewards: Tensor
    mask: Tensor
    groups: Tensor
    reference_log_probs: Tensor | None = None
    entropies: Tensor | None = None
    token_scores: Tensor | None = None
    kept: Tensor | None = None
    teacher_log_probs: Tensor | None = None
    max_tokens: int = 1


def group_sum(values: Tensor, groups: Tensor) -> Tensor:
    """Each row's group total, shape (rows,)."""
    return values.new_zeros(int(groups.max()) + 1).index_add(0, groups, values)[groups]


def group_mean(values: Tensor, groups: Tensor) -> Tensor:
    """Each row's group mean, shape (rows,)."""
    import torch

    return group_sum(values, groups) / group_sum(torch.ones_like(values), groups)


def leave_one_out(rewards: Tensor, groups: Tensor) -> Tensor:
    """Reward minus the mean reward of the *other* attempts at the prompt, shape (rows,); groups of two or more.

    r_i - sum_{j != i} r_j / (n - 1) = n / (n - 1) (r_i - mean_j r_j)
    """
    import torch

    size = group_sum(torch.ones_like(rewards), groups)
    return size / (size - 1) * (rewards - group_mean(rewards, groups))


def standardized(rewards: Tensor, groups: Tensor, epsilon: float = 1e-4) -> Tensor:
    """(r - mean) / (std + epsilon) in each group, unbiased std; 0 where all rewards of a group are equal."""
    import torch

    centred = rewards - group_mean(rewards, groups)
    size = group_sum(torch.ones_like(rewards), groups)
    return centred / ((group_sum(centred**2, groups) / (size - 1)).sqrt() + epsilon)


def mixed(rewards: Tensor, groups: Tensor) -> Tensor:
    """Whether each row's group has both right and wrong attempts, boolean, shape (rows,)."""
    mean = group_mean(rewards, groups)
    return (mean > 0) & (mean < 1)


def policy_gradient(batch: Batch, advantages: Tensor) -> Tensor:
    """- mean_i A_i sum_t log pi(y_it): its gradient is the REINFORCE estimate of the mean advantage's gradient."""
    return -(advantages * (batch.log_probs * batch.mask).sum(1)).mean()


def clipped_surrogate(batch: Batch, advantages: Tensor, low: float, high: float) -> Tensor:
    """- min( ratio A, clamp(ratio, 1 - low, 1 + high) A ) per token (PPO, arXiv 1707.06347, equation 7), shape
    (rows, tokens)."""
    import torch

    ratio = torch.exp(batch.log_probs - batch.old_log_probs)
    advantages = advantages[:, None]
    return -torch.minimum(ratio * advantages, ratio.clamp(1 - low, 1 + high) * advantages)


def kl_estimate(log_probs: Tensor, reference: Tensor) -> Tensor:
    """exp(d) - d - 1 with d = log reference - log pi, of each token: never negative, unbiased for KL(pi || reference)
    on tokens that pi sampled (GRPO, arXiv 2402.03300, equation 4).

    Differentiated as a loss on such tokens it gives, as is less well known, the gradient of KL(reference || pi).
    """
    import torch

    difference = reference - log_probs
    return torch.exp(difference) - difference - 1


def mean_of_attempts(values: Tensor, mask: Tensor) -> Tensor:
    """Mean over the tokens of each attempt, then over attempts."""
    return ((values * mask).sum(1) / mask.sum(1).clamp(min=1)).mean()


def mean_of_tokens(values: Tensor, mask: Tensor) -> Tensor:
    """Mean over all tokens of all attempts alike."""
    return (values * mask).sum() / mask.sum().clamp(min=1)
