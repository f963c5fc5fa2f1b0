"""One token per row from its logits and one uniform number: the inverse CDF in the order of the vocabulary.

Over 50,000 tokens and more, a sort or a cumulative sum of everything takes longer than the network's layers. Here both
go by blocks: sums of blocks say in which one a number falls; a block whose largest probability is small holds nothing
that a filter keeps. What is kept and chosen is the same as with a sort.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from mathb_kit.models.model import Sampling

_SMALL_VOCABULARY = 4096  # up to this the plain way is the fastest
_BLOCK = 32
# Blocks that are looked at for what the filters keep: rows that need more go on to the next, the last to a full sort.
_CANDIDATE_BLOCKS = (8, 32, 128, 512)


@dataclass
class TokenChoice:
    """Chooses under some sampling settings; one for each batch, since it keeps a table for the probabilities."""

    settings: Sampling

    def __post_init__(self) -> None:
        self._table: torch.Tensor | None = None

    def __call__(self, logits: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
        """Token ids, shape (rows,).

        Args:
            logits: shape (rows, vocabulary), of any floating point type.
            uniform: float64 in [0, 1), shape (rows,).
        """
        settings = self.settings
        if settings.temperature == 0:
            return logits.argmax(-1)
        filters = settings.top_k or settings.top_p < 1 or settings.min_p > 0
        if logits.shape[-1] <= _SMALL_VOCABULARY:
            probabilities = torch.softmax(logits.float() / settings.temperature, -1)
            return invert(filtered(probabilities, settings) if filters else probabilities, uniform)
        probabilities = self._probabilities(logits)
        if filters:
            return choose_filtered(probabilities, uniform, settings)
        return invert_by_blocks(probabilities, uniform)

    def _probabilities(self, logits: torch.Tensor) -> torch.Tensor:
        """Shape (rows, vocabulary rounded up to whole blocks), zeros at the end; the table is used again."""
        rows, vocabulary = logits.shape
        if self._table is None or len(self._table) < rows:
            self._table = torch.zeros(rows, -(-vocabulary // _BLOCK) * _BLOCK, device=logits.device)
        table = self._table[:rows]
        inside = table[:, :vocabulary]
        if self.settings.temperature == 1:
            torch.softmax(logits, -1, dtype=torch.float32, out=inside)
        else:
            inside.copy_(logits).div_(self.settings.temperature)
            torch.softmax(inside, -1, out=inside)
        return table


def filtered(probabilities: torch.Tensor, settings: Sampling) -> torch.Tensor:
    """Probabilities with zeros where top-k, then nucleus (of what top-k keeps), then min-p cut; by a full sort."""
    ordered, order = torch.sort(probabilities, dim=-1, descending=True, stable=True)
    return torch.zeros_like(probabilities).scatter(-1, order, ordered * _kept(ordered, settings))


def _kept(ordered: torch.Tensor, settings: Sampling) -> torch.Tensor:
    """Which of the probabilities, largest first, the filters keep: a first part of every row."""
    keep = torch.ones_like(ordered, dtype=torch.bool)
    mass = 1.0
    if settings.top_k:
        keep[:, settings.top_k :] = False
        mass = ordered[:, : settings.top_k].sum(-1, keepdim=True)
    if settings.top_p < 1:
        keep &= ordered.cumsum(-1) - ordered < settings.top_p * mass
    if settings.min_p > 0:
        keep &= ordered >= settings.min_p * ordered[:, :1]
    return keep


def choose_filtered(probabilities: torch.Tensor, uniform: torch.Tensor, settings: Sampling) -> torch.Tensor:
    """As `invert` of `filtered`, from the blocks with the largest maxima where these settle the matter."""
    rows, vocabulary = probabilities.shape
    blocks = probabilities.view(rows, -1, _BLOCK)
    maxima = blocks.amax(-1)
    chosen = torch.empty(rows, dtype=torch.int64, device=probabilities.device)
    left = torch.arange(rows, device=probabilities.device)
    for count in _CANDIDATE_BLOCKS:
        count = max(count, 2 * settings.top_k)
        if count >= vocabulary // _BLOCK // 2 or not len(left):
            break
        largest, places = maxima[left].topk(count + 1)
        bound = largest[:, -1:]  # no token outside these blocks is more probable
        places = places[:, :-1].sort(-1).values  # candidates then stand in the vocabulary's order
        candidates = blocks[left[:, None], places].flatten(1)
        ordered, order = torch.sort(candidates, dim=-1, descending=True, stable=True)
        keep = _kept(ordered, settings)
        # Ranks above the bound are those of a full sort. What is kept is known if the cut falls among them.
        known = (ordered > bound).sum(-1)
        settled = (keep.sum(-1) < known) & (known >= settings.top_k)
        kept = torch.zeros_like(candidates).scatter(-1, order, ordered * keep)
        place = invert(kept, uniform[left])
        tokens = places.gather(1, place[:, None] // _BLOCK)[:, 0] * _BLOCK + place % _BLOCK
        chosen[left[settled]] = tokens[settled]
        left = left[~settled]
    if len(left):
        chosen[left] = invert(filtered(probabilities[left], settings), uniform[left])
    return chosen


def invert(weights: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
    """The entry at which the cumulative sum passes the uniform number's share of the total, in every row."""
    cumulative = weights.cumsum(-1, dtype=torch.float64)
    # Scaling by the last entry, the total, makes the last token reachable and none beyond.
    target = uniform[:, None] * cumulative[:, -1:]
    return torch.searchsorted(cumulative, target, right=True).clamp(max=weights.shape[-1] - 1)[:, 0]


def invert_by_blocks(weights: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
    """As `invert` up to the rounding of sums, by the sums of blocks first; the width is a multiple of the block."""
    rows = len(weights)
    blocks = weights.view(rows, -1, _BLOCK)
    sums = blocks.sum(-1)
    cumulative = sums.cumsum(-1, dtype=torch.float64)
    target = uniform[:, None] * cumulative[:, -1:]
    block = torch.searchsorted(cumulative, target, right=True).clamp(max=blocks.shape[1] - 1)
    share = 1 - (cumulative.gather(1, block) - target) / sums.gather(1, block)
    inside = blocks[torch.arange(rows, device=weights.device), block[:, 0]]
    # Below 1 whatever the rounding: a token without probability is never chosen.
    return block[:, 0] * _BLOCK + invert(inside, share[:, 0].clamp(0, 1 - 2**-40))
