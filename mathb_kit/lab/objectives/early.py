"""An idea of this project: reinforce how a solution begins, and hold the base fast in how it is carried out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mathb_kit.lab.objectives.batch import Batch, clipped_surrogate, kl_estimate, mean_of_attempts, standardized

if TYPE_CHECKING:
    from torch import Tensor


def grpo_early(batch: Batch, first: int = 4, clip: float = 0.2, kl: float = 1.0) -> Tensor:
    """GRPO on the first tokens of an attempt, KL to the base on all later ones.

    L = mean_i [ (1/m_i) sum_{t <= m_i} - min( ratio_it A_i, clamp(ratio_it, 1 - clip, 1 + clip) A_i )
               + kl (1/(T_i - m_i)) sum_{t > m_i} k3_it(base) ],  m_i = min(first, T_i),  A_i as in GRPO

    Why: pass@1 rises when the better method is chosen more often; reach falls when the steps of a method lose their
    spread, because then the same wrong step is taken in every attempt. A method is mostly chosen in the first tokens.
    That a few first tokens carry much is known from fine-tuning on nothing but the prefixes of a model's own solutions
    (UPFT, arXiv 2503.02875). In the miniature the method is announced by the very first token, so this idea is at home
    there: what it does here says little about models whose method shows later.
    """
    begun = batch.mask * (batch.mask.cumsum(1) <= first)
    losses = clipped_surrogate(batch, standardized(batch.rewards, batch.groups), clip, clip)
    anchor = kl_estimate(batch.log_probs, batch.reference_log_probs)
    return mean_of_attempts(losses, begun) + kl * mean_of_attempts(anchor, batch.mask - begun)
