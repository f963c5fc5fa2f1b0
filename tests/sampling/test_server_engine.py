"""The server engine: every attempt is asked for with its own seed, and arrives once, whatever the server does."""

from __future__ import annotations

import dataclasses
import os
import random
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request

import numpy as np
import pytest
from browser import end
from engines import CoinEngine
from real_vllm import ALPHA, vllm_python
from servers import CompletionsServer

from mathb_kit.draw import Draw
from mathb_kit.endpoint import BadReply
from mathb_kit.errors import MathbError
from mathb_kit.evaluation import evaluate
from mathb_kit.miniature import CHECKPOINTS
from mathb_kit.models.model import Model, Sampling
from mathb_kit.plan import Plan
from mathb_kit.problems import load_problems
from mathb_kit.problems.problem import Problem
from mathb_kit.sampling import Chunk, Completion, get_engine
from mathb_kit.sampling.server_engine import ServerEngine
from mathb_kit.sampling.server_replies import read_completions
from mathb_kit.sampling.transformers_engine import TransformersEngine
from mathb_kit.statistics import homogeneity
from mathb_kit.store import Store

MODEL = Model("tiny", "tiny", prompt="Q: {problem}\nA:", revision="1", sampling=Sampling(max_tokens=50))
PROBLEMS = [Problem("sums", str(i), f"Sum {i}", "1") for i in range(12)]
PLAN = Plan.fixed(32, chunk=8)
CHUNK = Chunk("sums/0", "Q", 0, 4, 100)


def engine(server: CompletionsServer, model: Model = MODEL, **options) -> ServerEngine:
    made = ServerEngine(model, server.url, **{"seconds": 60.0, **options})
    made.endpoint.pause = 0.001
    return made


def texts(store: Store) -> list[tuple[str, int, str, str]]:
    frame = store.read_attempts(MODEL.key(), "main")
    return list(zip(frame["problem"], frame["index"], frame["text"], frame["finish"]))


def expected() -> list[tuple[str, int, str, str]]:
    """What the store must hold: attempt ``first + i`` was asked for with the seed of its chunk plus i."""
    chunks = Draw(Store("/nowhere"), MODEL).missing(PROBLEMS, PLAN)
    rows = [(c.problem_key, c.first + i, f"seed {c.seed + i}", "stop") for c in chunks for i in range(c.size)]
    return sorted(rows)


def test_a_server_that_does_everything_wrong_still_gives_every_attempt_its_own_seed(tmp_path):
    faults = [
        "cut", "torn", "html", "status 429 0", "status 500", "status 503", "none", "more", "unfinished",
        "fewer 3", "fewer 1",
    ]  # fmt: skip

    def mood(body, before):  # each body meets two faults of its own, then is answered
        return "good" if before > 1 else random.Random(f"{body['seed']} {before}").choice(faults)

    store = Store(tmp_path)
    with CompletionsServer(mood) as server:
        report = Draw(store, MODEL).sample(engine(server, tries=4), PROBLEMS, PLAN)
        asked = {(body["prompt"], body["seed"]) for body in server.bodies()}
    assert texts(store) == expected() and report.new_attempts == 12 * 32
    assert len({seed for _, seed in asked}) == len(asked)
    assert all(body["temperature"] == 1.0 and body["max_tokens"] == 50 for body in server.bodies())


def test_what_a_well_server_never_answers_is_recorded_cut_and_nothing_else_is(tmp_path):
    bad = MODEL.render(PROBLEMS[3].statement)

    def mood(body, before):
        return "good" if body["prompt"] != bad else "fewer 3" if body["n"] == 8 else "status 500"

    store = Store(tmp_path)
    with CompletionsServer(mood) as server:
        Draw(store, MODEL).sample(engine(server, tries=3), PROBLEMS, PLAN)
        seeds = {}
        for body in server.bodies():
            if body["prompt"] == bad and body["n"] == 5:
                seeds[body["seed"]] = seeds.get(body["seed"], 0) + 1
        assert list(seeds.values()) == [4] * 4  # three tries and the last one, with the same seed; four chunks
    wanted = [
        row if row[0] != PROBLEMS[3].key or row[1] % 8 < 3 else (row[0], row[1], "", "cut") for row in expected()
    ]
    assert texts(store) == wanted


def test_an_outage_records_nothing_as_cut_and_the_next_run_completes(tmp_path):
    store = Store(tmp_path)
    mood = lambda body, before: "good" if len(server.requests) < 20 else "status 503"  # noqa: E731
    with CompletionsServer(mood, well=False) as server:
        with pytest.raises(MathbError, match="does not answer any more .*HTTP 503.*run again"):
            Draw(store, MODEL).sample(engine(server, tries=2, concurrency=4), PROBLEMS, PLAN)
    assert 8 * 8 <= len(texts(store)) < 12 * 32 and set(texts(store)) <= set(expected())
    with CompletionsServer() as server:
        Draw(store, MODEL).sample(engine(server), PROBLEMS, PLAN)
        assert len(server.requests) < 48  # what the first server answered is not asked again
    assert texts(store) == expected()


def test_replies_that_were_paid_for_are_not_paid_for_again(tmp_path):
    with CompletionsServer() as server:
        Draw(Store(tmp_path / "lost"), MODEL).sample(engine(server), PROBLEMS, PLAN)
        again = engine(server)
        plan = again.estimate(Draw(Store(tmp_path / "new"), MODEL).missing(PROBLEMS, PLAN), 1, 1)
        assert (plan.requests, plan.cached, plan.cost) == (0, 48, 0)
        Draw(Store(tmp_path / "new"), MODEL).sample(again, PROBLEMS, PLAN)
        assert len(server.requests) == 48 and again.endpoint.traffic.cached == 48
    assert texts(Store(tmp_path / "new")) == expected()


def test_a_dry_run_prices_what_is_missing_and_sends_nothing():
    with CompletionsServer() as server:
        chunks = [Chunk("p", "x" * 30, first, 8, first) for first in (0, 8, 16)]
        upper = engine(server).estimate(chunks, input_price=2.0, output_price=10.0)
        mean = engine(server).estimate(chunks, 2.0, 10.0, tokens_each=20)
        assert not server.requests
    assert (upper.requests, upper.prompt_tokens, upper.completion_tokens) == (3, 30, 24 * 50)
    assert upper.cost == pytest.approx((30 * 2 + 1200 * 10) / 1e6) and mean.cost == pytest.approx(4860 / 1e6)


def test_a_refused_request_names_the_problem():
    with CompletionsServer(lambda body, before: "status 400") as server:
        with pytest.raises(MathbError, match="sums/0: .*HTTP 400.*leave the problem out"):
            list(engine(server).sample([CHUNK]))


def body_for(owner: str, model: Model) -> dict:
    with CompletionsServer(owner=owner) as server:
        [(_, completions)] = engine(server, model).sample([CHUNK])
        assert len(completions) == 4
        [request] = server.requests
        return {"path": request["path"], **request["body"]}


def test_settings_are_said_in_the_servers_own_words():
    plain = {
        "path": "/v1/completions", "model": "tiny", "prompt": "Q", "n": 4, "seed": 100, "max_tokens": 50,
        "temperature": 1.0, "top_p": 1.0,
    }  # fmt: skip
    assert body_for("somebody", MODEL) == plain
    # What vLLM is not told it takes from generation_config.json, so nothing is left unsaid.
    whole = plain | {"top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0, "skip_special_tokens": False}
    assert body_for("vllm", MODEL) == whole | {"return_token_ids": True}
    assert body_for("sglang", MODEL) == whole
    ending = dataclasses.replace(MODEL, ends=(2, 7))
    assert body_for("sglang", ending) == whole | {"stop_token_ids": [2, 7]} and body_for("x", ending) == plain
    narrow = MODEL.with_sampling(top_k=20, min_p=0.1, top_p=0.9, temperature=0.6, stop=("\n\n",))
    assert body_for("somebody", narrow) == plain | {
        "top_k": 20, "min_p": 0.1, "top_p": 0.9, "temperature": 0.6, "stop": ["\n\n"],
    }  # fmt: skip


def test_tokens_are_told_while_a_chunk_is_under_way_at_a_server_that_sends_one_completion_a_request():
    told, counts = threading.Event(), []

    def mood(body: dict, before: int) -> str:
        if body["n"] == 1 and body["max_tokens"] > 1:  # the last of the chunk, no question about the server's health
            assert told.wait(30), "nothing was told of three completions that are there"
        return "fewer 1"

    with CompletionsServer(mood) as server:
        ours = engine(server)
        ours.on_tokens = lambda tokens: (counts.append(tokens), told.set())
        [(_, completions)] = ours.sample([CHUNK])
    assert len(counts) > 1 and sum(counts) == sum(completion.tokens for completion in completions)


def test_llama_cpp_gets_none_of_its_own_defaults_one_completion_a_request_and_seeds_it_can_hold(capsys):
    warm = MODEL.with_sampling(temperature=0.6, top_p=0.9)
    chunk = dataclasses.replace(CHUNK, seed=2**40 + 2**31 - 2)  # two seeds before 31 bits are full
    for owner in ("llamacpp", "me"):
        with CompletionsServer(owner=owner) as server:
            [(_, completions)] = engine(server, warm).sample([chunk])
        bodies = server.bodies()
        assert [body["seed"] for body in bodies] == [2**31 - 2, 2**31 - 1, 0, 1]
        assert [c.text for c in completions] == [f"seed {body['seed']}" for body in bodies]
        for body in bodies:
            said = {name: body[name] for name in ("n", "temperature", "top_p", "top_k", "min_p", "repeat_penalty")}
            assert said == {"n": 1, "temperature": 0.6, "top_p": 0.9, "top_k": 0, "min_p": 0.0, "repeat_penalty": 1.0}
            assert body["samplers"][0] == "temperature"
        # The binding cannot be told the order.
        assert ("cuts by top_p and min_p before" in capsys.readouterr().err) == (owner == "me")


def test_chats_go_to_the_chat_api_with_system_turn_and_thinking_switch():
    model = Model("chat", "tiny", prompt="chat", system="Think.", thinking=False, revision="1")
    body = body_for("somebody", model)
    assert body["path"] == "/v1/chat/completions" and "prompt" not in body
    assert body["messages"] == [{"role": "system", "content": "Think."}, {"role": "user", "content": "Q"}]
    assert body["chat_template_kwargs"] == {"enable_thinking": False}


def test_greedy_completions_are_asked_for_once():
    with CompletionsServer() as server:
        [(_, completions)] = engine(server, MODEL.with_sampling(temperature=0.0)).sample([CHUNK])
        assert [body["n"] for body in server.bodies()] == [1]
    assert completions == [Completion("seed 100", 3, "stop")] * 4


def choice(**fields) -> dict:
    return {"text": "ab", "finish_reason": "stop", **fields}


@pytest.mark.parametrize(
    ("choices", "completions"),
    [
        ([choice(index=1, text="one"), choice(index=0, text="zero")], ["zero", "one"]),
        ([choice(text="")], [Completion("", 12, "stop")]),
        ([choice(finish_reason="length")], [Completion("ab", 12, "length")]),
        ([choice(finish_reason="content_filter")], [Completion("ab", 12, "cut")]),
        ([choice(text="one END two")], [Completion("one ", 12, "stop")]),
        ([choice(text="one END two", finish_reason="length")], [Completion("one ", 12, "stop")]),
        (
            [choice(token_ids=[5, 6, 2]), choice(token_ids=[2])],
            [Completion("ab", 3, "stop"), Completion("ab", 1, "stop")],
        ),
        ([choice(text="a" * 8), choice(text="aa")], [Completion("a" * 8, 9, "stop"), Completion("aa", 3, "stop")]),
        ([{"message": {"content": "4"}, "finish_reason": "stop"}], ["4"]),
        (
            [{"message": {"content": "4", "reasoning_content": "2+2"}, "finish_reason": "stop"}],
            ["<think>2+2</think>4"],
        ),
        ([{"message": {"content": None, "reasoning": "2+"}, "finish_reason": "length"}], ["<think>2+"]),
    ],
)
def test_choices_become_completions(choices, completions):
    got = read_completions({"choices": choices, "usage": {"completion_tokens": 12}}, 2, Sampling(stop=("END",)))
    assert (got if isinstance(completions[0], Completion) else [c.text for c in got]) == completions


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        ([], "without choices"),
        ({"error": {"message": "overloaded"}}, "without choices .*overloaded"),
        ({"choices": [None]}, "cannot be read"),
        ({"choices": [{"finish_reason": "stop"}]}, "cannot be read"),
        ({"choices": [choice(text=None)]}, "text is None"),
        ({"choices": [choice(finish_reason=None)]}, "finish_reason is None"),
        ({"choices": [choice()] * 3}, "3 choices for 2"),
    ],
)
def test_unfit_replies_are_refused(reply, message):
    with pytest.raises(BadReply, match=message):
        read_completions(reply, 2, Sampling())


def test_the_model_must_be_at_the_server():
    with CompletionsServer(owner="vllm") as server:
        with pytest.raises(MathbError, match="has no model 'big'; it has tiny, other"):
            engine(server, Model("big", "big")).describe()
        told = engine(server, Model("big", "big"), name="other").describe()
    assert told["engine"] == "server" and told["served_model"] == "other" and told["version"] == "1.2.3"
    lost = engine(server, tries=1)
    with pytest.raises(MathbError, match="No server answers at http"):
        lost.describe()


def test_a_draw_is_of_one_engine_unless_the_mixture_is_allowed(tmp_path):
    store = Store(tmp_path)
    Draw(store, MODEL).sample(CoinEngine(), PROBLEMS[:1], 8)
    with CompletionsServer() as server:
        lazy = get_engine(MODEL, "server", url=server.url)
        with pytest.raises(MathbError, match="'main' of tiny was begun with the engine coin, and this run uses server"):
            Draw(store, MODEL).sample(lazy, PROBLEMS, 8)
        Draw(store, MODEL, "other").sample(lazy, PROBLEMS[:1], 8)
        Draw(store, MODEL, mix_engines=True).sample(lazy, PROBLEMS[:2], 8)
    assert store.engines(MODEL.key(), "main") == {"coin": 8, "server": 8}
    assert store.engines(MODEL.key(), "other") == {"server": 8}
    assert len(store.done(MODEL.key(), "main")) == 2


# The slow tier: a real `vllm serve`.

MINI = Model("mini", str(CHECKPOINTS / "mini-base-1"), prompt="{problem}\n", sampling=Sampling(max_tokens=112))


@pytest.fixture(scope="module")
def vllm_url(tmp_path_factory):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("serve") / "log"
    # Without chunked prefill: vLLM 0.32 on a CPU dies of a seeded prompt that two steps share.
    options = "--dtype float32 --max-model-len 256 --enforce-eager --no-enable-chunked-prefill --host 127.0.0.1".split()
    # What `vllm serve` runs; the command itself reads metadata that the CPU package lacks.
    module = "vllm.entrypoints.openai.api_server"
    with log.open("wb") as stream:
        server = subprocess.Popen(
            [vllm_python(), "-m", module, "--model", MINI.source, *options, "--port", str(port)],
            stdout=stream, stderr=stream, start_new_session=True,
            env={"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1", **os.environ},
        )  # fmt: skip
    try:
        while True:
            assert server.poll() is None, log.read_text()[-2000:]
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
                break
            except (urllib.error.URLError, OSError):
                time.sleep(0.5)
        yield f"http://127.0.0.1:{port}"
    finally:
        end(server)


@pytest.mark.slow
def test_a_real_vllm_server_gives_the_success_rates_of_the_transformers_engine(vllm_url, tmp_path):
    problems, plan = list(load_problems("mini-math"))[:32], Plan.fixed(64, chunk=16)
    store, server = Store(tmp_path / "server"), ServerEngine(MINI, vllm_url)
    assert server.describe()["owned_by"] == "vllm" and server.describe()["version"]
    by_server = evaluate(MINI, problems, plan, store=store, engine=server).outcomes
    rows = store.read_attempts(MINI.key(), "main")
    assert len(rows) == 32 * 64 and (rows["seed"] + rows["index"] - rows["first"]).is_unique
    engine = TransformersEngine(MINI)
    for row in rows.sample(200, random_state=1).itertuples():  # the end token counts, as everywhere
        written = len(engine.tokenizer(row.text, add_special_tokens=False)["input_ids"])
        assert row.tokens == written + (row.finish == "stop")
    by_transformers = evaluate(MINI, problems, plan, store=Store(tmp_path / "hf"), engine=engine).outcomes
    counts = [outcomes.sort_values("problem")["c"].to_numpy() for outcomes in (by_server, by_transformers)]
    assert homogeneity(np.array(counts), 64).p > ALPHA


@pytest.mark.slow
def test_a_real_vllm_server_continues_a_chunk_with_the_seed_of_the_first_missing_attempt(vllm_url):
    prompt = MINI.render(load_problems("mini-math")[7].statement)
    server = ServerEngine(MINI, vllm_url)
    [(_, whole)] = server.sample([Chunk("p", prompt, 0, 16, 10**15)])
    [(_, rest)] = server.sample([Chunk("p", prompt, 0, 11, 10**15 + 5)])
    same = sum(a == b for a, b in zip(whole[5:], rest))
    assert same >= 9 and len({completion.text for completion in whole}) > 2  # rounding may change one or two


@pytest.mark.slow
def test_a_real_vllm_server_decodes_greedily_like_transformers_and_refuses_what_is_too_long(vllm_url):
    greedy = MINI.with_sampling(temperature=0.0)
    chunks = [Chunk(p.key, greedy.render(p.statement), 0, 4, 9) for p in list(load_problems("mini-math"))[:16]]
    ours = dict(TransformersEngine(greedy).sample(chunks))
    theirs = dict(ServerEngine(greedy, vllm_url).sample(chunks))
    assert sum(ours[chunk] == theirs[chunk] for chunk in chunks) >= 15  # a tie may fall either way
    with pytest.raises(MathbError, match="long: .*HTTP 400.*leave the problem out"):
        list(ServerEngine(MINI, vllm_url).sample([Chunk("long", "Compute $1+1$.\n" * 100, 0, 4, 1)]))
