"""All pairs of statements that are one problem in other words, without comparing all pairs.

MinHash (Broder 1997): of every statement the smallest of its tokens' hashes under each of ``BANDS * ROWS`` hash
functions; two statements agree in one of them with probability J, the Jaccard similarity of their sets of tokens.
Banding (Leskovec, Rajaraman & Ullman, Mining of Massive Datasets, section 3.4): a pair is compared if it agrees in all
``ROWS`` values of at least one of ``BANDS`` bands, with probability 1 - (1 - J^ROWS)^BANDS: 0.99 at J = 0.6, 0.23 at
J = 0.3. What is found does not depend on what else is in the pool.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from mathb_kit.construction.similarity import THRESHOLD, same_problem
from mathb_kit.construction.tokens import Statement, parse_statement

BANDS = 32
ROWS = 4
# Far below what any pair at THRESHOLD has: spares the comparison of pairs that met by chance.
_LEAST_JACCARD = 0.45


def similar_pairs(
    statements: Sequence[str], others: Sequence[str] | None = None, threshold: float = THRESHOLD
) -> Iterator[tuple[int, int, float]]:
    """Pairs that are one problem.

    Args:
        statements: in LaTeX.
        others: search for pairs of one of ``statements`` and one of these; by default, of two of ``statements``.
        threshold: least score, see `same_problem`.

    Yields:
        (i, j, score): ``statements[i]`` and ``others[j]``, or ``statements[j]`` with i < j. Sorted by (j, i).
    """
    left = [parse_statement(statement) for statement in statements]
    right = left if others is None else [parse_statement(statement) for statement in others]
    for i, j in candidate_pairs(left, None if others is None else right):
        if (score := same_problem(left[i], right[j], threshold)) is not None:
            yield i, j, score


def candidate_pairs(left: Sequence[Statement], right: Sequence[Statement] | None = None) -> list[tuple[int, int]]:
    """Pairs worth comparing, sorted by (j, i); within ``left`` (i < j) unless there is a ``right``."""
    signatures = _signatures([*left, *(right or ())])
    split = len(left)
    packed = [np.zeros(0, dtype=np.int64)]
    # All pairs of a pool of 40,000 are 800 million. Two statements share a whole band of MinHash values with a chance
    # that is near 1 if most of their tokens are shared and near 0 if few are, so only pairs that meet in one are seen.
    for band in range(BANDS):
        i, j = _in_one_bucket(signatures[:, band * ROWS : (band + 1) * ROWS])
        if right is not None:
            across = (i < split) & (j >= split)
            i, j = i[across], j[across]
        # A stock phrase fills a bucket with statements that share little else: the signatures' own estimate of
        # Jaccard drops them, a few thousand at a time, so that the table of comparisons stays small.
        for at in range(0, len(i), 4096):
            some_i, some_j = i[at : at + 4096], j[at : at + 4096]
            close = (signatures[some_i] == signatures[some_j]).mean(axis=1) >= _LEAST_JACCARD
            packed.append(some_j[close] << 32 | some_i[close])  # one number a pair: sorted and made unique at once
    pairs = np.sort(np.concatenate(packed))
    pairs = pairs[np.diff(pairs, prepend=-1) > 0]
    start = 0 if right is None else split
    return list(zip((pairs & 0xFFFFFFFF).tolist(), ((pairs >> 32) - start).tolist()))


def _in_one_bucket(band: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All pairs i < j of rows that are equal."""
    keys = band.astype(np.uint64) @ _odd_numbers(ROWS)  # 64 bits: unequal rows meet in one of 10^19 cases
    order = np.argsort(keys, kind="stable")
    ends = np.searchsorted(keys[order], keys[order], side="right")
    # Each place in the order is paired with the places after it in its bucket; without a loop over buckets, as there
    # are nearly as many as statements.
    followers = ends - np.arange(len(order)) - 1
    first = np.repeat(np.arange(len(order)), followers)
    second = first + 1 + np.arange(len(first)) - np.repeat(np.cumsum(followers) - followers, followers)
    return order[first], order[second]


def _signatures(statements: Sequence[Statement]) -> np.ndarray:
    """MinHash values, (statements, BANDS * ROWS); the hash functions are multiply-shift on 64 bits (Dietzfelbinger)."""
    factors, offsets = _odd_numbers(2 * BANDS * ROWS).reshape(2, -1)
    hashes: dict[str, int] = defaultdict(int)
    lengths, values = [], []
    for statement in statements:
        for token in statement.content:
            if token not in hashes:
                hashes[token] = zlib.crc32(token.encode("utf-8", "surrogatepass"))
            values.append(hashes[token])
        if not statement.content:
            values.append(0)
        lengths.append(max(len(statement.content), 1))
    tokens = np.array(values, dtype=np.uint64)
    starts = np.r_[0, np.cumsum(lengths)[:-1]].astype(np.intp) if lengths else np.zeros(0, dtype=np.intp)
    signatures = np.empty((len(lengths), BANDS * ROWS), dtype=np.uint32)
    for number, (factor, offset) in enumerate(zip(factors, offsets)):
        if lengths:
            signatures[:, number] = np.minimum.reduceat((tokens * factor + offset) >> np.uint64(32), starts)
    return signatures


def _odd_numbers(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 1 << 63, count, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
