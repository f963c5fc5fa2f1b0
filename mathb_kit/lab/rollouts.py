"""Rollout batches: attempts sampled with our engine and graded with our grader, or written solutions in their place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mathb_kit.grading import Grader, extract
from mathb_kit.problems.problem import Problem
from mathb_kit.sampling.engine import Chunk
from mathb_kit.verdicts import Verdict

if TYPE_CHECKING:
    from mathb_kit.sampling.transformers_engine import TransformersEngine


@dataclass(frozen=True)
class Rollouts:
    """Attempts at several prompts; every list but ``problems`` has an entry per attempt, groups together.

    Attributes:
        problems: the prompts, one per group.
        groups: number of each attempt's prompt in ``problems``.
        prompts: token ids of the prompt.
        completions: sampled token ids, end token included.
        rewards: 1.0 for a verdict ``correct``, else 0.0.
        truncated: whether the token limit ended the attempt.
    """

    problems: list[Problem]
    groups: list[int]
    prompts: list[list[int]]
    completions: list[list[int]]
    rewards: list[float]
    truncated: list[bool]

    @property
    def tokens(self) -> int:
        """Sampled tokens."""
        return sum(map(len, self.completions))

    def mixed_groups(self) -> list[int]:
        """Groups with both right and wrong attempts."""
        seen: list[set[float]] = [set() for _ in self.problems]
        for group, reward in zip(self.groups, self.rewards):
            seen[group].add(reward)
        return [group for group, rewards in enumerate(seen) if len(rewards) > 1]

    def failed_groups(self) -> list[int]:
        """Groups without a right attempt."""
        right = {group for group, reward in zip(self.groups, self.rewards) if reward}
        return [group for group in range(len(self.problems)) if group not in right]

    def only(self, groups: Sequence[int]) -> Rollouts:
        """These groups, numbered anew in the order given."""
        place = {group: number for number, group in enumerate(groups)}
        rows = sorted((i for i, group in enumerate(self.groups) if group in place), key=lambda i: place[self.groups[i]])
        columns = (self.prompts, self.completions, self.rewards, self.truncated)
        return Rollouts(
            [self.problems[group] for group in groups],
            [place[self.groups[i]] for i in rows],
            *([column[i] for i in rows] for column in columns),
        )

    def __add__(self, other: Rollouts) -> Rollouts:
        return Rollouts(
            self.problems + other.problems,
            self.groups + [group + len(self.problems) for group in other.groups],
            self.prompts + other.prompts,
            self.completions + other.completions,
            self.rewards + other.rewards,
            self.truncated + other.truncated,
        )


def sample_rollouts(
    engine: TransformersEngine,
    problems: Sequence[Problem],
    attempts: int,
    seed_of: Callable[[Problem], int],
    given: Mapping[str, str] = {},
) -> Rollouts:
    """``attempts`` ungraded attempts (rewards 0) at each problem; a problem's attempts hang on its seed alone.

    ``given`` has texts by problem key that attempts go on from; they count as prompt.
    """
    prompts = {p.key: engine.model.render(p.statement) + given.get(p.key, "") for p in problems}
    chunks = [Chunk(p.key, prompts[p.key], 0, attempts, seed_of(p)) for p in problems]
    place = {problem.key: number for number, problem in enumerate(problems)}
    finished = sorted(engine.sample_tokens(chunks), key=lambda item: place[item[0].problem_key])
    return Rollouts(
        list(problems),
        [number for number in range(len(problems)) for _ in range(attempts)],
        [prompt for chunk, rows, _ in finished for prompt in [engine.encode(chunk.prompt)] * len(rows)],
        [row for _, rows, _ in finished for row in rows],
        [0.0] * (attempts * len(problems)),
        [reason == "length" for _, _, reasons in finished for reason in reasons],
    )


def graded(rollouts: Rollouts, engine: TransformersEngine, grader: Grader) -> Rollouts:
    """The same attempts with the grader's verdicts as rewards."""
    texts = engine.tokenizer.batch_decode(rollouts.completions, skip_special_tokens=True)
    stop = engine.model.sampling.stop
    answers = [extract(text, stop=stop).answer for text in texts]
    golds = [rollouts.problems[group].gold for group in rollouts.groups]
    verdicts = grader.grade_all((gold, answer) for gold, answer in zip(golds, answers) if answer is not None)
    right = {pair for pair, (verdict, _) in verdicts.items() if verdict == Verdict.CORRECT}
    return replace(rollouts, rewards=[float(pair in right) for pair in zip(golds, answers)])


def solution_rollouts(
    engine: TransformersEngine, problems: Sequence[Problem], solutions: Mapping[str, str]
) -> Rollouts:
    """Written solutions (problem key to text) as if they were right attempts, one per problem."""
    end = [engine.tokenizer.eos_token_id]
    texts = engine.tokenizer([solutions[problem.key] for problem in problems], add_special_tokens=False)["input_ids"]
    return Rollouts(
        list(problems),
        list(range(len(problems))),
        [engine.encode(engine.model.render(problem.statement)) for problem in problems],
        [[*text, *end] for text in texts],
        [1.0] * len(problems),
        [False] * len(problems),
    )


def summary(rounds: Sequence[Rollouts]) -> dict[str, Any]:
    """What a log says of attempts sampled in one or more rounds: reward, mixed, groups, length, truncated."""
    rewards = [reward for rollouts in rounds for reward in rollouts.rewards]
    truncated = [cut for rollouts in rounds for cut in rollouts.truncated]
    return {
        "reward": round(sum(rewards) / len(rewards), 4),
        "mixed": sum(len(rollouts.mixed_groups()) for rollouts in rounds),
        "groups": sum(len(rollouts.problems) for rollouts in rounds),
        "length": round(sum(rollouts.tokens for rollouts in rounds) / len(rewards), 2),
        "truncated": round(sum(truncated) / len(truncated), 5),
    }


def padded_batches(rows: Iterable[int], length: Callable[[int], int], most: int) -> Iterator[list[int]]:
    """The rows, shortest first as they come, cut where a batch padded to its longest had more than ``most`` tokens."""
    batch: list[int] = []
    for row in rows:
        if batch and (len(batch) + 1) * length(row) > most:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch
