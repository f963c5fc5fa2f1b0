"""Optimising pass@k instead of pass@1."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mathb_kit.lab.objectives.batch import Batch, group_sum, policy_gradient

if TYPE_CHECKING:
    from torch import Tensor


def pass_at_k(batch: Batch, k: int = 4) -> Tensor:
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
