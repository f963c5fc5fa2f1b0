from __future__ import annotations

import ast
import pkgutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import mathb_kit

PACKAGE = Path(mathb_kit.__file__).parent

# Lowest first. A module imports from rows above its own and from its own package, never from beside or below.
LAYERS = [
    ["errors", "verdicts"],
    ["places", "extras", "children", "settings", "progress", "plan", "atomic", "csv_files", "api_key", "wire",
     "silence"],
    ["provenance", "miniature", "published", "endpoint"],
    ["problems", "models"],
    ["profiles", "store"],
    ["sampling", "grading"],
    ["outcomes"],
    ["draw"],
    ["statistics"],
    ["evaluation"],
    ["construction", "verifiers", "released", "foreign"],
    ["lab"],
    ["judging"],
    ["results", "real"],
    ["sentences"],
    ["plots"],
    ["report"],
    ["widgets", "viewer"],
    ["course"],
    ["cli"],
]
LAYER = {module: number for number, row in enumerate(LAYERS) for module in row}


def imported(tree: ast.AST) -> list[str]:
    """Dotted names of all absolute imports, those inside functions included."""
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import in line {node.lineno}"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


@pytest.mark.parametrize("module", sorted(m.name for m in pkgutil.iter_modules([str(PACKAGE)])))
def test_imports_point_downwards_only(module):
    assert module in LAYER, f"give {module} its place in the import order"
    files = [PACKAGE / f"{module}.py"] if (PACKAGE / f"{module}.py").is_file() else (PACKAGE / module).rglob("*.py")
    for file in files:
        for name in imported(ast.parse(file.read_text(encoding="utf-8"))):
            if name.split(".")[0] != "mathb_kit":
                continue
            # `import mathb_kit` hands out everything, so only the top may use it.
            target = name.split(".")[1] if "." in name else "cli"
            assert target == module or LAYER[target] < LAYER[module], f"{file}: {name}"


def module_files() -> dict[str, Path]:
    """Every file of the package by the dotted name it is imported under."""
    files = {}
    for file in PACKAGE.rglob("*.py"):
        parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
        files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return files


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """The sets of names that lead to each other."""

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            new = graph.get(waiting.pop(), set()) - seen
            seen |= new
            waiting += new
        return seen

    reach = {name: reached(name) for name in graph}
    groups = {frozenset(b for b in reach[a] if a in reach.get(b, ())) for a in graph if a in reach[a]}
    return sorted(sorted(group) for group in groups)


def test_no_files_import_each_other_in_a_circle_not_even_inside_functions():
    """An import that was moved into a function so that Python can start is still a circle for the reader."""
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set(), "e": {"e"}}) == [["b", "c"], ["e"]]
    files = module_files()
    graph = {}
    for module, file in files.items():
        names = imported(ast.parse(file.read_text(encoding="utf-8")))
        # `from package import name` is a file of that package or something out of its __init__.py.
        targets = {name if name in files else name.rpartition(".")[0] for name in names}
        graph[module] = {target for target in targets if target in files}
    graph["mathb_kit"] = set()  # the face hands out everything; the layers say who may use it
    assert circles(graph) == []


def trees() -> Iterator[tuple[str, ast.Module]]:
    """Every file of the package but the command line, whose verbs have the names of what they call."""
    for file in sorted(PACKAGE.rglob("*.py")):
        name = str(file.relative_to(PACKAGE))
        if not name.startswith("cli/"):
            yield name, ast.parse(file.read_text(encoding="utf-8"))


def test_a_public_name_stands_for_one_function_or_class():
    """One word, one thing. The text of the graders' two files is part of the keys of stored verdicts: they stay."""
    kept, homes = {"main", "judge", "serve"}, defaultdict(list)
    for file, tree in trees():
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name[0] != "_" and node.name not in kept:
                homes[node.name].append(file)
    assert {name: files for name, files in homes.items() if len(files) > 1} == {}


def test_no_signature_is_longer_than_six_parameters():
    """But constructors of engines, whose parameters are the engine's options (``-E key=value``)."""
    long = []
    for file, tree in trees():
        for owner in ast.walk(tree):
            for node in ast.iter_child_nodes(owner):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    arguments = node.args
                    names = [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
                    count = len(set(names) - {"self", "cls"}) + bool(arguments.vararg) + bool(arguments.kwarg)
                    is_engine = node.name == "__init__" and getattr(owner, "name", "").endswith("Engine")
                    long += [f"{file}: {node.name}"] * (count > 6 and not is_engine)
    assert long == []


def loaded_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parent)
    return {name.split(".")[0] for name in done.stdout.split()}


def test_the_package_is_cheap_to_import():
    heavy = {"torch", "vllm", "ray", "scipy", "seaborn", "matplotlib", "transformers", "datasets", "pandas", "numpy"}
    assert not loaded_by("import mathb_kit") & heavy
    assert not loaded_by("import mathb_kit.cli") & heavy


def loaded_by_command(*words: str) -> set[str]:
    code = "import sys; from mathb_kit.cli import app; app(sys.argv[1:], standalone_mode=False)"
    code += "; print(*sys.modules, file=sys.stderr)"
    command = [sys.executable, "-c", code, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=PACKAGE.parent)
    return {name.split(".")[0] for name in done.stderr.split()}


def test_a_command_loads_what_it_needs_and_no_more():
    """So that an answer comes at once: half a second of imports is felt."""
    others = loaded_by_command("--help") - set(sys.stdlib_module_names) - loaded_by("pass")
    assert others <= {"mathb_kit", "lazy_loader", "typer", "click", "shellingham", "annotated_doc", "typing_extensions"}
    heavy = {"torch", "transformers", "tokenizers", "scipy", "matplotlib", "seaborn", "datasets", "duckdb", "httpx"}
    assert not loaded_by_command("models") & heavy
    assert not loaded_by_command("problems") & heavy
    assert not loaded_by_command("passk", "--n", "4", "--c", "1", "--k", "2") & heavy - {"scipy"}


def test_no_subpackage_loads_a_heavy_library():
    packages = ", ".join(f"mathb_kit.{m.name}" for m in pkgutil.iter_modules([str(PACKAGE)]) if m.ispkg)
    heavy = {"torch", "vllm", "ray", "scipy", "seaborn", "transformers", "datasets"}
    assert not loaded_by(f"import {packages}") & heavy


@pytest.mark.parametrize("stub", sorted(PACKAGE.rglob("__init__.pyi")), ids=lambda stub: stub.parent.name)
def test_every_name_that_loads_on_first_use_is_there_and_editors_see_it(stub):
    package = import_module(".".join(stub.parent.relative_to(PACKAGE.parent).parts))
    aliases = [a for node in ast.parse(stub.read_text()).body if isinstance(node, ast.ImportFrom) for a in node.names]
    assert all(alias.asname == alias.name for alias in aliases), "type checkers hide a name that is not imported `as`"
    assert {alias.name for alias in aliases} == set(package.__all__) == set(dir(package))
    for name in package.__all__:
        assert getattr(package, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        package.no_such_name  # noqa: B018


def test_the_face_has_about_twenty_names_and_the_rooms_have_the_rest():
    names = {name for name in mathb_kit.__all__ if not isinstance(getattr(mathb_kit, name), ModuleType)}
    assert {"Model", "Plan", "evaluate", "pass_at_k", "judge"} <= names and len(names) <= 24
    assert mathb_kit.statistics.reach and mathb_kit.report.run_notebook
