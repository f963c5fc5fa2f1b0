"""lighteval over the canned model: details of a task of one attempt and of one of several, in the folder named first.

Run by Python it calls lighteval's own command; to lighteval the same file is the model and the tasks.
"""

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import canned  # noqa: E402

if __name__ == "__main__":
    out = Path(sys.argv[1]).resolve()
    data = out / "data"
    data.mkdir(parents=True)
    rows = [{"problem": problem, "answer": gold} for problem, gold in zip(canned.PROBLEMS, canned.GOLDS)]
    (data / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    os.environ |= {"CANNED_DATA": str(data), "HF_HUB_OFFLINE": "1", "HF_HOME": str(out / "home")}

    from lighteval.main_custom import custom
    from lighteval.tasks.registry import Registry

    # Whatever is asked, it would load all of its own tasks, and some fetch files or ask the hub as they are loaded.
    Registry._load_from_files = Registry._load_from_subdirs = staticmethod(lambda *_: {})
    custom("maker/canned", __file__, "sums_once|0,sums|0", custom_tasks=__file__, output_dir=str(out),
           save_details=True)  # fmt: skip
else:
    from lighteval.metrics.metrics import Metrics
    from lighteval.models.abstract_model import LightevalModel
    from lighteval.models.model_output import ModelResponse
    from lighteval.tasks.lighteval_task import LightevalTaskConfig
    from lighteval.tasks.requests import Doc
    from lighteval.utils.cache_management import SampleCache

    class Canned(LightevalModel):
        """Says what `canned` has for the attempts that a task asks for."""

        def __init__(self, config):
            self.config = config
            self._cache = SampleCache(config)  # the pipeline asks for one; nothing here is kept in it

        @property
        def tokenizer(self):
            """Of none."""
            return None

        @property
        def add_special_tokens(self):
            """None to add."""
            return False

        @property
        def max_length(self):
            """Of prompt and completion."""
            return 2048

        def greedy_until(self, docs):
            """The first attempts at each problem, a token a word."""
            responses = []
            for doc in docs:
                problem = canned.PROBLEMS.index(doc.query)
                texts = [canned.text(problem, attempt) for attempt in range(doc.num_samples)]
                tokens = [list(range(len(text.split()))) for text in texts]
                responses.append(ModelResponse(input=doc.query, text=texts, output_tokens=tokens))
            return responses

        def loglikelihood(self, docs):
            """Not asked."""
            raise NotImplementedError

        def loglikelihood_rolling(self, docs):
            """Not asked."""
            raise NotImplementedError

    def prompt(line, task_name=None):
        """The problem as it stands."""
        return Doc(task_name=task_name, query=line["problem"], choices=[line["answer"]], gold_index=0)

    def task(name, metric, n):
        """A task of n attempts on the file that the environment names."""
        return LightevalTaskConfig(
            name=name, prompt_function=prompt, hf_repo=os.environ["CANNED_DATA"], hf_subset="default",
            hf_avail_splits=["test"], evaluation_splits=["test"], metrics=[metric], generation_size=64,
            stop_sequence=[], num_samples=[n],
        )  # fmt: skip

    once = Metrics.avg_at_n_math(sample_params={"n": 1})
    several = Metrics.pass_at_k_math(sample_params={"k": 1, "n": canned.ATTEMPTS})
    TASKS_TABLE = [task("sums_once", once, 1), task("sums", several, canned.ATTEMPTS)]
