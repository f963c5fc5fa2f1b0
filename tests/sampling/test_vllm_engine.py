"""The vLLM engine: a child process that is fed without pause, loses nothing when it dies and leaves nothing behind.

The default tier runs the real worker on a stand-in for vLLM (tests/fake_vllm); the slow tier runs it on vLLM itself.
"""

from __future__ import annotations

import dataclasses
import gc
import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from paths import TESTS, import_path
from real_vllm import ALPHA, vllm_python

from mathb_kit.draw import Draw
from mathb_kit.errors import MathbError
from mathb_kit.evaluation import Evaluation, evaluate
from mathb_kit.miniature import CHECKPOINTS
from mathb_kit.models.model import Model, Sampling
from mathb_kit.models.weights import load_checkpoint
from mathb_kit.plan import Plan
from mathb_kit.problems import load_problems
from mathb_kit.problems.problem import Problem
from mathb_kit.sampling import Chunk, chunk_seed, driver, get_engine
from mathb_kit.sampling.transformers_engine import TransformersEngine
from mathb_kit.sampling.vllm_causes import root_cause
from mathb_kit.sampling.vllm_engine import VllmEngine
from mathb_kit.statistics import homogeneity
from mathb_kit.store import Store
from mathb_kit.store.draw import RUN_SEED

MODEL = Model("mini/base", str(CHECKPOINTS / "mini-base-1"), prompt="{problem}\n", sampling=Sampling(max_tokens=112))
PROBLEMS = [Problem("sums", str(i), f"Compute ${i}+4$.", str(i + 4)) for i in range(30)]
PLAN = Plan.fixed(32, chunk=8)
FAKE = TESTS / "fake_vllm"


@pytest.fixture
def fake_vllm(tmp_path, monkeypatch):
    """Makes the worker run on the stand-in, told how to behave."""
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{FAKE}" exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    monkeypatch.setenv("MATHB_VLLM_PYTHON", str(python))
    return lambda **how: monkeypatch.setenv("FAKE_VLLM", json.dumps(how))


def seeds_of(chunk: Chunk) -> list[str]:
    return [f"seed {chunk.seed + i}" for i in range(chunk.size)]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def members(group: int) -> list[int]:
    """The processes of a process group."""
    listed = subprocess.run(["ps", "-eo", "pid=,pgid="], capture_output=True, text=True, check=True).stdout
    return [int(pid) for pid, pgid in (line.split() for line in listed.splitlines()) if int(pgid) == group]


def wait_for_end_of(pid: int) -> None:
    until = time.monotonic() + 60
    while is_alive(pid):
        assert time.monotonic() < until, f"process {pid} is still there"
        time.sleep(0.05)


def test_every_attempt_has_its_own_seed_and_the_window_is_never_exceeded(fake_vllm, tmp_path):
    fake_vllm(trace=str(tmp_path / "trace"), step_seconds=0.002)
    engine = VllmEngine(MODEL)
    store = Store(tmp_path / "store")
    Draw(store, MODEL).sample(engine, PROBLEMS, PLAN)
    engine.close()
    rows = store.read_attempts(MODEL.key(), "main")
    assert rows["text"].tolist() == [f"seed {seed}" for seed in rows["seed"] + rows["index"] - rows["first"]]
    assert len(rows) == rows["text"].nunique() == 30 * 32 and set(rows["tokens"]) == {3}
    in_flight = [int(line) for line in (tmp_path / "trace").read_text().split()]
    assert 32 < max(in_flight) <= 4 * 32  # more than vLLM runs at once, and at most four times as much


def test_an_abandoned_call_leaves_nothing_to_the_next(fake_vllm):
    fake_vllm(step_seconds=0.002)
    engine = VllmEngine(MODEL)
    chunks = [Chunk(str(i), "Q", 0, 8, 1000 * i) for i in range(40)]
    first = engine.sample(chunks)
    next(first)
    first.close()
    child = engine._child
    got = {chunk.problem_key: [c.text for c in completions] for chunk, completions in engine.sample(chunks[:5])}
    assert got == {chunk.problem_key: seeds_of(chunk) for chunk in chunks[:5]} and engine._child is child
    engine.close()


def test_greedy_completions_are_sampled_once_and_repeated(fake_vllm):
    engine = VllmEngine(MODEL.with_sampling(temperature=0.0))
    [(_, completions)] = engine.sample([Chunk("p", "Q", 0, 4, 7)])
    assert [c.text for c in completions] == ["seed 7"] * 4
    engine.close()


def test_a_refused_prompt_names_its_problem_and_the_child_lives_on(fake_vllm):
    engine = VllmEngine(MODEL)
    with pytest.raises(MathbError, match=r"refuses sums/7 for model 'mini/base' \(the prompt is too long\); leave the"):
        list(engine.sample([Chunk("sums/7", "Compute $1+1$.\n" * 100, 0, 4, 1)]))
    child = engine._child
    assert len(list(engine.sample([Chunk("p", "Q", 0, 4, 1)]))) == 1 and engine._child is child
    engine.close()


def test_a_child_that_dies_says_why_and_the_next_run_goes_on(fake_vllm, tmp_path):
    fake_vllm(die_after=50)
    engine = VllmEngine(MODEL)
    store = Store(tmp_path / "store")
    for _ in range(2):
        with pytest.raises(MathbError, match=r"killed by SIGABRT; RuntimeError: out of luck\).*run again") as death:
            Draw(store, MODEL).sample(engine, PROBLEMS, PLAN)
        assert "some more noise" in Path(str(death.value).split(" are in ")[1].split(". ")[0]).read_text()
    assert len(store.read_attempts(MODEL.key(), "main")) == 2 * 50 * 8
    Draw(store, MODEL).sample(engine, PROBLEMS, PLAN)
    assert not Draw(store, MODEL).missing(PROBLEMS, PLAN)
    shards = (store.root / "attempts" / MODEL.key() / "main").glob("*.parquet")
    assert sum(pq.read_metadata(shard).num_rows for shard in shards) == 30 * 32
    engine.close()


def test_what_is_wrong_with_the_set_up_is_said(fake_vllm, monkeypatch, tmp_path):
    with pytest.raises(MathbError, match="vLLM knows no engine argument 'no_such_option'; .*-E no_such_option="):
        VllmEngine(MODEL, no_such_option=1).describe()
    monkeypatch.setenv("MATHB_VLLM_PYTHON", str(tmp_path / "nowhere"))
    with pytest.raises(MathbError, match="nowhere cannot be run .*MATHB_VLLM_PYTHON must name"):
        VllmEngine(MODEL).describe()


@pytest.mark.skipif(importlib.util.find_spec("vllm") is not None, reason="this interpreter has vLLM")
def test_without_vllm_the_remedy_is_named(monkeypatch):
    monkeypatch.delenv("MATHB_VLLM_PYTHON", raising=False)
    with pytest.raises(MathbError, match=r"vLLM is not installed for .*install mathb_kit\[vllm\].*MATHB_VLLM_PYTHON"):
        VllmEngine(MODEL).describe()


def test_the_child_ends_with_close_with_its_engine_and_with_its_parent(fake_vllm, tmp_path):
    engine = get_engine(MODEL, "vllm", tensor_parallel=2)
    about = engine.describe()
    assert (about["engine"], about["vllm"], about["tensor_parallel"]) == ("vllm", "0.fake", 2)
    assert about["max_model_len"] == 256  # the model's own; it is less than prompts and completions may take
    first = engine.opened._child.process.pid
    assert is_alive(first)
    engine.close()
    assert not is_alive(first)
    engine.describe()  # starts another
    second = engine.opened._child.process.pid
    assert is_alive(second)
    del engine
    gc.collect()
    assert not is_alive(second)
    # On standard input there is no main module that a child could import.
    script = f"""
import time
from mathb_kit.models.model import Model
from mathb_kit.sampling.vllm_engine import VllmEngine
engine = VllmEngine(Model("m", {MODEL.source!r}))
engine.describe()
print(engine._child.process.pid, flush=True)
time.sleep(600)
"""
    parent = subprocess.Popen([sys.executable, "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    parent.stdin.write(script)
    parent.stdin.close()
    third = int(parent.stdout.readline())
    assert is_alive(third)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_for_end_of(third)


def test_an_adapter_goes_to_vllm_with_every_request_and_a_rank_it_knows(fake_vllm, tmp_path):
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    settings = {"peft_type": "LORA", "r": 12, "rank_pattern": {"q_proj": 20}}
    (adapter / "adapter_config.json").write_text(json.dumps(settings))
    engine = VllmEngine(dataclasses.replace(MODEL, adapter=str(adapter)))
    [(_, completions)] = engine.sample([Chunk("p", "Q", 0, 2, 7)])
    assert [c.text for c in completions] == [f"{adapter} rank 32 seed 7", f"{adapter} rank 32 seed 8"]
    assert engine.describe()["adapter"]
    engine.close()
    (adapter / "adapter_config.json").write_text(json.dumps({"peft_type": "IA3"}))
    with pytest.raises(MathbError, match="of type IA3, and vLLM applies LoRA only; use --engine transformers"):
        VllmEngine(dataclasses.replace(MODEL, adapter=str(adapter)))


def test_ctrl_c_keeps_every_chunk_that_was_finished(fake_vllm, tmp_path):
    fake_vllm(step_seconds=0.002)
    engine, store, seen = VllmEngine(MODEL), Store(tmp_path / "store"), []

    class Interrupted:
        describe = engine.describe

        def sample(self, chunks):
            for result in engine.sample(chunks):
                seen.append(result[0])
                yield result
                if len(seen) == 17:
                    raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Draw(store, MODEL).sample(Interrupted(), PROBLEMS, PLAN)
    rows = store.read_attempts(MODEL.key(), "main")
    assert {(c.problem_key, c.first) for c in seen} == set(zip(rows["problem"], rows["first"])) and len(rows) == 17 * 8
    Draw(store, MODEL).sample(engine, PROBLEMS, PLAN)
    assert not Draw(store, MODEL).missing(PROBLEMS, PLAN)
    engine.close()


# What vLLM 0.32 writes: words of its CPU build as it was seen to fail, and of its sources for what takes a GPU.
FAILED = "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}"
CAUSES = {
    "unknown argument": (
        "TypeError: EngineArgs.__init__() got an unexpected keyword argument 'gpu_memory'",
        "", "no engine argument 'gpu_memory'",
    ),
    "context": (
        "ValidationError: 1 validation error for ModelConfig\n  Value error, User-specified max_model_len (100000) is "
        "greater than the derived max_model_len (max_position_embeddings=8192.0 or model_max_length=None in model's "
        "config.json).",
        "", "max_model_len=100000 is more than the 8192 tokens",
    ),
    "cache": (
        FAILED,
        "ValueError: To serve at least one request with the model's max seq len (8192), (0.18 GiB KV cache is needed, "
        "which is larger than the available KV cache memory (0.03 GiB). Based on the available memory, the estimated "
        "maximum model length is 1152. Try increasing `gpu_memory_utilization`",
        "memory is left for 0.03 GiB of KV cache, and one sequence of 8192 tokens needs 0.18 GiB; .*max_model_len=1152",
    ),
    "no cache": (FAILED, "ValueError: No available memory for the cache blocks. Try", "leave no memory for the KV cache"),  # noqa: E501
    "memory of a GPU": (
        FAILED,
        "ValueError: Free memory on device cuda:0 (11.2/23.64 GiB) on startup is less than desired GPU memory utilization "  # noqa: E501
        "(0.9, 21.28 GiB). Decrease GPU memory utilization or reduce GPU memory used by other processes.",
        "11.2 of 23.64 GiB of the GPU are free and vLLM wants a share of 0.9; .*gpu_memory_utilization=0.6",
    ),
    "memory of a CPU": (
        FAILED,
        "ValueError: Available memory on node 0 (13.24/17.84 GiB) on startup is less than desired CPU memory utilization "  # noqa: E501
        "(0.99, 17.66 GiB). On the CPU backend, the `--gpu-memory-utilization` flag controls",
        "13.24 of 17.84 GiB of this machine's memory are free .*gpu_memory_utilization=0.4",
    ),
    "out of memory": (
        FAILED,
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 23.64 GiB",  # noqa: E501
        "the GPU's memory is too small .*tensor_parallel=2",
    ),
    "architecture": (
        "ValidationError: 1 validation error for ModelConfig\n  Value error, Model architectures ['NopeForCausalLM'] are "  # noqa: E501
        "not supported for now. Supported architectures: dict_keys(['AfmoeForCausalLM'])",
        "", r"does not know the model's architecture \(NopeForCausalLM\)",
    ),
    "model type": (
        "Value error, The checkpoint you are trying to load has model type `nopetype` but Transformers does not recognize "  # noqa: E501
        "this architecture.",
        "", r"architecture \(nopetype\)",
    ),
    "no model": (
        "ValidationError: 1 validation error for ModelConfig\n  Value error, Invalid repository ID or local directory "
        "specified: '/nowhere/such-model'.\nPlease verify",
        "", "no model '/nowhere/such-model' that vLLM can reach",
    ),
    "heads": (
        "Value error, Total number of attention heads (9) must be divisible by tensor parallel size (64).",
        "", "64 GPUs cannot share the model's 9 attention heads",
    ),
    "no GPU": ("RuntimeError: Failed to infer device type, please set", "", "no GPU is to be seen"),
    "driver": (FAILED, "RuntimeError: No CUDA GPUs are available", "no GPU is to be seen"),
    "rank": (FAILED, "ValueError: LoRA rank 64 is greater than max_lora_rank 16.", "rank 64; allow it by -E max_lora_rank=64"),  # noqa: E501
    "not known": ("vLLM's engine process died", "KeyError: 'a new one'", "engine process died; KeyError: 'a new one'"),
    "not known, said whole": ("ValueError: odd\n words", "KeyError: 'noise'", "^ValueError: odd words$"),
}  # fmt: skip


@pytest.mark.parametrize("case", CAUSES)
def test_why_vllm_does_not_start_is_said_with_the_remedy(case):
    error, log, words = CAUSES[case]
    noise = "INFO 11-30 03:56:25 [core.py:112] Initializing a V1 LLM engine\n"
    said = root_cause(error, noise + log + f"\n{FAILED}\n")
    assert re.search(words, said) and "{" not in said and len(said) < 400


# The slow tier: vLLM itself.

SETS = [*load_problems("mini-math"), *load_problems("mini-aime")][:64]


@pytest.fixture(scope="module")
def real_vllm():
    """Settings under which the worker finds vLLM and starts fast on a CPU: in one process where not said otherwise."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MATHB_VLLM_PYTHON", vllm_python())
        patch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
        patch.setenv("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
        yield


@pytest.fixture(scope="module")
def shared(real_vllm):
    engine = VllmEngine(MODEL, enforce_eager=True)
    yield engine
    engine.close()


@pytest.mark.slow
def test_4096_attempts_have_disjoint_seeds_and_the_success_rates_of_the_transformers_engine(shared, tmp_path):
    store, plan = Store(tmp_path / "vllm"), Plan.fixed(64, chunk=16)
    by_vllm = evaluate(MODEL, SETS, plan, store=store, engine=shared)
    rows = store.read_attempts(MODEL.key(), "main")
    assert len(rows) == 64 * 64 and set(rows["finish"]) <= {"stop", "length"}
    seeds = rows["seed"] + rows["index"] - rows["first"]  # vLLM's rule for the completions of one request
    assert seeds.is_unique
    asked = rows.drop_duplicates(["problem", "first"])
    for row in asked.itertuples():
        assert row.seed == chunk_seed(RUN_SEED, MODEL.key(), row.problem, "main", row.first)
    # Distinct noise, not only distinct seeds: no problem that has many different answers repeats a whole chunk.
    chunks = rows.groupby(["problem", "first"])["text"].agg(tuple)
    assert chunks.groupby("problem").nunique().median() == 4
    [shard, *_] = (store.root / "attempts" / MODEL.key() / "main").glob("*.parquet")
    told = json.loads(pq.read_schema(shard).metadata[b"provenance"])["engine"]
    assert told["engine"] == "vllm" and told["dtype"] == "float32" and told["prefix_caching"] and told["vllm"]

    def other(model: Model) -> Evaluation:
        return evaluate(model, SETS, plan, store=Store(tmp_path / "transformers"), engine=TransformersEngine(model))

    correct, same, hotter = (
        e.outcomes.sort_values("problem")["c"].to_numpy()
        for e in (by_vllm, other(MODEL), other(MODEL.with_sampling(temperature=1.3)))
    )
    assert homogeneity(np.array([correct, same]), 64).p > ALPHA
    assert homogeneity(np.array([correct, hotter]), 64).p < ALPHA  # the comparison can fail


@pytest.mark.slow
def test_vllm_refuses_a_prompt_beyond_its_context_and_goes_on(shared):
    with pytest.raises(MathbError, match="refuses long for model 'mini/base' .*maximum model length"):
        list(shared.sample([Chunk("long", "Compute $1+1$.\n" * 100, 0, 4, 1)]))
    [(_, completions)] = shared.sample([Chunk("p", SETS[0].statement + "\n", 0, 4, 1)])
    assert len(completions) == 4


@pytest.mark.slow
def test_an_adapter_decodes_greedily_as_in_transformers_and_unlike_its_base(real_vllm, tmp_path):
    import torch
    from peft import LoraConfig, get_peft_model

    plain = MODEL.with_sampling(temperature=0.0)
    torch.manual_seed(1)
    tuned = get_peft_model(load_checkpoint(plain)[0], LoraConfig(r=6, target_modules=["q_proj", "v_proj"]))
    for name, parameter in tuned.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=1.5)
    tuned.save_pretrained(tmp_path)
    adapted = dataclasses.replace(plain, adapter=str(tmp_path))
    chunks = [Chunk(p.key, plain.render(p.statement), 0, 1, 9) for p in SETS[:16]]
    ours, base = (dict(TransformersEngine(model).sample(chunks)) for model in (adapted, plain))
    engine = VllmEngine(adapted, enforce_eager=True)
    theirs = dict(engine.sample(chunks))
    engine.close()
    assert sum(ours[chunk] == theirs[chunk] for chunk in chunks) >= 15  # a tie may fall either way
    assert sum(ours[chunk] == base[chunk] for chunk in chunks) <= 8


SHORT = MODEL.with_sampling(max_tokens=24, stop=("=",))
DRIVER = """
import sys
from test_vllm_engine import SETS, SHORT
from mathb_kit.plan import Plan
from mathb_kit.draw import Draw
from mathb_kit.sampling import driver
from mathb_kit.sampling.vllm_engine import VllmEngine
from mathb_kit.store import Store
from mathb_kit.store.draw import RUN_SEED

driver._FLUSH_SECONDS = 0.0
engine = VllmEngine(SHORT, enforce_eager=True, max_num_seqs=32)
engine.describe()
print(engine._child.process.pid, flush=True)
Draw(Store(sys.argv[1]), SHORT).sample(engine, SETS, Plan.fixed(64))
"""


@pytest.mark.slow
def test_driver_and_child_killed_and_resumed_lose_nothing_and_double_nothing(real_vllm, tmp_path, monkeypatch):
    folder = tmp_path / "attempts" / SHORT.key() / "main"
    # This child has children of its own, as on a GPU; they must end with it.
    path = import_path(__file__)
    environment = os.environ | {"PYTHONPATH": path, "VLLM_ENABLE_V1_MULTIPROCESSING": "1"}
    killed = subprocess.Popen([sys.executable, "-c", DRIVER, str(tmp_path)], env=environment, stdout=subprocess.PIPE)
    child = int(killed.stdout.readline())
    group = members(child)
    assert len(group) > 1
    while len(list(folder.glob("*.parquet"))) < 5:
        assert killed.poll() is None
        time.sleep(0.002)
    killed.kill()
    killed.wait()
    killed.stdout.close()
    for process in group:
        wait_for_end_of(process)
    first = {path: path.read_bytes() for path in folder.glob("*.parquet")}
    assert len(first) >= 5

    monkeypatch.setattr(driver, "_FLUSH_SECONDS", 0.0)
    store, engine = Store(tmp_path), VllmEngine(SHORT, enforce_eager=True, max_num_seqs=32)
    seen = []

    class Killing:
        describe = engine.describe

        def sample(self, chunks):
            for result in engine.sample(chunks):
                seen.append(result[0])
                if len(seen) == 10:
                    os.kill(engine._child.process.pid, signal.SIGKILL)
                yield result

    with pytest.raises(MathbError, match=r"killed by SIGKILL.*run again"):
        Draw(store, SHORT).sample(Killing(), SETS, Plan.fixed(64))
    assert len(store.read_attempts(SHORT.key(), "main")) >= sum(pq.read_metadata(p).num_rows for p in first) + 16 * 10
    Draw(store, SHORT).sample(engine, SETS, Plan.fixed(64))
    engine.close()

    assert all(path.read_bytes() == content for path, content in first.items()), "a committed shard was lost or changed"
    rows = store.read_attempts(SHORT.key(), "main")
    assert sum(pq.read_metadata(path).num_rows for path in folder.glob("*.parquet")) == len(rows) == 64 * 64
    assert (rows.groupby("problem")["index"].agg(tuple) == tuple(range(64))).all()
    assert (rows["seed"] + rows["index"] - rows["first"]).is_unique
    # Stop strings and the token limit hold here as in the other engines.
    assert not rows["text"].str.contains("=").any() and rows["tokens"].max() <= 24
    assert ((rows["finish"] == "length") <= (rows["tokens"] == 24)).all() and (rows["finish"] == "stop").mean() > 0.2
