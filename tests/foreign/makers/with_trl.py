"""TRL's GRPO over a tiny model: two steps with completions logged, in the folder named first; the model is second."""

import sys

import canned
from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer


def right(completions, answer, log_extra=None, **_):
    """1 where the gold stands in a box; the golds go into the log."""
    log_extra("gold", list(answer))
    return [float(f"\\boxed{{{gold}}}" in text) for text, gold in zip(completions, answer)]


data = Dataset.from_list(
    [{"prompt": problem, "answer": gold} for problem, gold in zip(canned.PROBLEMS, canned.GOLDS)]
)
config = GRPOConfig(
    output_dir=f"{sys.argv[1]}/grpo-run", max_steps=2, per_device_train_batch_size=4, num_generations=4,
    max_completion_length=16, log_completions=True, logging_steps=1, report_to=[], use_cpu=True, save_strategy="no",
    seed=0,
)  # fmt: skip
GRPOTrainer(model=sys.argv[2], reward_funcs=right, args=config, train_dataset=data).train()
