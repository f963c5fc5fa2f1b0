"""The freeze record: checkpoints follow the committed recipes, and the hard set was sieved by these very bases."""

import json
import tomllib
from itertools import islice

import pytest

from mathb_kit.construction.construct import funnel_before_models
from mathb_kit.construction.release import construction_of, main
from mathb_kit.lab.bases import Corpus
from mathb_kit.lab.make import RECIPES, recipe_names
from mathb_kit.miniature import CHECKPOINTS
from mathb_kit.miniature.sets import FOLDER, evaluation_statements, problem_rows
from mathb_kit.models import get_model
from mathb_kit.profiles import load_profile


@pytest.mark.parametrize("name", recipe_names())
def test_a_shipped_checkpoint_was_made_by_the_committed_recipe(name):
    report = json.loads((CHECKPOINTS / name / "recipe.json").read_text())
    assert report["recipe"] == tomllib.loads((RECIPES / f"{name}.toml").read_text())
    assert report["training"]["steps"] == report["recipe"]["training"]["steps"]
    assert report["packages"]["torch"] and report["packages"]["transformers"]


def test_every_tuned_model_of_the_study_is_there_with_three_seeds_of_one_recipe():
    study = load_profile("mini")
    assert set(study.bases) | set(study.tuned) == set(recipe_names())
    names = [name for name in study.tuned if name.startswith("mini-rl-1")]
    seeds = [tomllib.loads((RECIPES / f"{name}.toml").read_text()) for name in names]
    assert len({recipe.pop("seed") for recipe in seeds}) == 3
    for recipe in seeds:
        recipe.pop("about")
    assert seeds[0] == seeds[1] == seeds[2]


FROZEN = {"mini": "mini-math-b", "powered": "mini-math-b-large"}


@pytest.mark.parametrize(("profile", "name"), FROZEN.items())
def test_the_hard_set_was_sieved_by_the_shipped_bases_and_only_by_bases(profile, name):
    record = json.loads((FOLDER / f"{name}.provenance.json").read_text())
    assert record["models"] == {base: get_model(base).key() for base in load_profile(profile).bases}
    rows = problem_rows(name)
    assert record["problems"] == len(rows) == record["funnel"][-1]["kept"]
    columns = [f"{name}_unsolved" for name in record["models"]]
    assert all(any(row[column] for column in columns) for row in rows)


def test_the_powered_study_judges_the_mini_study_s_models_on_enough_problems_beside_several_redraws():
    study, mini = load_profile("powered"), load_profile("mini")
    (base,) = study.bases
    assert study.tuned == {name: its for name, its in mini.tuned.items() if its == base}
    (seeds,) = study.seeds.values()
    assert len(seeds) == 3 and set(seeds) | {"mini-distilled-1"} == set(study.tuned)
    assert study.redraws == 4 and len(study.problems(study.hard_set).unsolved_by(base)) >= 115


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mini-base-1", "mini-distilled-1"])
def test_no_statement_of_the_large_pool_was_ever_shown_to_a_model_in_training(name):
    # The checkpoints are older than the pool, whose statements their corpora could not leave out.
    recipe = json.loads((CHECKPOINTS / name / "recipe.json").read_text())["recipe"]
    later = {row["statement"] for row in problem_rows("mini-pool-large")}
    excluded = evaluation_statements() - later | {row["statement"] for row in problem_rows("mini-math")}
    corpus = Corpus(recipe["corpus"]["levels"], recipe["corpus"]["modes"], excluded)
    shown = islice(corpus.pairs(recipe["seed"]), recipe["training"]["steps"] * recipe["training"]["batch"])
    assert not {row["statement"] for row in problem_rows("mini-pool-large") if row["kind"] == "clean"} & {
        statement for statement, _ in shown
    }


@pytest.mark.parametrize(("profile", "name"), FROZEN.items())
def test_the_filters_of_today_lead_to_the_candidates_that_the_hard_set_was_screened_from(profile, name):
    record = json.loads((FOLDER / f"{name}.provenance.json").read_text())
    before = [stage for stage in record["funnel"] if stage["stage"] not in ("pre-screen", "sieve")]
    kept = funnel_before_models(construction_of(profile)).kept
    assert len(kept) == before[-1]["kept"]
    assert {row["origin"] for row in problem_rows(name)} <= {problem.key for problem in kept}


@pytest.mark.slow
def test_the_hard_set_is_written_again_byte_for_byte(tmp_path):
    main(folder=tmp_path)
    assert (tmp_path / "mini-math-b.jsonl").read_bytes() == (FOLDER / "mini-math-b.jsonl").read_bytes()
