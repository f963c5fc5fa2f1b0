"""A stand-in for vLLM: Python imports this file when it starts with this folder on its path (test_vllm_engine.py).

Attempt i of a request with seed s says ``seed <s + i>``; one request, any, is finished per step. ``FAKE_VLLM`` (JSON)
may hold ``die_after`` (requests until it dies), ``step_seconds``, and ``trace``, a file that gets the number of
sequences in flight at every step.
"""

import json
import os
import random
import sys
import time
from types import ModuleType, SimpleNamespace

HOW = json.loads(os.environ.get("FAKE_VLLM", "{}"))


class EngineArgs(SimpleNamespace):
    def __init__(self, **args):
        if "no_such_option" in args:
            raise TypeError("EngineArgs.__init__() got an unexpected keyword argument 'no_such_option'")
        super().__init__(**args)

    def create_model_config(self):
        return SimpleNamespace(max_model_len=256)


class SamplingParams(SimpleNamespace):
    def __init__(self, n=1, temperature=1.0, **others):
        if n > 1 and temperature == 0:
            raise ValueError("n must be 1 when using greedy sampling")
        super().__init__(n=n, temperature=temperature, **others)


class LLMEngine:
    @classmethod
    def from_engine_args(cls, args, usage_context):
        return cls(args)

    def __init__(self, args):
        self.args = args
        self.vllm_config = SimpleNamespace(
            model_config=SimpleNamespace(dtype=args.dtype, quantization=None, max_model_len=args.max_model_len),
            parallel_config=SimpleNamespace(tensor_parallel_size=args.tensor_parallel_size),
            scheduler_config=SimpleNamespace(max_num_seqs=32),
            cache_config=SimpleNamespace(enable_prefix_caching=args.enable_prefix_caching),
        )
        self.engine_core = SimpleNamespace(shutdown=lambda: None)
        self.requests = {}
        self.finished = 0
        self.order = random.Random(1)

    def has_unfinished_requests(self):
        return bool(self.requests)

    def add_request(self, number, prompt, params, lora_request=None):
        if len(prompt["prompt_token_ids"]) > self.vllm_config.model_config.max_model_len:
            raise ValueError("the prompt is too long")
        params.word = f"{lora_request.path} rank {self.args.max_lora_rank} " if lora_request else ""
        self.requests[number] = params

    def abort_request(self, numbers):
        for number in numbers:
            self.requests.pop(number, None)

    def step(self):
        time.sleep(HOW.get("step_seconds", 0.0))
        if "trace" in HOW:
            with open(HOW["trace"], "a") as trace:
                trace.write(f"{sum(params.n for params in self.requests.values())}\n")
        self.finished += 1
        if self.finished > HOW.get("die_after", 1e9):
            print("RuntimeError: out of luck\nsome more noise", file=sys.stderr, flush=True)
            os.abort()
        number = self.order.choice(sorted(self.requests))
        params = self.requests.pop(number)
        outputs = [
            SimpleNamespace(index=i, text=f"{params.word}seed {params.seed + i}", token_ids=[7, 8, 2], finish_reason="stop")  # noqa: E501
            for i in range(params.n)
        ]
        return [SimpleNamespace(request_id=number, finished=True, outputs=outputs[::-1])]


def module(name, **content):
    sys.modules[name] = ModuleType(name)
    sys.modules[name].__dict__.update(content)


class VLLMError(Exception):
    pass


module("torch", __version__="0")
module("transformers", __version__="0")
module("vllm", __version__="0.fake", SamplingParams=SamplingParams, __path__=[])
for package in ("engine", "lora", "usage", "v1", "v1.engine"):
    module(f"vllm.{package}", __path__=[])
module("vllm.engine.arg_utils", EngineArgs=EngineArgs)
module("vllm.lora.request", LoRARequest=lambda name, number, path: SimpleNamespace(path=path))
module("vllm.platforms", current_platform=SimpleNamespace(get_device_name=lambda: "none", is_cpu=lambda: True))
module("vllm.usage.usage_lib", UsageContext=SimpleNamespace(LLM_CLASS=1))
module("vllm.v1.engine.llm_engine", LLMEngine=LLMEngine)
module("vllm.sampling_params", RequestOutputKind=SimpleNamespace(FINAL_ONLY=2))
module("vllm.exceptions", VLLMError=VLLMError)
