"""A study without a hard set judges on what the base leaves unsolved of its first set, in a draw of its own."""

import pytest

import mathb_kit as mb
from mathb_kit.results import StudyResults
from mathb_kit.sampling import NotStored
from mathb_kit.sentences import beside_redrawn_sentences

STUDY = """
about = "a test"
bases = ["mini-base-1"]
sets = ["mini-aime"]
limit = { mini-aime = 8 }
redraws = 2
chance = 4
ks = [1, 4, 8]
notebooks = []
tuned = { mini-rl-1 = "mini-base-1", mini-rl-2 = "mini-base-1" }
seeds = { mini-rl-1 = ["mini-rl-1", "mini-rl-2"] }
plan = { rounds = [4, 8], stop = 1, chunk = 4 }
cost = { on = "a core", tokens_per_attempt = 40, tokens_per_second = 1000, bytes_per_attempt = 20 }
"""


def test_tuned_models_stand_beside_the_redraws_of_one_selection(tmp_path):
    file = tmp_path / "own.toml"
    file.write_text(STUDY)
    study = mb.load_profile(str(file))
    results = StudyResults(study)
    base = mb.get_model("mini-base-1")

    def solved(model, draw):
        """Keys that so many attempts solve, from the stored verdicts alone."""
        verdicts = mb.evaluate(mb.get_model(model), study.problems("mini-aime"), study.plan, draw=draw).verdicts
        return set(verdicts.loc[verdicts["verdict"] == "correct", "problem"])

    table = results.beside_redrawn.set_index("tuned")
    unsolved = {problem.key for problem in study.problems("mini-aime")} - solved(base.source, "sieve")
    again = [len(solved(base.source, draw) & unsolved) for draw in ("main", "main-redraw-2")]
    for name in study.tuned:
        assert table.loc[name, "of"] == len(unsolved) and table.loc[name, "redraws"] == 2
        assert table.loc[name, "reached"] == len(solved(name, "main") & unsolved)
        assert table.loc[name, "redrawn"] == sum(again) / 2
    assert table.loc["mini-rl-1, 2 seeds", "seeds"] == 2
    told = beside_redrawn_sentences(results)
    assert all(line.startswith(f"{name} on what") for line, name in zip(told, study.tuned))
    assert told[2].startswith("mini-rl-1, 2 seeds") and len(told) == 3 + results.power["who"].nunique()
    curves = results.on_first_set_curves
    assert set(curves["name"]) >= {"mini-base-1", "mini-rl-1", "mini-rl-2", "uniform guessing"}
    with pytest.raises(NotStored):
        StudyResults(study, stored_only=True).judgements
