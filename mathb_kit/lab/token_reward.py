"""OREAL's token-level reward model: the policy's own backbone with a one-dimensional head, trained on outcomes."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mathb_kit.lab.lora import load_trained_part, trained_part
from mathb_kit.lab.objectives.oreal import reward_model_loss
from mathb_kit.lab.objectives.registry import TokenReward
from mathb_kit.lab.rollouts import Rollouts
from mathb_kit.lab.scoring import batches, completion_mask, hidden_states

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel


class TokenRewardModel:
    """Scores every token; all of it trains, and its head starts at zero.

    With a zero head every score is 0, hence every token weight, hence the policy's gradient: it has to learn first.

    Args:
        policy: whose backbone is copied.
        settings: see `TokenReward`.
        learning_rate: of the policy.
    """

    def __init__(self, policy: PreTrainedModel, settings: TokenReward, learning_rate: float) -> None:
        import torch

        self.settings = settings
        # A copy, not the policy's own: what tells right from wrong early in a text is not what writes the next token,
        # and the score of a token must not move because the policy did.
        self.backbone = copy.deepcopy(policy.base_model)
        self.head = torch.nn.Linear(policy.config.get_text_config().hidden_size, 1, bias=False).to(policy.device)
        torch.nn.init.zeros_(self.head.weight)
        self._parameters = [*self.backbone.parameters(), *self.head.parameters()]
        self._optimizer = torch.optim.AdamW(
            self._parameters, lr=settings.learning_rate_factor * learning_rate, weight_decay=0.01
        )

    def scores(self, rollouts: Rollouts, rows: Sequence[int]) -> Tensor:
        """Token logits, no gradient, as a table for all attempts (attempts, longest completion); 0 where not asked."""
        import torch

        table = torch.zeros_like(completion_mask(rollouts, str(self.backbone.device)))
        with torch.no_grad():
            for batch in batches(rollouts, rows, self.backbone):
                values = self._scores(rollouts, batch)
                table[batch, : values.shape[1]] = values
        return table

    def update(self, rollouts: Rollouts, rows: Sequence[int]) -> float:
        """One optimiser step on these attempts' outcomes; returns the loss before it (ln 2 at the very start)."""
        import torch

        device = str(self.backbone.device)
        mask, rewards = completion_mask(rollouts, device), torch.tensor(rollouts.rewards, device=device)
        total = 0.0
        for batch in batches(rollouts, rows, self.backbone):
            values = self._scores(rollouts, batch)
            # The loss is a mean over attempts, so a batch counts by its share of them: the gradients that add up here
            # are those of one mean over all, however memory cut it.
            loss = reward_model_loss(values, rewards[batch], mask[batch, : values.shape[1]]) * len(batch) / len(rows)
            loss.backward()
            total += float(loss.detach())
        torch.nn.utils.clip_grad_norm_(self._parameters, 1.0)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        return total

    def state(self) -> dict[str, Any]:
        """Weights and optimiser, for resuming."""
        return {
            "backbone": trained_part(self.backbone),
            "head": self.head.state_dict(),
            "optimizer": self._optimizer.state_dict(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take over what `state` gave."""
        load_trained_part(self.backbone, state["backbone"])
        self.head.load_state_dict(state["head"])
        self._optimizer.load_state_dict(state["optimizer"])

    def _scores(self, rollouts: Rollouts, rows: Sequence[int]) -> Tensor:
        # Per token, though only whole attempts have an outcome: the head is linear without bias, so the mean of these
        # logits is the logit of the mean state, and credit comes out as what each prefix adds to it.
        states = hidden_states(self.backbone, rollouts, rows, self.settings.sees_token)
        return self.head(states.to(self.head.weight.dtype))[..., 0]
