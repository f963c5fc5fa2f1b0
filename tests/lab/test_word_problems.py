"""The study of RL on a real model: its problems are apart from the held-out ones, its adapters are what recipes say."""

import json

import pytest
from safetensors.torch import load_file

from mathb_kit.errors import MathbError
from mathb_kit.lab import word_problems
from mathb_kit.lab.run_folder import read_log, read_recipe
from mathb_kit.models.adapters import ADAPTERS, base_of
from mathb_kit.problems import load_problems
from mathb_kit.problems.problem import Problem
from mathb_kit.profiles import load_profile

NAMES = ["smollm2-words", "smollm2-words-rl-1", "smollm2-words-rl-2"]


@pytest.mark.parametrize(
    ("formula", "gold", "solution"),
    [
        ("7+2=9", "9", "7+2=9\n\\boxed{9}"),
        ("(8-2)*3 = 18", "18", "(8-2)*3=18\n\\boxed{18}"),
        ("7/2=3.5", "3.5", "7/2=3.5\n\\boxed{3.5}"),
        ("7/2=3", "3", None),  # a quotient without its remainder
        ("7+2=9", "10", None),
        ("x=9", "9", None),
        ("7/0=1", "1", None),
        ("9**9=1", "1", None),
        ("7:30+1:10=8:40", "8:40", None),
    ],
)
def test_a_solution_is_the_formula_where_it_leads_to_the_gold(formula, gold, solution):
    assert word_problems._as_equation(Problem("asdiv", "1", "?", gold, {"formula": formula})) == solution


def test_no_held_out_statement_is_trained_on_even_in_other_letters(data_folder, monkeypatch):
    monkeypatch.setenv("MATHB_DATA_DIR", str(data_folder))

    def folded(problem):
        return "".join(filter(str.isalnum, problem.statement.lower()))

    svamp = {folded(problem) for problem in load_problems("svamp")}
    for problems in (word_problems.start_problems(), word_problems.rl_problems()):
        assert len(problems) > 1000 and not {folded(problem) for problem in problems} & svamp
    assert len(word_problems.judged_problems()) == load_profile("real-rl").limit["svamp"]


def test_an_unknown_recipe_is_one_sentence():
    with pytest.raises(MathbError, match="no recipe 'x'; there are smollm2-words"):
        word_problems.run_of("x")


@pytest.mark.parametrize("name", NAMES)
def test_shipped_adapters_are_small_and_made_as_their_recipes_say(name):
    folder, recipe = ADAPTERS / name, word_problems._recipes()["adapters"][name]
    assert (folder / "adapter_model.safetensors").stat().st_size < 5_000_000
    assert all(tensor.isfinite().all() for tensor in load_file(folder / "adapter_model.safetensors").values())
    assert base_of(folder) == "smollm2-135m"
    made = read_recipe(folder)
    assert made["objective"] == recipe["objective"] and made["lora"] == {"rank": recipe["lora"]}
    for setting in ("steps", "prompts", "group", "learning_rate", "seed"):
        assert made["training"][setting] == recipe[setting]
    assert len(read_log(folder)) == recipe["steps"]
    usage = json.loads((folder / "recipe.json").read_text())["mathb"]
    assert usage["base"] == recipe["from"] and "svamp" not in usage["trained_on"]
    assert not any("/" in str(value) for value in (usage["base"], *usage["trained_on"]))  # no path of a machine
