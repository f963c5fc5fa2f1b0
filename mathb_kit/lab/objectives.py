"""RL objectives as pure functions: log-probabilities, advantages and masks in, a scalar loss out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def group_advantages(rewards: Tensor, epsilon: float = 1e-6) -> Tensor:
    """Rewards standardised within each prompt's group (GRPO, arXiv 2402.03300, section 4.1.2).

    Args:
        rewards: shape (groups, attempts).
        epsilon: added to the standard deviation (population form would differ only in scale; this is the unbiased one).

    Returns:
        Advantages of the same shape; a group whose rewards are all equal gets zeros.
    """
    return (rewards - rewards.mean(1, keepdim=True)) / (rewards.std(1, keepdim=True) + epsilon)


def grpo_loss(log_probs: Tensor, old_log_probs: Tensor, advantages: Tensor, mask: Tensor, clip: float = 0.2) -> Tensor:
    """Clipped surrogate of GRPO with one advantage per attempt (arXiv 2402.03300, equation 3, without the KL term).

    L = - mean_i (1/T_i) sum_t min( ratio_it A_i, clamp(ratio_it, 1 - clip, 1 + clip) A_i )

    Args:
        log_probs: of the sampled tokens under the policy, shape (attempts, tokens).
        old_log_probs: under the policy that sampled them, same shape, no gradient.
        advantages: shape (attempts,).
        mask: 1 on sampled tokens, 0 on padding, shape (attempts, tokens).
        clip: half-width of the trust interval for the ratio.
    """
    import torch

    ratio = torch.exp(log_probs - old_log_probs)
    advantages = advantages[:, None]
    surrogate = torch.minimum(ratio * advantages, ratio.clamp(1 - clip, 1 + clip) * advantages)
    return -((surrogate * mask).sum(1) / mask.sum(1)).mean()
