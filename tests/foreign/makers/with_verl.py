"""verl's own dump of rollouts over the canned texts: ``<step>.jsonl`` in the folder named first; nothing is trained."""

import sys

import canned
from verl.trainer.ppo.ray_trainer import RayPPOTrainer

places = [(problem, attempt) for problem in range(len(canned.PROBLEMS)) for attempt in range(canned.ATTEMPTS)]
RayPPOTrainer._write_generations(
    inputs=[canned.PROBLEMS[problem] for problem, _ in places],
    outputs=[canned.text(*place) for place in places],
    gts=[canned.GOLDS[problem] for problem, _ in places],
    scores=[1.0 if canned.SAID[problem][attempt] == "right" else -1.0 for problem, attempt in places],
    reward_extra_infos_dict={"request_id": [f"{problem}_{attempt}" for problem, attempt in places]},
    dump_path=sys.argv[1],
    global_steps=7,
)
