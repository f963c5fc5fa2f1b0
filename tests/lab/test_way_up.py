"""Production trainers: the reward is the grader's verdict, and a real TRL run learns from it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from engines import CoinEngine

from mathb_kit.errors import MathbError
from mathb_kit.evaluation import evaluate
from mathb_kit.lab.way_up import export_solutions, trl_prompts, trl_reward, verl_reward
from mathb_kit.models import get_model
from mathb_kit.models.model import Model
from mathb_kit.plan import Plan
from mathb_kit.problems import load_problems
from mathb_kit.problems.problem import Problem
from mathb_kit.store import Store

RIGHT, WRONG, NONE = r"so \boxed{\frac12}", r"so \boxed{2}", "I give up"


def test_rewards_are_verdicts_for_texts_and_chats():
    chat = [{"role": "user", "content": RIGHT}, {"role": "assistant", "content": WRONG}]
    assert trl_reward([RIGHT, WRONG, NONE, chat], gold=["0.5"] * 4, prompts=["?"] * 4) == [1.0, 0.0, 0.0, 0.0]
    assert verl_reward("any", RIGHT, "0.5") == 1.0
    assert verl_reward("any", NONE, "0.5", {"index": 3}) == 0.0


def test_golds_and_answers_may_be_numbers_and_what_is_neither_is_refused():
    assert trl_reward([r"\boxed{33}", r"\boxed{34}", 33, 33.0], gold=[33, np.int64(33), 33.0, "33"]) == [1, 0, 1, 1]
    assert trl_reward([RIGHT, 0.25], gold=[0.5, r"\frac14"]) == [1, 1]
    assert verl_reward("aime", r"\boxed{33}", 33) == 1.0
    for missing in (None, float("nan"), True):
        with pytest.raises(MathbError, match="neither a text nor a number"):
            trl_reward([RIGHT], gold=[missing])


def test_all_rewards_of_a_process_come_from_one_grader_that_ends_with_it():
    code = (
        "import glob, os; from mathb_kit.lab.way_up import trl_reward, verl_reward\n"
        "workers = lambda: ' '.join(open(t).read() for t in sorted(glob.glob('/proc/self/task/*/children'))).split()\n"
        "tried = lambda i: trl_reward([r'\\boxed{3+x^y+%d}' % i], [r'\\log_2 8+x^{y}+%d' % i])\n"  # a worker decides
        "first = [(tried(i), verl_reward('any', r'\\boxed{3+x^y+%d}' % i, r'\\log_2 8+x^{y}+%d' % i), workers())\n"
        "         for i in range(3)]\n"
        "assert first == [([1.0], 1.0, first[0][2])] * 3 and first[0][2], first\n"
        "if (child := os.fork()) == 0: raise SystemExit  # a trainer's forked process ends\n"
        "os.waitpid(child, 0)\n"
        "assert tried(9) == [1] and workers() == first[0][2], workers()\n"
        "print(*workers())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not [worker for worker in done.stdout.split() if Path(f"/proc/{worker}").exists()]


def test_prompts_are_rendered_as_the_model_wants_them():
    problems = [Problem("s", "1", "Find $1+1$.", "2")]
    plain = trl_prompts(Model("m", "hub/m", prompt="Q: {problem}\n"), problems)
    assert plain[0] == {"prompt": "Q: Find $1+1$.\n", "gold": "2"}
    chat = trl_prompts(Model("m", "hub/m", prompt="chat", user="{problem} Box it.", system="Think."), problems)
    assert [turn["role"] for turn in chat[0]["prompt"]] == ["system", "user"]
    assert chat[0]["prompt"][1]["content"] == "Find $1+1$. Box it."


def test_exported_solutions_are_correct_attempts_that_a_run_can_learn_from(tmp_path):
    problems = [Problem("set", str(i), f"Toss {i}.", "1") for i in range(6)]
    tried = evaluate(Model("m", "hub/m"), problems, Plan.fixed(16), store=Store(tmp_path), engine=CoinEngine(0.4))
    file = tmp_path / "solutions.jsonl"
    count = export_solutions(tried, problems, file, most=2)
    read = load_problems(str(file))
    right = tried.outcomes.set_index("problem")["c"].clip(upper=2)
    assert count == len(read) == right.sum()
    assert all(r"\boxed{1}" in problem.meta["solution"] and problem.gold == "1" for problem in read)
    with pytest.raises(MathbError, match="is there already"):
        export_solutions(tried, problems, file)


@pytest.mark.slow
def test_trl_trains_a_miniature_with_our_reward(tmp_path):
    trl = pytest.importorskip("trl", reason="TRL is not installed; constraints.txt names the version")
    model = get_model("mini-base-1")
    easy = [problem for problem in load_problems("mini-train") if problem.meta["level"] == 1][:16]
    settings = trl.GRPOConfig(
        output_dir=str(tmp_path), use_cpu=True, bf16=False, report_to=[], model_init_kwargs={"dtype": "float32"},
        per_device_train_batch_size=32, num_generations=8, max_completion_length=60, max_steps=3, logging_steps=1,
        save_strategy="no", learning_rate=1e-4, seed=1,
    )  # fmt: skip
    trainer = trl.GRPOTrainer(model.source, trl_reward, settings, train_dataset=trl_prompts(model, easy))
    before = [weights.detach().clone() for weights in trainer.model.parameters()]
    trainer.train()
    rewards = [row["reward"] for row in trainer.state.log_history if "reward" in row]
    assert len(rewards) == 3 and 0 < sum(rewards) / 3 < 1  # mini-base-1 solves some of its easiest problems, not all
    assert any((old != new).any() for old, new in zip(before, trainer.model.parameters()))
