"""Run the verifiers over the rows, keep what they said, and read it back with the reason for whatever is missing."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Collection, Mapping
from importlib.metadata import version
from pathlib import Path

import pandas as pd

from mathb_kit.errors import MathbError
from mathb_kit.grading import EXTRACTOR_VERSION, GRADER_VERSION
from mathb_kit.places import verifiers_root
from mathb_kit.verifiers.catalogue import MAIN, Catalogue, Verifier, load_catalogue
from mathb_kit.verifiers.environments import make_environment
from mathb_kit.verifiers.runner import ADAPTER, Adapter, OurGrader, Verdicts, grade_rows, read_results, row_key

OURS = "mathb_kit"


def run_verifiers(rows: pd.DataFrame, only: Collection[str] = (), *, catalogue: Catalogue | None = None) -> None:
    """Have verifiers grade the rows, one after the other, and print a line on each.

    Environments are made as needed. What was graded before under the same versions is not graded again. A verifier
    whose environment cannot be made, or that does not load, is left out with the reason kept, and the rest goes on.

    Args:
        rows: columns gold and completion (``comparison_rows``).
        only: names of verifiers or environments; all by default. ``main`` stands for those that need no environment.
        catalogue: what there is; the shipped catalogue by default.

    Raises:
        MathbError: no verifier of that name.
    """
    catalogue = catalogue or load_catalogue()
    pairs = {row_key(*pair): pair for pair in zip(rows["gold"], rows["completion"])}
    for verifier in catalogue.chosen(only):
        started = time.monotonic()
        path, failed = results_path(verifier, catalogue), _failed(verifier)
        missing = pairs.keys() - read_results(path).keys()
        try:
            if missing:  # else not even the environment is needed
                grade_rows(verifier.name, _verdicts(verifier, catalogue), pairs.values(), path)
        except MathbError as error:
            print(f"{verifier.name}: not run; {error}", flush=True)
            failed.parent.mkdir(parents=True, exist_ok=True)
            failed.write_text(f"{error}\n", encoding="utf-8")
            continue
        failed.unlink(missing_ok=True)
        results = read_results(path)
        hangs = sum(results[key]["error"] == "hang" for key in pairs)
        print(
            f"{verifier.name}: {len(missing):,} rows graded in {time.monotonic() - started:.0f} s, "
            f"{len(pairs) - len(missing):,} were there, {hangs} hangs; {versions(verifier, catalogue)}",
            flush=True,
        )


def read_comparison(rows: pd.DataFrame, *, catalogue: Catalogue | None = None) -> tuple[pd.DataFrame, dict[str, str]]:
    """What the verifiers said about the rows.

    Args:
        rows: from ``comparison_rows``.
        catalogue: what there is; the shipped catalogue by default.

    Returns:
        (verdicts, reasons). Verdicts: the rows that were graded, times the verifiers that graded them: the columns of
        ``rows``, then verifier, correct (True, False, None), error, seconds. Reasons: verifiers that graded none of the
        rows, with why.
    """
    catalogue = catalogue or load_catalogue()
    frames, reasons = [], {}
    for verifier in catalogue.verifiers:
        kept = read_results(results_path(verifier, catalogue))
        graded = pd.DataFrame(
            [(key, verifier.name, r["correct"], r["error"], r["seconds"]) for key, r in kept.items()],
            columns=["row", "verifier", "correct", "error", "seconds"],
        ).astype({"correct": object, "error": object})
        graded = rows.merge(graded, on="row")
        if len(graded):
            frames.append(graded)
        elif _failed(verifier).is_file():
            reasons[verifier.name] = _failed(verifier).read_text(encoding="utf-8").strip()
        else:
            reasons[verifier.name] = "opt-in: ./reproduce.sh verifiers makes its environment and runs it"
    reasons |= {absent.name: absent.reason for absent in catalogue.not_run}
    columns = [*rows.columns, "verifier", "correct", "error", "seconds"]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns), reasons


def overview(verdicts: pd.DataFrame, reasons: Mapping[str, str], *, catalogue: Catalogue | None = None) -> pd.DataFrame:
    """Who took part: verifier, function, versions, rows (graded), note (why it did not run, or what was left out)."""
    catalogue = catalogue or load_catalogue()
    graded = verdicts["verifier"].value_counts()
    rows = []
    for verifier in catalogue.verifiers:
        environment = catalogue.environments.get(verifier.environment)
        note = reasons.get(verifier.name) or (environment.note if environment else "")
        count = int(graded.get(verifier.name, 0))
        rows.append((verifier.name, verifier.function, versions(verifier, catalogue), count, note))
    rows += [(absent.name, "", "", 0, absent.reason) for absent in catalogue.not_run]
    return pd.DataFrame(rows, columns=["verifier", "function", "versions", "rows", "note"])


def versions(verifier: Verifier, catalogue: Catalogue) -> str:
    """What a verifier's verdicts depend on, in words."""
    if verifier.name == OURS:
        return f"extractor {EXTRACTOR_VERSION}, grader {GRADER_VERSION}"
    if verifier.environment == MAIN:
        packages = {"math-verify": ("math-verify", "latex2sympy2_extended", "sympy")}.get(verifier.name, ())
        return ", ".join(f"{package} {version(package)}" for package in packages) or "no package"
    packages = [package for call in catalogue.environments[verifier.environment].install for package in call]
    return ", ".join(package.replace("==", " ") for package in packages)


def results_path(verifier: Verifier, catalogue: Catalogue) -> Path:
    """Where a verifier's results are, by a hash of the versions and of the adapter; each line names its row's hash."""
    python = sys.version.split()[0]
    depends = json.dumps([verifier.name, versions(verifier, catalogue), python, ADAPTER.read_text(encoding="utf-8")])
    digest = hashlib.sha256(depends.encode()).hexdigest()[:12]
    return verifiers_root() / verifier.environment / "results" / f"{verifier.name}-{digest}.jsonl"


def _verdicts(verifier: Verifier, catalogue: Catalogue) -> Verdicts:
    if verifier.name == OURS:
        return OurGrader()
    if verifier.environment == MAIN:
        return Adapter(sys.executable, verifier.name)
    folder = verifiers_root() / verifier.environment
    environment = catalogue.environments[verifier.environment]
    return Adapter(make_environment(verifier.environment, environment, folder), verifier.name)


def _failed(verifier: Verifier) -> Path:
    return verifiers_root() / verifier.environment / f"{verifier.name}-failed.txt"
