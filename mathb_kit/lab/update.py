"""The optimiser steps of one rollout batch, for any objective and any size of network."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from mathb_kit.errors import MathbError
from mathb_kit.lab.lora import checkpointing, load_trained_part, trained_part
from mathb_kit.lab.objectives import Batch, Objective
from mathb_kit.lab.rollouts import Rollouts
from mathb_kit.lab.scoring import Scored, as_tables, each_batch, tabulate, token_log_probs
from mathb_kit.sampling.threads import in_threads
from mathb_kit.sampling.weights import is_small_llama

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

_WARM_UP = 10  # updates over which the learning rate rises to its value
_LARGEST_GRADIENT = 1.0  # norm to which larger gradients are scaled


class Diverged(ArithmeticError):
    """The loss or the gradient is no longer a number; the weights are those before this update."""


class Policy:
    """A network in training with its optimiser: AdamW, constant learning rate after ten updates of warm-up.

    The objective is differentiated by the log-probabilities alone. The network then runs, in batches that fit, only on
    attempts that have a gradient, and passes it on to its weights: an attempt without advantage costs nothing.
    """

    def __init__(
        self, network: PreTrainedModel, objective: Objective, learning_rate: float, forget: bool = False
    ) -> None:
        """``forget``: activations between layers are computed again in the backward pass."""
        import torch

        self.network, self.objective, self.learning_rate = network, objective, learning_rate
        self.updates = 0
        self._forget = forget
        self._weights = [weight for weight in network.parameters() if weight.requires_grad]
        self._optimizer = torch.optim.AdamW(self._weights, lr=learning_rate, weight_decay=0.0)

    def state(self) -> dict[str, Any]:
        """Weights, optimiser and number of updates, for resuming."""
        return {
            "network": trained_part(self.network),
            "optimizer": self._optimizer.state_dict(),
            "updates": self.updates,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take over what `state` gave."""
        load_trained_part(self.network, state["network"])
        self._optimizer.load_state_dict(state["optimizer"])
        self.updates = state["updates"]

    def learn(self, batch: Batch, rollouts: Rollouts, updates: int, rng: random.Random) -> dict[str, float]:
        """``updates`` optimiser steps, each on its share of the groups, whole groups together.

        Args:
            batch: of all rollouts, ``log_probs`` being those of the policy as it is.
            rollouts: the same attempts as token ids.
            updates: minibatches; a minibatch without any gradient is passed over.
            rng: divides the groups among the minibatches.

        Returns:
            ``trained`` (attempts with a gradient), mean ``loss`` and mean ``gradient`` norm before it was cut.

        Raises:
            Diverged: a loss or gradient is not a number.
        """
        import torch

        groups = list(range(len(rollouts.problems)))
        rng.shuffle(groups)
        trained, losses, norms = 0, [], []
        for number in range(min(updates, len(groups))):
            part = set(groups[number::updates])
            rows = [row for row, group in enumerate(rollouts.groups) if group in part]
            here = _rows_of(batch, rows)
            # First as if the policy were still the one that sampled: its log-probabilities are known, so this costs no
            # pass through the network, and it shows which attempts have a gradient at all.
            loss, gradients = self._gradients(here)
            moving = _rows_with_gradient(gradients)
            # From the second minibatch on the policy has moved, so the ratios of those attempts are looked up anew.
            # Without advantage there is no gradient at any ratio, so the others' old values may stand.
            scored: list[Scored] = []
            if number and moving:
                tables, scored = self._look_up(rollouts, [rows[i] for i in moving])
                loss, gradients = self._gradients(_moved(here, [table[rows] for table in tables], moving))
                moving = _rows_with_gradient(gradients)  # clipping may have taken some away
            if not torch.isfinite(loss):
                raise Diverged("loss")
            if not moving:
                continue
            self._backward(gradients, rollouts, {rows[i]: i for i in moving}, scored)
            norms.append(self._step())
            losses.append(float(loss))
            trained += len(moving)
        count = max(1, len(losses))
        return {"trained": trained, "loss": round(sum(losses) / count, 5), "gradient": round(sum(norms) / count, 5)}

    def gradient(self, batch: Batch, rollouts: Rollouts) -> tuple[Tensor, int]:
        """The loss's gradient by all weights, flat, and the number of attempts that it comes from; no step is taken."""
        import torch

        _, gradients = self._gradients(batch)
        moving = _rows_with_gradient(gradients)
        self._backward(gradients, rollouts, {row: row for row in moving})
        flat = torch.cat([weight.grad.flatten() for weight in self._weights])
        self._optimizer.zero_grad(set_to_none=True)
        return flat, len(moving)

    def _gradients(self, batch: Batch) -> tuple[Tensor, list[Tensor]]:
        """The loss, and its gradient by the log-probabilities and, if it reads them, the entropies."""
        import torch

        values = [batch.log_probs.detach().requires_grad_()]
        if self.objective.entropy:
            values.append(batch.entropies.detach().requires_grad_())
        entropies = values[1] if self.objective.entropy else None
        loss = self.objective.loss(replace(batch, log_probs=values[0], entropies=entropies))
        if not loss.requires_grad:
            raise MathbError(
                f"The loss of objective {self.objective.name!r} does not depend on batch.log_probs; nothing can be "
                "learned from it."
            )
        gradients = torch.autograd.grad(loss, values, allow_unused=True)
        return loss.detach(), [torch.zeros_like(v) if g is None else g * batch.mask for v, g in zip(values, gradients)]

    def _look_up(self, rollouts: Rollouts, rows: list[int]) -> tuple[list[Tensor], list[Scored]]:
        """Tables of these attempts under the policy as it is now; of a small network also the batches that they come
        from, with their graphs, so that the backward pass need not run it once more."""
        entropy = self.objective.entropy
        if not is_small_llama(self.network):
            return tabulate(self.network, rollouts, rows, entropy), []
        score = partial(token_log_probs, self.network, rollouts, entropy=entropy)
        scored = list(each_batch(self.network, rollouts, rows, score))
        return as_tables(scored, rollouts, 1 + entropy, str(self.network.device)), scored

    def _backward(
        self, gradients: list[Tensor], rollouts: Rollouts, place: dict[int, int], scored: list[Scored] = []
    ) -> None:
        """Into the weights' ``grad``.

        Args:
            gradients: by log-probabilities and entropies.
            rollouts: the attempts.
            place: the line of ``gradients`` of every attempt that has one.
            scored: batches that were run already, with their graphs; they may hold attempts without a gradient.
        """
        import torch

        # By the chain rule dL/dw = sum over tokens of dL/dlogp dlogp/dw. The first factor is at hand, so each batch of
        # attempts is one vector-Jacobian product, and no batch needs another's graph: memory is bounded by a batch,
        # whatever the loss makes of all attempts together (group means, a mean over all tokens).
        def product(some: list[int], values: list[Tensor]) -> tuple[Tensor, ...]:
            here = [number for number, row in enumerate(some) if row in place]
            lines = [place[some[number]] for number in here]
            value = sum((v[here] * g[lines, : v.shape[1]]).sum() for v, g in zip(values, gradients))
            # Not `backward`: batches run side by side in threads, which would add into the same ``grad``.
            return torch.autograd.grad(value, self._weights, materialize_grads=True)

        def work(some: list[int]) -> tuple[Tensor, ...]:
            return product(some, token_log_probs(self.network, rollouts, some, self.objective.entropy))

        total = [torch.zeros_like(weight) for weight in self._weights]
        with checkpointing(self.network, self._forget):
            # In order, so that sums round alike.
            if scored:
                pieces = in_threads(lambda piece, _: product(*piece), scored)
            else:
                pieces = each_batch(self.network, rollouts, list(place), work)
            for _, parts in pieces:
                torch._foreach_add_(total, parts)
        for weight, gradient in zip(self._weights, total):
            weight.grad = gradient

    def _step(self) -> float:
        import torch

        norm = torch.nn.utils.clip_grad_norm_(self._weights, _LARGEST_GRADIENT)
        if not torch.isfinite(norm):  # looked at before the step: the weights that are kept must be the last sound ones
            raise Diverged("gradient")
        self.updates += 1
        for parameters in self._optimizer.param_groups:
            parameters["lr"] = self.learning_rate * min(1.0, self.updates / _WARM_UP)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        return float(norm)


def _rows_of(batch: Batch, rows: list[int]) -> Batch:
    """Some rows of a batch; their groups are numbered anew."""
    import torch

    parts = {
        name: value[rows] for name, value in vars(batch).items() if isinstance(value, torch.Tensor) and name != "groups"
    }
    return replace(batch, **parts, groups=batch.groups[rows].unique(return_inverse=True)[1])


def _moved(batch: Batch, tables: list[Tensor], moving: list[int]) -> Batch:
    """The batch with these rows' log-probabilities (and entropies) replaced."""
    log_probs = batch.log_probs.clone()
    log_probs[moving] = tables[0][moving]
    if len(tables) == 1:
        return replace(batch, log_probs=log_probs)
    entropies = batch.entropies.clone()
    entropies[moving] = tables[1][moving]
    return replace(batch, log_probs=log_probs, entropies=entropies)


def _rows_with_gradient(gradients: list[Tensor]) -> list[int]:
    return sum((g != 0).any(1) for g in gradients).nonzero()[:, 0].tolist()
