"""inspect_ai over the canned model: an ``.eval`` archive and a JSON log in the folder named first."""

import sys
import types
from collections import Counter

import canned

fake = types.ModuleType("tiktoken")  # it would fetch its table of words from the network
fake.get_encoding = lambda name: types.SimpleNamespace(encode=lambda text, **_: text.split())
sys.modules["tiktoken"] = fake

from inspect_ai import Epochs, Task, eval  # noqa: E402
from inspect_ai.dataset import MemoryDataset, Sample  # noqa: E402
from inspect_ai.model import GenerateConfig, ModelOutput, get_model  # noqa: E402
from inspect_ai.scorer import match  # noqa: E402

DATA = [Sample(id=f"p{i}", input=problem, target=gold)
        for i, (problem, gold) in enumerate(zip(canned.PROBLEMS, canned.GOLDS))]  # fmt: skip

for form in ("eval", "json"):
    asked: Counter[int] = Counter()

    def said(messages, *_, asked=asked):
        """The next attempt at the problem asked, whichever the scheduler asks next."""
        problem = canned.PROBLEMS.index(messages[-1].text)
        attempt = asked[problem]
        asked[problem] += 1
        stop = "max_tokens" if canned.SAID[problem][attempt] == "cut" else "stop"
        return ModelOutput.from_content("mockllm/canned", canned.text(problem, attempt), stop_reason=stop)

    task = Task(dataset=MemoryDataset(DATA, name="sums"), scorer=match(numeric=True),
                epochs=Epochs(canned.ATTEMPTS, "mean"), config=GenerateConfig(temperature=0.7))  # fmt: skip
    (log,) = eval(task, model=get_model("mockllm/canned", custom_outputs=said), log_dir=sys.argv[1], log_format=form,
                  display="none", max_samples=1)  # fmt: skip
    assert log.status == "success", log.error
