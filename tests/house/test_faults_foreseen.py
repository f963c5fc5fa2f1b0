"""Names in files lead nowhere else, what nobody foresaw is a short report, and SIGTERM is an orderly end."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

import mathb_kit as mb
from mathb_kit.cli import app
from mathb_kit.construction.construction import Construction
from mathb_kit.draw import Draw
from mathb_kit.errors import MathbError
from mathb_kit.lab.run_folder import RunFolder, read_log
from mathb_kit.models.entries import hub_models
from mathb_kit.profiles import load_profile
from mathb_kit.report.maths import with_maths
from mathb_kit.settings import parse_json, read_json, read_toml
from mathb_kit.store import Store

ODD_NAMES = ["../../../x", "/tmp/x", "a/b", "..", ".x", "", "a b", "x" * 101, "x\n", "é"]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_name_that_leads_elsewhere_is_refused_where_its_file_is_read(tmp_path, monkeypatch, name):
    quoted = '"' + name.replace("\n", "\\n") + '"'
    profile = tmp_path / "own.toml"
    profile.write_text(f'extends = "mini"\nname = {quoted}\n')
    models = tmp_path / "models.toml"
    models.write_text(f'[{quoted}]\nhub = "org/model"\n')
    package = tmp_path / "package.toml"
    package.write_text(
        f'[fine]\nhub = "org/model"\n[fine.package]\nparts = [["a==1", "x"]]\nfile = {quoted}\n'
        'sha256 = "0"\nquantization = "Q4"\n'
    )

    def own(file: Path) -> None:
        monkeypatch.setenv("MATHB_MODELS", str(file))
        hub_models()

    for read in (
        lambda: load_profile(str(profile)),
        lambda: Construction.parse({"name": name, "pool": ["mini-pool"], "models": ["mini-base-1"]}, "set.toml"),
        *([] if name == "a/b" else [lambda: own(models)]),  # a hub id may be registered under itself
        lambda: own(package),
        lambda: Draw(Store(tmp_path / "store"), mb.get_model("mini-base-1"), name),
    ):
        with pytest.raises(MathbError, match="cannot name a file or folder") as caught:
            read()
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


ERRORS = [ZeroDivisionError("by zero\nat night"), RecursionError("x" * 5000), KeyError("\ud800")]


@pytest.mark.parametrize("error", ERRORS)
def test_what_nobody_foresaw_is_two_lines_and_a_file(monkeypatch, error):
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("mathb_kit.load_problems", fail)
    monkeypatch.setattr("mathb_kit.problems.load_problems", fail)
    result = CliRunner().invoke(app, ["store", "counts", "--on", "mini-math"])
    assert (result.exit_code, result.stdout) == (1, "")
    first, second = result.stderr.splitlines()
    assert type(error).__name__ in first and len(first) < 500
    report = Path(second.partition(" is in ")[2].partition(";")[0])
    text = report.read_text()
    assert "Traceback" in text and "in fail" in text and mb.__version__ in text
    report.unlink()


def test_a_report_holds_no_secret_of_the_environment_or_of_an_address(monkeypatch):
    key = "sk-veryveryverysecret"

    def fail(*_: object) -> None:
        raise ZeroDivisionError(f"asked http://me:pass@host/v1?api_key=another1&x=1 with {key[:12]}… and {key}")

    monkeypatch.setenv("MATHB_API_KEY", key)
    monkeypatch.setattr(sys, "argv", ["mathb", "-E", "url=https://me:pass@host/v1?my-token=another2&x=1"])
    monkeypatch.setattr("mathb_kit.load_problems", fail)
    for form in (key, "é" + key):  # the second is no key that a header may hold
        monkeypatch.setenv("MATHB_API_KEY", form)
        result = CliRunner().invoke(app, ["problems", "mini-math"])
        report = Path(result.stderr.partition(" is in ")[2].partition(";")[0])
        for text in (report.read_text(), result.stderr):
            assert not [secret for secret in ("me:pass", "another", form) if secret in text], text
            assert "ZeroDivisionError" in text and "x=1" in text or text is result.stderr
        report.unlink()


def test_sigterm_ends_a_command_in_order(tmp_path):
    """It says so, commits what is finished, and leaves no temporary folder of a kernel."""
    (tmp_path / "slow.py").write_text('# %% tags=["parameters"]\nx = 1\n\n# %%\nimport time; time.sleep(600)\n')
    script = (
        "import sys; from pathlib import Path; from mathb_kit.cli import app; from mathb_kit.report import notebooks\n"
        "import mathb_kit.cli.store as store\n"
        "store.mb.load_problems = lambda name: notebooks.run_notebook(Path(name), {}, Path(name).parent / 'out')\n"
        "app(['store', 'counts', '--on', sys.argv[1]])"
    )
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", script, str(tmp_path / "slow.py")]
    child = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 120
    while not any(tmp_path.glob("mathb-kernel-*")) and time.monotonic() < until:
        assert child.poll() is None, child.communicate()[1]
        time.sleep(0.05)
    child.send_signal(signal.SIGTERM)
    told = child.communicate(timeout=120)[1]
    assert child.returncode == 143 and "mathb: ended by SIGTERM" in told and "Traceback" not in told
    assert not list(tmp_path.glob("mathb-kernel-*"))


@pytest.mark.parametrize(
    "unit",
    ["7", r"\boxed{", r"\[", r"\(", "$", "$ ", "$$ x", r"1\cdot ", "\\", r"\boxed{a{}", r"\[\(", r"\\[", "$x"],
)
def test_a_text_of_a_megabyte_is_searched_for_formulas_once(unit):
    """Searched anew from each of its marks it would take hours: the alarm is there to say so, not to measure."""
    before = signal.signal(signal.SIGALRM, lambda *_: pytest.fail("not linear"))
    signal.alarm(100)
    try:
        assert with_maths(unit * (1_000_000 // len(unit)))
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def test_formulas_end_where_they_did():
    for latex, count in {
        r"a \[ x \\[4pt] y \] b": 1, r"\(x\) and \(y\)": 2, "$x$ costs $5": 1, "$$a$b$$": 1, r"12\cdot 3\cdot 4": 1,
        r"\boxed{\frac12}": 1, "12 apples": 0, r"\$5 and \$6": 0, r"\[ open": 0,
    }.items():  # fmt: skip
        assert with_maths(latex).count("<math") == count, latex


NO_JSON = ["[" * 100_000, "NaN", "[Infinity]", "[1e999]", '{"a": -1e400}', "{", "", b"\xff", "9" * 5000]


@pytest.mark.parametrize("text", NO_JSON)
def test_json_that_means_nothing_is_refused_by_the_one_reader(tmp_path, text):
    with pytest.raises(ValueError):
        parse_json(text)
    file = tmp_path / "x.json"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(MathbError, match=r"x.json is not JSON \(.*\); fetch or write it anew"):
        read_json(file)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("x = 1".encode("utf-16"), "it is UTF-16, not UTF-8"),
        (b"a = 1\nb = 2\nc = '\xff'\n", "line 3 is not UTF-8"),
        (b"x = " + b"[" * 100_000, "nested|TOML|Unclosed|Invalid"),
    ],
)
def test_toml_that_is_none_is_named_with_the_line(tmp_path, content, why):
    (tmp_path / "x.toml").write_bytes(content)
    with pytest.raises(MathbError, match=f"x.toml is not a TOML file .*({why})"):
        read_toml(tmp_path / "x.toml")


def test_a_log_of_training_holds_no_nan(tmp_path):
    with RunFolder(tmp_path / "run", {"seed": 1}) as folder:
        folder.log({"step": 1, "reward": float("nan"), "loss": 0.5})
    assert parse_json((tmp_path / "run" / "log.jsonl").read_bytes()) == {"step": 1, "reward": None, "loss": 0.5}
    assert read_log(tmp_path / "run")["reward"].isna().all()
    (tmp_path / "run" / "log.jsonl").write_bytes(b"\xff\n")
    with pytest.raises(MathbError, match="log.jsonl is damaged"):
        read_log(tmp_path / "run")


LINKS = {
    "round": "round", "nowhere": "gone/away", "home": "~nobody-of-this-name/x", "proc": "/proc/x", "long": "r" * 3000
}  # fmt: skip


@pytest.mark.parametrize("verb", ["counts", "evaluate", "import"])
@pytest.mark.parametrize("where", LINKS)
def test_a_runs_folder_that_cannot_be_is_one_sentence(tmp_path, monkeypatch, where, verb):
    """A link to itself, one to nowhere, the home of nobody, a system's folder, a name too long."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.jsonl").write_text('{"problem": "1+1", "answer": "2", "n": 4, "c": 1}\n')
    if where in ("round", "nowhere"):
        (tmp_path / where).symlink_to(LINKS[where])
    monkeypatch.setenv("MATHB_RUNS", str(tmp_path / where) if where in ("round", "nowhere") else LINKS[where])
    words = {"counts": ["store", "counts"], "import": ["import", "x.jsonl"],
             "evaluate": ["evaluate", "mini-base-1", "--on", "x.jsonl", "--attempts", "2"]}  # fmt: skip
    result = CliRunner().invoke(app, words[verb])
    assert result.exit_code in (0, 2), result.output
    assert result.exit_code or verb == "counts" or where in ("nowhere", "home")  # those are folders that can be made
    if result.exit_code:
        (line,) = [line for line in result.stderr.splitlines() if line.startswith("mathb: ")]
        assert result.stdout == "" and len(line) < 600


PROFILES = {
    'extends = "own"': "own.toml extends 'own', which extends 'own' again",
    'extends = "other"': "extends 'own', which extends 'other' again",
    'extends = "/etc/x"': "extends '/etc/x'; there is no such profile",
    'extends = 5': "extends '5'; there is no such profile",
    "bases = []": "'bases'.*at least 1 item",
    "sets = []": "'sets'.*at least 1 item",
    "ks = [0]": "'ks.0' is 0",
    "limit = {mini-math = -1}": "'limit.mini-math' is -1",
    "asked = {all = {temperature = nan}}": "temperature is nan; it must be 0 or more",
    "asked = {all = {max_tokens = -5}}": "max_tokens is -5; it must be a whole number",
    "quick = 5": "'quick' must be a table, not 5",
    "chance = -1": "'chance' is -1",
}  # fmt: skip


@pytest.mark.parametrize("line", PROFILES)
def test_an_odd_profile_is_one_sentence_before_it_is_priced(tmp_path, line):
    file = tmp_path / "own.toml"
    file.write_text(line if line.startswith("extends") else f'extends = "mini"\n{line}\n')
    (tmp_path / "other.toml").write_text('extends = "own"')
    result = CliRunner().invoke(app, ["reproduce", str(file), "--plan"])
    assert (result.exit_code, result.stdout) == (2, ""), result.output
    (sentence,) = result.stderr.splitlines()
    assert re.search(PROFILES[line], sentence) and ".toml" in sentence, sentence


@pytest.mark.parametrize("number", ["attempts", "candidates", "ratings", "screen_attempts", "retest_attempts"])
def test_a_construction_of_less_than_one_attempt_is_refused(tmp_path, number):
    file = tmp_path / "set.toml"
    file.write_text(f'name = "x"\npool = ["mini-pool"]\nmodels = ["mini-base-1"]\n{number} = -5\n')
    result = CliRunner().invoke(app, ["construct", str(file), "--plan"])
    assert (result.exit_code, result.stdout) == (2, "") and f"{number!r} is -5" in result.stderr, result.output


PLAN = ["plan", "--beta", "1", "1", "--problems", "9", "--n-max"]
TRAIN = ["lab", "train", "--objective", "grpo", "--from", "mini-base-1", "--steps", "1", "--learning-rate"]
EVALUATE = ["evaluate", "mini-base-1", "--on", "mini-aime", "--attempts", "16", "-E"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([*EVALUATE, "device=potato"], "torch has no device 'potato' here"),
        ([*EVALUATE, "device=meta"], "torch has no device 'meta' here"),  # tensors without anything in them
        (["construct", "set.toml", "--to", "file"], "file, where the set goes, is a file; name a folder"),
        (["construct", "set.toml", "--to", "file/below"], "file, where the set goes, is a file; name a folder"),
        ([*PLAN, "2000000"], "Plans of up to 1,000,000 attempts can be compared, not of 2,000,000"),
        ([*TRAIN, "1.5"], "learning_rate is 1.5; it must be positive and at most 1"),
        ([*TRAIN, "nan"], "learning_rate is nan; it must be positive and at most 1"),
        ([*TRAIN, "0"], "learning_rate is 0.0; it must be positive and at most 1"),
    ],
)
def test_an_odd_option_is_one_sentence_before_anything_is_sampled(tmp_path, monkeypatch, words, why):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MATHB_RUNS", str(tmp_path / "runs"))
    Path("file").touch()
    Path("set.toml").write_text('pool = ["mini-pool"]\nmodels = ["mini-base-1"]\n')
    result = CliRunner().invoke(app, words)
    said = [line for line in result.stderr.splitlines() if line.startswith("mathb: ")]
    assert result.exit_code == 2 and len(said) == 1 and why in said[0], result.output
    assert not list(tmp_path.rglob("*.parquet"))


def test_half_a_pair_of_surrogates_reaches_a_judge_as_text(tmp_path, monkeypatch):
    monkeypatch.setenv("MATHB_RUNS", str(tmp_path / "runs"))
    file = tmp_path / "rows.jsonl"
    file.write_text('{"gold": "\\ud800 2", "prediction": "\\ud800 1", "kind": "answer", "expected": false}\n')
    judge = ["--judge", "http://127.0.0.1:9/v1", "--judge-model", "judge", "--evaluated", "tuned"]
    result = CliRunner().invoke(app, ["grade", str(file), *judge, "--labelled", str(file)])
    assert result.exit_code == 0, result.output
    assert "1 pairs for the judge" in result.output
