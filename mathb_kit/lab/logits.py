"""What logits say of the tokens that were sampled."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def token_scores(logits: Tensor, tokens: Tensor, entropy: bool) -> list[Tensor]:
    """Log-probability of each token, and with ``entropy`` the entropy (nats) there.

    Args:
        logits: shape (tokens, vocabulary).
        tokens: ids, shape (tokens,).
        entropy: whether entropies are wanted, too.
    """
    import torch

    # cross_entropy is several times faster here than log_softmax and gather.
    values = [-torch.nn.functional.cross_entropy(logits, tokens, reduction="none")]
    if entropy:
        normalized = logits.log_softmax(-1)
        values.append(-(normalized.exp() * normalized).sum(-1))
    return values
