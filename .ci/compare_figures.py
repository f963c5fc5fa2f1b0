"""Hold freshly drawn figures against the committed ones: equal bytes, or else equal tables up to rounding effects.

On another kind of processor the last bits of a probability differ, now and then another token is drawn, and a count
moves by one or two. Then the tables must agree: the same rows, shares within 0.1, counts within a tenth or 3.
"""

import io
import subprocess
import sys

import numpy as np
import pandas as pd


def git(*words: str) -> str:
    return subprocess.run(["git", *words], check=True, capture_output=True, text=True).stdout


def differs(path: str) -> str | None:
    """What is different about a table, None where it agrees."""
    committed = pd.read_csv(io.StringIO(git("show", f"HEAD:{path}")))
    drawn = pd.read_csv(path)
    if list(committed) != list(drawn) or len(committed) != len(drawn):
        return f"{len(committed)} rows of {list(committed)} became {len(drawn)} rows of {list(drawn)}"
    for column in committed:
        old, new = committed[column], drawn[column]
        if not pd.api.types.is_numeric_dtype(old):
            if column not in ("change", "reasons") and (old.fillna("") != new.fillna("")).any():
                return f"column {column}"
        elif not np.allclose(old, new, rtol=0.1, atol=0.1 if old.max() <= 1 else 3, equal_nan=True):
            return f"column {column} by up to {(old - new).abs().max():.3g}"
    return None


def main() -> None:
    changed = [line[3:] for line in git("status", "--porcelain", "figures").splitlines()]
    if not changed:
        print("figures: the committed bytes")
        return
    tables = [path for path in git("ls-files", "figures").splitlines() if path.endswith(".csv")]
    faults = [f"{path}: {fault}" for path in tables if (fault := differs(path))]
    unknown = [line[3:] for line in git("status", "--porcelain", "figures").splitlines() if line.startswith("??")]
    faults += [f"{path}: not committed" for path in unknown]
    if faults:
        sys.exit("The committed figures are not what ./reproduce.sh mini draws:\n  " + "\n  ".join(faults))
    print(f"figures: {len(changed)} files differ in bytes from the committed ones, the tables agree up to rounding")


if __name__ == "__main__":
    main()
