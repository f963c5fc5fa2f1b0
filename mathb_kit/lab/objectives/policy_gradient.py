"""Policy-gradient objectives: the advantage of an attempt is its reward against its group."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mathb_kit.lab.objectives.batch import (
    Batch,
    clipped_surrogate,
    group_mean,
    group_sum,
    kl_estimate,
    leave_one_out,
    mean_of_attempts,
    mean_of_tokens,
    mixed,
    policy_gradient,
    standardized,
)

if TYPE_CHECKING:
    from torch import Tensor


def rloo(batch: Batch) -> Tensor:
    """REINFORCE with a leave-one-out baseline (Kool et al. 2019; RLOO, arXiv 2402.14740).

    L = - mean_i ( r_i - mean_{j != i} r_j ) sum_t log pi(y_it)

    The whole completion is one action: no ratio, no clipping, no division by length. Departure: no KL to the base in
    the reward.
    """
    return policy_gradient(batch, leave_one_out(batch.rewards, batch.groups))


def grpo(batch: Batch, clip: float = 0.2, kl: float = 0.0) -> Tensor:
    """GRPO (arXiv 2402.03300, equation 3), one advantage for all tokens of an attempt.

    L = mean_i (1/T_i) sum_t [ - min( ratio_it A_i, clamp(ratio_it, 1 - clip, 1 + clip) A_i ) + kl k3_it ],
    A_i = (r_i - mean) / (std + 1e-4) in the group

    Departures: no KL unless asked for (the paper takes 0.04), and then as in its equation 4, without TRL's correction
    by the ratio. The paper has no number for ``clip`` and does not say which std: 0.2 is PPO's, the 1e-4 and the
    unbiased std are TRL's.
    """
    losses = clipped_surrogate(batch, standardized(batch.rewards, batch.groups), clip, clip)
    if kl:
        losses = losses + kl * kl_estimate(batch.log_probs, batch.reference_log_probs)
    return mean_of_attempts(losses, batch.mask)


def dr_grpo(batch: Batch, clip: float = 0.2) -> Tensor:
    """Dr. GRPO (arXiv 2503.20783, section 3.2): GRPO without the divisions by std and by length.

    L = - 1/(rows max_tokens) sum_i sum_t min( ratio_it A_i, clamp(ratio_it) A_i ),  A_i = r_i - mean in the group

    The paper's objective has no 1/max_tokens; the constant is that of its listing 1, and scales all gradients alike.
    """
    losses = clipped_surrogate(batch, batch.rewards - group_mean(batch.rewards, batch.groups), clip, clip)
    return (losses * batch.mask).sum() / (len(losses) * batch.max_tokens)


def dapo(batch: Batch, low: float = 0.2, high: float = 0.28) -> Tensor:
    """DAPO (arXiv 2503.14476, equation 8): clip-higher and a mean over all tokens alike.

    L = - (1 / sum_i T_i) sum_i sum_t min( ratio_it A_i, clamp(ratio_it, 1 - low, 1 + high) A_i ), A_i as in GRPO

    Its dynamic sampling (only mixed groups) is the trainer's work. Departures: no overlong penalty; sum_i T_i counts
    the tokens of the minibatch, as in the common implementations, where the equation has one prompt's group in it;
    rewards are 1 and 0, not 1 and -1, which standardising all but removes.
    """
    return mean_of_tokens(clipped_surrogate(batch, standardized(batch.rewards, batch.groups), low, high), batch.mask)


def prorl(batch: Batch, low: float = 0.2, high: float = 0.4, kl: float = 0.001) -> Tensor:
    """ProRL (arXiv 2505.24864): DAPO with a wider clip and a KL to a reference that is reset now and then.

    L = DAPO(low, high) + kl mean over all tokens of k3(reference)

    Claim: long runs with a KL and resets of the reference find "reasoning strategies that are inaccessible to base
    models, even under extensive sampling", where the base is weak most of all. BroRL (arXiv 2510.01180) claims to go
    on where this stops, by hundreds of attempts a problem instead of more steps; its row is this loss with large
    groups.

    Departures: abstracts and summaries were at hand, among them the clip (0.2 and 0.4), not the KL's coefficient (ours)
    nor how often the reference is reset (here every ten steps, the optimiser going on); tens of steps instead of
    thousands, one kind of task.
    """
    penalty = mean_of_tokens(kl_estimate(batch.log_probs, batch.reference_log_probs), batch.mask)
    return dapo(batch, low, high) + kl * penalty


def reinforce_rej(batch: Batch, clip: float = 0.2) -> Tensor:
    """Reinforce-Rej (arXiv 2504.11343): no baseline, groups that are all right or all wrong left out.

    L = mean over attempts of mixed groups of (1/T_i) sum_t - min( ratio_it r_i, clamp(ratio_it) r_i ),  r_i = +1 or -1

    Clipping is PPO's: it acts above 1 + clip where r_i is +1 and below 1 - clip where it is -1. The mean is over what a
    minibatch keeps, however little that is.
    """
    import torch

    kept = mixed(batch.rewards, batch.groups)
    if not kept.any():
        return batch.log_probs.sum() * 0
    signs = torch.where(kept, 2 * batch.rewards - 1, torch.zeros_like(batch.rewards))
    return mean_of_attempts(clipped_surrogate(batch, signs, clip, clip), batch.mask) / kept.float().mean()


def positive_only(batch: Batch) -> Tensor:
    """Positive sample reinforcement, PSR (arXiv 2506.01347, equations 2 to 4): the right attempts' half of REINFORCE.

    L = - mean_i 1[right] sum_t log pi(y_it)

    With `negative_only` it adds up to REINFORCE with rewards +1 and -1 and no baseline. The mean is over all attempts,
    right and wrong. Departures from the released code (github.com/TianHongZXY/RLVR-Decomposed): one update per rollout
    batch, so no ratio and no clipping; divided by attempts, not by tokens; no entropy bonus.
    """
    return policy_gradient(batch, batch.rewards)


def negative_only(batch: Batch) -> Tensor:
    """Negative sample reinforcement, NSR (arXiv 2506.01347, equations 2 to 4): the wrong attempts' half of REINFORCE.

    L = + mean_i 1[wrong] sum_t log pi(y_it)

    Departures: those of `positive_only`.
    """
    return policy_gradient(batch, batch.rewards - 1)


def grpo_entropy(batch: Batch, coefficient: float = 0.01, clip: float = 0.2) -> Tensor:
    """GRPO with an entropy bonus (A3C's, arXiv 1602.01783, section 4).

    L = GRPO - coefficient mean_it H( pi(. | x, y_i<t) )

    As in TRL the bonus is the mean over all sampled tokens alike, those of groups without contrast included, however
    the policy loss is averaged.
    """
    return grpo(batch, clip) - coefficient * mean_of_tokens(batch.entropies, batch.mask)


def grpo_early(batch: Batch, first: int = 4, clip: float = 0.2, kl: float = 1.0) -> Tensor:
    """GRPO on the first tokens of an attempt, KL to the base on all later ones.

    L = mean_i [ (1/m_i) sum_{t <= m_i} - min( ratio_it A_i, clamp(ratio_it, 1 - clip, 1 + clip) A_i )
               + kl (1/(T_i - m_i)) sum_{t > m_i} k3_it(base) ],  m_i = min(first, T_i),  A_i as in GRPO

    An idea of this project: pass@1 rises when the better method is chosen more often; reach falls when the steps of a
    method lose their spread, because then the same wrong step is taken in every attempt. A method is mostly chosen in
    the first tokens. That a few first tokens carry much is known from fine-tuning on nothing but the prefixes of a
    model's own solutions (UPFT, arXiv 2503.02875). In the miniature the method is announced by the very first token, so
    this idea is at home there: what it does here says little about models whose method shows later.
    """
    begun = batch.mask * (batch.mask.cumsum(1) <= first)
    losses = clipped_surrogate(batch, standardized(batch.rewards, batch.groups), clip, clip)
    anchor = kl_estimate(batch.log_probs, batch.reference_log_probs)
    return mean_of_attempts(losses, begun) + kl * mean_of_attempts(anchor, batch.mask - begun)


def pkpo(batch: Batch, k: int = 4) -> Tensor:
    """PKPO with the baseline "leave one out minus one" (Walder & Karkhanis, arXiv 2505.15201, equation 33), for rewards
    0 and 1.

    L = - mean_i n s_i sum_t log pi(y_it), where over the subsets S of k of a group's n attempts
    s_i = (1 / C(n, k)) sum_{S containing i} ( max_S r - max_{S without i} r )

    An attempt counts for a subset where it alone is right: s_i = C(n - c, k - 1) / C(n, k) for each of c right
    attempts, 0 for wrong ones. sum_i s_i grad log pi(y_i) is an unbiased estimate of the gradient of pass@k. With
    k = 1 it is REINFORCE without a baseline; with k = n only groups with a single right attempt teach anything.

    Departures: REINFORCE without ratio or clipping, one update per rollout batch; k is the group's size where that is
    smaller.
    """
    import torch

    right = group_sum(batch.rewards, batch.groups)
    size = group_sum(torch.ones_like(right), batch.groups)
    weights = [
        n * math.comb(n - c, min(k, n) - 1) / math.comb(n, min(k, n))
        for n, c in zip(size.int().tolist(), right.int().tolist())
    ]
    return policy_gradient(batch, batch.rewards * batch.rewards.new_tensor(weights))
