"""What looks odd about the completions of a run, said at its end: cut and blank ones, and texts that never differ."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Sequence

from tqdm import tqdm

from mathb_kit.sampling.engine import Chunk, Completion

_ENOUGH = 8  # attempts that are all alike by chance only where the model has one answer
_BLANK_SHARE = 0.1


class Oddities:
    """Looks at completions as they come.

    Args:
        whom: where they come from, for the sentences.
        random: whether the settings let texts differ.
    """

    def __init__(self, whom: str, random: bool) -> None:
        self.whom, self.random = whom, random
        self.attempts = self.cut = self.blank = self.uncounted = 0
        self._texts: dict[tuple[str, int], set[str]] = defaultdict(set)  # by request, or by problem where each is alone
        self._sizes: dict[tuple[str, int], int] = defaultdict(int)

    def add(self, chunk: Chunk, completions: Sequence[Completion]) -> None:
        """One chunk more."""
        whole = [completion for completion in completions if completion.finish != "cut"]
        self.attempts += len(completions)
        self.cut += len(completions) - len(whole)
        self.blank += sum(not completion.text.strip() for completion in whole)
        self.uncounted += sum(not completion.tokens for completion in whole)
        key = chunk.problem_key, chunk.first if chunk.size > 1 else -1
        self._sizes[key] += len(whole)
        if len(texts := self._texts[key]) < 2:  # more would fill memory for nothing
            texts.update(completion.text for completion in whole)

    def sentences(self, why_cut: str | None = None) -> list[str]:
        """One for each oddity; none where all is well."""
        said = []
        if self.cut:
            why = f" ({why_cut})" if why_cut else ""
            said.append(
                f"{self.cut:,} of {self.attempts:,} attempts are recorded as cut: the server gave up on them or "
                f"filtered them{why}. They count as unanswered; `mathb store forget --cut` "
                "lets the next run sample them again."
            )
        if self.blank > _BLANK_SHARE * self.attempts:
            said.append(f"{self.blank:,} of {self.attempts:,} attempts are blank: the server ended them without text.")
        if self.uncounted:
            said.append(
                f"Nobody counts the tokens of {self.uncounted:,} attempts (no usage in the reply, no tokenizer here); "
                "they are recorded as 0."
            )
        several = [key for key, size in self._sizes.items() if size > 1]
        alike = sum(self._sizes[key] for key in several)
        if self.random and alike >= _ENOUGH and all(len(self._texts[key]) == 1 for key in several):
            said.append(
                f"All {alike:,} attempts repeat the text of their {'chunk' if several[0][1] >= 0 else 'problem'}: the "
                "server seems to pass over seed or temperature, and such attempts are no sample."
            )
        return [f"{self.whom}: {sentence}" for sentence in said]

    def tell(self, why_cut: str | None = None) -> None:
        """The sentences on stderr."""
        for sentence in self.sentences(why_cut):
            tqdm.write(sentence, file=sys.stderr)
