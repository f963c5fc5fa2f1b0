"""The probe of gradients: what is known beforehand of a reward model that knows nothing, and cosines are cosines."""

import math

from mathb_kit.lab import gradients
from mathb_kit.lab.gradients import Probe, gradient_table
from mathb_kit.lab.rollouts import Rollouts


def test_before_its_warm_up_a_reward_model_gives_oreal_no_gradient_and_grpo_uses_mixed_groups(monkeypatch):
    seen: list[Rollouts] = []
    original = gradients.graded
    monkeypatch.setattr(gradients, "graded", lambda *given: seen.append(original(*given)) or seen[-1])
    probe = Probe(batches=3, prompts=6, group=4, warm_up=0)
    table, told = gradient_table(probe, ["grpo", "oreal", "oreal-shaped", "oreal-every-token"])
    table = table.set_index("objective")
    assert abs(told["loss"] - math.log(2)) < 1e-6
    assert told["right_weight"] == told["wrong_weight"] == told["early_weight"] == told["late_weight"] == 0
    assert told["misled"] == 1 and told["right_above_wrong"] == 0
    assert table.loc["oreal", ["attempts", "norm"]].tolist() == [0, 0]
    mixed = [len(rollouts.mixed_groups()) for rollouts in seen]
    assert table.loc["grpo", "attempts"] == 4 * sum(mixed) / 3
    assert table.loc["oreal-every-token", "attempts"] == 2 * sum(mixed) / 3  # one right, one wrong
    # Leave-one-out of +1 and -1 is twice that of 1 and 0: the same direction, twice as long.
    assert abs(table.loc["oreal-shaped", "norm"] / table.loc["rloo", "norm"] - 2) < 1e-3
    for name in ("rising", "coherence"):
        assert abs(table.loc["oreal-shaped", name] - table.loc["rloo", name]) < 1e-4
        assert table[name].between(-1, 1).all()
