"""Around the engines: choosing one, jobs that share a store, what a run costs, what is recorded, what is strict."""

from __future__ import annotations

import json
import pickle
import random
import sys
import threading
from dataclasses import replace

import pandas as pd
import pyarrow.parquet as pq
import pytest
from engines import CoinEngine
from paths import TESTS
from servers import CompletionsServer

from mathb_kit.draw import Draw
from mathb_kit.errors import MathbError
from mathb_kit.evaluation import evaluate
from mathb_kit.miniature import CHECKPOINTS
from mathb_kit.models.model import Model, Sampling
from mathb_kit.plan import Plan
from mathb_kit.problems.problem import Problem
from mathb_kit.sampling import (
    ENGINES,
    OneAtATime,
    Shard,
    get_engine,
    parse_engine,
    parse_shard,
)
from mathb_kit.sampling.engines import LazyEngine
from mathb_kit.sampling.prompts import PromptEncoder
from mathb_kit.store import Store
from mathb_kit.store.compaction import compact

MODEL = Model("coin", "somebody/coin", prompt="Q: {problem}\nA:", revision="1")
MINI = Model("mini", str(CHECKPOINTS / "mini-base-1"), prompt="{problem}\n", sampling=Sampling(max_tokens=40))
PROBLEMS = [Problem("tosses", str(i), f"Toss {i}", "1") for i in range(30)]


class Named(CoinEngine):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def describe(self):
        return {"engine": self.name}


# Jobs of an array


@pytest.mark.parametrize("jobs", [1, 2, 7, 30])
def test_shards_are_even_disjoint_and_hold_every_problem_in_whatever_order_they_are_listed(jobs):
    shuffled = random.Random(jobs).sample(PROBLEMS, len(PROBLEMS))
    parts = [Shard(job, jobs).of(PROBLEMS) for job in range(1, jobs + 1)]
    assert sorted(problem.key for part in parts for problem in part) == sorted(problem.key for problem in PROBLEMS)
    assert {len(part) for part in parts} <= {30 // jobs, -(-30 // jobs)}
    for job, part in enumerate(parts, 1):
        assert part == [problem for problem in PROBLEMS if problem in part]
        assert {problem.key for problem in Shard(job, jobs).of(shuffled)} == {problem.key for problem in part}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("3", "'3' is not a shard; write job/jobs counted from 1, e.g. 2/8"),
        ("a/b", "is not a shard"),
        ("-1/4", "is not a shard"),
        ("0/8", "no shard 0/8: jobs count from 1"),
        ("9/8", "no shard 9/8"),
        ("1/0", "no shard 1/0"),
    ],
)
def test_a_shard_that_is_none_is_named(text, message):
    with pytest.raises(MathbError, match=message):
        parse_shard(text)


def test_more_jobs_than_problems_are_refused():
    assert parse_shard(" 2/8 ") == Shard(2, 8) and str(Shard(2, 8)) == "2/8"
    with pytest.raises(MathbError, match="left for shard 31/40 of 30 problems; use at most 30 jobs"):
        Shard(31, 40).of(PROBLEMS)


def test_jobs_on_one_store_add_up_to_one_adaptive_evaluation_and_the_last_only_reads(tmp_path):
    plan = Plan(rounds=(4, 16, 64), stop=8, chunk=4)
    store = Store(tmp_path / "shared")
    for job in (3, 1, 2):
        part = evaluate(MODEL, Shard(job, 3).of(PROBLEMS), plan, store=store, engine=CoinEngine(0.2))
        assert len(part.outcomes) == 10 and part.outcomes["complete"].all()
    whole = evaluate(MODEL, PROBLEMS, plan, store=store, engine=Named("never used"))
    alone = evaluate(MODEL, PROBLEMS, plan, store=Store(tmp_path / "alone"), engine=CoinEngine(0.2))
    assert whole.new_tokens == 0
    pd.testing.assert_frame_equal(whole.outcomes, alone.outcomes)


# One engine a draw, as the shards have it


def test_two_engines_that_both_find_a_draw_empty_do_not_both_go_on(tmp_path):
    both, ends = threading.Barrier(2, timeout=20), []

    class Together(Named):
        def sample(self, chunks):
            both.wait()  # both have looked into the store
            yield from super().sample(chunks)

    def write(name: str) -> None:
        try:
            Draw(Store(tmp_path), MODEL).sample(Together(name), PROBLEMS, 8)
            ends.append("finished")
        except MathbError as error:
            ends.append(str(error))

    writers = [threading.Thread(target=write, args=[name]) for name in ("heads", "tails")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(ends) == 2 and any("was begun with the engine" in end for end in ends)


def test_what_engines_a_draw_is_of_is_read_from_its_shards_also_when_they_are_packed(tmp_path):
    store = Store(tmp_path)
    Draw(store, MODEL).sample(Named("heads"), PROBLEMS[:10], 8)
    Draw(store, MODEL, mix_engines=True).sample(Named("tails"), PROBLEMS[10:15], 8)
    Draw(store, MODEL, "other").sample(Named("tails"), PROBLEMS, 8)
    # A run commits its first chunk at once and the rest at its end: two shards for each of the three.
    for files in ((6, 2), (2, 2)):
        for reader in (store, Store(tmp_path)):
            assert reader.engines(MODEL.key(), "main") == {"heads": 80, "tails": 40}
            assert reader.engines(MODEL.key(), "other") == {"tails": 240}
        assert compact(store) == files
    (tmp_path / "models" / f"{MODEL.key()}.json").unlink()  # as if killed before it was written
    with pytest.raises(MathbError, match="'other' of coin was begun with the engine tails, and this run uses heads"):
        Draw(store, MODEL, "other").sample(Named("heads"), PROBLEMS, 16)


# What is recorded


@pytest.mark.parametrize(
    "changed",
    [
        MODEL.with_sampling(temperature=0.6),
        MODEL.with_sampling(top_p=0.95),
        MODEL.with_sampling(max_tokens=2048),
        MODEL.with_sampling(stop=("\n\n",)),
        replace(MODEL, prompt="Question: {problem}\nAnswer:"),
        replace(MODEL, dtype="bfloat16"),
        replace(MODEL, quantization="fp8"),
        replace(MODEL, revision="2"),
    ],
    ids=["temperature", "top_p", "max_tokens", "stop", "template", "dtype", "quantization", "revision"],
)
def test_other_settings_never_mix_with_old_attempts(tmp_path, changed):
    store = Store(tmp_path)
    Draw(store, MODEL).sample(CoinEngine(), PROBLEMS, 8)
    before = store.read_attempts(MODEL.key(), "main")
    report = Draw(store, changed).sample(CoinEngine(), PROBLEMS, 8)
    assert (report.new_attempts, report.skipped) == (240, 0)
    new = store.read_attempts(changed.key(), "main")
    assert not set(new["seed"]) & set(before["seed"]) and set(new["model"]) == {changed.key()}
    pd.testing.assert_frame_equal(store.read_attempts(MODEL.key(), "main"), before)


def test_every_shard_says_where_its_attempts_are_from(tmp_path):
    store = Store(tmp_path)
    Draw(store, MINI, run_seed=7).sample(get_engine(MINI, strict=True), PROBLEMS[:1], 4)
    [path] = (tmp_path / "attempts" / MINI.key() / "main").glob("*.parquet")
    told = json.loads(pq.read_metadata(path).metadata[b"provenance"])
    assert {"time", "python", "platform", "packages", "git", "engine", "template", "run_seed"} <= told.keys()
    assert {"torch", "transformers"} <= told["packages"].keys() and told["run_seed"] == 7
    engine = told["engine"]
    assert (engine["engine"], engine["dtype"], engine["strict"]) == ("transformers", "float32", True)
    assert "device" in engine and told["template"] == PromptEncoder(MINI).template_hash
    assert told["prompt"].replace("{problem}", "1 + 1?") == MINI.render("1 + 1?")


def test_the_prompt_that_is_kept_decodes_from_the_ids_that_are_sent(tmp_path):
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.BPE(dict(zip(sorted(pre_tokenizers.ByteLevel.alphabet()), range(256))), []))
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, eos_token="</s>")
    tokenizer.chat_template = (
        "{% for turn in messages %}[{{ turn.role }}] {{ turn.content }}{{ eos_token }}{% endfor %}"
        "{% if enable_thinking %}<think>{% endif %}"
    )
    tokenizer.save_pretrained(tmp_path)
    chat = Model("chat", str(tmp_path), prompt="chat", user="Solve: {problem}", system="Be brief.", thinking=True)
    prompts = PromptEncoder(chat)
    assert prompts.frame == "[system] Be brief.</s>[user] Solve: {problem}</s><think>"
    sent = prompts.encode(chat.render("$x^2$ and é?"))
    assert sent == tokenizer(prompts.frame.replace("{problem}", "$x^2$ and é?"))["input_ids"]


def test_the_template_hash_changes_with_all_that_surrounds_a_statement_and_with_nothing_else(tmp_path):
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel({"?": 0}, "?")))
    chats = []
    for name, template in (("one", "{{ messages }}"), ("two", "{{ messages }} ")):
        tokenizer.chat_template = template
        tokenizer.save_pretrained(tmp_path / name)
        chats.append(Model(name, str(tmp_path / name), prompt="chat"))
    chat = chats[0]
    others = [
        MODEL, replace(MODEL, prompt="{problem}"), *chats, replace(chat, system="Be brief."),
        replace(chat, thinking=False), replace(chat, user="{problem} Box the answer."),
    ]  # fmt: skip

    def template_hash(model: Model) -> str:
        return PromptEncoder(model).template_hash

    assert len({template_hash(model) for model in others}) == len(others)
    assert template_hash(replace(chat, template=str(tmp_path / "two"))) == template_hash(chats[1])
    assert template_hash(MODEL.with_sampling(temperature=0.1)) == template_hash(MODEL)


# Strict


def test_strict_attempts_hang_on_their_chunk_alone(tmp_path):
    problems = [Problem("sums", str(i), f"Compute ${10**i}+4$.", "") for i in range(6)]
    chunks = Draw(Store(tmp_path), MINI).missing(problems, Plan.fixed(16, chunk=8))
    together = dict(get_engine(MINI, strict=True).sample(chunks))
    alone = get_engine(MINI, strict=True)
    for chunk in random.Random(1).sample(chunks, len(chunks)):
        assert dict(alone.sample([chunk])) == {chunk: together[chunk]}
    assert get_engine(MINI, strict=True).describe()["strict"] and "strict" not in get_engine(MINI).describe()


def test_strict_is_refused_where_nobody_can_promise_it(tmp_path, monkeypatch):
    with pytest.raises(MathbError, match="server takes no option 'strict'"):
        get_engine(MODEL, "server", url="http://localhost:1/v1", strict=True)
    python = tmp_path / "python"
    fake = TESTS / "fake_vllm"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{fake}" exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    monkeypatch.setenv("MATHB_VLLM_PYTHON", str(python))
    with pytest.raises(MathbError, match="strict needs batch-invariant kernels"):
        get_engine(MINI, "vllm", strict=True).describe()


# Choosing an engine, and what it would cost


def test_the_command_lines_words_make_an_engine_for_any_model():
    vllm = parse_engine("vllm", ["tensor_parallel=2", "strict=True", "gpu_memory_utilization=0.8", "seed=x=1"])(MINI)
    assert (vllm.opened.model, vllm.opened.strict) == (MINI, True)
    assert vllm.opened._engine_args["tensor_parallel_size"] == 2
    assert vllm.opened._asked == {"gpu_memory_utilization": 0.8, "seed": "x=1"}  # vLLM's own: JSON, else text
    server = parse_engine("server", ["url=http://localhost:1/v1", "name=8", "seconds=3"])(MODEL).opened
    assert (server.endpoint.url, server._asked_name) == ("http://localhost:1/v1", "8")
    ray = parse_engine("ray", ["workers=3", "engine=vllm", "tensor_parallel=2"])(MODEL)
    assert (ray.workers, ray._gpus) == (3, 2)
    assert parse_engine("ray", ["gpus_per_worker=0"])(MODEL)._gpus == 0  # given, not left to the cluster
    inside = pickle.loads(pickle.dumps(ray._engine))(MINI)
    assert inside.opened._engine_args["tensor_parallel_size"] == 2


class Toy(CoinEngine):
    """As a newcomer writes one: its options are its constructor's, and one line names it."""

    def __init__(self, model: Model, chance: float, times: int | None = None, loaded: object = None) -> None:
        super().__init__(chance)
        self.times = times


def test_an_engine_is_added_by_one_line(monkeypatch, tmp_path):
    monkeypatch.setitem(ENGINES, "toy", f"{__name__}:Toy")
    engine = parse_engine("toy", ["chance=1", "times=3"])(MODEL)
    assert (engine.opened.chance, engine.opened.times) == (1.0, 3)
    assert evaluate(MODEL, PROBLEMS[:2], Plan.fixed(4), store=Store(tmp_path), engine=engine).outcomes["c"].sum() == 8
    with pytest.raises(MathbError, match=r"needs 'chance' .*; it takes chance \(float\), times \(int\)\.$"):
        parse_engine("toy", [])
    with pytest.raises(MathbError, match="'loaded' in Python only"):
        parse_engine("toy", ["loaded=x"])


@pytest.mark.parametrize(
    ("engine", "words", "message"),
    [
        ("vlm", [], "Unknown engine 'vlm'; choose one of transformers, vllm, server, ray"),
        ("transformers", ["url=x"], r"transformers takes no option 'url'; it takes batch_rows \(int\), device \(str\)"),
        ("transformers", ["strict"], r"'strict' is no option of the engine transformers; write key=value: it takes"),
        ("transformers", ["strict=maybe"], "'strict' of the engine .* is true or false, not 'maybe'; it takes"),
        ("vllm", ["tensor_parallel=two"], "is of type int, not 'two'; it takes tensor_parallel .* the library's own"),
        ("server", [], r"The engine server needs 'url' \(-E url=...\); it takes url \(str\), name \(str\)"),
        ("server", ["url=x", "strict=true"], "server takes no option 'strict'"),
        ("ray", ["tensor_parallel=2"], "transformers takes no option 'tensor_parallel'"),
        ("ray", ["engine=vlm"], "Unknown engine 'vlm'"),
    ],
)
def test_an_option_that_does_not_go_with_an_engine_is_named_beside_those_that_do(engine, words, message):
    with pytest.raises(MathbError, match=message):
        parse_engine(engine, words)


def test_torch_has_its_own_algorithms_back_when_the_last_strict_engine_is_closed():
    import torch

    torch.set_deterministic_debug_mode("warn")
    try:
        engines = [get_engine(MINI, strict=True) for _ in range(2)]
        assert all(engine.opened.strict for engine in engines) and torch.get_deterministic_debug_mode() == 2
        engines[0].close()
        engines[0].close()
        assert torch.get_deterministic_debug_mode() == 2
        engines[1].close()
        assert torch.get_deterministic_debug_mode() == 1
        engine = get_engine(MINI, strict=True).opened
        assert torch.get_deterministic_debug_mode() == 2
        del engine  # given up, never closed
        assert torch.get_deterministic_debug_mode() == 1
    finally:
        torch.set_deterministic_debug_mode("default")


def test_an_engine_that_an_evaluation_makes_is_closed_by_it(tmp_path):
    made = []

    class Closing(CoinEngine):
        closed = False

        def close(self):
            self.closed = True

    def factory(model: Model) -> Closing:
        made.append((model, Closing()))
        return made[-1][1]

    own = Closing()
    evaluate(MODEL, PROBLEMS[:2], Plan.fixed(8), store=Store(tmp_path), engine=factory)
    evaluate(MODEL, PROBLEMS[:4], Plan.fixed(8), store=Store(tmp_path), engine=own)
    assert [(model, engine.closed) for model, engine in made] == [(MODEL, True)] and not own.closed


def test_one_engine_at_a_time_is_opened_once_for_all_that_one_model_does_in_a_row(tmp_path):
    events = []

    class Recorded(CoinEngine):
        def __init__(self, name):
            super().__init__()
            self.name = name
            events.append(f"open {name}")

        def close(self):
            events.append(f"close {self.name}")

    def make(model):
        return LazyEngine(lambda: Recorded(model.name))

    first, second = MODEL, replace(MODEL, name="other", revision="2")
    stored, four = Store(tmp_path / "stored"), Plan.fixed(4)
    with OneAtATime(make) as engine:
        for turn, model in enumerate((first, first, second, first)):
            evaluate(model, PROBLEMS, four, store=Store(tmp_path / str(turn)), engine=engine)
        evaluate(first, PROBLEMS, four, store=stored, engine=engine)
    names = [first.name, second.name, first.name]
    assert events == [f"{what} {name}" for name in names for what in ("open", "close")]
    with engine:  # the next use opens again, and what the store has opens nothing
        evaluate(first, PROBLEMS, four, store=stored, engine=engine)
        evaluate(second, PROBLEMS, four, store=stored, engine=engine)
    assert events[6:] == ["open other", "close other"]


def test_a_dry_run_counts_what_is_missing_and_touches_no_engine(tmp_path):
    store = Store(tmp_path)
    before = Draw(store, MODEL).dry_run(PROBLEMS, 16)
    assert (before.attempts, before.tokens) == (480, 480 * 1024) and "the token limit" in str(before)
    Draw(store, MODEL).sample(CoinEngine(), PROBLEMS[:10], 16)
    mean = store.read_attempts(MODEL.key(), "main")["tokens"].mean()
    after = Draw(store, MODEL).dry_run(PROBLEMS, Plan(rounds=(16, 64), stop=1), engine=get_engine(MODEL, "vllm"))
    assert (after.attempts, after.tokens) == (30 * 64 - 160, round((30 * 64 - 160) * mean))
    with pytest.raises(MathbError, match="Prices are a server's"):
        Draw(store, MODEL).dry_run(PROBLEMS, 16, engine=CoinEngine(), prices=(1.0, 1.0))


def test_a_dry_run_at_a_server_prices_requests_without_sending_one(tmp_path):
    with CompletionsServer() as server:
        engine = get_engine(MODEL, "server", url=server.url, name="tiny")
        told = Draw(Store(tmp_path), MODEL).dry_run(PROBLEMS, Plan.fixed(32), engine=engine, prices=(3.0, 10.0))
        assert not server.requests
    # Two requests a problem; prompts are "Q: Toss 7\nA:" and "Q: Toss 17\nA:", 12 and 13 characters, 3 a token.
    prompt_tokens = round(2 * (10 * 12 + 20 * 13) / 3)
    assert (told.estimate.requests, told.estimate.prompt_tokens) == (60, prompt_tokens)
    assert told.estimate.cost == pytest.approx((prompt_tokens * 3 + 30 * 32 * 1024 * 10) / 1e6)


def test_the_weights_are_hashed_once_an_evaluation(tmp_path, monkeypatch):
    from mathb_kit.models import model as module

    hashed = []
    content_hash = module._content_hash
    monkeypatch.setattr(module, "_content_hash", lambda folder: hashed.append(folder) or content_hash(folder))
    plan = Plan(rounds=(4, 8, 16), stop=100, chunk=4)
    evaluation = evaluate(MINI, PROBLEMS[:3], plan, store=Store(tmp_path), engine=CoinEngine())
    evaluation.first_attempts(3)
    assert len(hashed) == 1
