# %% [markdown]
# # 04 · Verifiers under the lens
#
# Whether a problem counts as solved in 1,024 attempts is decided by single completions, and the verdict on each of them
# by a **verifier**: code that finds the answer in a text and compares it with the gold. How often does that go wrong,
# and does it matter? The paper looked at eight verifiers and found seven ways to fail (its Tables 1 and 3).
#
# **You will see** our grader, a plain string match, raw math-verify, and the graders of TRL, verl, lm-eval, SCORE and
# lighteval on the same completions; then how much of this study hangs on one completion, on computer algebra, or on the
# rule for reading answers.
#
# **Time** Minutes, fewer where notebooks 01 to 03 have run before, because it reads their attempts from the store.
#
# **Profile** `mini` (the default) or `course`; the next cell changes it, and `quick` takes fewer labelled completions.
# Every cell of the tables is a verdict that the framework's own code gave; what could not be run says so.
# `./reproduce.sh verifiers` makes an environment for each framework; without that, three of them still run here.

# %% tags=["parameters"]
profile: str = "mini"  # which models, sets and plan; see `mathb reproduce --help`
quick: bool = False  # fewer attempts (k up to 256) and fewer labelled completions

# %%
import pandas as pd

import mathb_kit as mb
from mathb_kit import sentences, verifiers
from mathb_kit.course import check, keep, keep_table
from mathb_kit.places import as_told, verifiers_root
from mathb_kit.plots.verifiers import plot_agreement, plot_frameworks, style_failures
from mathb_kit.widgets import show_table

study = mb.load_profile(profile, quick=quick)
folder = verifiers_root() / "figures"
print(f"{study.note}\nfigures and tables: {as_told(folder)}")

# %% [markdown]
# ## The completions
# Failure modes: completions written for this notebook, because the paper's are not public. Public test cases and real
# completions carry labels of other people; they are read from local files (`MATHB_DATA_DIR`) where these are at hand.
# The miniature's are a sample of what its models wrote; golds and answers are integers there, so the label is exact.
# Monsters are answers that keep a computer algebra system busy.

# %%
evaluations = mb.results.StudyResults(study).evaluations()
rows = verifiers.comparison_rows(evaluations, few=quick)
show_table(verifiers.rows_by_source(rows))

# %% tags=["hide-input"]
sentences.you_should_see(
    f"{len(rows):,} completions of {rows['source'].nunique()} kinds; {rows['label'].notna().sum():,} of them carry a "
    "label, that is, somebody's verdict to compare with."
)

# %% [markdown]
# ## Who takes part
# The first three need no environment of their own and are run now. The others are read from their last run.

# %%
verifiers.run_verifiers(rows, only=["main"])
verdicts, reasons = verifiers.read_comparison(rows)
show_table(verifiers.overview(verdicts, reasons))

# %% tags=["hide-input"]
sentences.you_should_see(
    f"{verdicts['verifier'].nunique()} verifiers have verdicts on these completions; {len(reasons)} have not run."
)

# %% [markdown]
# ## What each verifier says (the paper's Table 1)
# One row per completion: its end, what a careful reader of the whole completion says, and the verdicts. `no verdict`
# means that a verifier declined, for example because it could not read the gold.

# %%
for mode, title in verifiers.mode_titles().items():
    print(f"{mode}: {title}")

# %%
said = verifiers.failure_table(verdicts, reasons)
keep_table(said, folder, "04_table_1", float_format=None)
style_failures(said.drop(columns="problem"))

# %% tags=["hide-input"]
ours = (said["mathb_kit"] == "correct") == (said["reader"] == "right")
sentences.you_should_see(
    f"Red is a verdict that is not the reader's. Our own grader is not free of it: on {(~ours).sum()} of {len(said)} "
    "completions it differs."
)

# %% [markdown]
# ## Frameworks against failure modes (the paper's Table 3)
# On how many of the completions of each kind a verifier agrees with the careful reader. The paper's own cells were not
# to be had, so nothing here is compared with them; a framework's number says how it does on these completions.

# %% [markdown] tags=["prediction"]
# **Before you look.** Seven kinds of trouble, several verifiers. Will one of them be best everywhere? Which kind will
# most of them get wrong?

# %%
table = verifiers.framework_table(verdicts, reasons)
figure = plot_frameworks(table, title="Completions on which a verifier agrees with a careful reader")

# %% tags=["hide-input"]
modes = "; ".join(f"{mode}: {title}" for mode, title in verifiers.mode_titles().items())
caption = (
    "Verifiers against the seven failure modes, on completions written for this comparison: cases on which the verdict "
    f"is a careful reader's, of all cases of that kind. {modes}."
)
keep(figure, table, folder, "04_table_3", caption)
sentences.you_should_see(sentences.verifiers_sentence(table))

# %% [markdown]
# ## Where our own grader goes astray
# A policy that is declared beforehand has blind spots. Ours: boxes far apart are not one answer, a box outranks a
# sentence, an unmarked last number is no answer, and an option's letter is not looked up.

# %%
blind = [case for case in verifiers.load_failure_modes() if case.is_right != (case.expected == "correct")]
blind_spots = pd.DataFrame(
    [(case.mode, case.gold, case.snippet, case.expected, case.reader, case.why) for case in blind],
    columns=["mode", "gold", "snippet", "our verdict", "a reader says", "why"],
)
show_table(blind_spots)

# %% tags=["hide-input"]
accepted = sum(case.expected == "correct" for case in blind)
sentences.you_should_see(
    f"{len(blind)} known blind spots. In {accepted} of them we accept a wrong answer, in {len(blind) - accepted} we "
    "miss a right one."
)

# %% [markdown]
# ## Agreement with labels
# Calling a wrong answer right (a **false equal**) is the worse fault by far when one attempt in 1,024 decides; so the
# two kinds of faults are counted apart. It is not a fair race: our grader was built with the labelled rows in view, the
# others were not. Bare answers of the test cases were put into a box, and every verifier got the same text.

# %% [markdown] tags=["prediction"]
# **Before you look.** Which fault will be commoner: a wrong answer called right, or a right one that is missed? Which
# would hurt a count over 1,024 attempts more?

# %%
agreement = verifiers.label_agreement(verdicts)
labelled = agreement[agreement["source"] != "monsters"]
figure = plot_agreement(labelled, title="Faults in percent of the labelled rows (counts at the bars' ends)")

# %% tags=["hide-input"]
caption = (
    "Left of the axis: called right, though the label says wrong; right of it: called wrong or not judged, though the "
    "label says right. Numbers at the bars: the counts."
)
keep(figure, labelled, folder, "04_agreement", caption)
wrongly = labelled.groupby("verifier", sort=False)[["false_equals", "false_differences"]].sum()
sentences.you_should_see(
    *(
        f"{name} calls {row.false_equals:,} wrong answers right and misses {row.false_differences:,} right ones."
        for name, row in wrongly.iterrows()
    )
)

# %% [markdown]
# The same as a table, with the monsters:

# %%
show_table(agreement.drop(columns=["seconds", "slowest"]))

# %% [markdown]
# ## Beside an LLM judge
# A judge model reads the whole completion; a grader reads the answer it commits to. Epoch AI's logs hold completions of
# real models on OTIS Mock AIME with the judge's verdict (CC BY 4.0; sampled elsewhere; read from `MATHB_DATA_DIR`). The
# prompt asked for a last line `ANSWER: n`, so what that line says is a third opinion that takes no judgement.

# %%
from mathb_kit import real
from mathb_kit.sentences.real import judge_sentence

if (path := real.judged_completions()) is None:
    print("Left out: the completions are not here.")
else:
    beside = real.judge_beside_grader(path, few=400 if quick else None)
    sides = real.judge_table(beside)
    mb.plots.write_csv(sides, folder / "04_llm_judge.csv")
    show_table(sides)
    sentences.you_should_see(judge_sentence(sides, int(beside["cut"].sum())))

# %% [markdown]
# ## Faults to read
# Completions that a verifier called right though they are wrong, up to four of each verifier and source (all of them
# are in `04_faults.csv`). Some frameworks call numbers within 0.01 % of one another equal, so that a near miss on a
# long integer counts; the miniature's golds are longer than those of AIME, and show it more.

# %%
faults = verifiers.disagreements(verdicts)
keep_table(faults, folder, "04_faults", float_format=None)
equals = faults[faults["fault"] == "false equal"]
show_table(equals.groupby(["verifier", "source"], sort=False).head(4))

# %% tags=["hide-input"]
by_verifier = ", ".join(f"{name} {count:,}" for name, count in equals["verifier"].value_counts().items())
sentences.you_should_see(f"{len(equals):,} false equals: {by_verifier or 'none called a wrong answer right'}.")

# %% [markdown]
# And some that were called wrong, though they are right: two of each verifier and source.

# %%
differences = faults[faults["fault"] == "false difference"]
show_table(differences.groupby(["verifier", "source"], sort=False).head(2))

# %% tags=["hide-input"]
sentences.you_should_see(
    f"{len(differences):,} right answers were missed, {(differences['said'] == 'wrong').sum():,} of them called wrong "
    "outright; for the others no verdict came."
)

# %% [markdown]
# ## Time
# Seconds for all rows of a source, one row after the other in one process, on the main thread, where the frameworks'
# own alarms work. A hang is a row that was killed after 35 s; a study would have stood still there. Where an alarm ends
# the work on a monster, most frameworks say `wrong`, and ours `no verdict`.

# %%
times = agreement.pivot(index="verifier", columns="source", values="seconds")
times = times.loc[agreement["verifier"].unique(), agreement["source"].unique()]
times = times.assign(hangs=agreement.groupby("verifier")["hangs"].sum())
mb.plots.write_csv(times, folder / "04_seconds.csv", index=True, float_format="%.4g")
show_table(times.reset_index(), digits=2)

# %% tags=["hide-input"]
total = times.drop(columns="hangs").sum(axis=1)
sentences.you_should_see(
    f"{total.idxmin()} takes {total.min():.1f} s for everything, {total.idxmax()} {total.max():.1f} s; "
    f"{times['hangs'].sum()} rows hung."
)

# %% [markdown]
# The rows that took longest:

# %%
slowest = verifiers.slowest(verdicts, 12)
show_table(slowest, digits=2)

# %% tags=["hide-input"]
sentences.you_should_see(
    f"{(slowest['source'] == 'monsters').sum()} of the {len(slowest)} slowest are monsters; the slowest took "
    f"{slowest['seconds'].iloc[0]:.1f} s."
)

# %% [markdown]
# ## What hangs on one completion
# Now the miniature study. Of the problems that count as solved, how many have a single correct completion among all
# that the plan allowed? Each of them would be unsolved if the verifier had erred once, or solved only because it did.

# %% [markdown] tags=["prediction"]
# **Before you look.** Of all problems that count as solved, how many hang on a single completion: nearly none, one in
# twenty, one in four?

# %%
on_one, completions = verifiers.resting_on_one(evaluations)
keep_table(on_one, folder, "04_resting_on_one", float_format="%.4g")

# %% tags=["hide-input"]
sentences.you_should_see(
    f"{on_one['on_one'].sum()} of {on_one['solved'].sum():,} solved problems, over all models and sets, rest on one "
    "completion."
)

# %% [markdown]
# These completions, for reading:

# %%
keep_table(completions, folder, "04_single_completions", float_format=None)
show_table(completions.head(30))

# %% tags=["hide-input"]
sentences.you_should_see(
    f"{(completions['rung'] == 'text').sum()} of {len(completions)} were equal to the gold letter by letter, so that "
    "no verifier could have erred in comparing; whether the way there is sound is for you to read."
)

# %% [markdown]
# ## What hangs on computer algebra
# Our grader is a **ladder**: comparisons of gold and answer, cheapest first, and the first **rung** that can tell
# decides. Attempts decided by each; where golds are integers, as in MATH-Beyond, hardly any pair should need the
# symbolic rungs.

# %%
rungs = verifiers.rung_shares(evaluations)
top = rungs.loc[rungs["attempts"].idxmax()]
show_table(rungs, digits=5)

# %% tags=["hide-input"]
total = rungs["attempts"].sum()
sentences.you_should_see(f"'{top['rung']}' decides {sentences.percent(top['share'])} of {total:,} attempts.")

# %% [markdown]
# Every pair that only the symbolic rung decided:

# %%
symbolic = verifiers.decided_symbolically(evaluations)
keep_table(symbolic, folder, "04_symbolic_pairs", float_format=None)

# %% tags=["hide-input"]
accepted = symbolic.loc[symbolic["verdict"] == "correct", "attempts"].sum()
sentences.you_should_see(
    f"{len(symbolic)} pairs in {symbolic['attempts'].sum():,} attempts. {accepted:,} of these attempts count as "
    "correct only because computer algebra said so."
)

# %% [markdown]
# ## What hangs on the rule for reading answers
# Problems reached at the largest k if the first box counted instead of the last, or if any box might be right. `open`
# are problems whose stopping rule would have asked for more attempts; they count with what is there.

# %%
policies = verifiers.reach_by_policy(evaluations, max(study.ks))
keep_table(policies, folder, "04_reach_by_policy", float_format=None)
others = policies[policies["policy"] != "last_box"]
show_table(others)

# %% tags=["hide-input"]
moved = others.groupby("policy", sort=False)[["gained", "lost"]].sum()
sentences.you_should_see(
    *(
        f"Under {policy} {row.gained} problems more would be reached and {row.lost} fewer, over all models and sets."
        for policy, row in moved.iterrows()
    )
)

# %% [markdown]
# ## Exercise
# Write a completion that our grader and raw math-verify judge differently, with an integer as the gold. Which of the
# two is right?
#
# <details><summary>Answer</summary>
#
# For example one that boxes a number on its way and says the answer in a sentence. For us a box outranks a sentence;
# math-verify reads the sentence, and here it is right. With the roles of the two numbers exchanged it would be wrong.
# ```python
# from math_verify import parse, verify
#
# gold = "12"
# completion = r"One row has $\boxed{4}$ seats, and there are three rows. The final answer is 12."
# print("ours:       ", mb.grade(gold, completion).verdict)
# print("math-verify:", "correct" if verify(parse(gold), parse(completion)) else "wrong")
# ```
# </details>

# %% [markdown] tags=["exercise"]
# **Exercise 04.1.** Write a completion that our grader calls correct for the gold `12`, although "12" stands nowhere in
# it. (A string match would miss it.)
#
# <details><summary>Answer</summary>
#
# ```python
# check("04.1", r"So the sum is \boxed{\frac{24}{2}}.", "12")
# ```
# Fractions, roots, powers and products of the same value are equal to it.
# </details>

# %%
check("04.1", ..., "12")  # your answer in place of the dots

# %% [markdown] tags=["exercise"]
# **Exercise 04.2.** A grader calls one wrong answer in a thousand right. A model never solves a certain problem. How
# likely does it count as solved after 1,024 attempts?
#
# <details><summary>Answer</summary>
#
# $1 - 0.999^{1024} = 0.64$, as likely as guessing AIME. At one attempt nobody would notice such a grader.
# </details>

# %%
check("04.2", ...)  # your answer in place of the dots

# %% [markdown]
# ## Next
# [05 · pass@k from first principles](05_pass_at_k_from_first_principles.ipynb): what the numbers of notebooks 01 to 03
# estimate, and when a difference means anything.
