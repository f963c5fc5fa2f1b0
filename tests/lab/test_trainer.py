"""The trainer: exact gradients, resuming, budgets, refusals, and a checkpoint like any other."""

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from mathb_kit.errors import MathbError
from mathb_kit.evaluation import evaluate
from mathb_kit.grading import grade
from mathb_kit.lab import collecting, scoreboard, scoring, trainer, update
from mathb_kit.lab.board import load_scoreboard
from mathb_kit.lab.objectives import Batch, Objective, TokenReward, get_objective
from mathb_kit.lab.objectives.batch import policy_gradient
from mathb_kit.lab.prompts import training_problems, written_solutions
from mathb_kit.lab.rollouts import Rollouts
from mathb_kit.lab.run import train
from mathb_kit.lab.run_folder import read_log
from mathb_kit.lab.scoring import completion_mask, hidden_states, tabulate
from mathb_kit.lab.token_reward import TokenRewardModel
from mathb_kit.lab.update import Policy
from mathb_kit.miniature import CHECKPOINTS
from mathb_kit.models import get_model
from mathb_kit.plan import Plan
from mathb_kit.problems import load_problems
from mathb_kit.sampling.transformers_engine import load_checkpoint

EASY = [problem for problem in load_problems("mini-train") if problem.meta["level"] == 1]
SMALL = {"on": EASY, "prompts": 4, "group": 4, "max_tokens": 32}


def weights_of(folder):
    return load_file(folder / "model.safetensors")


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


@pytest.fixture(scope="module")
def rollouts():
    """Attempts of very different lengths at two prompts, as token ids; the texts mean nothing."""
    generator = torch.Generator().manual_seed(1)

    def ids(count):
        return torch.randint(3, 100, (count,), generator=generator).tolist()

    lengths = [9, 3, 1, 7, 12, 5, 2, 8]
    prompts = [ids(6), ids(11)]
    return Rollouts(EASY[:2], [0] * 4 + [1] * 4, [prompts[0]] * 4 + [prompts[1]] * 4, [ids(n) for n in lengths],
                    [1.0, 0, 0, 0, 1, 1, 1, 1], [False] * 8)  # fmt: skip


@pytest.fixture
def network():
    return load_checkpoint(get_model("mini-base-1"))[0]


def by_rows(network, rollouts):
    """Log-probabilities and entropies one attempt at a time, without padding."""
    for prompt, completion in zip(rollouts.prompts, rollouts.completions):
        ids = torch.tensor([prompt + completion])
        scores = network(input_ids=ids).logits[0, len(prompt) - 1 : -1].log_softmax(-1)
        yield scores.gather(1, ids[0, len(prompt) :, None])[:, 0], -(scores.exp() * scores).sum(-1)


def test_log_probabilities_entropies_and_states_cover_exactly_the_sampled_tokens(network, rollouts, monkeypatch):
    monkeypatch.setattr(scoring, "_TOKENS_AT_ONCE", 40)  # several batches of different width
    log_probs, entropies = tabulate(network, rollouts, range(8), entropy=True)
    for row, (expected, uncertainty) in enumerate(by_rows(network, rollouts)):
        length = len(rollouts.completions[row])
        torch.testing.assert_close(log_probs[row, :length], expected, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(entropies[row, :length], uncertainty, atol=1e-5, rtol=1e-4)
        assert not log_probs[row, length:].any() and completion_mask(rollouts)[row].sum() == length
    (some,) = tabulate(network, rollouts, [5])
    assert some[5].any() and not some[:5].any()
    for sees_token in (False, True):
        states = hidden_states(network.base_model, rollouts, [3, 4], sees_token)
        for line, row in enumerate((3, 4)):
            prompt, completion = rollouts.prompts[row], rollouts.completions[row]
            alone = network.base_model(input_ids=torch.tensor([prompt + completion])).last_hidden_state[0]
            start = len(prompt) - 1 + sees_token
            expected = alone[start : start + len(completion)]
            torch.testing.assert_close(states[line, : len(completion)], expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", ["grpo", "grpo-entropy", "rloo"])
def test_an_update_is_the_gradient_of_the_objective_though_rows_without_one_never_run(
    network, rollouts, monkeypatch, name
):
    monkeypatch.setattr(scoring, "_TOKENS_AT_ONCE", 60)
    objective, ran, gradients, original = get_objective(name), [], [], update.token_log_probs
    monkeypatch.setattr(
        update,
        "token_log_probs",
        lambda net, table, rows, more: ran.extend(rows) or original(net, table, rows, more),
    )

    def keep(policy):
        gradients.extend(weights.grad.clone() for weights in network.parameters())
        return 0.0

    monkeypatch.setattr(Policy, "_step", keep)
    mask = completion_mask(rollouts)
    old, entropies = tabulate(network, rollouts, range(8), entropy=True)
    batch = Batch(old, old, torch.tensor(rollouts.rewards), mask, torch.tensor(rollouts.groups), None, entropies)
    report = Policy(network, objective, 1e-3).learn(batch, rollouts, 1, random.Random(0))
    # The second group is all right: no advantage, so only an entropy bonus runs it.
    assert sorted(ran) == list(range(8 if objective.entropy else 4)) and report["trained"] == len(ran)

    network.zero_grad()
    rows = list(by_rows(network, rollouts))
    width = mask.shape[1]
    padded = [torch.stack([torch.cat([v, v.new_zeros(width - len(v))]) for v in column]) for column in zip(*rows)]
    objective.loss(replace(batch, log_probs=padded[0], entropies=padded[1])).backward()
    for found, weights in zip(gradients, network.parameters()):
        torch.testing.assert_close(found, weights.grad, atol=2e-5, rtol=1e-3)


def test_a_run_leaves_an_ordinary_checkpoint_with_its_log_and_is_not_run_twice(tmp_path):
    folder = train("grpo", "mini-base-1", steps=3, to=tmp_path / "run", **SMALL)
    assert folder == tmp_path / "run" and not (folder / "state.pt").exists()
    model = get_model(folder)
    assert model.base == "mini-base-1" and model.trained_on == ("mini-train",)
    assert model.sampling == get_model("mini-base-1").sampling and model.prompt == get_model("mini-base-1").prompt
    evaluation = evaluate(model, load_problems("mini-math")[:2], Plan.fixed(4))
    assert len(evaluation.verdicts) == 8
    log = read_log(folder)
    assert log["step"].tolist() == [1, 2, 3] and log["kl"][0] == 0 and (log["kl"][1:] > 0).any()
    assert (log["groups"] == 4).all() and log["entropy"].between(0, 4.7).all()
    per_step = log["sampled_tokens"].diff().fillna(log["sampled_tokens"][0])
    assert (per_step / 16 - log["length"]).abs().max() < 0.01
    report = json.loads((folder / "recipe.json").read_text())
    assert report["recipe"]["objective"] == "grpo" and report["recipe"]["coefficients"] == {"clip": 0.2}
    assert report["training"]["sampled_tokens"] == log["sampled_tokens"].max()
    before = (folder / "model.safetensors").stat().st_mtime_ns
    train("grpo", "mini-base-1", steps=3, to=folder, **SMALL)
    assert (folder / "model.safetensors").stat().st_mtime_ns == before
    with pytest.raises(MathbError, match=r"another run \(seed 0 there, 1 here\)"):
        train("grpo", "mini-base-1", steps=3, seed=1, to=folder, **SMALL)


OREAL = replace(get_objective("oreal-released"), token_reward=TokenReward(warm_up=1, sees_token=False))


@pytest.mark.parametrize("objective", [get_objective("grpo"), OREAL], ids=["grpo", "oreal"])
def test_a_run_that_was_stopped_ends_with_the_weights_of_one_that_was_not(tmp_path, monkeypatch, objective):
    settings = {"steps": 6, **SMALL}
    whole = train(objective, to=tmp_path / "whole", **settings)
    assert not same(weights_of(whole), weights_of(CHECKPOINTS / "mini-base-1"))
    learn, calls = Policy.learn, []

    def stopped(self, *arguments):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return learn(self, *arguments)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Policy, "learn", stopped)
        train(objective, to=tmp_path / "stopped", **settings)
    assert (tmp_path / "stopped" / "state.pt").is_file() and not (tmp_path / "stopped" / "recipe.json").exists()
    with pytest.raises(MathbError, match=r"unfinished run \(prompts 4 there, 3 here\)"):
        train(objective, to=tmp_path / "stopped", **{**settings, "prompts": 3})
    resumed = train(objective, to=tmp_path / "stopped", **settings)
    assert same(weights_of(whole), weights_of(resumed))
    times = ["sampling", "grading", "update"]
    assert read_log(whole).drop(columns=times).equals(read_log(resumed).drop(columns=times))


@pytest.mark.slow
def test_after_sigkill_the_same_call_ends_with_the_same_weights(tmp_path):
    settings = "steps=12, prompts=4, group=4, max_tokens=32"
    code = f"from mathb_kit.lab.run import train; train('dapo', {settings}, to={str(tmp_path / 'killed')!r})"
    log = tmp_path / "killed" / "log.jsonl"
    for kill_at in (2, 6):
        process = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "MATHB_PROGRESS": "off"})
        while process.poll() is None and (not log.is_file() or len(log.read_text().splitlines()) < kill_at):
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
    subprocess.run([sys.executable, "-c", code], check=True)
    whole = train("dapo", steps=12, prompts=4, group=4, max_tokens=32, to=tmp_path / "whole")
    assert same(weights_of(whole), weights_of(tmp_path / "killed"))


def test_a_budget_in_tokens_counts_everything_sampled_and_ends_the_run(tmp_path):
    folder = train("dapo", tokens=2500, to=tmp_path / "run", on=EASY, prompts=4, group=4, max_tokens=32)
    log = read_log(folder)
    assert log["sampled_tokens"].iloc[-1] >= 2500 and (log["sampled_tokens"].iloc[:-1] < 2500).all()
    # Dynamic sampling: whole rounds of 4 prompts until 4 groups are mixed; all of their tokens count.
    assert (log["groups"] % 4 == 0).all() and log["groups"].max() > 4
    assert ((log["mixed"] >= 4) | (log["groups"] == 12)).all() and (log["trained"] <= 16).all()
    drawn = (log["length"] * log["groups"] * 4).sum()
    assert drawn == pytest.approx(log["sampled_tokens"].iloc[-1], rel=1e-3)


def test_a_finished_run_asked_for_again_keeps_its_log_and_a_call_for_another_run_leaves_it_alone(tmp_path):
    folder = train("rloo", steps=2, to=tmp_path / "run", **SMALL)
    log = (folder / "log.jsonl").read_bytes()
    assert log.count(b"\n") == 2
    assert train("rloo", steps=2, to=folder, **SMALL) == folder and (folder / "log.jsonl").read_bytes() == log
    with pytest.raises(MathbError, match="another run"):
        train("rloo", steps=3, to=folder, **SMALL)
    assert (folder / "log.jsonl").read_bytes() == log


def test_while_the_reward_model_warms_up_the_policy_stays_and_the_first_cross_entropy_is_ln_2(tmp_path):
    folder = train("oreal", steps=3, to=tmp_path / "run", **SMALL)
    assert same(weights_of(folder), weights_of(CHECKPOINTS / "mini-base-1"))
    log = read_log(folder)
    assert log["reward_model_loss"][0] == pytest.approx(0.69315, abs=1e-4)
    assert log["reward_model_loss"].nunique() == 3 and (log["trained"] == 0).all()


def test_the_reward_model_learns_an_outcome_that_one_token_gives_away(network, rollouts):
    telling = replace(
        rollouts, completions=[[50] + c if r else [60] + c for c, r in zip(rollouts.completions, rollouts.rewards)]
    )
    model = TokenRewardModel(network, TokenReward(), 1e-3)
    losses = [model.update(telling, range(8)) for _ in range(30)]
    assert losses[0] == pytest.approx(0.693147, abs=1e-5) and losses[-1] < 0.1
    scores = model.scores(telling, range(8))
    means = (scores * completion_mask(telling)).sum(1)
    assert ((means > 0) == (torch.tensor(telling.rewards) == 1)).all()


@pytest.mark.parametrize("name", ["mini-math", "mini-aime", "mini-pool", "mini-math-b", "math-500", "math-b-i"])
def test_evaluation_sets_are_refused_as_training_sets(name):
    with pytest.raises(MathbError, match=f"{name} is an evaluation set"):
        train("grpo", steps=1, on=name)


def test_a_problem_of_an_evaluation_set_is_refused_under_any_name():
    smuggled = replace(load_problems("mini-aime")[0], set="mine")
    with pytest.raises(MathbError, match="belongs to an evaluation set"):
        training_problems([*EASY, smuggled])


def test_divergence_stops_before_the_weights_are_touched_and_keeps_the_last_state(tmp_path):
    calls = []

    def breaks(batch):
        calls.append(1)
        loss = policy_gradient(batch, batch.rewards - 0.5)
        return loss * float("nan") if len(calls) == 4 else loss

    with pytest.raises(MathbError, match=r"diverged in step 4; the state after step [123] .* smaller"):
        train(Objective("breaks", breaks), steps=6, to=tmp_path / "run", **SMALL)
    state = torch.load(tmp_path / "run" / "state.pt", weights_only=True)
    assert state["step"] <= 3 and all(w.isfinite().all() for w in state["policy"]["network"].values())


@contextmanager
def largest_file(size):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_takes_no_more_is_said_so_and_the_run_goes_on_when_there_is_room(tmp_path):
    with largest_file(200_000), pytest.raises(MathbError, match="free space there"):
        train("grpo", steps=2, to=tmp_path / "run", **SMALL)
    assert not list((tmp_path / "run").glob("*.tmp")) and not list((tmp_path / "run").glob(".*.tmp"))
    assert train("grpo", steps=2, to=tmp_path / "run", **SMALL).is_dir()


@pytest.mark.parametrize(
    ("gold", "say"), [("no such answer", "every attempt is wrong"), (None, "every attempt is right")]
)
def test_steps_without_any_gradient_end_the_run_with_the_reason(tmp_path, monkeypatch, gold, say):
    monkeypatch.setattr(trainer, "_PATIENCE", 3)
    problems = [replace(problem, gold=gold or problem.gold) for problem in EASY]
    if gold is None:
        right = lambda tried, *_: replace(tried, rewards=[1.0] * len(tried.rewards))  # noqa: E731
        monkeypatch.setattr("mathb_kit.lab.collecting.graded", right)
    with pytest.raises(MathbError, match=f"in the 3 steps up to 3: {say}; the state after step"):
        train("grpo", steps=9, to=tmp_path / "run", **{**SMALL, "on": problems})


def test_every_training_problem_has_a_written_solution_that_ends_in_its_gold(tmp_path):
    problems = list(load_problems("mini-train"))
    solutions = written_solutions(problems)
    assert all(grade(problem.gold, solutions[problem.key]).verdict == "correct" for problem in problems[::20])
    folder = train("distillation", steps=8, to=tmp_path / "run", prompts=4, group=4, learning_rate=4e-3)
    log = read_log(folder)
    assert log["loss"].iloc[-1] < log["loss"].iloc[0] and log["reward"].isna().all()
    with pytest.raises(MathbError, match="has no written solution"):
        written_solutions([replace(problems[0], gold="1")])


def test_settings_that_cannot_work_are_refused_before_anything_is_sampled(tmp_path):
    for wrong, say in [({"group": 1}, "at least 2"), ({"prompts": 500}, "asks for 500 problems"),
                       ({"steps": 0}, "steps is 0"), ({"learning_rate": -1.0}, "must be positive")]:  # fmt: skip
        with pytest.raises(MathbError, match=say):
            train("grpo", **{"steps": 1, "to": tmp_path / "run", **SMALL, **wrong})
    with pytest.raises(MathbError, match="does not depend on batch.log_probs"):
        train(Objective("still", lambda batch: batch.rewards.sum()), steps=1, to=tmp_path / "run", **SMALL)


def test_held_out_problems_are_tried_and_never_trained_on(tmp_path, monkeypatch):
    seen = []
    original = trainer.sample_rollouts
    for module in (trainer, collecting):
        monkeypatch.setattr(
            module, "sample_rollouts", lambda e, p, *rest: seen.append({x.key for x in p}) or original(e, p, *rest)
        )
    log = read_log(train("rloo", steps=4, validate=2, to=tmp_path / "run", **SMALL))
    assert log["validation"].notna().tolist() == [False, True, False, True]
    held_out = seen[2]
    assert held_out == seen[-1] == {problem.key for problem in EASY[::10]}
    assert not any(held_out & keys for keys in seen if keys != held_out)


def test_problems_to_validate_on_may_come_from_another_set_and_are_left_out_of_training(tmp_path, monkeypatch):
    seen = []
    original = trainer.sample_rollouts
    for module in (trainer, collecting):
        monkeypatch.setattr(
            module, "sample_rollouts", lambda e, p, *rest: seen.append({x.key for x in p}) or original(e, p, *rest)
        )
    settings = SMALL | {"on": EASY[5:25], "validate_on": EASY, "prompts": 18, "steps": 2, "validate": 1}
    folder = train("rloo", to=tmp_path / "run", **settings)
    held_out = {problem.key for problem in EASY[::10]}  # two of them among the twenty
    assert seen[1] == seen[3] == held_out and seen[0] == {problem.key for problem in EASY[5:25]} - held_out
    assert train("rloo", to=tmp_path / "run", **settings) == folder  # finished
    with pytest.raises(MathbError, match="another run"):
        train("rloo", to=tmp_path / "run", **settings | {"validate_on": None})


@pytest.mark.parametrize("row", ["oreal-filtered", "oreal-from-base-3-filtered"])
def test_filtered_queries_are_those_the_initial_policy_fails_paid_for_and_validated_like_all_others(monkeypatch, row):
    tries = []

    def spy(model, problems, plan, draw):
        found = evaluate(model, problems, plan, draw=draw)
        # In the miniature hardly a problem is solved more often than that, so outcomes are put at the threshold.
        outcomes = found.outcomes.assign(c=[(0, 12, 13)[i % 3] for i in range(len(problems))])
        tries.append((model.name, plan, list(problems), outcomes))
        return replace(found, outcomes=outcomes)

    monkeypatch.setattr(scoreboard, "evaluate", spy)
    board = load_scoreboard("quick")
    bench = scoreboard.Bench(board, board.rows_of([row]), {})
    run, plain = bench.run(row, 1e-3, 1, board.tokens), bench.run("oreal", 1e-3, 1, board.tokens)
    ((model, plan, tried, outcomes),) = tries
    assert model == run.base == ("mini-base-3" if "3" in row else "mini-base-1") and plan == Plan.fixed(16)
    everything = list(load_problems(board.on))
    held_out = {problem.statement for problem in everything[::10]}
    statements = {problem.statement for problem in tried}
    # The attempts cost half of the budget at most, so not all problems can be tried; those that are come from all over.
    assert statements <= {problem.statement for problem in everything} - held_out
    assert {problem.meta["level"] for problem in tried} == {problem.meta["level"] for problem in everything}
    right = outcomes.set_index("problem")["c"]
    failed = {problem.statement for problem in tried if right[problem.key] < 13}  # 12 of 16 is 0.75, 13 are 0.81
    assert {problem.statement for problem in load_problems(run.on)} == failed
    assert board.prompts <= len(failed) < len(tried)
    assert board.tokens - run.settings.tokens == outcomes["tokens"].sum() > 0
    assert run.settings.tokens >= board.tokens / 2 and plain.settings.tokens == board.tokens
    # Validation rewards of rows are compared, so the problems are the same.
    assert run.validate_on == plain.on == board.on and plain.validate_on is None


@pytest.mark.slow
@pytest.mark.parametrize("name", ["grpo", "rloo", "raft", "oreal"])
def test_training_raises_the_reward(tmp_path, name):
    level_2 = [problem for problem in load_problems("mini-train") if problem.meta["level"] == 2]
    log = read_log(train(name, steps=60, to=tmp_path / "run", on=level_2, prompts=8, group=8, learning_rate=1e-3))
    assert log["reward"][-8:].mean() > log["reward"][:8].mean() + 0.1
