"""pass@k from a fixed number of attempts."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from mathb_kit.errors import MathbError

_CERTAIN = 40  # 1 - exp(-40) is 1 in double precision
_BLOCK = 2**22  # factors at a time


def pass_at_k(n: ArrayLike, c: ArrayLike, k: ArrayLike) -> float | np.ndarray:
    """Unbiased estimate of the chance that at least one of k attempts is correct, at fixed n.

    ``1 - C(n - c, k) / C(n, k)`` (Chen et al. 2021, "Evaluating Large Language Models Trained on Code"). Where n
    was decided by the outcomes (an adaptive plan) it is biased: use ``estimate_pass_at_k``.

    Args:
        n: attempts, any shape; n, c and k are broadcast together.
        c: correct attempts among them, 0 to n.
        k: attempts allowed, at least 1.

    Returns:
        Values in [0, 1], NaN where k > n; a float where all three are scalars. The relative error stays below
        1e-12 up to n = 10^6.

    Raises:
        MathbError: c outside 0 to n, k below 1, or a number that is not whole.
    """
    n, c, k = np.broadcast_arrays(*(_whole(name, value) for name, value in (("n", n), ("c", c), ("k", k))))
    if np.any((c < 0) | (c > n)):
        at = np.flatnonzero((c < 0) | (c > n))[0]
        raise MathbError(f"pass@k needs 0 <= c <= n, not c = {c.flat[at]} of n = {n.flat[at]}.")
    if np.any(k < 1):
        raise MathbError(f"pass@k needs k of at least 1, not {k.min()}.")

    values = np.where(c > n - k, 1.0, 0.0)  # fewer than k wrong attempts: every choice of k holds a correct one
    values[k > n] = np.nan
    open_ = (k <= n - c) & (c > 0)
    if open_.any():
        # Each distinct triple once: a problem set has far fewer of them than rows.
        columns = [np.unique(x[open_], return_inverse=True) for x in (n, c, k)]
        codes = np.ravel_multi_index([inverse for _, inverse in columns], [len(unique) for unique, _ in columns])
        _, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
        triples = zip(n[open_][first].tolist(), c[open_][first].tolist(), k[open_][first].tolist(), strict=True)
        values[open_] = np.array([_one_minus_ratio(*triple) for triple in triples])[inverse]
    return float(values) if values.ndim == 0 else values


def _one_minus_ratio(n: int, c: int, k: int) -> float:
    """1 - C(n - c, k) / C(n, k) for 0 < c <= n - k, as a product over the shorter of c and k factors.

    The ratio is symmetric in c and k. A sum of log1p keeps what differences of log-gamma lose: at n = 10^6 those
    are about 10^7 and would leave nine digits.
    """
    short, long = min(c, k), max(c, k)
    if short * (long / n) > _CERTAIN:  # every term is below -long / n
        return 1.0
    if short == 1:  # pass@1 is the accuracy to the last digit
        return long / n
    total = 0.0
    for start in range(0, short, _BLOCK):  # bounds the memory
        stop = min(start + _BLOCK, short)
        total += np.log1p(-long / np.arange(n - short + start + 1.0, n - short + stop + 1.0)).sum()
    return -float(np.expm1(total))


def _whole(name: str, value: ArrayLike) -> np.ndarray:
    array = np.asarray(value)
    try:
        whole = array.astype(np.int64)
        if np.all(whole == array):
            return whole
    except (TypeError, ValueError, OverflowError):
        pass
    raise MathbError(f"pass@k needs whole numbers for {name}, not {value!r}.")
