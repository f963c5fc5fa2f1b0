"""lm-eval over the canned model: samples of a task of one attempt and of one of several, in the folder named first."""

import json
import sys
from pathlib import Path

import canned
from lm_eval import simple_evaluate
from lm_eval.api.model import LM
from lm_eval.loggers import EvaluationTracker
from lm_eval.tasks import TaskManager

TASK = """task: {name}
dataset_path: json
dataset_kwargs: {{data_files: {{test: {folder}/sums.jsonl}}}}
test_split: test
output_type: generate_until
doc_to_text: "{{{{problem}}}}"
doc_to_target: "{{{{answer}}}}"
generation_kwargs: {{until: ["</s>"], do_sample: true, temperature: 0.7, max_gen_toks: 64}}
repeats: {repeats}
filter_list:
  - name: last-number
    filter:
      - {{function: regex, regex_pattern: "ANSWER: (\\\\d+)", group_select: -1}}
      - {{function: take_first_k, k: {repeats}}}
metric_list: [{{metric: exact_match, aggregation: mean, higher_is_better: true}}]
"""


class Canned(LM):
    """Says what `canned` has for each repeat of a problem."""

    def generate_until(self, requests, disable_tqdm=False):
        """Repeats of one problem come as requests of their own."""
        asked, said = dict.fromkeys(range(len(canned.PROBLEMS)), 0), []
        for request in requests:
            problem = canned.PROBLEMS.index(request.args[0])
            said.append(canned.text(problem, asked[problem]))
            asked[problem] += 1
        return said

    def loglikelihood(self, requests, disable_tqdm=False):
        """Not asked."""
        raise NotImplementedError

    def loglikelihood_rolling(self, requests, disable_tqdm=False):
        """Not asked."""
        raise NotImplementedError


out = Path(sys.argv[1]).resolve()
out.mkdir(parents=True)
rows = [{"problem": problem, "answer": gold} for problem, gold in zip(canned.PROBLEMS, canned.GOLDS)]
(out / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
for name, repeats in (("sums_once", 1), ("sums", canned.ATTEMPTS)):
    (out / f"{name}.yaml").write_text(TASK.format(name=name, folder=out, repeats=repeats))
    tracker = EvaluationTracker(output_path=str(out / name))
    results = simple_evaluate(Canned(), tasks=[name], task_manager=TaskManager(include_path=str(out)),
                              log_samples=True, evaluation_tracker=tracker, bootstrap_iters=0)  # fmt: skip
    samples = results.pop("samples")
    tracker.save_results_aggregated(results=results, samples=samples)
    tracker.save_results_samples(task_name=name, samples=samples[name])
