"""Near duplicates and contamination of the real pools: time, memory, recall, false flags, and rapidfuzz on all pairs.

    python bench/near_duplicates.py [--rapidfuzz 1500]      MATHB_DATA_DIR names the local copies; a minute or two
    python bench/near_duplicates.py --embedder FOLDER [--judge MODEL [--server URL]]       beside DeepMath's method

Pool: DAPO-Math-17K and DeepScaleR, 29,575 rows. Benchmarks: MATH-500, the MATH test set, AIME 2024 and 2025, AMC 23,
5,600 problems. The search reads every statement, finds all pairs within the pool and all of pool and benchmarks. CPU
seconds are of this one process.

rapidfuzz (normalised indel similarity of at least 0.9, the check in DeepMath-103K's appendix) compares all pairs of a
random part of the pool, and its time is extrapolated by the number of pairs: no one waits for all of them. It is no
dependency of ours: pip install rapidfuzz.

With an embedding model the rules stand beside DeepMath-103K's method instead: the five nearest benchmark problems by
cosine, then a judge of each pair, if one is named. Sources: the 30 other wordings of AIME 2025, which are looked for
among the 600 problems of MATH-500, AIME and AMC; the labelled pairs of near_duplicate_pairs_dev.jsonl; and real pairs
that were read one by one (tests/near_duplicate_labels.toml), of which the rules were made, so that their column
flatters them there.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import sys
import time
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd

from mathb_kit import MathbError, get_model, load_problems
from mathb_kit.construction import embedder, letters_and_digits, nearest, pair_judge, similar_pairs
from mathb_kit.construction.embedding import Embed
from mathb_kit.construction.judged import NEIGHBOURS, PairJudge
from mathb_kit.problems import Problem
from mathb_kit.problems.files import read_rows
from mathb_kit.sampling import get_engine

POOLS = ("dapo-math-17k", "deepscaler")
BENCHMARKS = ("math-500", "aime-2024", "aime-2025", "amc-23")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rapidfuzz", type=int, default=1500, help="statements that rapidfuzz compares (0: none)")
    parser.add_argument("--embedder", metavar="FOLDER", help="stand beside embeddings by this model instead")
    parser.add_argument("--judge", metavar="MODEL", help="with --embedder: a model that judges pairs")
    parser.add_argument("--server", metavar="URL", help="with --judge: where it is served")
    parser.add_argument("--most", type=int, default=1000, help="with --judge: so many pairs of each kind, at random")
    arguments = parser.parse_args()
    folder = os.environ.get("MATHB_DATA_DIR")
    if not folder:
        raise MathbError("MATHB_DATA_DIR names no folder; set it to the folder of the local copies of the sets.")
    pool = [problem for name in POOLS for problem in load_problems(name)]
    standing = [problem for name in BENCHMARKS for problem in load_problems(name)]
    rows = read_rows(Path(folder) / "math_test_5000.jsonl.zst")
    standing += [Problem("math-test", str(row["idx"]), row["problem"], "") for _, row in rows]
    if arguments.embedder:
        judge = None
        if arguments.judge:
            model = get_model(arguments.judge)
            engine = get_engine(model, "server", url=arguments.server) if arguments.server else None
            judge = pair_judge(model, engine=engine)
        named = [problem for problem in standing if problem.set in BENCHMARKS]
        beside_embeddings(Path(folder), [*pool, *standing], named, embedder(arguments.embedder), judge, arguments.most)
        return
    texts, theirs = [p.statement for p in pool], [p.statement for p in standing]

    wall, cpu = time.perf_counter(), time.process_time()
    within = list(similar_pairs(texts))
    across = list(similar_pairs(texts, theirs))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # kilobytes on Linux
    print(f"{len(pool):,} pool rows, {len(standing):,} benchmark problems")
    print(f"{wall:.1f} s, {cpu:.1f} CPU s, {memory:.2f} GB")
    print(f"pairs within the pool {len(within):,}, of pool and benchmarks {len(across):,}")
    agree = sum(pool[i].gold == pool[j].gold for i, j, _ in within) / len(within)
    print(f"pairs within the pool with the same gold, which no rule looks at: {agree:.1%}")

    print("\nbenchmark problems found in a pool (typed alike, up to letters and digits: of these found)")
    for name in (*BENCHMARKS, "math-test"):
        for source in POOLS:
            found = {standing[j].id for i, j, _ in across if standing[j].set == name and pool[i].set == source}
            keys = {letters_and_digits(p.statement) for p in pool if p.set == source}
            alike = {p.id for p in standing if p.set == name and letters_and_digits(p.statement) in keys}
            print(f"  {name:10} in {source:14} {len(found):5,} ({len(alike):,}: {len(alike & found):,})")

    rows = [row for _, row in read_rows(Path(folder) / "aime25.jsonl")]
    pairs = {(i, j) for i, j, _ in similar_pairs([r["problem"] for r in rows], [r["problem_alt"] for r in rows])}
    for half, remainder in (("even (rules made on these)", 0), ("odd", 1)):
        places = [i for i, row in enumerate(rows) if int(row["id"].rsplit("-", 1)[1]) % 2 == remainder]
        print(f"other wordings of AIME 2025, {half}: {sum((i, i) in pairs for i in places)} of {len(places)}")
    flags = sum(standing[j].set.startswith("aime") and pool[i].set == POOLS[0] for i, j, _ in across)
    print(f"false flags of AIME 2024 and 2025 against {POOLS[0]}: {flags}")
    if arguments.rapidfuzz:
        compare_all_pairs(texts, theirs, arguments.rapidfuzz, cpu, [(r["problem"], r["problem_alt"]) for r in rows])


def beside_embeddings(
    folder: Path,
    every: list[Problem],
    standing: list[Problem],
    embed: Embed,
    judge: PairJudge | None,
    most: int,
) -> None:
    """Rules, cosines and judge on the same pairs: who finds what."""
    rows = [row for _, row in read_rows(folder / "aime25.jsonl")]
    wordings = [Problem("aime-2025", row["id"], row["problem_alt"], "") for row in rows]
    started = time.process_time()
    near = nearest(wordings, standing, embed)
    print(f"{len(wordings) + len(standing):,} statements embedded in {time.process_time() - started:.0f} CPU s")
    pairs, at = [], {(p.set, p.id): number for number, p in enumerate(standing)}
    for wording, found in zip(wordings, near):
        twin, cosines = at["aime-2025", wording.id], dict(found)
        for j in dict.fromkeys([twin, *cosines]):
            kind = "AIME 2025 reworded" if j == twin else "its other neighbours"
            pairs.append((kind, wording.statement, standing[j].statement, j == twin, j in cosines))
    for _, row in read_rows(folder / "near_duplicate_pairs_dev.jsonl"):
        pairs.append(("dev pairs", row["a"], row["b"], row["same"], True))
    labels = tomllib.loads((Path(__file__).parents[1] / "tests" / "near_duplicate_labels.toml").read_text())
    text = {f"{p.set}/{p.id}": p.statement for p in every}
    for name, some in {**labels["read"], **labels["different"]}.items():
        pairs += [("real pairs, read", text[a], text[b], name.endswith("_same"), True) for a, b in some]
    table = pd.DataFrame(pairs, columns=["pairs", "one", "other", "same", "in_reach"])
    if judge:
        kinds = table.groupby(["pairs", "same"], sort=False)
        table = pd.concat([each.sample(min(len(each), most), random_state=0) for _, each in kinds], ignore_index=True)
    vectors = {text: vector for text, vector in _vectors(embed, [*table["one"], *table["other"]])}
    table["cosine"] = [float(vectors[a] @ vectors[b]) for a, b in zip(table["one"], table["other"])]
    table["rules"] = [any(True for _ in similar_pairs([a], [b])) for a, b in zip(table["one"], table["other"])]
    if judge:
        table["judge"] = judge(list(zip(table["one"], table["other"])))
        table["embedding and judge"] = table["judge"] & table["in_reach"]
    for cut in (0.98, 0.9, 0.8):
        table[f"cosine {cut:.2f}"] = table["cosine"] >= cut
    methods = [name for name in table if table[name].dtype == bool and name not in ("same", "in_reach", "judge")]
    print(f"\npairs called one problem; in_reach: among the {NEIGHBOURS} nearest of {len(standing):,}")
    called = table.groupby(["pairs", "same"], sort=False)[["in_reach", *methods]].sum()
    called.insert(0, "of", table.groupby(["pairs", "same"], sort=False).size())
    print(called.to_string())
    print("\nof pairs that are one problem, found by the one and missed by the other")
    same = table[table["same"]]
    for other in methods[1:]:
        only = [int((same[a] & ~same[b]).sum()) for a, b in (("rules", other), (other, "rules"))]
        print(f"  rules but not {other}: {only[0]}; {other} but not rules: {only[1]}; of {len(same)}")


def _vectors(embed: Embed, texts: list[str]) -> list[tuple[str, np.ndarray]]:
    distinct = list(dict.fromkeys(texts))
    return list(zip(distinct, embed(distinct)))


def compare_all_pairs(
    texts: list[str], theirs: list[str], size: int, ours: float, wordings: list[tuple[str, str]]
) -> None:
    try:
        from rapidfuzz import process
        from rapidfuzz.distance import Indel
    except ModuleNotFoundError:
        sys.exit("rapidfuzz is not installed; pip install rapidfuzz, or leave it out with --rapidfuzz 0.")
    part = random.Random(0).sample(texts, size)
    cpu = time.process_time()
    process.cdist(part, part, scorer=Indel.normalized_similarity, score_cutoff=0.9, workers=1)
    cpu = time.process_time() - cpu
    # cdist compares a list with itself by symmetry, so each pair once.
    total = len(texts) * (len(texts) - 1) // 2 + len(texts) * len(theirs)
    compared = size * (size - 1) // 2
    extrapolated = cpu * total / compared
    print(f"\nrapidfuzz, all {compared:,} pairs of {size:,} statements: {cpu:.1f} CPU s")
    found = sum(Indel.normalized_similarity(*pair) >= 0.9 for pair in wordings)
    print(f"other wordings of AIME 2025 that it finds: {found} of {len(wordings)}")
    print(f"extrapolated to all {total:,} pairs: {extrapolated:,.0f} CPU s, {extrapolated / ours:,.0f} times ours")


if __name__ == "__main__":
    main()
