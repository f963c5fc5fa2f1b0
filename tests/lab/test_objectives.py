"""Objectives against TRL, against enumeration of all outcomes, and against cases worked by hand."""

import itertools
import math
from dataclasses import replace
from functools import partial

import pytest
import torch

from mathb_kit.errors import MathbError
from mathb_kit.lab.objectives import OBJECTIVES, Batch, get_objective
from mathb_kit.lab.objectives.batch import leave_one_out, policy_gradient, standardized
from mathb_kit.lab.objectives.cloning import best_of_n_weights, distillation, raft
from mathb_kit.lab.objectives.oreal import keep_pairs, oreal, oreal_released, reward_model_loss, token_weights
from mathb_kit.lab.objectives.policy_gradient import (
    dapo,
    dr_grpo,
    grpo,
    grpo_entropy,
    negative_only,
    pkpo,
    positive_only,
    reinforce_rej,
    rloo,
)


def batch_of(log_probs, rewards, groups, mask=None, **more):
    log_probs = torch.tensor(log_probs, requires_grad=True)
    mask = torch.ones_like(log_probs) if mask is None else torch.tensor(mask)
    return Batch(log_probs, log_probs.detach(), torch.tensor(rewards), mask, torch.tensor(groups), **more)


def gradient(loss, batch):
    loss(batch).backward()
    found, batch.log_probs.grad = batch.log_probs.grad, None
    return found


# Two prompts with four attempts each (2 right; 1 right), two of them shorter than three tokens.
RAGGED = [[1.0, 1, 1], [1, 1, 0], [1, 1, 1], [1, 0, 0], [1, 1, 1], [1, 1, 1], [1, 1, 0], [1, 1, 1]]
REWARDS = [1.0, 1, 0, 0, 0, 0, 1, 0]
GROUPS = [0, 0, 0, 0, 1, 1, 1, 1]


def ragged():
    values = torch.arange(24).view(8, 3).float().neg().div(20).tolist()
    return batch_of(values, REWARDS, GROUPS, RAGGED, max_tokens=5)


# TRL's own loss on attempts that TRL itself sampled, rewarded and gave advantages


@pytest.fixture(scope="module")
def trl():
    return pytest.importorskip("trl", reason="TRL is not installed; constraints.txt names the version compared with")


def trl_trainer(trl, folder, **options):
    from datasets import Dataset
    from transformers import LlamaConfig, LlamaForCausalLM

    from mathb_kit.miniature.tokenizer import build_tokenizer

    tokenizer = build_tokenizer()
    torch.manual_seed(3)
    network = LlamaForCausalLM(
        LlamaConfig(vocab_size=len(tokenizer), hidden_size=32, intermediate_size=32, num_hidden_layers=1,
                    num_attention_heads=1, num_key_value_heads=1, head_dim=32, initializer_range=0.3,
                    bos_token_id=1, eos_token_id=2, pad_token_id=0)
    )  # fmt: skip
    seen = []

    def reward(completion_ids, **_):
        seen[:] = [float(sum(ids) % 2) for ids in completion_ids]
        return seen

    settings = trl.GRPOConfig(
        output_dir=str(folder), use_cpu=True, bf16=False, report_to=[], model_init_kwargs={"dtype": "float32"},
        per_device_train_batch_size=24, per_device_eval_batch_size=24, num_generations=8, max_completion_length=40,
        seed=1, **options,
    )  # fmt: skip
    prompts = Dataset.from_dict({"prompt": ["1+2=", "17+35=", "8"]})
    network.save_pretrained(folder / "start")  # TRL reads its reference model from a folder
    trainer = trl.GRPOTrainer(
        str(folder / "start"), reward, settings, train_dataset=prompts, processing_class=tokenizer
    )
    return trainer, seen


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ours", "entropy", "options"),
    [
        (partial(grpo, clip=0.2), False, {"loss_type": "grpo"}),
        (partial(grpo, clip=0.2, kl=0.3), False, {"loss_type": "grpo", "beta": 0.3, "use_bias_correction_kl": False}),
        (partial(dr_grpo, clip=0.2), False, {"loss_type": "dr_grpo", "scale_rewards": "none"}),
        (partial(dapo, low=0.2, high=0.28), False, {"loss_type": "dapo", "epsilon": 0.2, "epsilon_high": 0.28}),
        (partial(grpo_entropy, coefficient=0.1, clip=0.2), True, {"loss_type": "grpo", "entropy_coef": 0.1}),
    ],
    ids=["grpo", "grpo with KL", "dr-grpo", "dapo", "grpo-entropy"],
)
def test_value_and_gradient_are_those_of_trl(trl, tmp_path, ours, entropy, options):
    trainer, rewards = trl_trainer(trl, tmp_path, **options)
    network = trainer.model.eval()
    rows = [{"prompt": prompt} for prompt in ("1+2=", "17+35=", "8") for _ in range(8)]
    inputs = trainer._generate_and_score_completions(rows)
    prompt, completion = inputs["prompt_ids"], inputs["completion_ids"]
    mask = inputs["completion_mask"].float()
    assert 0 < sum(rewards) < 24 and mask.sum() < mask.numel()

    def tables():
        """Log-probabilities and entropies by the plainest way there is: a row at a time, no padding."""
        log_probs, entropies = torch.zeros_like(mask), torch.zeros_like(mask)
        for row in range(len(mask)):
            start = prompt[row][inputs["prompt_mask"][row] == 1]
            text = torch.cat([start, completion[row][mask[row] == 1]])
            scores = network(input_ids=text[None]).logits[0, len(start) - 1 : -1].log_softmax(-1)
            length = len(text) - len(start)
            log_probs[row, :length] = scores.gather(1, text[len(start) :, None])[:, 0]
            entropies[row, :length] = -(scores.exp() * scores).sum(-1)
        return log_probs, entropies

    with torch.no_grad():
        inputs["old_per_token_logps"] = old = tables()[0]
        torch.manual_seed(5)
        for weights in network.parameters():  # away from the sampling policy: some ratios beyond the trust interval
            weights.add_(0.03 * torch.randn_like(weights))
    theirs = trainer._compute_loss(network, inputs)
    theirs.backward()
    their_gradient = [weights.grad.clone() for weights in network.parameters()]
    network.zero_grad()

    log_probs, entropies = tables()
    ratio = torch.exp(log_probs - old).detach()[mask == 1]
    assert (ratio > 1.28).any() and (ratio < 0.8).any()
    loss = ours(
        Batch(log_probs, old, torch.tensor(rewards), mask, torch.arange(3).repeat_interleave(8),
              inputs.get("ref_per_token_logps"), entropies if entropy else None, max_tokens=40)
    )  # fmt: skip
    loss.backward()
    assert loss.item() == pytest.approx(theirs.item(), abs=1e-5)
    for weights, expected in zip(network.parameters(), their_gradient):
        torch.testing.assert_close(weights.grad, expected, atol=1e-5, rtol=1e-4)


# Baselines and advantages


def test_leave_one_out_values_by_hand():
    # 4 attempts (+,+,-,-) with rewards +1 and -1: 1 - (1 - 1 - 1)/3 = 4/3. 16 with 4 right: 1.6 and -0.5333.
    signs = torch.tensor([1.0, 1, -1, -1] + [1.0] * 4 + [-1.0] * 12)
    found = leave_one_out(signs, torch.tensor([0] * 4 + [1] * 16))
    expected = torch.tensor([4 / 3, 4 / 3, -4 / 3, -4 / 3] + [1.6] * 4 + [-8 / 15] * 12)
    torch.testing.assert_close(found, expected)


def test_standardised_rewards_by_hand_and_zero_without_contrast():
    # mean 1/4, unbiased variance (9/16 + 3/16) / 3 = 1/4
    found = standardized(torch.tensor([1.0, 0, 0, 0, 1, 1, 1, 1]), torch.tensor(GROUPS), epsilon=0.0)
    torch.testing.assert_close(found.nan_to_num(0.0), torch.tensor([1.5, -0.5, -0.5, -0.5, 0, 0, 0, 0]))
    assert standardized(torch.ones(8), torch.tensor(GROUPS)).tolist() == [0.0] * 8


def test_rloo_weighs_every_token_of_an_attempt_with_its_advantage():
    # group 0: right 1 - 1/3, wrong 0 - 2/3; group 1: right 1, wrong -1/3
    advantages = torch.tensor([2 / 3, 2 / 3, -2 / 3, -2 / 3, -1 / 3, -1 / 3, 1, -1 / 3])
    torch.testing.assert_close(gradient(rloo, ragged()), -advantages[:, None] * torch.tensor(RAGGED) / 8)


def moved(ratios, rewards):
    """One-token attempts of one group whose probabilities have changed by these ratios since they were sampled."""
    batch = batch_of([[math.log(ratio)] for ratio in ratios], rewards, [0] * len(ratios))
    return replace(batch, old_log_probs=torch.zeros(len(ratios), 1))


@pytest.mark.parametrize("loss", [partial(dr_grpo, clip=0.2), partial(reinforce_rej, clip=0.2)])
def test_a_ratio_beyond_the_trust_interval_stops_the_gradient_only_on_the_side_that_would_widen_it(loss):
    found = gradient(loss, moved((1.5, 1.5, 0.5, 0.5), [1.0, 0, 1, 0]))
    assert (found[:, 0] != 0).tolist() == [False, True, True, False]


def test_dapo_clips_higher_and_counts_tokens_where_grpo_counts_attempts():
    rewards = [1.0, 0, 1, 0]
    kept = gradient(partial(dapo, low=0.2, high=0.28), moved((1.25, 0.75, 1.3, 1.25), rewards))
    assert (kept[:, 0] != 0).tolist() == [True, False, False, True]
    assert (gradient(partial(grpo, clip=0.2), moved((1.25, 0.75, 1.3, 1.25), rewards))[:, 0] != 0).tolist() == [
        False, False, False, True
    ]  # fmt: skip
    # Nothing moved yet; 20 tokens in 8 attempts. Group 0: mean 1/2, unbiased std sqrt(1/3); group 1: 1/4 and 1/2.
    advantages = torch.tensor([0.75**0.5, 0.75**0.5, -(0.75**0.5), -(0.75**0.5), -0.5, -0.5, 1.5, -0.5])[:, None]
    mask = torch.tensor(RAGGED)
    torch.testing.assert_close(gradient(dapo, ragged()), -advantages * mask / 20, atol=1e-4, rtol=1e-3)
    by_attempt = -advantages * mask / mask.sum(1, keepdim=True) / 8
    torch.testing.assert_close(gradient(grpo, ragged()), by_attempt, atol=1e-4, rtol=1e-3)


def test_reinforce_rej_leaves_out_groups_without_contrast_and_has_no_baseline():
    batch = batch_of([[-1.0, -1], [-1, -1], [-1, -1], [-1, -1], [-1, -1], [-1, -1]], [1.0, 0, 1, 1, 0, 0],
                     [0, 0, 1, 1, 2, 2], [[1.0, 1], [1, 0], [1, 1], [1, 1], [1, 1], [1, 1]])  # fmt: skip
    expected = torch.zeros(6, 2)
    expected[0] = torch.tensor([-1 / 4, -1 / 4])  # right, two tokens, one of two attempts
    expected[1] = torch.tensor([1 / 2, 0])  # wrong, one token
    torch.testing.assert_close(gradient(reinforce_rej, batch), expected)
    alone = batch_of([[-1.0], [-2.0]], [1.0, 1.0], [0, 0])
    assert gradient(reinforce_rej, alone).tolist() == [[0.0], [0.0]]


def test_positive_and_negative_reinforcement_add_up_to_reinforce_with_signs():
    signs = 2 * torch.tensor(REWARDS) - 1
    halves = gradient(positive_only, ragged()) + gradient(negative_only, ragged())
    torch.testing.assert_close(halves, gradient(lambda b: policy_gradient(b, signs), ragged()))
    torch.testing.assert_close(halves, -signs[:, None] * torch.tensor(RAGGED) / 8)
    wrong = torch.tensor(REWARDS) == 0
    assert not gradient(positive_only, ragged())[wrong].any() and not gradient(negative_only, ragged())[~wrong].any()


# Expectations over every possible group of attempts


def expected_gradient(loss, logits, right, n, base=None):
    """Exact expectation, over all groups of n single-token attempts, of the gradient by the logits of the policy."""
    logits = logits.clone().requires_grad_()
    log_pi = logits.log_softmax(0)
    tuples = torch.tensor(list(itertools.product(range(len(logits)), repeat=n)))
    flat = tuples.flatten()
    values = log_pi.detach()[flat][:, None].clone().requires_grad_()
    count = len(tuples)
    reference = None if base is None else base[flat][:, None]
    loss(
        Batch(values, values.detach(), right[flat], torch.ones_like(values),
              torch.arange(count).repeat_interleave(n), reference)
    ).backward()  # fmt: skip
    # The loss is a mean over groups: times count it is one group's, then each group by its probability.
    weight = count * log_pi.detach()[tuples].sum(1).exp().repeat_interleave(n)
    (values.grad[:, 0] * weight * log_pi[flat]).sum().backward()
    return logits.grad


RIGHT = torch.tensor([1.0, 0, 1, 0, 0], dtype=torch.float64)
LOGITS = torch.tensor([-1.0, 0.5, -0.6, 0.0, 0.3], dtype=torch.float64)


@pytest.mark.parametrize(("n", "k"), [(4, 1), (4, 2), (4, 3), (4, 4), (5, 3)])
def test_the_pass_at_k_estimator_is_unbiased_for_the_gradient_of_pass_at_k(n, k):
    logits = LOGITS.clone().requires_grad_()
    wrong = (logits.softmax(0) * (1 - RIGHT)).sum()
    (1 - wrong**k).backward()
    found = expected_gradient(partial(pkpo, k=k), LOGITS, RIGHT, n)
    torch.testing.assert_close(-found, logits.grad, atol=1e-10, rtol=1e-8)


@pytest.mark.parametrize(("n", "k", "right"), [(4, 2, 1), (4, 2, 2), (6, 3, 2), (5, 5, 1), (5, 5, 2), (3, 4, 1)])
def test_the_pass_at_k_estimator_pays_an_attempt_for_the_subsets_that_it_alone_solves(n, k, right):
    rewards, k_used = [1.0] * right + [0.0] * (n - right), min(k, n)
    subsets = list(itertools.combinations(range(n), k_used))
    paid = [
        sum(max(rewards[j] for j in s) - max((rewards[j] for j in s if j != i), default=0.0) for s in subsets if i in s)
        for i in range(n)
    ]
    found = gradient(partial(pkpo, k=k), batch_of([[-1.0]] * n, rewards, [0] * n))
    torch.testing.assert_close(found[:, 0], -torch.tensor(paid) / len(subsets))


@pytest.mark.parametrize("n", [2, 4])
def test_rloo_is_unbiased_for_the_gradient_of_pass_at_1(n):
    logits = LOGITS.clone().requires_grad_()
    (logits.softmax(0) * RIGHT).sum().backward()
    torch.testing.assert_close(-expected_gradient(rloo, LOGITS, RIGHT, n), logits.grad, atol=1e-10, rtol=1e-8)


@pytest.mark.parametrize("n", [1, 2, 4])
def test_best_of_n_follows_its_law(n):
    pi = LOGITS.softmax(0)
    picked = torch.zeros(5, dtype=torch.float64)
    for outcome in itertools.product(range(5), repeat=n):
        weights = best_of_n_weights(RIGHT[list(outcome)], torch.zeros(n, dtype=torch.long))
        assert float(weights.sum()) == pytest.approx(1)
        for place, weight in zip(outcome, weights):
            picked[place] += math.prod(float(pi[o]) for o in outcome) * float(weight)
    p = float((pi * RIGHT).sum())
    law = pi * (RIGHT * (1 - (1 - p) ** n) / p + (1 - RIGHT) * (1 - p) ** (n - 1))
    torch.testing.assert_close(picked, law)


@pytest.mark.parametrize(("n", "kl"), [(3, 0.5), (2, 0.3)])
def test_best_of_n_cloning_with_kl_comes_to_rest_at_the_tilted_base(n, kl):
    base = LOGITS.log_softmax(0)
    logits = LOGITS.clone()
    for _ in range(600):
        logits -= 3 * expected_gradient(partial(raft, kl=kl), logits, RIGHT, n, base)
    log_pi = logits.log_softmax(0)
    # log pi - log base is one number on right outcomes and one on wrong ones: pi = base exp(R / alpha) / Z
    tilt = log_pi - base
    assert float(tilt[RIGHT == 1].std()) < 1e-9 and float(tilt[RIGHT == 0].std()) < 1e-9
    one_over_alpha = float(tilt[0] - tilt[1])
    unnormalised = base.exp() * torch.exp(one_over_alpha * RIGHT)
    torch.testing.assert_close(log_pi.exp(), unnormalised / unnormalised.sum(), atol=1e-9, rtol=1e-7)
    # Balance on paper, q = chance that a group has a right attempt: (q + kl) pi = q pi_right + kl base, hence
    # exp(1 / alpha) = 1 + q / (kl p_base).
    p, p_base = float((log_pi.exp() * RIGHT).sum()), float((base.exp() * RIGHT).sum())
    q = 1 - (1 - p) ** n
    assert math.exp(one_over_alpha) == pytest.approx(1 + q / (kl * p_base), rel=1e-6)
    assert p > p_base


def test_cloning_by_hand():
    # group 0 has two right attempts, group 1 one; two prompts
    found = gradient(raft, ragged())
    picked = torch.tensor([0.5, 0.5, 0, 0, 0, 0, 1, 0])
    torch.testing.assert_close(found, -picked[:, None] * torch.tensor(RAGGED) / 2)
    torch.testing.assert_close(gradient(distillation, ragged()), -torch.tensor(RAGGED) / torch.tensor(RAGGED).sum())


# OREAL


def test_token_weights_by_hand():
    scores = torch.tensor([[0.0, 0, 0], [2, 2, 0], [-2, 2, 0]])
    mask = torch.tensor([[1.0, 1, 1], [1, 1, 0], [1, 1, 0]])
    right, wrong = token_weights(scores, mask)
    # sigmoid(2) = 0.8808; running means: 0, 0, 0; 2, 2; -2, 0
    torch.testing.assert_close(right, torch.tensor([[0.0, 0, 0], [0.76159, 0.76159, 0], [0, 0, 0]]), atol=1e-5, rtol=0)
    torch.testing.assert_close(wrong, torch.tensor([[0.0, 0, 0], [0, 0, 0], [0.76159, 0, 0]]), atol=1e-5, rtol=0)


def test_the_reward_model_has_one_cross_entropy_per_attempt_on_its_mean_score():
    scores, mask = torch.tensor([[3.0, -1, 9], [-2, 9, 9]]), torch.tensor([[1.0, 1, 0], [1, 0, 0]])
    # means 1 and -2, outcomes right and wrong: softplus(-1) and softplus(-2)
    by_hand = (math.log1p(math.exp(-1)) + math.log1p(math.exp(-2))) / 2
    assert float(reward_model_loss(scores, torch.tensor([1.0, 0.0]), mask)) == pytest.approx(by_hand)
    zero = reward_model_loss(torch.zeros(2, 3), torch.tensor([1.0, 0.0]), mask)
    assert float(zero) == pytest.approx(math.log(2))


def test_one_right_and_one_wrong_attempt_of_every_mixed_group_are_kept_each_as_likely():
    rewards = torch.tensor([1.0, 1, 0, 1, 1, 1, 0, 0])
    groups = torch.tensor([0, 0, 0, 1, 1, 0, 2, 2])
    generator = torch.Generator().manual_seed(0)
    counts = sum(keep_pairs(rewards, groups, generator).int() for _ in range(900))
    assert counts[[3, 4, 6, 7]].tolist() == [0] * 4 and counts[2] == 900
    assert counts[[0, 1, 5]].sum() == 900 and all(240 < count < 360 for count in counts[[0, 1, 5]])


def oreal_batch(scores):
    # One prompt, four attempts, one right: p = 1/4. The first and the third are kept.
    values = [[-1.0, -2.0], [-1.0, -1.0], [-0.5, -0.7], [-1.0, -1.0]]
    batch = batch_of(values, [1.0, 0, 0, 0], [0, 0, 0, 0], [[1.0, 1], [1, 1], [1, 1], [1, 1]],
                     token_scores=scores, kept=torch.tensor([True, False, True, False]))  # fmt: skip
    return replace(batch, reference_log_probs=batch.old_log_probs.clone())


SCORES = torch.tensor([[2.0, 2.0], [5.0, 5.0], [-2.0, -2.0], [5.0, 5.0]])
WEIGHT = 2 / (1 + math.exp(-2)) - 1  # 0.7616


def test_oreal_as_written_clones_with_full_weight_and_pushes_with_one_minus_p():
    found = gradient(partial(oreal, eta=0.5, kl=0.01), oreal_batch(SCORES))
    expected = torch.zeros(4, 2)
    expected[0], expected[2] = -WEIGHT / 2, 0.5 * 0.75 * WEIGHT / 2  # mean over two kept attempts
    torch.testing.assert_close(found, expected)


def test_oreal_as_released_has_one_minus_p_on_the_right_and_p_on_the_wrong_side_and_counts_tokens():
    batch = oreal_batch(SCORES)
    found = gradient(partial(oreal_released, eta=0.5, kl=0.01), batch)
    # leave-one-out of +-1 with 1 of 4 right: 2 * 3/3 = 2 and -2 * 1/3; two tokens on each side
    expected = torch.zeros(4, 2)
    expected[0], expected[2] = -2 * WEIGHT / 2, 0.5 * (2 / 3) * WEIGHT / 2
    torch.testing.assert_close(found, expected)
    away = replace(batch, reference_log_probs=batch.old_log_probs - 0.3)
    pulled = gradient(partial(oreal_released, eta=0.5, kl=0.01), away) - found
    # d/dlogp of exp(d) - d - 1 with d = -0.3: 1 - exp(-0.3); over four kept tokens
    by_hand = torch.zeros(4, 2)
    by_hand[[0, 2]] = 0.01 * (1 - math.exp(-0.3)) / 4
    torch.testing.assert_close(pulled, by_hand, atol=1e-7, rtol=1e-4)


@pytest.mark.parametrize("loss", [oreal, oreal_released])
def test_a_zero_head_gives_the_policy_no_gradient(loss):
    assert not gradient(loss, oreal_batch(torch.zeros(4, 2))).any()


# The registry


def test_every_clipped_objective_takes_at_least_two_updates_per_batch():
    clipped = {name for name, objective in OBJECTIVES.items() if {"clip", "low"} & set(objective.coefficients())}
    data_rules = {"zero-gate", "nurl", "pope", "questa", "delta"}  # GRPO's loss, on other problems
    assert clipped == {"grpo", "dr-grpo", "dapo", "grpo-entropy", "reinforce-rej", "grpo-early", "prorl", *data_rules}
    assert all(OBJECTIVES[name].updates >= 2 for name in clipped)


def test_an_unknown_objective_is_refused_with_the_nearest_name():
    assert get_objective("oreal-released").token_reward
    with pytest.raises(MathbError, match="did you mean dapo"):
        get_objective("dappo")
