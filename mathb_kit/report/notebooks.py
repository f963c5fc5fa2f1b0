"""Run a notebook with parameters, and check that a script and its notebook are one.

The py:percent script is the source. Readers get the executed notebook and an HTML page under ``runs/``; nothing is
ever written back over the source.
"""

from __future__ import annotations

import ast
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mathb_kit.errors import MathbError
from mathb_kit.extras import need
from mathb_kit.places import beside_package
from mathb_kit.progress import clock
from mathb_kit.report.notebook_page import write_notebook_page
from mathb_kit.settings import did_you_mean

_KERNEL = "mathb"
_FOLDERS = ("MATHB_DATA_DIR", "MATHB_RUNS", "MATHB_CHECKPOINTS")


def run_notebook(name_or_path: str | os.PathLike[str], parameters: Mapping[str, Any], output_dir: Path) -> Path:
    """Execute a notebook from top to bottom in a fresh kernel of the running interpreter.

    One line a cell goes to stderr, and with it whatever the kernel writes there (progress lines, warnings).

    Args:
        name_or_path: e.g. ``01_base_model_saturation``, or the path of a py:percent script.
        parameters: values for names that the notebook's ``parameters`` cell assigns.
        output_dir: receives ``<name>.ipynb`` and ``<name>.html``; the kernel works in it.

    Returns:
        Path of the executed notebook; the page lies beside it.

    Raises:
        MathbError: unknown notebook or parameter (before anything runs), or a cell that failed (what ran until then
            is kept in the executed notebook and on the page).
    """
    need_notebooks()
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    source = find_notebook(name_or_path)
    notebook = _read_script(source)
    known = parameter_names(source)
    for name in parameters:
        if name not in known:
            raise MathbError(
                f"{source.name} has no parameter {name!r}{did_you_mean(name, known)}; it takes {', '.join(known)}."
            )
    output_dir.mkdir(parents=True, exist_ok=True)
    executed = output_dir.resolve() / f"{source.stem}.ipynb"
    above = Path(os.path.relpath(source.parent.parent, executed.parent)).as_posix()
    for cell in notebook.cells:
        if cell.cell_type == "markdown":  # links to the documentation, seen from where the executed notebook lies
            cell.source = cell.source.replace("](../", f"]({above}/")
    progress = _CellProgress(source.stem, _code_cells(notebook) + bool(parameters))
    try:
        with _own_kernel():
            papermill.execute_notebook(
                notebook,
                executed,
                parameters=dict(parameters),
                kernel_name=_KERNEL,
                language="python",
                cwd=executed.parent,
                progress_bar=False,
                stderr_file=sys.stderr,
                on_cell_start=progress.on_cell_start,
            )
    except PapermillExecutionError as error:
        raise MathbError(
            f"{source.name} stopped at code cell {error.exec_count} of {progress.total}{_failing_line(error)}: "
            f"{error.ename}: {error.evalue.rstrip('.')}. What ran until then is in {executed}."
        ) from error
    except DeadKernelError as error:
        raise MathbError(
            f"{source.name} lost its kernel at code cell {progress.done} of {progress.total}, most likely for want of "
            f"memory; what ran until then is in {executed}."
        ) from error
    finally:
        if executed.is_file():
            write_notebook_page(executed, beside_package() / "notebooks")
    return executed


def need_notebooks() -> None:
    """MathbError unless the packages are there that run a notebook."""
    need("notebooks", "Running a notebook", "papermill", "jupytext", "nbconvert", "ipykernel")


def find_notebook(name_or_path: str | os.PathLike[str]) -> Path:
    """The script of a notebook, by name (from any working directory) or by path.

    Raises:
        MathbError: there is no such notebook.
    """
    path = Path(name_or_path)
    if path.suffix == ".py":
        if path.is_file():
            return path.resolve()
        raise MathbError(f"There is no notebook script {path}.")
    names = [script.stem for script in sorted((beside_package() / "notebooks").glob("*.py"))]
    if path.name not in names:
        raise MathbError(
            f"There is no notebook {path.name!r}{did_you_mean(path.name, names)}; there are {', '.join(names)}."
        )
    return beside_package() / "notebooks" / f"{path.name}.py"


def parameter_names(script: Path) -> list[str]:
    """Names that the script's one cell with the tag ``parameters`` assigns.

    Raises:
        MathbError: no such cell, or several.
    """
    cells = [cell for cell in _read_script(script).cells if "parameters" in cell.metadata.get("tags", [])]
    if len(cells) != 1:
        raise MathbError(f"{script} has {len(cells)} cells with the tag 'parameters'; it needs exactly one.")
    names = []
    for statement in ast.parse(cells[0].source).body:
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        names += [target.id for target in targets if isinstance(target, ast.Name)]
    return names


def _read_script(script: Path) -> Any:
    import jupytext

    return jupytext.read(script, fmt="py:percent")


def _code_cells(notebook: Any) -> int:
    return sum(cell.cell_type == "code" and bool(cell.source.strip()) for cell in notebook.cells)


class _CellProgress:
    """Says which cell starts, on a line of its own: readable in a terminal, a log and a pipe."""

    def __init__(self, name: str, total: int) -> None:
        self.name, self.total = name, total
        self.done = 0
        self.started = time.monotonic()

    def on_cell_start(self, cell: Any, cell_index: int) -> None:
        if cell.cell_type != "code" or not cell.source.strip():
            return
        self.done += 1
        so_far = clock(time.monotonic() - self.started)
        print(f"{self.name}: cell {self.done}/{self.total}, {so_far}", file=sys.stderr, flush=True)


@contextmanager
def _own_kernel() -> Iterator[None]:
    """Register the running interpreter as the kernel ``mathb`` for as long as it is needed.

    A user's own ``python3`` kernel may belong to another environment, and an IPython profile may run start-up files;
    neither must reach a study. The kernel imports this very copy of mathb_kit, installed or not.
    """
    from ipykernel.kernelspec import write_kernel_spec

    before = os.environ.get("JUPYTER_PATH")
    with tempfile.TemporaryDirectory(prefix="mathb-kernel-") as folder:
        path = [str(Path(__file__).resolve().parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {
            "IPYTHONDIR": f"{folder}/ipython",
            "PYTHONPATH": os.pathsep.join(path),
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",  # redrawn bars would flood the page
            "PYTHONWARNINGS": "ignore:IProgress not found",  # tqdm asks for widgets, which no page could show
            "MATHB_WIDGETS": "off",  # a page with live ones would fetch scripts from the network
            # The kernel works in another folder, where a relative path would lead elsewhere.
            **{name: os.path.abspath(os.environ[name]) for name in _FOLDERS if os.environ.get(name)},
        }
        # Quiet: a kernel warns that its local sockets are not encrypted, and about replies it cannot send when stopped.
        write_kernel_spec(
            f"{folder}/kernels/{_KERNEL}", overrides={"env": environment}, extra_arguments=["--log-level=CRITICAL"]
        )
        os.environ["JUPYTER_PATH"] = folder if before is None else f"{folder}{os.pathsep}{before}"
        try:
            yield
        finally:
            if before is None:
                del os.environ["JUPYTER_PATH"]
            else:
                os.environ["JUPYTER_PATH"] = before


def _failing_line(error: Any) -> str:
    """`` (`1 / 0`)``: the line of the cell that the traceback points at."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(error.traceback))
    match = re.search(r"^-+> *\d+ (.+)$", plain, re.MULTILINE)
    return f" (`{match[1].strip()}`)" if match else ""
