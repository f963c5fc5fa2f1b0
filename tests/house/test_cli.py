from __future__ import annotations

import errno
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from math import comb, inf, nan
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

import mathb_kit as mb
from mathb_kit.cli import app
from mathb_kit.cli.complete import calls, engine_names
from mathb_kit.errors import MathbError
from mathb_kit.models.registry import checkpoints_root
from mathb_kit.plan import Plan
from mathb_kit.profiles import load_profile
from mathb_kit.report import reproduce as study
from mathb_kit.report.records import to_json


def verbs(command: Any = None, *path: str) -> Iterator[tuple[str, Any]]:
    """("store counts", its command) and so on."""
    command = command or typer.main.get_command(app)
    if not hasattr(command, "commands"):
        yield " ".join(path), command
    for name, under in getattr(command, "commands", {}).items():
        yield from verbs(under, *path, name)


HELP = {verb: command.help for verb, command in verbs()}
EXAMPLES = [line for text in HELP.values() for line in re.findall(r"^ *Example: (.+)$", text, re.MULTILINE)]
# What makes an example cheap enough to be run here; a later option overrides an earlier one.
CHEAPER = {
    "mathb reproduce mini --quick": "--plan",
    "mathb evaluate mini-rl-1 --base mini-base-1 --on mini-math-b": "--attempts 16 --hard-only",
    "mathb lab train --objective oreal --from mini-base-1 --steps 200": "--steps 1 --prompts 2 --group 2",
    "mathb compare mini-base-1 mini-rl-1 --on mini-math --attempts 256": "--attempts 8",
}
STORED = {
    "mathb compare mini-base-1 mini-rl-1 --on mini-math --attempts 256": ("mini-base-1", "mini-rl-1"),
    "mathb view --bundle my/pages": ("mini-base-1",),
}
NOT_RUN = {
    "mathb view": "serves until somebody ends it",
    "mathb site --to my-site": "takes MkDocs Material, which .ci/site installs for itself",
    "mathb problems fetch math-500 aime-2024 --to my/data": "fetches from the hub",
    "MATHB_DATA_DIR=my/data mathb problems math-500": "reads what the line above fetched",
    "mathb models fetch smollm2-135m": "fetches from the hub or the package index",
    "mathb sample qwen2.5-7b --on math-500 --engine server -E url=http://host:8000/v1": "asks a server",
}
NOTHING_SAMPLED = ("models", "problems", "passk", "plan", "grade", "reproduce", "store", "objectives", "--plan")

PROFILE = """
about = "a test"
bases = ["mini-base-1", "mini-base-2"]
sets = ["{problems}"]
ks = [1, 8]
chance = 4
notebooks = ["{notebook}"]
plan = {{ rounds = [4, 8], stop = 2, chunk = 4 }}
cost = {{ on = "a test machine", tokens_per_attempt = 50, tokens_per_second = 100, bytes_per_attempt = 1000 }}
quick = {{ ks = [1, 4], plan = {{ rounds = [4], chunk = 4 }} }}
"""

NOTEBOOK = """# %% tags=["parameters"]
profile: str = "mini"
quick: bool = False
# %%
import mathb_kit as mb
study = mb.load_profile(profile, quick=quick)
print("figures in", mb.report.figures_folder(study))
"""


def run(*words: object, status: int = 0) -> str:
    """stdout of a command that must end with ``status``; its stderr where that is not 0."""
    result = CliRunner().invoke(app, [str(word) for word in words], prog_name="mathb")
    assert result.exit_code == status, result.output + repr(result.exception)
    return result.stderr if status else result.stdout


@pytest.fixture
def own_problems(tmp_path: Path) -> Path:
    path = tmp_path / "own.jsonl"
    rows = [{"problem": f"Compute $1{i}+2$.", "answer": 12 + i} for i in range(3)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def own_profile(tmp_path: Path, own_problems: Path) -> Path:
    notebook = tmp_path / "demo.py"
    notebook.write_text(NOTEBOOK)
    path = tmp_path / "own.toml"
    path.write_text(PROFILE.format(problems=own_problems, notebook=notebook))
    return path


@pytest.mark.parametrize("verb", HELP)
def test_every_verb_explains_itself_and_shows_an_example_that_fits_a_terminal(verb):
    said = run(*verb.split(), "--help")
    examples = re.findall(rf"^  Example: (?:\w+=\S+ )?(mathb {verb}.*)$", said, re.MULTILINE)
    assert 1 <= len(examples) <= 3
    assert verb.split()[0] in run("--help")


def test_the_help_gives_every_verb_a_whole_sentence_under_a_heading_of_what_it_is_for():
    said = run("--help")
    assert "..." not in said.split("Reproduce the paper:")[1]
    for heading, verb in [("Judge a model", "evaluate"), ("Numbers, without a model", "passk")]:
        assert re.search(rf"^{heading}:\n(  .+\n)*  {verb} ", said, re.MULTILINE)
    for word in ("--json", "--install-completion", "MATHB_RUNS", "MATHB_PROGRESS"):
        assert word in said


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(line, marks=[] if any(word in line for word in NOTHING_SAMPLED) else pytest.mark.slow)
        for line in EXAMPLES
        if line not in NOT_RUN
    ],
)
def test_every_example_of_the_help_runs(line, own_problems, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("predictions.jsonl").write_text(12 * (json.dumps({"gold": "4", "prediction": r"\boxed{4}"}) + "\n"))
    counts = [f"{model},p{c},16,{c}\n" for model in ("base", "rl") for c in range(9)]
    Path("counts.csv").write_text("model,problem,n,c\n" + "".join(counts))
    completions = {"problem": "Compute $2+2$.", "gold": "4", "completions": [r"\boxed{4}", r"\boxed{5}"]}
    Path("completions.jsonl").write_text(json.dumps(completions) + "\n")
    Path("my-set.toml").write_text(
        f'pool = ["{own_problems}"]\nmodels = ["mini-base-1"]\nattempts = 4\nlicence = "mit"\n'
    )
    if line in STORED:
        for model in STORED[line]:
            run("evaluate", model, "--on", "mini-math", "--attempts", 8)
    program, *words = shlex.split(f"{line} {CHEAPER.get(line, '')}")
    assert program == "mathb"
    assert run(*words) or "-o" in words


def test_examples_that_are_not_run_or_made_cheaper_are_still_in_the_help_and_parse():
    assert len(NOT_RUN) == 6, "a new one needs a good reason and a change here"
    for line in [*NOT_RUN, *CHEAPER]:
        assert line in EXAMPLES
        words = line.split("mathb ", 1)[1].split()
        depth = 2 if words[0] in ("lab", "store") else 1
        dict(verbs())[" ".join(words[:depth])].make_context("mathb", words[depth:])


def test_the_version_is_the_packages():
    assert run("--version").strip() == mb.__version__


def test_passk_agrees_with_exact_rationals(tmp_path):
    def exact(n: int, c: int, k: int) -> Fraction:
        return 1 - Fraction(comb(n - c, k), comb(n, k))

    lines = run("passk", "--n", 1024, "--c", 3, "--k", 1, "--k", 512).splitlines()
    for k, line in zip((1, 512), lines, strict=True):
        name, value = line.split(" = ")
        assert name == f"pass@{k}" and float(value) == pytest.approx(float(exact(1024, 3, k)), rel=1e-5)

    counts = [(10, 0), (10, 3), (20, 20)]
    mean = sum(exact(n, c, 4) for n, c in counts) / 3
    (tmp_path / "counts.csv").write_text("name,n,c\n" + "".join(f"x,{n},{c}\n" for n, c in counts))
    (tmp_path / "counts.jsonl").write_text("".join(json.dumps({"n": n, "c": c}) + "\n" for n, c in counts))
    for name in ("counts.csv", "counts.jsonl"):
        said = run("passk", tmp_path / name, "--k", 4, "--k", 11)
        four, *notes = [line for line in said.splitlines()[2:] if line]
        assert four.split()[:2] == ["4", "3"] and float(four.split()[2]) == pytest.approx(float(mean), abs=5e-5)
        assert notes[0] == "- k = 11: a problem has fewer attempts, so that it cannot be told." and len(notes) == 2
        assert run("passk", tmp_path / name, "--k", 11) == notes[0] + "\n"
    assert run("passk", "--n", 10, "--c", 1, "--k", 11) == "pass@11 cannot be told by 10 attempts\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["reproduce", "mimi"], r"no profile 'mimi' \(did you mean mini\?\)"),
        (["reproduce", "--rehearse"], r"no \[rehearse\] table"),
        (["evaluate", "mini-base", "--on", "mini-math"], "no model 'mini-base'"),
        (["sample", "mini-base-1", "--on", "mini-maths"], "did you mean mini-math"),
        (["problems", "absent.jsonl"], "no file absent.jsonl"),
        (["models", "gpt"], "no model 'gpt'"),
        (["grade", "absent.jsonl"], "absent.jsonl cannot be read"),
        (["passk"], "Give --n and --c"),
        (["passk", "--n", 3, "--c", 4], "0 <= c <= n"),
        (["passk", "absent.csv"], "no file absent.csv"),
        (["reproduce", "released", "--quick"], "released takes --plan only"),
        (["reproduce", "scoreboard", "--rehearse"], "scoreboard takes --only, --quick and --plan"),
        (["sample", "mini-base-1", "--on", "mini-math", "-E", "workers=2"], "takes no option 'workers'; it"),
        (["evaluate", "mini-rl-1", "--base", "mini-base-1", "--on", "mini-math-b", "--shard", "1/2"], "whole sets"),
        (["problems", "fetch"], "Name the sets to fetch"),
        (["construct", "absent.toml"], "absent.toml"),
        (["lab", "train", "--on", "mini-math", "--steps", 1], "mini-math is an evaluation set"),
        (["lab", "train", "--objective", "gpro"], r"no objective 'gpro' \(did you mean grpo\?\)"),
        (["lab", "trian"], "No such command 'trian'. Did you mean 'train'\\? See mathb lab --help"),
        (["evalute", "mini-base-1"], "Did you mean 'evaluate'\\? See mathb --help"),
        (["evaluate", "mini-base-1"], "Missing option '--on'. See mathb evaluate --help"),
        (["evaluate", "mini-base-1", "--onn", "mini-math"], "No such option: --onn .*--on.* See mathb evaluate"),
        (["evaluate", "mini-base-1", "--on", "mini-math", "--attempts", 0], "'--attempts': .* greater than or equal"),
        (["evaluate", "mini-base-1", "--on", "mini-math", "--attempts", "many"], "'--attempts': .* valid integer"),
        (["evaluate", "mini-base-1", "--on", "mini-math", "--shard", "9/8"], "no shard 9/8: jobs count from 1"),
        (["evaluate", "mini-base-1", "--on", "mini-math", "--engine", "server"], r"needs 'url' .*; it takes"),
        (["sample", "mini-base-1", "--on", "mini-math", "-E", "batch_rows=many"], "of type int, not 'many'; it takes"),
        (["sample", "mini-base-1", "--on", "mini-math", "--prices", 1], "'--prices' requires 2 .* See mathb sample"),
        (["reproduce", "relesed"], r"did you mean released\?\); there are .*verifiers, and any .toml file"),
        (["reproduce", "mini", "--json"], "--json goes with --plan"),
        (["grade", "absent.jsonl", "--json"], "give -o FILE"),
        (["--jsn"], "No such option: --jsn"),
    ],
)
def test_bad_input_is_one_sentence_and_status_2(words, message):
    said = run(*words, status=2)
    assert re.search(message, said) and said.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [("n,k\n1,2\n", "no column 'c'"), ("n,c\n4,x\n", "row 1: 'c' is x"), ("n,c\n4,1\n4,0.5\n", "row 2: 'c' is 0.5")],
)
def test_bad_counts_are_named_by_row_and_column(tmp_path, text, message):
    (tmp_path / "counts.csv").write_text(text)
    assert re.search(message, run("passk", tmp_path / "counts.csv", status=2))


def test_ctrl_c_and_a_full_disk_say_that_nothing_is_lost(monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device", "runs/store/x")

    monkeypatch.setattr("mathb_kit.problems.load_problems", interrupted)
    monkeypatch.setattr(mb, "load_problems", interrupted, raising=False)
    assert "what was finished is kept" in run("problems", "mini-math", status=130)
    monkeypatch.setattr(mb, "load_problems", full, raising=False)
    assert re.search("no space left.*runs/store/x.*MATHB_RUNS", run("problems", "mini-math", status=2))


def test_a_folder_that_may_not_be_used_is_named(monkeypatch):
    def forbidden(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied", "runs/store/x")

    monkeypatch.setattr(mb, "load_problems", forbidden, raising=False)
    assert re.search(r"runs/store/x cannot be used \(Permission denied\).*MATHB_RUNS", run("problems", "x", status=2))


@pytest.mark.parametrize(
    ("variable", "text", "words", "message"),
    [
        ("MATHB_RUNS", "", ["store", "counts"], "faulty, where runs go, is a file; point MATHB_RUNS to a folder"),
        ("MATHB_MODELS", "[my\nhub = 1", ["models"], "faulty is not a TOML file"),
        ("MATHB_MODELS", '[my]\nhubb = "x"', ["models"], r"\[my\] has the unknown key 'hubb'"),
        ("MATHB_DATA_DIR", "", ["problems"], "MATHB_DATA_DIR is .*not a folder; correct it or unset it"),
        ("MATHB_CHECKPOINTS", "", ["models", "mini-base-1"], "MATHB_CHECKPOINTS is .*not a folder; correct it"),
    ],
)
def test_a_faulty_environment_is_named_by_its_variable(variable, text, words, message, tmp_path, monkeypatch):
    (tmp_path / "faulty").write_text(text)
    monkeypatch.setenv(variable, str(tmp_path / "faulty"))
    said = run(*words, status=2)
    assert re.search(message, said) and said.count("\n") == 1


def test_a_faulty_line_is_named_by_file_and_number(tmp_path):
    path = tmp_path / "own.jsonl"
    path.write_text('{"problem": "Compute $1+1$.", "answer": 2}\n{"problem": oops}\n')
    assert re.search(r"own\.jsonl, line 2 .*; mend or drop the line", run("problems", path, status=2))


def as_json(*words: object) -> Any:
    """What a verb says with ``--json``: the whole of stdout, in strict JSON."""
    return json.loads(run(*words, "--json"), parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))


def test_json_has_every_digit_and_null_for_what_is_not_known(tmp_path):
    exact = float(1 - Fraction(comb(1021, 7), comb(1024, 7)))
    three = as_json("passk", "--n", 1024, "--c", 3, "--k", 7, "--k", 2000)
    assert three == [{"k": 7, "pass_at_k": pytest.approx(exact, rel=1e-13)}, {"k": 2000, "pass_at_k": None}]
    (tmp_path / "counts.csv").write_text("n,c\n10,0\n10,3\n")
    four, eleven = as_json("passk", tmp_path / "counts.csv", "--k", 4, "--k", 11)
    mean = float((1 - Fraction(comb(7, 4), comb(10, 4))) / 2)
    assert four["pass_at_k"] == pytest.approx(mean, rel=1e-13) and eleven["pass_at_k"] is None


def test_values_of_pandas_numpy_and_ours_become_plain_json():
    table = pd.DataFrame({"p": [1e-300, nan], "n": [2**60, 1], "name": ["a", None], "day": [pd.NaT, pd.NA]})
    value = {"table": table, "plan": Plan.fixed(4), "path": Path("a/b"), "count": np.int64(3), 5: (inf, True, "\ud800")}
    read = json.loads(to_json(value))
    assert read["table"] == [
        {"p": 1e-300, "n": 2**60, "name": "a", "day": None}, {"p": None, "n": 1, "name": None, "day": None}
    ]  # fmt: skip
    assert read["plan"]["rounds"] == [4] and read["path"] == "a/b" and read["count"] == 3
    assert read["5"] == [None, True, "\ud800"]


def test_lists_and_prices_as_json_say_what_the_text_says(own_problems, own_profile):
    sets = as_json("problems")
    assert {"name": "mini-aime", "rows": 30}.items() <= next(s for s in sets if s["name"] == "mini-aime").items()
    own = as_json("problems", own_problems, "--first", 2)
    assert own["first"]["gold"] == "12" and [each["gold"] for each in own["shown"]] == ["12", "13"]
    assert [row["name"] for row in as_json("models")] == mb.list_models()["name"].tolist()
    assert as_json("models", "mini-base-1")["key"] == mb.get_model("mini-base-1").key()
    choice = as_json("plan", "--beta", 1, 1, "--problems", 50, "--n-max", 64)
    assert choice["sentence"].startswith(choice["plan"]) and choice["candidates"][0]["plan"] == choice["plan"]
    assert {"grpo", "oreal"} <= {row["name"] for row in as_json("lab", "objectives")}
    priced = as_json("reproduce", own_profile, "--plan")  # counted by hand in the test of its text, below
    assert priced["total"]["attempts"] == 60 and len(priced["models"]) == 2


def test_what_was_sampled_and_graded_as_json_adds_up(own_problems, tmp_path):
    on = ["mini-base-1", "--on", own_problems, "--attempts", 8]
    assert as_json("sample", *on, "--dry-run")["attempts"] == 24
    first, again = as_json("sample", *on), as_json("sample", *on)
    assert (first["new_attempts"], first["skipped"], again["new_attempts"], again["skipped"]) == (24, 0, 0, 24)
    judged = as_json("evaluate", *on)
    one, *between, eight = judged["pass_at_k"]
    assert [row["k"] for row in between] == [2, 4]
    assert judged["attempts"] == 24 and judged["tokens"] == first["tokens"] and judged["new_tokens"] == 0
    assert one["k"] == 1 and one["estimate"] == pytest.approx(judged["correct"] / 24, rel=1e-13)
    assert eight["k"] == 8 and eight["problems"] == 3
    assert judged["warnings"] == [] and judged["health"]["attempts"] == 24 and judged["headline"].count("pass@") == 2
    (row,) = as_json("store", "counts", "--on", own_problems)
    assert (row["attempts"], row["correct"]) == (24, judged["correct"])
    assert as_json("store", "export", tmp_path / "out.jsonl")["attempts"] == 24
    source = tmp_path / "in.jsonl"
    source.write_text('{"gold": "4", "prediction": "4", "kind": "answer"}\n{"gold": "4", "prediction": "no"}\n')
    assert as_json("grade", source, "-o", tmp_path / "graded.jsonl") == {"correct": 1, "no_answer": 1}


def test_flags_ask_otherwise_and_a_limit_takes_the_first_problems_and_says_so(own_problems):
    whole = as_json("evaluate", "mini-base-1", "--on", own_problems, "--attempts", 8)
    part = ["mini-base-1", "--on", own_problems, "--attempts", 8, "--limit", 2, "--max-tokens", 3, "--draw", "short"]
    cut = as_json("evaluate", *part)
    assert cut["model_key"] == mb.get_model("mini-base-1").with_sampling(max_tokens=3).key() != whole["model_key"]
    assert (cut["attempts"], cut["part"], cut["draw"]) == (16, "2 of 3", "short")
    assert "(2 of 3 problems)" in cut["headline"]
    for words, note, said in [
        (["--limit", "2-3"], "2 of 3, 2 to 3", "(2 of 3 problems, 2 to 3)"),
        (["--limit", 1, "--limit-seed", 5], "1 of 3, at random by seed 5", "(1 of 3 problems, at random by seed 5)"),
    ]:
        told = as_json("evaluate", "mini-base-1", "--on", own_problems, "--attempts", 8, *words)
        assert told["part"] == note and said in told["headline"]
    asked = {row["setting"]: (row["value"], row["origin"]) for row in cut["asked"]}
    assert asked["max_tokens"] == (3, "given") and asked["temperature"][1].startswith("registered")
    assert cut["health"]["truncated"] > 0.1 and "end at the token limit" in cut["warnings"][0]
    assert as_json("sample", *part)["skipped"] == 16
    fresh = as_json("sample", *part[:-1], "fresh")
    assert fresh["new_attempts"] == 16 and fresh["truncated"] > 1 and fresh["cut"] == 0
    assert "of the new attempts end at the token limit" in fresh["warnings"][0]


def test_with_a_base_the_cost_is_said_before_and_a_dry_run_stops_there(own_problems):
    asked = ["evaluate", "mini-base-2", "--base", "mini-base-1", "--on", own_problems, "--attempts", 2, "--hard-only"]
    steps = as_json(*asked, "--dry-run")
    assert [step["attempts"] for step in steps] == [6, 6, 6] and mb.Store().totals() == (0, 0)
    done = CliRunner().invoke(app, [*map(str, asked), "--dry-run"])
    assert done.stdout.startswith("At most 18 attempts (mini-base-1 to choose the problems 6, ")


def test_how_a_model_is_asked_is_shown_once(tmp_path):
    shutil.copytree(checkpoints_root() / "mini-base-1", tmp_path / "mine", ignore=lambda *_: ["recipe.json"])
    done = CliRunner().invoke(app, ["models", str(tmp_path / "mine")])
    assert done.exit_code == 0 and (done.stdout + done.stderr).count("max_tokens ") == 1


def test_with_a_base_flags_are_for_both_and_the_same_model_is_refused(own_problems):
    on = ["--base", "mini-base-1", "--on", own_problems, "--attempts", 2]
    with_flags = ["mini-base-2", *on, "--temperature", 1.5, "--max-tokens", 4]
    said = as_json("evaluate", *with_flags)
    for asked in said["asked"].values():
        assert {"setting": "temperature", "value": 1.5, "origin": "given"} in asked
    whole = said["parts"][0]
    reached = f"reach {whole['tuned']} of {whole['problems']}, a frozen base {whole['redrawn']}"
    assert said["headline"].startswith(f"No evidence of expansion: {reached}: ")  # too few problems to show any
    assert said["headline"].endswith(" to +100.0)")
    assert said["judged_on"]["selected_by"]["model_key"] == said["base"]["key"]
    text = run("evaluate", *with_flags)
    assert text.startswith(said["headline"]) and "nan" not in text.lower()
    assert "the same model" in run("evaluate", "mini-base-1", *on, status=2)


def test_piped_output_holds_no_bars_and_no_colours_and_only_json_on_stdout(own_problems):
    words = ["sample", "mini-base-1", "--on", str(own_problems), "--attempts", "8", "--json"]
    environment = {name: value for name, value in os.environ.items() if name != "MATHB_PROGRESS"}
    done = subprocess.run(
        [sys.executable, "-m", "mathb_kit.cli", *words], capture_output=True, env=environment, check=True
    )
    assert json.loads(done.stdout)["new_attempts"] == 24
    assert not re.search(rb"[\r\x1b]|Loading weights", done.stdout + done.stderr), done.stderr


COMPLETE = """
import sys
from mathb_kit.cli import app
try:
    app(prog_name="mathb")
except SystemExit:
    pass
print(sorted({"torch", "pandas", "numpy"} & set(sys.modules)), file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("mathb ev", ["evaluate"]),
        ("mathb evaluate mini-base", ["mini-base-1", "mini-base-2", "mini-base-3"]),
        ("mathb evaluate mini-rl-1 --on mini-m", ["mini-math", "mini-math-b", "mini-math-b-large"]),
        ("mathb evaluate mini-rl-1 --mat", ["--match"]),
        ("mathb lab train --objective oreal-n", ["oreal-not-reshaped"]),
        ("mathb reproduce sco", ["scoreboard", "scoreboard-long"]),
        ("mathb evaluate ./own", []),  # then the shell goes on with files
    ],
)
def test_the_shell_completes_verbs_options_and_names_without_a_heavy_import(typed, offered):
    environment = os.environ | {
        "_MATHB_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split()) - 1)
    }  # fmt: skip
    done = subprocess.run([sys.executable, "-c", COMPLETE], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.split() == offered and done.stderr == "[]\n"


def test_a_faulty_file_of_models_does_not_break_completion_and_its_words_are_what_the_library_knows(
    tmp_path, monkeypatch
):
    from mathb_kit.cli.app import complete_models

    monkeypatch.setenv("MATHB_MODELS", str(tmp_path / "absent.toml"))
    assert complete_models("mini") == []
    with pytest.raises(MathbError, match=f"one of {', '.join(engine_names())}"):
        mb.sampling.engine_factory("none of them")
    script = (Path(mb.__file__).parents[1] / "reproduce.sh").read_text()
    assert set(re.findall(r"^  ([a-z][a-z0-9-]+)  ", script, re.MULTILINE)) == {*calls(), "test"}


WIDE = [
    ["models"], ["problems"], ["passk", "counts.csv", "--k", 8, "--k", 64, "--k", 4000],
    ["passk", "counts.csv", "--more"], ["passk", "counts.csv", "--beyond", 2048],
    ["plan", "--pilot", "counts.csv", "--problems", 500, "--tokens-per-attempt", 9000],
    ["plan", "--beta", 0.3, 4, "--zero", 0.2, "--expansion", 0.1, "--tokens-per-attempt", 9000],
]  # fmt: skip


@pytest.mark.parametrize("words", WIDE, ids=lambda words: " ".join(map(str, words)))
def test_tables_fit_a_terminal_and_have_no_index_no_nan_and_no_truth_values(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("counts.csv").write_text("n,c\n" + "".join(f"1024,{c}\n" for c in (0, 0, 3, 40, 700, 1024)))
    lines = run(*words).splitlines()
    rules = [number for number, line in enumerate(lines) if re.fullmatch(r"-[- ]+", line)]
    assert rules
    for number in rules:
        end = next((i for i in range(number, len(lines)) if not lines[i]), len(lines))
        table = lines[number - 1 : end]
        assert max(map(len, table)) <= 80 and len(table) > 2
        assert not re.search(r"\b(NaN|nan|None|True|False|inf)\b", "\n".join(table))
        starts = [column.start() for column in re.finditer(r"-+", lines[number])]
        assert all(line[start - 1] == " " for line in table for start in starts[1:] if len(line) > start)
    names = [*mb.list_models()["name"]] if words == ["models"] else []
    assert all(any(line.startswith(f"{name} ") for line in lines) for name in names)


def test_problems_and_models_list_and_show(own_problems):
    assert "mini-math" in run("problems") and "deepscaler" in run("problems")
    own = run("problems", own_problems, "--first", 5)  # three are there, so three are shown
    assert "own: 3 problems" in own and [f"gold {gold}" in own for gold in (12, 13, 14)] == [True] * 3
    aime = run("problems", "mini-aime")
    assert "like AIME for real models" in aime and aime.count(", gold ") == 1
    assert "mini-base-1" in run("models")
    key = mb.get_model("mini-base-1").key()
    assert key in run("models", "mini-base-1")


def test_grade_writes_verdicts_and_counts_them(tmp_path):
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    rows = [{"gold": "4", "prediction": r"so \boxed{4}"}, {"gold": "4", "prediction": "5", "kind": "answer"}]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    run("grade", source, "-o", target)
    graded = [json.loads(line) for line in target.read_text().splitlines()]
    assert [(row["verdict"], row["answer"]) for row in graded] == [("correct", "4"), ("wrong", "5")]


def test_sample_then_evaluate_share_the_store(own_problems):
    sampled = run("sample", "mini-base-1", "--on", own_problems, "--attempts", 8)
    assert sampled.startswith("24 attempts sampled") and "24 attempts sampled" not in run(
        "sample", "mini-base-1", "--on", own_problems, "--attempts", 8
    )
    table = run("evaluate", "mini-base-1", "--on", own_problems, "--attempts", 8)
    assert re.search(r"^ *k\b.*\n(.*\n)*.*\b8\b", table, re.MULTILINE)


def test_plan_prices_a_profile_at_its_most(own_profile):
    priced = run("reproduce", own_profile, "--plan")
    # 2 models x 3 problems x 8 attempts, and 4 by the first at each for chance; 60 x 50 tokens = 30 s at 100 tokens/s
    assert "attempts at most 60 " in priced and "0.0 million" in priced and "0.01  (100 tokens/s" in priced
    assert "attempts at most 36 " in run("reproduce", own_profile, "--plan", "--quick")


def test_tuned_models_are_evaluated_on_the_first_and_on_the_hard_set_only(own_profile):
    extra = 'tuned = { "t" = "mini-base-1" }\nhard_set = "hard"\nsets = ["easy", "middling"]\n'
    text = re.sub(r"^sets = .*\n", "", own_profile.read_text(), flags=re.MULTILINE)
    own_profile.write_text(extra + text)
    both = [("mini-base-1", name) for name in ("easy", "middling", "hard")]
    expected = [*both, *(("mini-base-2", name) for _, name in both), ("t", "easy"), ("t", "hard")]
    assert sorted(load_profile(str(own_profile)).evaluations) == sorted(expected)


def test_reproduce_runs_the_notebooks_and_says_where_everything_is(own_profile, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = run("reproduce", "own.toml")
    page = tmp_path / "runs" / "own" / "notebooks" / "demo.html"
    assert str(page) in said and str(tmp_path / "runs" / "own" / "figures") in said
    assert f"figures in {tmp_path / 'runs' / 'own' / 'figures'}" in page.read_text()
    run("reproduce", "own.toml", "--quick")
    assert (tmp_path / "runs" / "own-quick" / "notebooks" / "demo.ipynb").is_file()


def test_only_the_shipped_profile_on_shipped_models_draws_into_figures(own_profile, checkout, tmp_path, monkeypatch):
    mini = load_profile("mini")
    assert study.figures_folder(mini) == checkout / "figures" / "mini"
    assert study.figures_folder(load_profile("mini", quick=True)) == tmp_path / "runs" / "mini-quick" / "figures"
    impostor = load_profile(str(own_profile.rename(own_profile.with_name("mini.toml"))))
    assert study.figures_folder(impostor) == tmp_path / "runs" / "mini" / "figures"
    monkeypatch.setenv("MATHB_CHECKPOINTS", str(tmp_path))
    assert study.figures_folder(mini) == tmp_path / "runs" / "mini" / "figures"


def test_the_mini_profile_goes_to_1024_and_its_models_are_bases_and_their_descendants():
    mini, quick = load_profile("mini"), load_profile("mini", quick=True)
    assert max(mini.ks) == mini.plan.n_max == 1024 and max(quick.ks) == quick.plan.n_max == 256
    assert all(mb.get_model(name).base is None for name in mini.bases)
    assert {name: mb.get_model(name).base for name in mini.tuned} == mini.tuned


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("about", "abuot", r"own\.toml lacks the key 'about'; .*own\.toml has the unknown key 'abuot'"),
        ("stop = 2", "stp = 2", r"own\.toml: 'plan' has the unknown key 'stp'"),
        ("[4, 8]", "[8, 4]", r"own\.toml: Plan rounds must be positive and strictly increasing"),
        ("ks = [1, 8]", "ks = 'all'", r"own\.toml: 'ks' is 'all'"),
        ("about =", "about", r"own\.toml is not a TOML file"),
    ],
)
def test_a_faulty_profile_is_named_by_file_and_key(own_profile, old, new, message):
    own_profile.write_text(own_profile.read_text().replace(old, new, 1))
    assert re.search(message, run("reproduce", own_profile, status=2))


def test_construct_prices_builds_and_leaves_a_set_that_loads(own_problems, tmp_path, monkeypatch):
    monkeypatch.setenv("MATHB_RUNS", str(tmp_path / "runs"))
    file = tmp_path / "mine.toml"
    file.write_text(f'pool = ["{own_problems}"]\nmodels = ["mini-base-1"]\nattempts = 4\nlicence = "mit"\n')
    priced = run("construct", file, "--plan")
    assert re.search(r"sieve +mini-base-1 +3 +12 ", priced)
    assert "--to FOLDER" in run("construct", file, status=2)
    built = run("construct", file, "--to", tmp_path / "set")
    left = int(re.search(r"sieve +(\d)", built)[1])
    assert len(mb.load_problems(str(next((tmp_path / "set").rglob("*.parquet"))))) == left or left == 0
