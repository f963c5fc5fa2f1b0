"""Objectives by name, with what each needs of the trainer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from mathb_kit.errors import MathbError
from mathb_kit.lab.objectives.batch import Batch
from mathb_kit.lab.objectives.cloning import distillation, on_policy_distillation, raft
from mathb_kit.lab.objectives.oreal import (
    oreal,
    oreal_every_token,
    oreal_not_reshaped,
    oreal_reinforce,
    oreal_released,
    oreal_released_every_token,
    oreal_shaped,
)
from mathb_kit.lab.objectives.policy_gradient import (
    dapo,
    dr_grpo,
    grpo,
    grpo_early,
    grpo_entropy,
    negative_only,
    pkpo,
    positive_only,
    prorl,
    reinforce_rej,
    rloo,
)
from mathb_kit.lab.practice import Practice, nurl, pope, questa, step_rewards, zero_success_gate
from mathb_kit.settings import did_you_mean

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class TokenReward:
    """The token reward model of an objective.

    Attributes:
        warm_up: first steps, in which only the reward model learns and the policy is frozen.
        learning_rate_factor: its learning rate as a multiple of the policy's (2e-6 to 5e-7 in the released code).
        sees_token: whether a token's score is read after that token (the paper's w(s_<=t)) or, as in the released
            code, where the token was predicted.
    """

    warm_up: int = 10
    learning_rate_factor: float = 4.0
    sees_token: bool = True


@dataclass(frozen=True)
class Objective:
    """A loss with what it needs of the trainer; your own is ``Objective("mine", loss)``.

    Attributes:
        name: as people call it.
        loss: pure function of a `Batch` of whole groups.
        updates: optimiser steps per rollout batch; a clipped loss needs two or more, else clipping never acts.
        resample: sample until as many groups as asked for are mixed, within limits (DAPO's dynamic sampling).
        reference: whether the loss reads the base's log-probabilities.
        entropy: whether it reads entropies.
        token_reward: whether it reads a token reward model, and how that one is trained.
        supervised: whether it trains on written solutions instead of sampled attempts.
        practice: a data rule, where not all problems are tried alike; see `mathb_kit.lab.practice`.
        teacher: a model's name, whose log-probabilities of the sampled tokens the loss reads.
        reference_reset: steps after which the reference becomes the policy as it is, again and again; 0: never.
    """

    name: str
    loss: Callable[[Batch], Tensor] = field(repr=False)
    updates: int = 1
    resample: bool = False
    reference: bool = False
    entropy: bool = False
    token_reward: TokenReward | None = None
    supervised: bool = False
    practice: Practice | None = None
    teacher: str | None = None
    reference_reset: int = 0

    def coefficients(self) -> dict[str, Any]:
        """Keyword arguments bound to the loss, for provenance."""
        return dict(getattr(self.loss, "keywords", {}))

    def rules(self) -> dict[str, Any]:
        """What else training by it hangs on, for provenance; what is at its default is left out."""
        names = ("resample", "reference", "entropy", "supervised", "teacher", "reference_reset")
        chosen = {name: getattr(self, name) for name in names}
        chosen["token_reward"] = self.token_reward and asdict(self.token_reward)
        chosen["practice"] = self.practice and self.practice.settings()
        return {name: value for name, value in chosen.items() if value}

    @property
    def about(self) -> str:
        """The first sentence of its rule's or its loss's docstring."""
        loss = getattr(self.loss, "func", self.loss)
        told = self.practice.rule if self.practice else loss
        return (told.__doc__ or "").strip().split("\n\n")[0].replace("\n    ", " ")

    def with_coefficients(self, **changes: float) -> Objective:
        """The same objective with other keyword arguments bound to its loss, e.g. ``clip=0.1`` or ``kl=0.01``."""
        return replace(self, loss=partial(self.loss, **changes))


OBJECTIVES = {
    objective.name: objective
    for objective in (
        Objective("rloo", rloo),
        Objective("grpo", partial(grpo, clip=0.2), updates=2),
        Objective("dr-grpo", partial(dr_grpo, clip=0.2), updates=2),
        Objective("dapo", partial(dapo, low=0.2, high=0.28), updates=2, resample=True),
        Objective("grpo-entropy", partial(grpo_entropy, coefficient=0.01, clip=0.2), updates=2, entropy=True),
        Objective("raft", raft),
        Objective("reinforce-rej", partial(reinforce_rej, clip=0.2), updates=2),
        Objective("psr", positive_only),
        Objective("nsr", negative_only),
        Objective("pass-at-k", partial(pkpo, k=4)),
        Objective("oreal", partial(oreal, eta=0.5, kl=0.01), token_reward=TokenReward()),
        Objective(
            "oreal-released",
            partial(oreal_released, eta=0.5, kl=0.01),
            reference=True,
            token_reward=TokenReward(sees_token=False),
        ),
        Objective(
            "oreal-every-token", partial(oreal_every_token, eta=0.5, kl=0.01), token_reward=TokenReward(warm_up=0)
        ),
        Objective("oreal-not-reshaped", partial(oreal_not_reshaped, eta=0.5, kl=0.01), token_reward=TokenReward()),
        Objective(
            "oreal-released-no-kl",
            partial(oreal_released, eta=0.5, kl=0.0),
            reference=True,
            token_reward=TokenReward(sees_token=False),
        ),
        Objective("grpo-early", partial(grpo_early, first=4, clip=0.2, kl=1.0), updates=2, reference=True),
        # OREAL's own ablation; with "oreal-every-token" and "oreal" these are the steps of its Table 2.
        Objective("oreal-reinforce", oreal_reinforce),
        Objective("oreal-shaped", oreal_shaped),
        Objective("oreal-released-every-token", partial(oreal_released_every_token, eta=0.5, kl=0.01), reference=True),
        # Methods that claim to expand.
        Objective("zero-gate", partial(grpo, clip=0.2), updates=2, practice=Practice(gate=zero_success_gate)),
        Objective("nurl", partial(grpo, clip=0.2), updates=2, practice=Practice(hint=nurl)),
        Objective("pope", partial(grpo, clip=0.2), updates=2, practice=Practice(given=pope)),
        Objective("questa", partial(grpo, clip=0.2), updates=2, practice=Practice(given=questa)),
        Objective(
            "delta", partial(grpo, clip=0.2), updates=2, practice=Practice(credit=step_rewards, credit_share=0.25)
        ),
        Objective(
            "prorl",
            partial(prorl, low=0.2, high=0.4, kl=0.001),
            updates=2,
            resample=True,
            reference=True,
            reference_reset=10,
        ),
        Objective("on-policy-distillation", on_policy_distillation, teacher="mini-distilled-1"),
        Objective("distillation", distillation, supervised=True),
    )
}


def get_objective(name: str) -> Objective:
    """A registered objective.

    Raises:
        MathbError: there is none of this name.
    """
    if name not in OBJECTIVES:
        raise MathbError(
            f"There is no objective {name!r}{did_you_mean(name, OBJECTIVES)}; there are {', '.join(OBJECTIVES)}, and "
            "Objective(name, loss) for one of your own."
        )
    return OBJECTIVES[name]
