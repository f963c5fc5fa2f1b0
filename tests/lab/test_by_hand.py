"""The loop that notebook 07 writes by hand is GRPO, and what surrounds it tells the truth."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import jupytext
import pytest
import torch

from mathb_kit.grading import grade
from mathb_kit.lab.by_hand import Workbench
from mathb_kit.lab.objectives import OBJECTIVES, Batch
from mathb_kit.lab.scoring import tabulate
from mathb_kit.problems import load_problems

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "07_rl_lab.py"


@pytest.fixture(scope="module")
def by_hand() -> dict[str, object]:
    """The functions that the notebook defines."""
    code = [cell.source for cell in jupytext.read(NOTEBOOK, fmt="py:percent").cells if cell.cell_type == "code"]
    made: dict[str, object] = {"torch": torch}
    for source in code:
        for node in ast.parse(source).body:
            if isinstance(node, ast.FunctionDef) and node.name in ("advantages", "grpo_loss"):
                exec(ast.unparse(node), made)
    return made


@pytest.fixture(scope="module")
def bench() -> Workbench:
    return Workbench.of("mini-base-1")


def test_the_notebook_writes_grpo_in_about_thirty_lines():
    code = [cell.source for cell in jupytext.read(NOTEBOOK, fmt="py:percent").cells if cell.cell_type == "code"]
    loop = [source for source in code if "def grpo_loss" in source or "optimizer.step()" in source]
    lines = [line for source in loop for line in source.split("\n") if line.strip() and '"""' not in line]
    assert len(loop) == 2 and len(lines) <= 36


@pytest.mark.parametrize("moved", [0.0, 0.1, 1.0])
def test_by_hand_and_library_agree_on_loss_and_gradient_to_a_millionth(by_hand, moved):
    torch.manual_seed(0)
    old = -torch.rand(24, 9, dtype=torch.float64)
    new = (old + moved * torch.randn_like(old)).requires_grad_()
    mask = (torch.arange(9) < torch.randint(1, 10, (24, 1))).double()
    groups = torch.arange(24) // 8
    rewards = torch.tensor([1.0, 0, 0, 0, 1, 0, 1, 0] + [0.0] * 8 + [1.0] * 8, dtype=torch.float64)
    mine = by_hand["grpo_loss"](new, old, by_hand["advantages"](rewards, groups), mask)
    theirs = OBJECTIVES["grpo"].loss(Batch(new, old, rewards, mask, groups))
    assert abs(mine - theirs) < 1e-6
    gradients = [torch.autograd.grad(loss, new)[0] for loss in (mine, theirs)]
    assert (gradients[0] - gradients[1]).abs().max() < 1e-6 and gradients[0].abs().max() > 1e-4


def test_advantages_by_hand_are_those_of_a_worked_case(by_hand):
    rewards, groups = torch.tensor([1.0, 0, 0, 0, 1, 1]), torch.tensor([0, 0, 0, 0, 1, 1])
    spread = (3 / 4 * 1 / 4 * 4 / 3) ** 0.5  # of 1 0 0 0, with n - 1 below the root
    expected = [0.75 / (spread + 1e-4), *[-0.25 / (spread + 1e-4)] * 3, 0, 0]
    assert by_hand["advantages"](rewards, groups).tolist() == pytest.approx(expected, abs=1e-6)


def test_attempts_hang_on_their_seed_and_rewards_are_the_graders(bench):
    problems = load_problems("mini-train")[:2]
    tried, again, other = (bench.attempts(problems, 8, seed) for seed in (1, 1, 2))
    assert tried.rollouts.completions == again.rollouts.completions != other.rollouts.completions
    texts = bench.engine.tokenizer.batch_decode(tried.rollouts.completions, skip_special_tokens=True)
    right = [grade(problems[group].gold, text).verdict == "correct" for group, text in zip(tried.groups, texts)]
    assert tried.rewards.bool().tolist() == right
    assert tried.groups.tolist() == [0] * 8 + [1] * 8
    assert tried.mask.sum(1).tolist() == [len(each) for each in tried.rollouts.completions]


def test_log_probabilities_have_a_gradient_and_are_those_of_the_trainer(bench):
    tried = bench.attempts(load_problems("mini-train")[:2], 4, seed=3)
    values = bench.log_probs(tried)
    (expected,) = tabulate(bench.network, tried.rollouts, range(8))
    assert torch.allclose(values, expected, atol=1e-5)
    values.sum().backward()
    assert any(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in bench.network.parameters())
    bench.network.zero_grad(set_to_none=True)


def test_a_report_tells_no_distance_of_an_untrained_network_and_a_distance_of_another(bench):
    tried = bench.attempts(load_problems("mini-train")[:2], 4, seed=3)
    row = bench.report(7, tried)
    assert row["step"] == 7 and row["groups"] == 2 and row["reward"] == pytest.approx(tried.rewards.mean().item())
    assert row["kl"] == pytest.approx(0, abs=1e-6) and row["entropy"] > 0
    other = Workbench.of("mini-rl-1")
    assert replace(other, base=bench.base).report(1, tried)["kl"] > 0.01


def test_reached_counts_problems_that_one_of_the_attempts_solves(bench):
    problems = load_problems("mini-math")[:6]
    tried = bench.attempts(problems, 8, seed=0)
    assert bench.reached(problems, 8) == len({group for group, won in zip(tried.groups.tolist(), tried.rewards) if won})
