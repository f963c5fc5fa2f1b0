"""Adapters in training: the policy that samples, the base without the adapter, resuming, and what `get_model` reads."""

import json
import random
from dataclasses import replace

import pytest
import torch
from checkpoints import CHAT, network, write_folder
from safetensors.torch import load_file

from mathb_kit.errors import MathbError
from mathb_kit.evaluation import evaluate
from mathb_kit.lab import packing, scoring
from mathb_kit.lab.lora import Lora, Start, checkpointing, load_adapted, trained_part
from mathb_kit.lab.objectives import Batch, get_objective
from mathb_kit.lab.rollouts import Rollouts, sample_rollouts
from mathb_kit.lab.run import Run, train
from mathb_kit.lab.run_folder import read_log
from mathb_kit.lab.scoring import completion_mask, tabulate
from mathb_kit.lab.trainer import rollout_engine
from mathb_kit.lab.update import Policy
from mathb_kit.models import get_model
from mathb_kit.models.weights import load_checkpoint
from mathb_kit.plan import Plan
from mathb_kit.problems import load_problems

EASY = [problem for problem in load_problems("mini-train") if problem.meta["level"] == 1]
SMALL = {"on": EASY, "prompts": 2, "group": 4, "max_tokens": 16, "steps": 3, "lora": 2, "learning_rate": 0.1}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A tiny chat model of random weights in bfloat16."""
    return write_folder(tmp_path_factory.mktemp("models") / "tiny", CHAT)


@pytest.fixture(scope="module", autouse=True)
def paying():
    """A rule by which random weights are right now and then: an even first token."""

    def by_first_token(rollouts, *_):
        return replace(rollouts, rewards=[float(completion[0] % 2 == 0) for completion in rollouts.completions])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mathb_kit.lab.collecting.graded", by_first_token)
        yield


@pytest.fixture(scope="module")
def trained(base, tmp_path_factory):
    return train("rloo", base, to=tmp_path_factory.mktemp("runs") / "adapted", **SMALL)


@pytest.fixture
def packs(monkeypatch):
    """Tiny networks count as large ones."""
    monkeypatch.setattr("mathb_kit.sampling.weights._SMALL", 0)


def moved(adapted, seed=1):
    """Adapter weights far from where they start, where they add nothing."""
    generator = torch.Generator().manual_seed(seed)
    for name, weight in adapted.named_parameters():
        if "lora_" in name:
            weight.data = torch.randn(weight.shape, generator=generator) * 0.3
    return adapted


@pytest.fixture
def rollouts():
    """Attempts of different lengths at three prompts, as token ids; the texts mean nothing."""
    generator = torch.Generator().manual_seed(2)

    def ids(count):
        return torch.randint(3, 100, (count,), generator=generator).tolist()

    prompts = [ids(6), ids(11), ids(3)]
    return Rollouts(EASY[:3], [0, 0, 0, 1, 1, 1, 2], [prompts[g] for g in (0, 0, 0, 1, 1, 1, 2)],
                    [ids(n) for n in (9, 1, 7, 3, 12, 5, 4)], [1.0, 0, 0, 0, 1, 1, 1], [False] * 7)  # fmt: skip


def one_by_one(net, rollouts):
    """Log-probabilities and entropies of each attempt alone, without padding, packing or a mask."""
    for prompt, completion in zip(rollouts.prompts, rollouts.completions):
        logits = net(input_ids=torch.tensor([prompt + completion])).logits[0, len(prompt) - 1 : -1].float()
        scores = logits.log_softmax(-1)
        yield scores.gather(1, torch.tensor(completion)[:, None])[:, 0], -(scores.exp() * scores).sum(-1)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("most", [1 << 30, 14 * 10_000])
def test_packed_attempts_have_the_scores_and_gradients_of_attempts_one_by_one(
    rollouts, packs, monkeypatch, attention, most
):
    net = network()
    net.config._attn_implementation = attention
    assert packing.can_pack(net)
    monkeypatch.setattr(scoring, "_BYTES_AT_ONCE", most)
    pieces = list(packing.packed_batches(rollouts, range(7), scoring.tokens_at_once(net)))
    assert sorted(sum(pieces, [])) == list(range(7)) and (len(pieces) > 2) is (most < 1 << 30)
    log_probs, entropies = tabulate(net, rollouts, range(7), entropy=True)
    alone = list(one_by_one(net, rollouts))
    for row, (expected, uncertainty) in enumerate(alone):
        torch.testing.assert_close(log_probs[row, : len(expected)], expected.detach(), atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(entropies[row, : len(expected)], uncertainty.detach(), atol=1e-5, rtol=1e-4)
    assert not (log_probs * (1 - completion_mask(rollouts))).any()

    mask = completion_mask(rollouts)
    policy, gradients = Policy(net, get_objective("rloo"), 1e-3), []
    policy._step = lambda: gradients.extend(w.grad.clone() for w in net.parameters()) or 0.0
    rewards, groups = torch.tensor(rollouts.rewards), torch.tensor(rollouts.groups)
    rewards, groups = rewards[:6], groups[:6]
    two = rollouts.only([0, 1])
    policy.learn(Batch(log_probs[:6], log_probs[:6], rewards, mask[:6], groups), two, 1, random.Random(0))
    net.zero_grad()
    # Leave-one-out advantages by hand: one right of three, then two right of three.
    advantages = [1.0, -0.5, -0.5, -1.0, 0.5, 0.5]
    loss = -sum(a * values.sum() for a, (values, _) in zip(advantages, list(one_by_one(net, rollouts))[:6])) / 6
    loss.backward()
    for found, weight in zip(gradients, net.parameters()):
        torch.testing.assert_close(found, weight.grad, atol=1e-5, rtol=1e-3)


def test_attempts_are_sampled_from_base_and_adapter_as_the_trainer_scores_them(base, packs, monkeypatch):
    for small in (True, False):  # decoded by joined matrices, if the engine would; by the network's own modules
        monkeypatch.setattr("mathb_kit.sampling.weights._SMALL", 10_000_000 if small else 0)
        adapted, tokenizer = load_adapted(get_model(base), Lora(2), 0)
        net = moved(adapted).get_base_model().float()
        net.lm_head.weight.data *= 20  # else all tokens are about equally likely
        engine = rollout_engine(get_model(base), (net, tokenizer), 12)
        drawn = sample_rollouts(engine, EASY[:2], 400, lambda problem: len(problem.statement))
        with torch.no_grad():
            (scores,) = tabulate(net, drawn, range(800))
            first = net(input_ids=torch.tensor([drawn.prompts[0]])).logits[0, -1].softmax(-1)
            with adapted.disable_adapter():
                other = net(input_ids=torch.tensor([drawn.prompts[0]])).logits[0, -1].softmax(-1)
        shares = torch.bincount(torch.tensor([c[0] for c in drawn.completions[:400]]), minlength=len(first)) / 400
        assert (first - other).abs().sum() > 0.5
        assert (shares - first).abs().sum() < 0.6 * (shares - other).abs().sum()
        # -E log p is the entropy: attempts of another distribution would be less likely under this one.
        _, entropies = tabulate(net, drawn, range(800), entropy=True)
        mask = completion_mask(drawn)
        gap = ((scores + entropies) * mask).sum(1)
        assert abs(gap.mean()) < 4 * gap.std() / len(gap) ** 0.5


def test_a_new_adapter_adds_nothing_and_the_reference_is_the_base_also_later(base, rollouts):
    model = get_model(base)
    plain = load_checkpoint(model)[0]
    adapted, _ = load_adapted(model, Lora(4), 3)
    net = adapted.get_base_model()
    ids = torch.tensor([rollouts.prompts[0]])
    assert torch.equal(net(input_ids=ids).logits, plain(input_ids=ids).logits)
    start = Start(net)
    moved(adapted)
    assert not torch.equal(net(input_ids=ids).logits, plain(input_ids=ids).logits)
    last = net(input_ids=ids).logits
    with start.network() as reference:
        assert torch.equal(reference(input_ids=ids).logits, plain(input_ids=ids).logits)
    assert torch.equal(net(input_ids=ids).logits, last)
    assert {weight.dtype for weight in trained_part(net).values()} == {torch.float32} and net.dtype == torch.bfloat16


def test_activations_computed_again_give_the_same_gradients(base, rollouts, packs):
    net = moved(load_adapted(get_model(base), Lora(2), 0)[0]).get_base_model()
    weights = [weight for weight in net.parameters() if weight.requires_grad]

    def gradients(forget):
        with checkpointing(net, forget):
            (values,) = scoring.token_log_probs(net, rollouts, range(7))
            return torch.autograd.grad(values.sum(), weights)

    runs, layer = [], net.model.layers[0]
    layer.self_attn.q_proj.register_forward_pre_hook(lambda *_: runs.append(1))
    kept = gradients(False)
    once = len(runs)
    forgotten = gradients(True)
    assert (once, len(runs)) == (1, 3) and not any(module.training for module in net.modules())
    assert all(torch.equal(a, b) for a, b in zip(kept, forgotten))


def test_the_first_update_has_ratio_one_and_no_distance_from_the_base(base, trained, packs, tmp_path):
    log = read_log(trained)
    assert log["kl"][0] == 0 and (log["kl"][1:] > 0).all()
    seen = []

    class Watching(Policy):
        def _gradients(self, batch):
            seen.append(torch.exp(batch.log_probs - batch.old_log_probs))
            return super()._gradients(batch)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mathb_kit.lab.trainer.Policy", Watching)
        train("grpo", base, to=tmp_path / "grpo", **{**SMALL, "steps": 2})
    assert torch.equal(seen[0], torch.ones_like(seen[0]))


def test_an_adapter_folder_holds_the_adapter_alone_and_is_asked_as_in_training(base, trained):
    assert {path.name for path in trained.iterdir()} == {
        "adapter_config.json", "adapter_model.safetensors", "recipe.json", "log.jsonl",
    }  # fmt: skip
    layers = json.loads((trained / "adapter_config.json").read_text())["target_modules"]
    assert layers == sorted(layers) and {name.rpartition(".")[2] for name in layers} == {
        "down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"
    }  # fmt: skip
    tensors = load_file(trained / "adapter_model.safetensors")
    # Two matrices of rank 2 on each of seven layers in two blocks, 16 bits each.
    assert len(tensors) == 28 and {tensor.dtype for tensor in tensors.values()} == {torch.float16}
    assert any(tensor.any() for name, tensor in tensors.items() if "lora_B" in name)
    model, start = get_model(trained), get_model(base)
    assert (model.source, model.adapter, model.base) == (str(base), str(trained), "tiny")
    assert model.sampling == start.sampling and model.user == start.user and model.trained_on == ("mini-train",)
    assert json.loads((trained / "recipe.json").read_text())["recipe"]["lora"] == {"rank": 2}
    assert Run.of("rloo", base, to=trained, **SMALL).finished()
    assert not Run.of("rloo", base, to=trained, **{**SMALL, "lora": 3}).finished()


def test_what_evaluate_loads_has_the_log_probabilities_of_the_network_in_training(base, tmp_path, rollouts):
    last = []
    with pytest.MonkeyPatch.context() as patch:
        step = Policy._step
        patch.setattr(Policy, "_step", lambda policy: last.append(policy.network) or step(policy))
        folder = train("rloo", base, to=tmp_path / "run", **SMALL)
    trained_net, read = last[-1], load_checkpoint(get_model(folder))[0]
    plain = load_checkpoint(get_model(base))[0]
    (then,), (now,), (before,) = (tabulate(net, rollouts, range(7)) for net in (trained_net, read, plain))
    rounding = (then - now).abs().max()  # of the adapter's weights to 16 bits
    assert rounding < 0.02 and (then - before).abs().max() > 5 * rounding
    assert len(evaluate(get_model(folder), load_problems("mini-math")[:2], Plan.fixed(4)).verdicts) == 8


@pytest.mark.parametrize(("stop_in", "objective"), [(1, "rloo"), (3, "rloo"), (3, "oreal-every-token")])
def test_a_run_that_was_stopped_ends_with_the_same_adapter(base, trained, tmp_path, stop_in, objective):
    learn, calls = Policy.learn, []

    def stops(self, *arguments):
        calls.append(1)
        if len(calls) == stop_in:
            raise KeyboardInterrupt
        return learn(self, *arguments)

    folder = tmp_path / "run"
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Policy, "learn", stops)
        patch.setattr("mathb_kit.lab.run_folder._SAVING_SHARE", float("inf"))
        train(objective, base, to=folder, **SMALL)
    if stop_in > 1:
        state = torch.load(folder / "state.pt", weights_only=True)
        parts = [state["policy"]["network"], (state["reward_model"] or {}).get("backbone", {})]
        assert parts[0] and all("lora_" in name for part in parts for name in part)  # no base in it
    train(objective, base, to=folder, **SMALL)
    whole = trained if objective == "rloo" else train(objective, base, to=tmp_path / "whole", **SMALL)
    name = "adapter_model.safetensors"
    assert (folder / name).read_bytes() == (whole / name).read_bytes()


def test_a_run_from_an_adapter_goes_on_with_it_and_is_compared_with_where_it_began(trained, base, tmp_path):
    folder = train("rloo", trained, to=tmp_path / "further", **{**SMALL, "seed": 1})
    model = get_model(folder)
    assert (model.source, model.base) == (str(base), trained.name)
    assert read_log(folder)["kl"][0] == 0
    with pytest.raises(MathbError, match="rank 2; go on with it by --lora of its rank"):
        train("rloo", trained, to=tmp_path / "other", **{**SMALL, "lora": 3})
