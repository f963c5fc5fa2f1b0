from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from mathb_kit.profiles import profile_names

CHECKOUT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
PIN_LINES = [
    line for line in (CHECKOUT / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")
]
PINS = dict(line.split("==") for line in PIN_LINES)


def direct_dependencies() -> list[Requirement]:
    extras = [line for lines in PROJECT["optional-dependencies"].values() for line in lines]
    return [Requirement(line) for line in [*PROJECT["dependencies"], *extras]]


def test_constraints_are_names_and_exact_versions_only():
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", line) for line in PIN_LINES)
    assert PIN_LINES == list(dict.fromkeys(PIN_LINES))


def test_every_direct_dependency_is_pinned_within_its_range():
    for requirement in direct_dependencies():
        pin = PINS[canonicalize_name(requirement.name)]
        assert pin in requirement.specifier, f"{requirement} but constraints.txt has {pin}"


def test_every_direct_dependency_has_a_lowest_version_that_ci_can_try():
    for requirement in map(Requirement, PROJECT["dependencies"]):
        (bound,) = (each for each in requirement.specifier if each.operator in (">=", "=="))
        assert SpecifierSet(f"=={bound.version}") and not requirement.extras


def test_what_only_notebooks_need_is_an_extra_of_every_installation_that_runs_them():
    notebooks = {Requirement(line).name for line in PROJECT["optional-dependencies"]["notebooks"]}
    assert {"jupyterlab", "jupytext", "papermill", "nbconvert", "ipykernel"} <= notebooks
    assert not notebooks & {Requirement(line).name for line in PROJECT["dependencies"]}
    assert '-e ".[notebooks,test]"' in (CHECKOUT / "reproduce.sh").read_text()


def test_the_pins_are_those_of_the_design():
    assert {name: PINS[name] for name in ("torch", "transformers", "vllm", "math-verify")} == {
        "torch": "2.13.0",
        "transformers": "5.19.0",
        "vllm": "0.32.0",
        "math-verify": "0.9.0",
    }
    assert PINS["numpy"] in SpecifierSet("<2.5") and PINS["ray"].startswith("2.60") and PINS["trl"].startswith("1.16")


def test_environment_yml_is_the_full_stack_of_pyproject():
    environment = yaml.safe_load((CHECKOUT / "environment.yml").read_text())
    assert environment["name"] == PROJECT["name"]
    python = next(line for line in environment["dependencies"] if str(line).startswith("python="))
    assert python.removeprefix("python=") in SpecifierSet(PROJECT["requires-python"])
    constraints, package = next(line for line in environment["dependencies"] if isinstance(line, dict))["pip"]
    assert constraints == "-c constraints.txt"
    extras = re.fullmatch(r"-e \.\[([a-z,]+)\]", package)[1].split(",")
    assert set(extras) == set(PROJECT["optional-dependencies"]) >= {"vllm", "test"}


def test_every_data_file_of_the_package_is_packaged():
    settings = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["setuptools"]
    patterns = settings["package-data"]["mathb_kit"]
    package = CHECKOUT / "mathb_kit"
    for path in committed_files():
        if path.is_relative_to(package) and path.suffix != ".py":
            name = str(path.relative_to(package))
            assert any(fnmatch(name, pattern.removeprefix("**/")) for pattern in patterns), name


def test_no_file_names_a_package_registry_or_a_path_of_some_machine():
    # In pieces, or this file would name them.
    registries = re.compile(
        "|".join(["py" + r"pi\.org", "python" + "hosted", r"pytorch\.org/" + "whl", "index" + "-url"])
    )
    machine_paths = re.compile(r"(?<![\w.:/])/(?:root|home|work|opt|Users|tmp/w)/\w")
    for path in committed_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # weights and pictures
        for pattern in (registries, machine_paths):
            assert not (match := pattern.search(text)), f"{path}: {match[0]}"


def committed_files() -> list[Path]:
    """Files that git tracks or would track."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"not a git checkout: {done.stderr.strip()}")
    return [path for name in done.stdout.split("\0") if name and (path := CHECKOUT / name).is_file()]


# -- reproduce.sh ------------------------------------------------------------------------------------------------------


def test_help_needs_no_environment_and_lists_every_call(tmp_path):
    shutil.copy(CHECKOUT / "reproduce.sh", tmp_path)
    for words in (["--help"], ["-h"], ["mini", "--help"]):
        done = subprocess.run([tmp_path / "reproduce.sh", *words], cwd="/", capture_output=True, text=True, check=True)
        assert os.listdir(tmp_path) == ["reproduce.sh"]
        entries = re.findall(r"^  (\S+) (.*)$", done.stdout, re.MULTILINE)
        others = ("verifiers", "scoreboard", "scoreboard-long", "released", "real")
        calls = [*profile_names(), *others, "test", "--plan", "--quick"]
        assert set(calls) <= {call for call, _ in entries}


FAKE_PYTHON = """#!/usr/bin/env bash
echo "python $*" >> "$LOG"
if [[ "$1 $2" == "-m venv" ]]; then mkdir -p .venv/bin; cp "$0" .venv/bin/python; cp "$0" .venv/bin/mathb; fi
if [[ "$2" == pip ]]; then exit "${PIP_STATUS:-0}"; fi
if [[ "$1" == -c ]]; then exit "${PYTHON_STATUS:-0}"; fi
exit 0
"""


@pytest.fixture
def sandbox(tmp_path):
    """A checkout whose Python only writes down what it is asked."""
    for name in ("reproduce.sh", "pyproject.toml", "constraints.txt"):
        shutil.copy(CHECKOUT / name, tmp_path)
    (tmp_path / "bin").mkdir()
    for name in ("python3", "python3.11", "python3.12", "python3.13"):
        python = tmp_path / "bin" / name
        python.write_text(FAKE_PYTHON)
        python.chmod(python.stat().st_mode | stat.S_IXUSR)

    def call(*words: str, **environment: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
        log = tmp_path / "log"
        log.write_text("")
        path = f"{tmp_path / 'bin'}:/usr/bin:/bin"
        environment = {"PATH": path, "HOME": str(tmp_path / "home"), "LOG": str(log), **environment}
        done = subprocess.run(
            [tmp_path / "reproduce.sh", *words], cwd="/", env=environment, capture_output=True, text=True
        )
        return done, [line for line in log.read_text().splitlines() if "-c" not in line.split()[1]]

    call.folder = tmp_path
    return call


def test_the_first_call_installs_and_the_second_only_runs(sandbox):
    done, log = sandbox("mini", "--quick")
    assert done.returncode == 0, done.stderr
    assert log[0] == "python -m venv .venv" and log[1].endswith("-c constraints.txt torch==2.13.0")
    assert log[-2].endswith("-c constraints.txt --no-build-isolation -e .[notebooks,test]")
    assert log[-1] == "python reproduce mini --quick"
    assert sandbox()[1] == ["python reproduce"]
    assert sandbox("test", "-m", "slow")[1] == ["python -m pytest --numprocesses auto --dist loadfile -m slow"]


def test_changed_dependencies_are_installed_into_the_environment_there_is(sandbox):
    sandbox()
    (sandbox.folder / ".venv" / "mine").touch()
    with (sandbox.folder / "constraints.txt").open("a") as constraints:
        constraints.write("six==1.17.0\n")
    assert any("pip install" in line for line in sandbox()[1])
    assert (sandbox.folder / ".venv" / "mine").exists()
    assert sandbox()[1] == ["python reproduce"]


def test_an_unfinished_installation_is_said_and_started_over(sandbox):
    done, log = sandbox(PIP_STATUS="1")
    assert done.returncode == 1 and "pip could not install torch==2.13.0" in done.stderr
    assert "python reproduce" not in log
    (sandbox.folder / ".venv" / "half-written").touch()
    done, log = sandbox()
    assert "interrupted; starting it over" in done.stdout and log[-1] == "python reproduce"
    assert not (sandbox.folder / ".venv" / "half-written").exists()


def test_an_old_python_is_refused_in_a_sentence(sandbox):
    done, log = sandbox(PYTHON_STATUS="1")
    assert done.returncode == 1 and "Python 3.11 or newer is needed" in done.stderr and log == []
    assert not (sandbox.folder / ".venv").exists()
