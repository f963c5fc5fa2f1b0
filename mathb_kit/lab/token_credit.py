"""What OREAL's token reward model makes of a completion, token by token.

The trainer throws its reward model away with the optimiser. Here one is trained as in OREAL's warm-up: the policy stays
as it is, and the reward model learns from its graded attempts, one right and one wrong of every mixed problem.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mathb_kit.grading import Grader
from mathb_kit.lab.objectives import TokenReward
from mathb_kit.lab.objectives.oreal import keep_pairs, token_weights
from mathb_kit.lab.prompts import training_problems
from mathb_kit.lab.rollouts import Rollouts, graded, sample_rollouts
from mathb_kit.lab.scoring import completion_mask
from mathb_kit.lab.token_reward import TokenRewardModel
from mathb_kit.models import get_model
from mathb_kit.problems.problem import Problem
from mathb_kit.progress import progress
from mathb_kit.sampling.engine import chunk_seed
from mathb_kit.sampling.transformers_engine import TransformersEngine, load_checkpoint

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class CreditModel:
    """A policy's engine and a reward model trained on its attempts.

    Attributes:
        engine: of the policy.
        reward_model: trained.
        losses: of the reward model, one per step; ln 2 = 0.693 is no knowledge.
    """

    engine: TransformersEngine
    reward_model: TokenRewardModel
    losses: list[float]

    def attempts(self, problem: Problem, count: int = 16, seed: int = 0) -> Rollouts:
        """Fresh graded attempts at a problem."""
        drawn = sample_rollouts(self.engine, [problem], count, lambda p: chunk_seed(seed, "credit", p.key, "read", 0))
        with Grader() as grader:
            return graded(drawn, self.engine, grader)

    def credit(self, attempts: Rollouts) -> pd.DataFrame:
        """Token by token: attempt, correct, place (from 0), token (its text), mean_score (running mean m_t of the
        logits), weight (in [-1, 1]: what OREAL clones with where above 0, and pushes off with where below)."""
        import pandas as pd

        rows = list(range(len(attempts.completions)))
        mask = completion_mask(attempts)
        scores = self.reward_model.scores(attempts, rows)
        right, wrong = token_weights(scores, mask)
        means = (scores * mask).cumsum(1) / mask.cumsum(1)
        lines = []
        for row in rows:
            texts = self.engine.tokenizer.batch_decode([[token] for token in attempts.completions[row]])
            for place, text in enumerate(texts):
                weight = float(right[row, place] - wrong[row, place])
                lines.append((row, attempts.rewards[row] == 1, place, text, float(means[row, place]), weight))
        return pd.DataFrame(lines, columns=["attempt", "correct", "place", "token", "mean_score", "weight"])


def learn_credit(
    policy: str, on: str = "mini-train", *, steps: int = 60, batch: tuple[int, int] = (8, 16),
    learning_rate: float = 1e-3, seed: int = 0,
) -> CreditModel:  # fmt: skip
    """Train a token reward model on the attempts of a policy that stays as it is.

    Args:
        policy: a model's name or folder.
        on: training problems.
        steps: updates, each on the pairs of one batch.
        batch: problems, and attempts at each.
        learning_rate: of the policy it would serve; the reward model's own is `TokenReward`'s multiple of it.
        seed: of problems, attempts and pairs.

    Raises:
        MathbError: an evaluation set as training set.
    """
    import torch

    model = get_model(policy)
    network, tokenizer = load_checkpoint(model)
    problems, _ = training_problems(on)
    engine = TransformersEngine(model, loaded=(network, tokenizer))
    reward_model = TokenRewardModel(network, TokenReward(), learning_rate)
    losses: list[float] = []
    with Grader() as grader, progress(steps, "token reward model", "steps") as bar:
        for step in range(steps):
            rng = random.Random(chunk_seed(seed, "credit", "order", "", step))
            drawn = sample_rollouts(
                engine, rng.sample(problems, batch[0]), batch[1],
                lambda p: chunk_seed(seed, "credit", p.key, "learn", step),  # noqa: B023
            )  # fmt: skip
            tried = graded(drawn, engine, grader)
            generator = torch.Generator().manual_seed(rng.getrandbits(48))
            pairs = keep_pairs(torch.tensor(tried.rewards), torch.tensor(tried.groups), generator)
            if kept := pairs.nonzero()[:, 0].tolist():
                losses.append(reward_model.update(tried, kept))
            bar.update(1)
    return CreditModel(engine, reward_model, losses)
