"""What objectives make of the same attempts: size, reach and direction of their gradients, and a token reward model's
part in them.

An optimiser like Adam hardly minds how long a gradient is; what counts is where it points and how much of it is noise.
So every objective's gradient is held against the direction in which the expected reward rises, estimated by RLOO from
all *other* batches, and against its own gradient from other batches.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mathb_kit.grading import Grader
from mathb_kit.lab.objectives import Batch, TokenReward, get_objective
from mathb_kit.lab.objectives.oreal import keep_pairs, token_weights
from mathb_kit.lab.prompts import training_problems
from mathb_kit.lab.rollouts import Rollouts, graded, sample_rollouts
from mathb_kit.lab.scoring import completion_mask, tabulate
from mathb_kit.lab.token_reward import TokenRewardModel
from mathb_kit.lab.trainer import rollout_engine
from mathb_kit.lab.update import Policy
from mathb_kit.models import get_model
from mathb_kit.sampling.engine import chunk_seed
from mathb_kit.sampling.transformers_engine import load_checkpoint

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

_RISING = "rloo"  # unbiased for the gradient of the expected reward


@dataclass(frozen=True)
class Probe:
    """What is measured on.

    Attributes:
        policy: a model's name or folder; it stays as it is.
        on: training problems.
        batches: rollout batches, each of ``prompts`` problems with ``group`` attempts.
        warm_up: steps of the token reward model before, a batch each.
        learning_rate: of the policy that the reward model would serve.
    """

    policy: str = "mini-base-1"
    on: str = "mini-train"
    batches: int = 12
    prompts: int = 8
    group: int = 16
    warm_up: int = 10
    learning_rate: float = 3e-4
    seed: int = 0


def gradient_table(probe: Probe, objectives: Sequence[str]) -> tuple[pd.DataFrame, dict[str, float]]:
    """Gradients of objectives on the same batches.

    Returns:
        A table: objective, attempts (mean number with a gradient, of all in a batch), norm (mean), rising (mean cosine
        with RLOO's gradient from the other batches), coherence (mean cosine with its own from single other batches).
        And the token reward model on these batches: loss (nats per attempt, ln 2 for no knowledge), right_above_wrong
        (share of kept pairs in which the right attempt scores higher), right_weight and wrong_weight (mean token weight
        in right and wrong kept attempts), early_weight and late_weight (in the first and in the last quarter of their
        tokens), misled (share of kept attempts whose weights are 0 all along: the reward model is on the wrong side).
    """
    import pandas as pd
    import torch

    model = get_model(probe.policy)
    network, tokenizer = load_checkpoint(replace(model, dtype="float32"))
    engine = rollout_engine(model, (network, tokenizer), model.sampling.max_tokens)
    problems, _ = training_problems(probe.on)
    rewards = {flag: TokenRewardModel(network, TokenReward(sees_token=flag), probe.learning_rate)
               for flag in (True, False)}  # fmt: skip
    asked = list(dict.fromkeys([_RISING, *objectives]))
    found: dict[str, list[Tensor]] = {name: [] for name in asked}
    attempts: dict[str, list[int]] = {name: [] for name in asked}
    told: list[dict[str, float]] = []
    with Grader() as grader:
        for step in range(probe.warm_up + probe.batches):
            rng = random.Random(chunk_seed(probe.seed, "probe", "order", "", step))
            drawn = rng.sample(problems, probe.prompts)
            fresh = sample_rollouts(
                engine, drawn, probe.group, lambda p: chunk_seed(probe.seed, "probe", p.key, "", step)  # noqa: B023
            )
            rollouts = graded(fresh, engine, grader)
            generator = torch.Generator().manual_seed(rng.getrandbits(48))
            pairs = keep_pairs(torch.tensor(rollouts.rewards), torch.tensor(rollouts.groups), generator)
            kept = pairs.nonzero()[:, 0].tolist()
            if step < probe.warm_up:
                for reward_model in rewards.values() if kept else ():
                    reward_model.update(rollouts, kept)
                continue
            told.append(_told(rewards[True], rollouts, kept))
            batch = _batch(network, rollouts, pairs, model.sampling.max_tokens)
            for name in asked:
                objective = get_objective(name)
                here = batch
                if objective.token_reward:
                    scores = rewards[objective.token_reward.sees_token].scores(rollouts, kept)
                    here = replace(batch, token_scores=scores)
                gradient, count = Policy(network, objective, probe.learning_rate).gradient(here, rollouts)
                attempts[name].append(count)
                found[name].append(gradient)
    rising = torch.stack(found[_RISING])
    rows = []
    for name in asked:
        ours = torch.stack(found[name])
        others = (rising.sum(0) - rising) / (len(rising) - 1)
        own = torch.nn.functional.normalize(ours, dim=1)
        count = len(own)
        coherence = (float((own.sum(0) ** 2).sum()) - float((own**2).sum())) / (count * (count - 1))
        rows.append((name, sum(attempts[name]) / count, float(ours.norm(dim=1).mean()),
                     float(torch.cosine_similarity(ours, others).mean()), coherence))  # fmt: skip
    table = pd.DataFrame(rows, columns=["objective", "attempts", "norm", "rising", "coherence"])
    return table, pd.DataFrame(told).mean().to_dict()


def _batch(network: Any, rollouts: Rollouts, pairs: Tensor, max_tokens: int) -> Batch:
    """The attempts under a policy that is still its own base."""
    import torch

    (old,) = tabulate(network, rollouts, list(range(len(rollouts.groups))))
    return Batch(
        old, old, torch.tensor(rollouts.rewards), completion_mask(rollouts), torch.tensor(rollouts.groups), old,
        kept=pairs, max_tokens=max_tokens,
    )  # fmt: skip


def _told(reward_model: TokenRewardModel, rollouts: Rollouts, kept: list[int]) -> dict[str, float]:
    """What the reward model says of the kept attempts."""
    import torch

    from mathb_kit.lab.objectives.oreal import reward_model_loss

    if not kept:
        return {}
    mask, rewards = completion_mask(rollouts)[kept], torch.tensor(rollouts.rewards)[kept]
    scores = reward_model.scores(rollouts, kept)[kept]
    right_side, wrong_side = token_weights(scores, mask)
    weights = torch.where(rewards[:, None] == 1, right_side, wrong_side)
    means = (scores * mask).sum(1) / mask.sum(1)
    groups = torch.tensor(rollouts.groups)[kept]
    above = [float(means[(groups == g) & (rewards == 1)] > means[(groups == g) & (rewards == 0)])
             for g in groups.unique().tolist()]  # fmt: skip
    each = weights.sum(1) / mask.sum(1)
    quarter = (mask.sum(1, keepdim=True) / 4).ceil()
    place = mask.cumsum(1) * mask
    first = (place > 0) & (place <= quarter)
    last = place > mask.sum(1, keepdim=True) - quarter
    early, late = (float(((weights * part).sum(1) / quarter[:, 0]).mean()) for part in (first, last))
    return {
        "loss": float(reward_model_loss(scores, rewards, mask)), "right_above_wrong": sum(above) / len(above),
        "right_weight": float(each[rewards == 1].mean()), "wrong_weight": float(each[rewards == 0].mean()),
        "early_weight": early, "late_weight": late, "misled": float((each == 0).float().mean()),
    }  # fmt: skip
