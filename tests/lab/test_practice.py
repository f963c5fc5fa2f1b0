"""Data rules of methods that claim to expand: by hand on tiny batches, and a few steps of each."""

import math
import random
from dataclasses import replace

import pytest
import torch

from mathb_kit.errors import MathbError
from mathb_kit.grading import grade
from mathb_kit.lab import collecting
from mathb_kit.lab.collecting import Clock, Collector
from mathb_kit.lab.objectives import OBJECTIVES, Batch
from mathb_kit.lab.practice import Practice, nurl, pope, questa, solution_prefix, step_rewards, zero_success_gate
from mathb_kit.lab.rollouts import Rollouts
from mathb_kit.lab.run import Run, train
from mathb_kit.lab.run_folder import read_log
from mathb_kit.lab.settings import TrainingSettings
from mathb_kit.lab.trainer import rollout_engine
from mathb_kit.miniature.generator import Exercise, Part, solve
from mathb_kit.models import get_model
from mathb_kit.problems import Problem, load_problems
from mathb_kit.sampling.transformers_engine import load_checkpoint

CLAIMS = ["zero-gate", "nurl", "pope", "questa", "delta", "prorl", "on-policy-distillation"]
THREE = Exercise("sum", 3, (Part("sum", 48, 93), Part("sum", 11, 22), Part("sum", 50, 50)))
ONE = Exercise("sum", 1, (Part("sum", 48, 93),))


def problem_of(exercise):
    return Problem("by-hand", "1", exercise.statement, str(exercise.gold), {"level": exercise.level})


def test_a_prefix_is_the_method_and_whole_steps_but_never_the_last_one():
    three, one = problem_of(THREE), problem_of(ONE)
    assert solution_prefix(three, 0.25) == "Carefully: 48+93=141;"
    assert solution_prefix(three, 0.5) == "Carefully: 48+93=141;11+22=33;"
    assert solution_prefix(three, 1.0) == "Carefully: 48+93=141;11+22=33;"
    assert solution_prefix(one, 1.0) == "Carefully: "
    for exercise in (THREE, ONE):
        assert solve(exercise, "careful").startswith(solution_prefix(problem_of(exercise), 0.5))
    with pytest.raises(MathbError, match="no written solution"):
        solution_prefix(Problem("s", "1", "What is 1+1?", "2", {}), 0.5)


def test_pope_guides_half_of_the_groups_and_questa_all_of_them_less_and_less():
    three, rng = problem_of(THREE), random.Random(0)
    guided = sum(bool(pope(three, 0.0, rng)) for _ in range(1000))
    assert abs(guided - 500) < 4 * math.sqrt(250)
    assert {pope(three, 0.9, rng) for _ in range(20)} == {"", "Carefully: 48+93=141;"}
    assert questa(three, 0.2, rng) == "Carefully: 48+93=141;11+22=33;"
    assert questa(three, 0.7, rng) == "Carefully: 48+93=141;"


def test_step_rewards_pay_for_every_number_in_its_place():
    problem = problem_of(THREE)  # a = 141, b = 33, c = 100, three digits each
    assert problem.gold == "141033100" and problem.statement.endswith("$10^{6}a+10^{3}b+c$.")
    for answer, pay in [("141033100", 1), ("141033101", 2 / 3), ("41033100", 2 / 3), ("33100", 2 / 3),
                        ("999999100", 1 / 3), ("1", 0), ("1141033100", 2 / 3), ("-141033100", 0)]:  # fmt: skip
        assert step_rewards(problem, f"Quickly: \\boxed{{{answer}}}") == pytest.approx(pay), answer
    assert step_rewards(problem, "141033100, it seems") == 0  # no box, no answer
    one = problem_of(ONE)
    assert step_rewards(one, "\\boxed{141}") == 1 and step_rewards(one, "\\boxed{140}") == 0
    for each in list(load_problems("mini-train"))[::50]:
        assert step_rewards(each, f"\\boxed{{{each.gold}}}") == 1 and grade(each.gold, f"\\boxed{{{each.gold}}}")


class Stub:
    """Stands for an engine: a prompt's attempts are right if it holds a word, tokens are letters."""

    def __init__(self):
        self.model, self.tokenizer = self, self

    def render(self, statement):
        return statement + "\n"

    def encode(self, prompt):
        return list(prompt)

    def batch_decode(self, rows, **_):
        return ["".join(row) for row in rows]


def collector_of(monkeypatch, practice, right_of, group=2):
    """A collector whose groups have ``right_of`` (problem id, text given) right attempts, the first ones."""
    tried = []

    def sample(engine, problems, attempts, seed_of, given):
        texts = [given.get(p.key, "") for p in problems]
        tried.append([(p.id, text) for p, text in zip(problems, texts)])
        rewards = [float(n < right_of(p.id, text)) for p, text in zip(problems, texts) for n in range(attempts)]
        groups = [g for g in range(len(problems)) for _ in range(attempts)]
        count = len(groups)
        return Rollouts(list(problems), groups, [["p"]] * count, [["x"] * 3] * count, rewards, [False] * count)

    monkeypatch.setattr(collecting, "sample_rollouts", sample)
    monkeypatch.setattr(collecting, "graded", lambda rollouts, *_: rollouts)
    problems = [Problem("s", name, f"${name}$", "1", {}) for name in "abc"]
    objective = replace(OBJECTIVES["grpo"], practice=practice)
    settings = TrainingSettings(prompts=3, group=group)
    return Collector(Stub(), problems, objective, settings), tried


def collected(collector, step=1, spent=0.0):
    return collector.collect(step, spent, random.Random(step), None, Clock())


def test_a_failing_group_is_tried_again_with_a_hint_and_all_that_was_sampled_counts(monkeypatch):
    right = {("a", ""): 1, ("b", "hint"): 2}
    collector, tried = collector_of(monkeypatch, Practice(hint=lambda p: "hint"), lambda *at: right.get(at, 0))
    batch = collected(collector)
    assert sorted(tried[0]) == [("a", ""), ("b", ""), ("c", "")] and sorted(tried[1]) == [("b", "hint"), ("c", "hint")]
    rollouts = batch.rollouts
    pay = {p.id: rollouts.only([place]).rewards for place, p in enumerate(rollouts.problems)}
    assert pay == {"a": [1, 0], "b": [1, 1], "c": [0, 0]}
    # Five groups of two attempts of three tokens; two hints of four letters, once a group.
    assert (batch.tokens, batch.row["given_tokens"], batch.row["groups"]) == (30, 8, 5)


def test_only_a_problem_without_earlier_success_teaches(monkeypatch):
    collector, _ = collector_of(monkeypatch, Practice(gate=zero_success_gate), lambda name, _: int(name != "c"))
    first, second = collected(collector, 1), collected(collector, 2)
    assert sum(first.rollouts.rewards) == 2 and sorted(collector.solved.values()) == [0, 2, 2]
    assert second.rollouts.rewards == [0.0] * 6  # a and b were solved before, c never
    assert second.row["reward"] == 0.3333  # the log says what was right all the same


def test_step_rewards_end_when_their_share_of_the_budget_is_spent_and_the_log_keeps_verdicts(monkeypatch):
    practice = Practice(credit=lambda problem, text: 0.25, credit_share=0.5)
    collector, _ = collector_of(monkeypatch, practice, lambda *_: 1)
    early, late = collected(collector, spent=0.49), collected(collector, spent=0.5)
    assert early.rollouts.rewards == [0.25] * 6 and late.rollouts.rewards == [1.0, 0.0] * 3
    assert early.row["reward"] == late.row["reward"] == 0.5


def batch_of(log_probs, **more):
    log_probs = torch.tensor(log_probs, requires_grad=True)
    rows = len(log_probs)
    made = {"rewards": torch.zeros(rows), "groups": torch.zeros(rows, dtype=torch.int64)} | more
    mask = made.pop("mask", torch.ones_like(log_probs).detach())
    return Batch(log_probs, made.pop("old", log_probs.detach()), made.pop("rewards"), mask, made.pop("groups"), **made)


def test_on_policy_distillation_pulls_every_token_by_what_the_teacher_thinks_of_it():
    mask = torch.tensor([[1.0, 1, 1], [1, 0, 0]])
    teacher = torch.tensor([[-0.5, -1.0, -3.0], [-1.5, 0, 0]])
    batch = batch_of([[-1.0, -1, -1], [-1, 0, 0]], teacher_log_probs=teacher, mask=mask)
    OBJECTIVES["on-policy-distillation"].loss(batch).backward()
    # Advantages +0.5, 0, -2 and -0.5; four tokens.
    torch.testing.assert_close(batch.log_probs.grad, torch.tensor([[-0.125, 0, 0.5], [0.125, 0, 0]]))


def test_the_expected_gradient_of_on_policy_distillation_is_that_of_the_kl_to_the_teacher():
    logits = torch.tensor([0.3, -0.2, 0.9], dtype=torch.float64, requires_grad=True)
    teacher = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64).log()
    ours = logits.log_softmax(0)
    (expected,) = torch.autograd.grad((ours.exp() * (ours - teacher)).sum(), logits, retain_graph=True)
    total = torch.zeros(3, dtype=torch.float64)
    for token in range(3):
        one = ours[token].view(1, 1)
        batch = Batch(one, one.detach(), torch.zeros(1), torch.ones(1, 1, dtype=torch.float64),
                      torch.zeros(1, dtype=torch.int64), teacher_log_probs=teacher[token].view(1, 1))  # fmt: skip
        loss = OBJECTIVES["on-policy-distillation"].loss(batch)
        total += ours[token].exp().detach() * torch.autograd.grad(loss, logits, retain_graph=True)[0]
    torch.testing.assert_close(total, expected)


def test_prorl_is_dapo_with_a_wider_clip_and_a_kl_to_the_reference():
    ratio = torch.tensor([[1.35, 1.45], [1.0, 1.0]])  # within and beyond 1.4, for the right attempt
    batch = batch_of(ratio.log().tolist(), old=torch.zeros(2, 2), rewards=torch.tensor([1.0, 0.0]),
                     reference_log_probs=ratio.log() - 0.5)  # fmt: skip
    OBJECTIVES["prorl"].with_coefficients(kl=0.4, low=0.2, high=0.4).loss(batch).backward()
    advantage = 0.5 / (0.5**0.5 + 1e-4)
    pull = 0.4 * (1 - math.exp(-0.5)) / 4  # of kl (exp(d) - d - 1), d = -0.5
    by_hand = [[-1.35 * advantage / 4 + pull, pull], [advantage / 4 + pull] * 2]
    torch.testing.assert_close(batch.log_probs.grad, torch.tensor(by_hand))


def test_steps_of_oreals_ablation_by_hand():
    # A group of four with one right attempt: rewards +1 and -1 without baseline; leave-one-out of them is 2 and -2/3.
    made = {"rewards": torch.tensor([1.0, 0, 0, 0])}
    for name, weights in [("oreal-reinforce", [1, -1, -1, -1]), ("oreal-shaped", [2, -2 / 3, -2 / 3, -2 / 3])]:
        batch = batch_of([[-1.0, -1.0]] * 4, **made)
        OBJECTIVES[name].loss(batch).backward()
        torch.testing.assert_close(batch.log_probs.grad, torch.tensor([[-w / 4] * 2 for w in weights]))
    # As released without a reward model: 2 right tokens, 6 wrong ones; the base is the policy, so the KL has no pull.
    batch = batch_of([[-1.0, -1.0]] * 4, **made, reference_log_probs=torch.full((4, 2), -1.0))
    OBJECTIVES["oreal-released-every-token"].loss(batch).backward()
    by_hand = [[-2 / 2] * 2] + [[0.5 * (2 / 3) / 6] * 2] * 3
    torch.testing.assert_close(batch.log_probs.grad, torch.tensor(by_hand))


@pytest.mark.parametrize("name", CLAIMS)
def test_every_method_that_claims_to_expand_trains_and_says_where_it_comes_from(tmp_path, name):
    settings = {"steps": 2, "prompts": 4, "group": 4, "learning_rate": 1e-3, "on": "mini-train"}
    log = read_log(train(name, to=tmp_path / "run", **settings))
    assert len(log) == 2 and log["loss"].notna().all() and log["trained"].sum() > 0
    assert ("given_tokens" in log) == (name in ("nurl", "pope", "questa"))
    assert ("teacher_tokens" in log) == (name == "on-policy-distillation")
    told = OBJECTIVES[name].practice.rule if OBJECTIVES[name].practice else OBJECTIVES[name].loss
    told = getattr(told, "func", told).__doc__
    assert "arXiv 2" in told and "Departure" in told and "arXiv" in OBJECTIVES[name].about + told


def test_a_reference_that_was_reset_is_where_it_was_after_a_stop(tmp_path, monkeypatch):
    objective = replace(OBJECTIVES["prorl"], reference_reset=2)
    settings = {"prompts": 4, "group": 4, "learning_rate": 1e-3, "tokens": 10**9}
    whole = read_log(train(objective, steps=4, to=tmp_path / "whole", **settings))
    assert whole["kl"].iloc[0] < 1e-6 and whole["kl"].iloc[1] > 1e-6 and whole["kl"].iloc[2] < 1e-6
    from mathb_kit.lab.trainer import Training

    original, calls = Training.step, []

    def stop_once(self, step, grader):
        calls.append(step)
        if step == 4 and calls.count(4) == 1:
            raise KeyboardInterrupt
        return original(self, step, grader)

    monkeypatch.setattr(Training, "step", stop_once)
    with pytest.raises(KeyboardInterrupt):
        train(objective, steps=4, to=tmp_path / "stopped", **settings)
    again = read_log(train(objective, steps=4, to=tmp_path / "stopped", **settings))
    assert again["kl"].tolist() == whole["kl"].tolist()


def test_text_that_is_given_is_a_prompt_and_takes_no_loss(tmp_path):
    model = get_model("mini-base-1")
    engine = rollout_engine(model, load_checkpoint(model), 64)
    problem = load_problems("mini-train")[130]
    prefix = solution_prefix(problem, 0.25)
    rollouts = collecting.sample_rollouts(engine, [problem], 4, lambda _: 1, {problem.key: prefix})
    prompt = engine.tokenizer.decode(rollouts.prompts[0])
    assert prompt.endswith(prefix) and problem.statement in prompt
    assert nurl(problem) == "Carefully: "
    assert not any(engine.tokenizer.decode(row).startswith("Carefully") for row in rollouts.completions)


def test_a_recipe_knows_rules_teacher_and_the_problems_of_a_file(tmp_path):
    def recipe(objective, **more):
        return Run.of(objective, to=tmp_path / "run", steps=1, **more)._recipe(1e-3)

    assert "rules" not in recipe("grpo") and recipe("delta")["rules"]["practice"] == {
        "rule": "step_rewards", "credit_share": 0.25
    }  # fmt: skip
    assert recipe("on-policy-distillation")["rules"] == {"teacher": "mini-distilled-1"}
    assert recipe("prorl")["rules"]["reference_reset"] == 10
    some = list(load_problems("mini-train"))[:20]
    assert recipe("grpo", on=some)["on_key"] != recipe("grpo", on=some[:19])["on_key"]
    assert "on_key" not in recipe("grpo")
