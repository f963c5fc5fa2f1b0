"""The README and the page of results tell what the committed tables say, and the README's commands exist."""

import re
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from mathb_kit.cli import app
from mathb_kit.construction import load_construction, refuse_evaluated
from mathb_kit.lab.board import load_scoreboard
from mathb_kit.lab.board_power import board_power
from mathb_kit.lab.reading import visible_effect
from mathb_kit.models.registry import as_registered

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
RESULTS = (ROOT / "docs" / "what-the-miniature-shows.md").read_text(encoding="utf-8")
TABLES = ROOT / "figures" / "mini"
POWERED = ROOT / "figures" / "powered"
WORDS = (
    "no one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
).split()


def percent(share: float) -> str:
    return f"{100 * share:.1f}"


def test_the_expansions_on_the_page_of_results_are_those_of_the_committed_table():
    for row in pd.read_csv(TABLES / "03_reach.csv").to_dict("records"):
        rate, low, high = (percent(row[name]) for name in ("rate", "low", "high"))
        counts = f"| {row['tuned']} | {row['count']} of {row['of']} | {rate} % ({low} to {high}) |"
        assert counts in RESULTS, counts


def test_the_retest_and_the_saturation_on_the_page_of_results_are_those_of_the_committed_tables():
    for row in pd.read_csv(TABLES / "02_retest.csv").itertuples(index=False):
        assert f"{row[2]} of {row[1]}" in RESULTS
    curves = pd.read_csv(TABLES / "01_base_saturation.csv")
    for (_, name), rows in curves[curves["k"].isin([1, 1024])].groupby(["set", "name"]):
        for row in rows.itertuples():
            assert f"{percent(row.estimate)} ({percent(row.low)} to {percent(row.high)})" in RESULTS, (name, row)


def test_what_was_foretold_and_gained_is_as_in_the_committed_tables():
    foreseen = pd.read_csv(TABLES / "02_foreseen.csv")
    told = [f"{row.predicted:.1f} ({row.low:.0f} to {row.high:.0f})" for row in foreseen.itertuples()]
    assert f"{told[0]}, {told[1]} and {told[2]}" in RESULTS
    gains = pd.read_csv(TABLES / "03_gains.csv").groupby("tuned_model")["gained"].agg(["sum", "size"])
    flat = " ".join(RESULTS.split())
    for name, row in gains.iterrows():
        said = f"{name} gained {row['sum']} of {row['size']}" if row["sum"] else "the seeds of mini-rl-1 gained none"
        assert said in flat, said


def test_what_the_readme_finds_is_what_the_committed_tables_say():
    curve = pd.read_csv(TABLES / "01_base_saturation.csv").query("set == 'mini-math' and name == 'mini-base-1'")
    one, last = (
        f"{percent(row['estimate'])} % ({percent(row['low'])} to {percent(row['high'])})"
        for row in (curve.set_index("k").loc[k] for k in (1, 1024))
    )
    assert f"solves {one} of mini-math with one attempt and {last} with 1,024" in " ".join(README.split())
    for text in (README, RESULTS):
        assert guessing_sentence() in " ".join(text.split())


def guessing_sentence() -> str:
    chance = pd.read_csv(TABLES / "01_chance.csv").query("set == 'mini-math'").set_index(["what", "k"])
    uniform = chance.loc[("uniform guessing", 1024), "estimate"]
    own = chance.loc[("its answers against other golds", 256)]
    ends = f"{percent(own['estimate'])} % ({percent(own['low'])} to {percent(own['high'])})"
    return (
        f"uniform guessing among numbers as long as the golds would solve {100 * uniform:.0f} % with 1,024 attempts, "
        f"and its own answers, held against the golds of other problems, score {ends} with 256"
    )


def points(row) -> str:
    return f"{100 * row.difference:+.1f} ({100 * row.low:+.1f} to {100 * row.high:+.1f})"


def chance_of_seeing(folder: str, gain: float, problems: int, redraws: int, seeds: int = 1) -> str:
    power = pd.read_csv(ROOT / "figures" / folder / "03_power.csv")
    chosen = power.query("problems == @problems and redraws == @redraws and seeds == @seeds and expansion == @gain")
    return f"{100 * chosen['power'].item():.0f} %"


def test_the_powered_study_on_the_page_of_results_and_in_the_readme_is_that_of_the_committed_tables():
    page, readme = (" ".join(text.split()) for text in (RESULTS, README))
    table = pd.read_csv(POWERED / "03_beside_redrawn.csv").set_index("tuned")
    for row in table.itertuples():
        reached = f"{row.reached:.0f}" if row.seeds == 1 else f"{row.reached:.1f} on average"
        p = f"{row.p:.2g}" if row.p > 0.0001 else "below 0.0001"
        assert f"| {row.Index} | {reached} of {row.of} | {points(row)} | {p} |" in page, row
    reach = pd.read_csv(POWERED / "03_reach.csv").set_index("tuned")["count"]
    drawn = [reach[f"mini-base-1 re-drawn {number}"] for number in (1, 2, 3, 4)]
    three = [reach[name] for name in ("mini-rl-1", "mini-rl-1-seed-2", "mini-rl-1-seed-3")]
    foreseen = pd.read_csv(POWERED / "02_foreseen.csv").iloc[0]
    seeds, of = table.loc["mini-rl-1, 3 seeds"], int(table["of"].iloc[0])
    others = f"{100 * seeds['seeds_low']:+.1f} to {100 * seeds['seeds_high']:+.1f}"
    gains = pd.read_csv(POWERED / "03_gains.csv").groupby("tuned_model")[["gained", "lost"]].sum()
    again = f"{drawn[0]}, {drawn[1]}, {drawn[2]} and {drawn[3]} of"
    forecast = f"{foreseen['predicted']:.1f} ({foreseen['low']:.0f} to {foreseen['high']:.0f})"
    for said in (
        f"Of {of} problems that mini-base-1 left unsolved in 1,024 attempts, four fresh draws of the same frozen model "
        f"solve {again[:-3]}; foretold were {forecast}.",
        f"Three seeds of mini-rl-1 reach {three[0]}, {three[1]} and {three[2]} of those {of}: {points(seeds)} points "
        f"beside the frozen base, {others} for other seeds: fewer",
        "Single problems they gain beyond chance all the same: {}, {} and {}.".format(*gains["gained"].iloc[1:]),
        f"a gain of 5 points would have shown in {chance_of_seeing('powered', 0.05, of, 4, 3)} of such studies",
        f"a method that no base saw reaches {reach['mini-distilled-1']}.",
    ):
        assert said in readme, said
    for said in (
        f"reach {again} them", f"foretold {forecast}", f"({others} for other seeds)",
        f"10 points in {chance_of_seeing('powered', 0.1, of, 4)} of such studies, of 5 points in "
        f"{chance_of_seeing('powered', 0.05, of, 4)}",
        f"with one re-draw in {chance_of_seeing('powered', 0.1, of, 1)} and "
        f"{chance_of_seeing('powered', 0.05, of, 1)}",
        f"a gain of 10 points would show in {chance_of_seeing('mini', 0.1, 26, 1)} of such studies and one of 20 "
        f"points in {chance_of_seeing('mini', 0.2, 26, 1)}; on the 15 of mini-base-2 in "
        f"{chance_of_seeing('mini', 0.1, 15, 1)} and {chance_of_seeing('mini', 0.2, 15, 1)}",
    ):  # fmt: skip
        assert said in page, said
    named = [f"{gained} gained and {lost} lost by {name}" for name, (gained, lost) in gains.iterrows()]
    assert all(each in page for each in named), named


def test_what_the_readme_finds_in_real_models_is_what_the_committed_tables_say():
    tables = ROOT / "figures" / "real"
    flat = " ".join(README.split())
    pair = pd.read_csv(tables / "10_pair_beside_null.csv").set_index("k").loc[64]
    tuned, null = (
        f"{percent(pair[who])} % ({percent(pair[f'{who}_low'])} to {percent(pair[f'{who}_high'])})"
        for who in ("tuned", "null")
    )
    ones = pd.read_csv(tables / "10_pair_pass_at_k.csv").query("k == 1").set_index("name")["estimate"]
    found = pd.read_csv(tables / "10_pair_found.csv")["named"]
    reach = pd.read_csv(tables / "10_pair_reach.csv").set_index("who")["problems"]
    crossing = pd.read_csv(tables / "10_pair_crossing.csv")["k"].iloc[0]
    pythia = pd.read_csv(tables / "10_pythia_pass_at_k.csv").query("name == 'Pythia 12B'").set_index("k")["estimate"]
    plans = pd.read_csv(tables / "10_pythia_plan.csv").drop_duplicates("name")
    far = pd.read_csv(tables / "10_pythia_forecast.csv").query("first == 1000")
    stages = pd.read_csv(tables / "10_stages.csv")
    assert not ((stages["low"] > 0) | (stages["high"] < 0)).any()
    for said in (
        f"SimpleRL-Zoo solves {percent(ones['SimpleRL-Zoo'])} % of MATH-500 with one attempt, its base "
        f"{percent(ones['Qwen2.5-7B'])} %",
        f"SimpleRL-Zoo reaches {tuned}, and other attempts of the *frozen base itself* {null}",
        f"From k = {crossing:.3g} on the base solves more",
        f"{reach['tuned only']} of {reach['tuned only'] + reach['neither']} unsolved problems are newly reached, of "
        f"which {found[0]} survive",
        f"{reach['base only']} are no longer reached, of which {found[1]} are lost beyond chance",
        f"Pythia-12B solves {percent(pythia[1])} % of 128 MATH problems with one attempt and "
        f"{percent(pythia[10000])} % with 10,000",
        f"An adaptive plan would have taken {plans['fixed'].sum() / plans['attempts'].sum():.2f} times fewer",
        f"the first 1,000 attempts are {100 * (far['forecast'] - far['truth']).abs().mean():.0f} points off",
        f"none of {len(stages)} stages is distinguishable",
    ):
        assert said in flat, said


def test_the_verdict_that_the_readme_shows_is_that_of_the_committed_tables():
    reach = pd.read_csv(TABLES / "03_beside_redrawn.csv").set_index("tuned").loc["mini-rl-1"]
    one = pd.read_csv(TABLES / "03_differences.csv").query("tuned == 'mini-rl-1' and k == 1").iloc[0]
    flat, ends = " ".join(README.split()), [f"{100 * one[name]:.1f}" for name in ("low", "high")]
    assert one["low"] > 0 and reach["low"] < 0 < reach["high"]
    said = (
        f"Sharper, no evidence of expansion: pass@1 {100 * one['difference']:+.1f} points ({ends[0]} to {ends[1]}); "
        f"reach {reach['reached']:.0f} of {reach['of']:.0f}, a frozen base {reach['redrawn']:.0f}: "
        f"{points(reach).replace(' (', ' points (')}"
    )
    assert said in flat
    pair = pd.read_csv(ROOT / "figures" / "real" / "10_pair_beside_null.csv").set_index("k").loc[64]
    assert f"a gain of up to {percent(pair['difference_high'])} points at k = 64 is not ruled out" in flat
    ends = [f"{100 * pair[name]:+.1f}" for name in ("difference", "difference_low", "difference_high")]
    assert f"{ends[0]} points ({ends[1]} to {ends[2]}). From k" in flat
    stages = pd.read_csv(ROOT / "figures" / "real" / "10_stages.csv")
    narrowest = 100 * (stages["high"] - stages["low"]).min()
    assert f"the narrowest of the intervals is {narrowest:.0f} points wide" in flat


def test_every_caption_of_the_real_figures_names_its_source_its_licence_and_that_it_was_sampled_elsewhere():
    captions = sorted((ROOT / "figures" / "real").glob("*.txt"))
    assert len(captions) == len(list((ROOT / "figures" / "real").glob("*.png"))) >= 7
    for path in captions:
        text = path.read_text(encoding="utf-8")
        assert "sampled elsewhere: " in text and ("licence" in text or "CC BY" in text or "MIT" in text), path


def board_lines(board: pd.DataFrame) -> list[str]:
    """The rows of a scoreboard, and of the frozen base that all are held against, as the page of results has them."""
    lines = []
    for row in board.to_dict("records"):
        gain, beyond = (
            f"{row[what]:+.3f} ({row[f'{what}_low']:+.3f} to {row[f'{what}_high']:+.3f})"
            for what in ("pass_1", "expansion_beyond")
        )
        expansion, shrinkage = (f"{row['problems'] * row[what]:.1f}" for what in ("expansion", "shrinkage"))
        lines.append(f"| {row['row']} | {gain} | {expansion} | {beyond} | {shrinkage} |")
    nulls = (f"{(board['problems'] * board[f'{what}_null']).iloc[0]:.1f}" for what in ("expansion", "shrinkage"))
    return [*lines, "| *frozen base, drawn afresh* | | {} | | {} |".format(*nulls)]


def test_the_scoreboard_on_the_page_of_results_is_the_committed_one():
    board = pd.read_csv(ROOT / "figures" / "scoreboard" / "08_scoreboard.csv")
    for line in board_lines(board):
        assert line in RESULTS, line
    rl = board[~board["row"].str.contains("distill")]
    problems, more = board["problems"].max(), (rl["expansion_beyond"] > 0) & (rl["expansion_p"] < 0.05)
    assert not more.any()
    counts = [WORDS[count] for count in (len(rl), int((rl["pass_1_low"] > 0).sum()))]
    said = "Of {} RL objectives with the same budget, {} gain at one attempt and none reaches more".format(*counts)
    assert said in " ".join(README.split())
    assert f"{counts[1].capitalize()} of the {counts[0]} RL rows gain" in " ".join(RESULTS.split())
    beside = pd.read_csv(ROOT / "figures" / "scoreboard" / "08_beside_frozen_base.csv")
    for row in beside.itertuples():
        seen = visible_effect(None if row.question == "pass@1" else problems, row.difference, (row.high - row.low) / 2)
        assert (row.shows_half, row.shows_mostly) == pytest.approx(seen, rel=1e-4)
    half, mostly = problems * beside[beside["question"] == "Expansion"][["shows_half", "shows_mostly"]].median()
    for text in (README, RESULTS):
        assert f"{half:.1f} of {problems} problems would have shown in one such board of two, one of {mostly:.1f} in " \
            "four of five" in " ".join(text.split())
    gains = board.set_index("row")["pass_1"]
    parts = [f"{gains[f'oreal{part}']:.3f}" for part in ("-reinforce", "-shaped", "-every-token", "", "-released")]
    assert re.search("gains {} .* {}, .* {}, .* {} \\(as released {}\\)".format(*parts), " ".join(RESULTS.split()))
    lose = rl[rl["shrinkage_beyond_low"] > 0]
    times = (lose["shrinkage"] / lose["shrinkage_null"]).agg(["min", "max"])
    said = f"{WORDS[len(lose)].capitalize()} of the {counts[0]} lose more problems than the frozen base does by luck"
    assert f"{said}, {times['min']:.1f} to {times['max']:.1f} times as many" in " ".join(RESULTS.split())
    fewer = rl[(rl["expansion_p"] < 0.05) & (rl["expansion_beyond"] < 0)].set_index("row")["expansion_p"].sort_index()
    assert list(fewer[fewer < 0.05 / len(board)].index) == ["oreal-filtered"] and fewer.pop("oreal-filtered") < 1e-4
    *first, last = (f"`{row}`" for row in fewer.index)
    assert f"{', '.join(first)} and {last} each by itself only" in " ".join(RESULTS.split())
    *first, last = (f"{p:.3f}" for p in fewer)
    assert f"(p = {', '.join(first)} and {last})" in RESULTS
    rates = pd.read_csv(ROOT / "figures" / "scoreboard" / "08_learning_rates.csv")
    assert set(rates["row"]) == set(board["row"]) - {"mini-distilled-1"}
    assert rates["chosen"].any() and not rates["edge"].any()  # "every chosen rate lies inside what was tried"
    control = pd.read_csv(ROOT / "figures" / "scoreboard" / "08_composition.csv").set_index(["world", "row"])
    for world in control.index.levels[0]:
        reached = (f"{line['problems'] * line['reach']:.1f}"
                   for line in (control.loc[(world, name)] for name in ("grpo", "composition-base")))  # fmt: skip
        assert f"| {world} | {' | '.join(reached)} |" in RESULTS, world


def test_the_long_scoreboard_on_the_page_of_results_is_the_committed_one():
    folder, board = ROOT / "figures" / "scoreboard-long", load_scoreboard("long")
    table = pd.read_csv(folder / "08_scoreboard.csv")
    for line in board_lines(table):
        assert line in RESULTS, line
    flat, rl = " ".join(RESULTS.split()), table[table["row"].isin(board.default_rows)].set_index("row")
    short = pd.read_csv(ROOT / "figures" / "scoreboard" / "08_scoreboard.csv").set_index("row").loc[rl.index]
    # "All six gain, each more than with the short budget; none reaches more, none loses more."
    assert len(rl) == 6 and (rl["pass_1_low"] > 0).all() and (rl["pass_1"] > short["pass_1"]).all()
    assert (rl["expansion_p"] > 0.05).all() and (rl["shrinkage_p"] > 0.05).all()
    assert not (rl["expansion_beyond_low"] > 0).any() and not (rl["shrinkage_beyond_low"] > 0).any()
    for row, words in (("grpo", "GRPO {} instead of {}"), ("nurl", "`nurl` {} instead of {}"),
                       ("oreal", "`oreal` {} instead of {}")):  # fmt: skip
        assert words.format(*(f"{each.loc[row, 'pass_1']:.3f}" for each in (rl, short))) in flat
    assert f"(smallest p = {rl['expansion_p'].min():.3f}, `{rl['expansion_p'].idxmin()}`)" in flat
    beside = pd.read_csv(folder / "08_beside_frozen_base.csv").query("question == 'Expansion'")
    half, mostly = (len(board.problems) * beside[["shows_half", "shows_mostly"]].median()).round(1)
    assert f"an effect of {half} of {len(board.problems)} problems would have shown in one such board of two, one of " \
        f"{mostly} in four of five" in flat
    losing = ["oreal-released-every-token", "nurl", "prorl"]
    lost, now = ([f"{len(board.problems) * each.loc[row, 'shrinkage']:.1f}" for row in losing] for each in (short, rl))
    assert "lost {}, {} and {} problems above, and lose {}, {} and {} here".format(*lost, *now) in flat
    assert (short.loc[losing, "shrinkage_beyond_low"] > 0).all()
    rates = pd.read_csv(folder / "08_learning_rates.csv").query("chosen").set_index("row")
    assert not rates["edge"].any()
    assert rates["learning_rate"].to_dict() == {row: 9e-5 if row == "oreal" else 3e-4 for row in rl.index}
    early = pd.read_csv(ROOT / "figures" / "scoreboard" / "08_learning_rates.csv").query("chosen and row in @rl.index")
    assert (early["learning_rate"] == 1e-3).sum() == 3
    validation = pd.read_csv(ROOT / "bench" / "budget.csv").set_index("sampled_tokens")["validation"]
    ends = (validation.iloc[0], validation[validation.index >= board.tokens].iloc[0])
    assert "validation goes from {:.2f} to {:.2f}".format(*ends) in flat and ends[1] - ends[0] > 0.2
    assert f"with {board.tokens:,} sampled tokens a run and six rows" in flat
    assert "six of six gain more, and none reaches or loses more than the frozen base" in " ".join(README.split())


def test_the_construction_from_real_pools_in_the_documentation_is_one_that_can_be_read(tmp_path):
    page = (ROOT / "docs" / "how-do-i.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```toml my-real-set.toml\n(.*?)```", page, re.DOTALL)
    (tmp_path / "my-real-set.toml").write_text(block)
    settings = load_construction(tmp_path / "my-real-set.toml")
    assert settings.name == "my-real-set" and settings.attempts == 1024
    refuse_evaluated(map(as_registered, settings.verifiers), map(as_registered, (*settings.models, settings.screen)))


def test_every_file_that_the_readme_links_to_is_there():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).is_file(), target


@pytest.mark.parametrize("line", [line for line in README.split("\n") if line.startswith("mathb ")])
def test_every_command_of_the_readme_is_one_that_mathb_knows(line):
    words = line.split("#")[0].split()
    verb = words[1:3] if words[1] in ("lab", "store") else words[1:2]
    shown = CliRunner().invoke(app, [*verb, "--help"])
    assert shown.exit_code == 0
    for option in (word for word in words if word.startswith("-")):
        assert option in shown.output, option


def test_what_the_readme_says_of_the_laptop_s_models_is_what_the_committed_tables_say():
    text = " ".join(README.split())
    curves = pd.read_csv(ROOT / "figures" / "laptop" / "01_base_saturation.csv").set_index(["name", "k"])
    said = {"qwen2.5-coder-0.5b": "{} % with one attempt and {} % with 256", "smollm2-135m": "{} % and {} %"}
    for name, words in said.items():
        assert words.format(*(percent(curves.loc[(name, k), "estimate"]) for k in (1, 256))) in text
    chance = pd.read_csv(ROOT / "figures" / "laptop" / "01_chance.csv")
    guessing = chance[(chance["what"] == "uniform guessing") & (chance["k"] == 256)]["estimate"].item()
    assert f"would solve {percent(guessing)} %" in text
    levels = pd.read_csv(ROOT / "figures" / "laptop-math" / "01_chance.csv").set_index(["what", "k", "set"])["estimate"]

    def by_level(what: str, k: int) -> str:
        first, second, third = (percent(levels[(what, k, f"math-500-level-{level}")]) for level in (1, 3, 5))
        return f"{first}, {second} and {third} %"

    for what, words in (("qwen2.5-coder-0.5b", "solves {} with 64 attempts"), ("uniform guessing", "would solve {}")):
        assert words.format(by_level(what, 64)) in text
    assert f"{by_level('qwen2.5-coder-0.5b', 1)} with one" in text
    ends = curves.loc[("qwen2.5-coder-0.5b", 256)]
    assert f"({percent(ends['estimate'])} % is {percent(ends['low'])} to {percent(ends['high'])})" in text


def test_what_is_said_of_the_board_s_budget_is_what_its_table_says():
    budget = pd.read_csv(ROOT / "bench" / "budget.csv")
    million, reward = (budget["sampled_tokens"] / 1e6).round(2), budget["validation"]
    last = load_scoreboard().tokens / 1e6
    flat = " ".join(RESULTS.split())
    at = {text: reward[million == float(text)].item() for text in ("0.56", "1.25", "1.60", "2.34")}
    assert million[million < last].max() == 0.56
    assert "is {:.2f} at 0.56 million tokens, where the board stops, and still rises: {:.2f} at 1.25 million, {:.2f} " \
        "at 1.60, {:.2f} at 2.34".format(*at.values()) in flat


def test_what_is_said_of_oreals_gradients_and_of_the_board_s_power_is_what_their_tables_say():
    probe = pd.read_csv(ROOT / "bench" / "oreal.csv").set_index(["objective", "warm_up"])
    for name in probe.index.get_level_values(0).unique().drop("rloo"):
        first, later = probe.loc[(name, 10)], probe.loc[(name, 60)]
        pairs = [f"{first[what]:.2f} and {later[what]:.2f}" for what in ("norm", "rising", "coherence")]
        assert f"| {name} | {first['attempts']:.0f} | {' | '.join(pairs)} |" in RESULTS, name
    first, later = probe.loc[("oreal", 10)], probe.loc[("oreal", 60)]
    flat = " ".join(RESULTS.split())
    assert f"{later['norm'] / first['norm']:.0f} times as long" in flat
    assert f"loss {later['loss']:.2f} instead of {first['loss']:.2f}" in flat
    assert f"token weights are {first['right_weight']:.2f} in right and {first['wrong_weight']:.2f} in wrong" in flat
    assert f"{later['right_weight']:.2f} and {later['wrong_weight']:.2f} after 60" in flat
    board, power = load_scoreboard(), board_power(load_scoreboard())
    for said in (f"{board.tokens:,} sampled tokens", f"{board.prompts} problems with {board.group} attempts",
                 f"{power.problems} problems drawn", f"first draw leaves {power.unsolved} unsolved",
                 f"5.0 % of them shows in {percent(power.power)} % of such boards",
                 f"one of {percent(power.shows)} % in 80",
                 f"one run alone shows {percent(power.one_run)} %"):  # fmt: skip
        assert said in flat, said


def test_what_the_readme_says_of_rl_on_a_real_model_is_what_the_committed_tables_say():
    text, folder = " ".join(README.split()), ROOT / "figures" / "real-rl"
    differences = pd.read_csv(folder / "11_differences.csv").set_index(["tuned", "k"])
    assert (differences["low"] < 0).all() and (differences["high"] > 0).all()  # "no interval without zero"
    for k in (1, 32):
        ends = [f"{100 * share:.1f} %" for share in differences.xs(k, level="k")["tuned pass@k"]]
        before = 100 * differences.xs(k, level="k")["base pass@k"].iloc[0]
        assert re.search(rf"pass@{k} [^,]*{before:.1f} % before, {ends[0]} and {ends[1]} after", text)
    one, other, both = pd.read_csv(folder / "11_beside_redrawn.csv").itertuples()
    assert f"Of {both.of} problems that 32 attempts of the start missed" in text
    assert f"the seeds reach {one.reached:g} and {other.reached:g}, the frozen start again {both.redrawn:g}" in text
    curves = pd.read_csv(folder / "11_pass_at_k.csv").set_index(["name", "k"])["estimate"]
    assert f"would solve {100 * curves['uniform guessing', 32]:.1f} % in 32" in text
    power = pd.read_csv(folder / "11_power.csv")
    seen = power[power["who"].str.contains("seeds") & (power["expansion"] == 0.1)]["power"].item()
    assert f"would have shown in {100 * seen:.1f} % of such studies" in text
