"""OREAL with one part taken out, each as a rewriting of the batch, so that nothing else can differ."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mathb_kit.lab.objectives.batch import Batch
from mathb_kit.lab.objectives.oreal import oreal

if TYPE_CHECKING:
    from torch import Tensor

_CERTAIN = 1e3  # a token logit whose sigmoid is 0 or 1


def oreal_every_token(batch: Batch, eta: float = 0.5, kl: float = 0.01) -> Tensor:
    """OREAL without its token reward model: every token of a kept attempt weighs 1.

    A reward model that is certain of the outcome from the first token on has w+ = 1 in right attempts and w- = 1 in
    wrong ones. Pairs are kept as before, so that one part only is missing; the released configuration without a reward
    model also trains on every attempt.
    """
    certain = (_CERTAIN * (2 * batch.rewards - 1))[:, None].expand_as(batch.mask)
    return oreal(replace(batch, token_scores=certain), eta, kl)


def oreal_not_reshaped(batch: Batch, eta: float = 0.5, kl: float = 0.01) -> Tensor:
    """OREAL without reward reshaping: a wrong attempt weighs eta, whatever its prompt's pass rate.

    In a group of its own a wrong attempt has pass rate 0, so its 1 - p is 1.
    """
    import torch

    alone = torch.arange(len(batch.rewards), device=batch.rewards.device)
    return oreal(replace(batch, groups=alone), eta, kl)
