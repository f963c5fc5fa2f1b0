"""What models do in a construction besides solving: vectors, judging pairs, rewriting posts; asked once and kept."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mathb_kit.construction import Construction, attempts_at_most, construct, embedder, pair_judge, rewrite
from mathb_kit.construction.judged import says_same
from mathb_kit.construction.rewriting import read_rewrite
from mathb_kit.errors import MathbError
from mathb_kit.models import Model
from mathb_kit.problems import Problem
from mathb_kit.sampling import Completion, get_engine
from mathb_kit.store import Store


class Says:
    """An engine whose replies are a function of the prompt and of the attempt's number."""

    def __init__(self, reply, finish: str = "stop") -> None:
        self.reply, self.finish, self.prompts = reply, finish, []

    def sample(self, chunks):
        for chunk in chunks:
            self.prompts.append(chunk.prompt)
            numbers = range(chunk.first, chunk.first + chunk.size)
            yield chunk, [Completion(self.reply(chunk.prompt, number), 1, self.finish) for number in numbers]

    def describe(self):
        return {"engine": "says", "template": "its own"}


# Vectors


@pytest.fixture(scope="module")
def encoder(tmp_path_factory) -> Path:
    """A random BERT of one layer, as transformers writes it."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("encoder")
    words = ["[PAD]", "[UNK]", *"abcdefgh"]
    core = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="[UNK]"))
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="[PAD]", unk_token="[UNK]", model_max_length=6
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(vocab_size=len(words), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
                        intermediate_size=16, max_position_embeddings=8)  # fmt: skip
    BertModel(config).save_pretrained(folder)
    return folder


def _recipe(folder: Path, mode: str, kind: str = "Pooling") -> None:
    (folder / "modules.json").write_text(json.dumps([
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": f"sentence_transformers.models.{kind}"},
    ]))  # fmt: skip
    (folder / "1_Pooling").mkdir(exist_ok=True)
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({f"pooling_mode_{mode}": True}))


@pytest.mark.parametrize("mode", [None, "mean_tokens", "cls_token"])
def test_a_vector_is_the_pooled_last_state_whatever_else_is_in_the_batch(encoder, tmp_path, mode):
    import shutil

    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = shutil.copytree(encoder, tmp_path / "encoder")
    if mode:
        _recipe(folder, mode)
    texts = ["a b c d e", "a", "h g h", "a b c d e f g h"]  # the last is cut to six
    vectors = embedder(folder)(texts)
    network, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    for text, vector in zip(texts, vectors, strict=True):
        with torch.no_grad():
            states = network(**tokenizer(text, truncation=True, max_length=6, return_tensors="pt")).last_hidden_state[0]
        expected = (states[0] if mode == "cls_token" else states.mean(0)).numpy()
        np.testing.assert_allclose(vector, expected / np.linalg.norm(expected), atol=1e-5)


def test_an_embedding_model_that_cannot_be_read_as_it_wants_is_refused(encoder, tmp_path):
    import shutil

    folder = shutil.copytree(encoder, tmp_path / "encoder")
    _recipe(folder, "max_tokens")
    with pytest.raises(MathbError, match="pooling_mode_max_tokens.*neither the mean nor the first token"):
        embedder(folder)
    _recipe(folder, "mean_tokens", kind="Dense")
    with pytest.raises(MathbError, match="its part Dense is none of"):
        embedder(folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(MathbError, match="holds no weights"):
        embedder(folder)


# Pairs


@pytest.mark.parametrize(
    ("reply", "same"),
    [
        ("Same.", True), ("They ask for different things.\nDifferent", False), ("**same**", True),
        ("<think>same</think>different", False), ("The wording is different, the problem is the\nsame", True),
        ("I cannot tell", None), ("", None), ("samesame", None), ("<think>so\nsame</think>", None),
    ],
)  # fmt: skip
def test_the_last_word_of_a_reply_counts(reply, same):
    assert says_same(reply) is same


def test_a_pair_is_one_problem_only_if_both_orders_say_so_and_is_asked_about_once(tmp_path):
    def reply(prompt: str, number: int) -> str:
        first, second = (prompt.split(f"{place} problem:\n")[1].split("\n")[0] for place in ("First", "Second"))
        return "same" if (first, second) in {("a", "A"), ("A", "a"), ("b", "B")} else "different"

    engine, store, model = Says(reply), Store(tmp_path), Model("judge", "hub/judge", prompt="Solve: {problem}")
    pairs = [("a", "A"), ("b", "B"), ("c", "C"), ("a", "A")]
    assert pair_judge(model, store=store, engine=engine)(pairs) == [True, False, False, True]
    assert len(engine.prompts) == 6 and not any("Solve:" in prompt for prompt in engine.prompts)
    assert pair_judge(model, store=store, engine=None)(pairs) == [True, False, False, True]


@pytest.mark.parametrize("finish", ["length", "cut"])
def test_a_reply_that_was_cut_is_no_word(tmp_path, finish):
    engine = Says(lambda prompt, number: "They are not quite the same", finish)
    model = Model("judge", "hub/judge", prompt="{problem}")
    assert pair_judge(model, store=Store(tmp_path), engine=engine)([("a", "A")]) == [False]


# Posts


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        ("<problem>\nFind the sum of 2 and 3.\n</problem>", "rewritten"),
        ("<think>NONE?</think><problem>Find the sum of 2 and 3.</problem>", "rewritten"),
        ("NONE", "no single answer"), ("**NONE**.\n", "no single answer"),
        ("Find the sum of 2 and 3.", "unreadable reply"), ("<problem>...</problem>", "unreadable reply"),
        ("<problem>Find the sum of 2 and", "unreadable reply"), ("", "unreadable reply"),
        ("<problem>Show that 2 + 3 = 5. The answer is 5.</problem>", "states its answer"),
        (r"<problem>Find the sum of 2 and 3. $\boxed{5}$</problem>", "states its answer"),
    ],
)  # fmt: skip
def test_a_rewrite_is_one_marked_problem_that_does_not_tell_its_answer(reply, outcome):
    said, statement = read_rewrite(reply)
    assert said == outcome and (statement == "Find the sum of 2 and 3.") == (outcome == "rewritten")


POSTS = {  # text of a post: (its own answer, what the solver answers to its rewrite, what becomes of it, the gold)
    "Hi all, 2 and 3?": ("", ("5", "5.0", r"\frac{10}{2}"), "rewritten", "5"),
    "2 and 4, got six": ("six", ("6", "6", "6"), "rewritten", "six"),
    "2 and 5, got 8": ("8", ("7", "7", "7"), "the solutions agree on another answer than the post's", None),
    "2 and 6?": ("", ("8", "8", "9"), "the solutions disagree", None),
    "2 and 7?": ("9", ("9", "8", "9"), "the solutions disagree", None),
    "2 and 8?": ("", ("10", None, "10"), "a solution has no answer", None),
    "Please explain 2": ("", (), "no single answer", None),
}


def _writer(prompt: str, number: int) -> str:
    post = prompt.split("Post:\n")[1]
    return "NONE" if "explain" in post else f"<problem>Find the sum of 2 and {post.split('2 and ')[1][0]}.</problem>"


def _solver(prompt: str, number: int) -> str:
    digit = prompt.split("2 and ")[1][0]
    answers = next(answers for post, (_, answers, *_) in POSTS.items() if f"2 and {digit}" in post)
    return "no idea" if answers[number] is None else rf"\boxed{{{answers[number]}}}"


def _posts() -> list[Problem]:
    return [Problem("forum", str(number), text, own) for number, (text, (own, *_)) in enumerate(POSTS.items())]


def test_a_post_is_kept_if_all_solutions_of_its_rewrite_agree_with_each_other_and_with_its_own_answer(tmp_path):
    writer, solver = (Model(name, f"hub/{name}", prompt="{problem}") for name in ("writer", "solver"))
    engines = {"writer": Says(_writer), "solver": Says(_solver)}
    store = Store(tmp_path)
    made = rewrite(_posts(), writer, solver, store=store, engine_for=lambda model: engines[model.name])
    assert list(made.table["source"]) == list(POSTS)
    assert list(made.table["outcome"]) == [outcome for *_, outcome, _ in POSTS.values()]
    assert list(made.table["answer"]) == [gold for *_, gold in POSTS.values()]
    assert [(p.statement, p.gold) for p in made.problems] == [
        ("Find the sum of 2 and 3.", "5"), ("Find the sum of 2 and 4.", "six"),
    ]  # fmt: skip
    assert made.problems[0].meta["post"] == _posts()[0].key != made.problems[0].key
    assert made.outcomes["rewritten"] == 2 and sum(made.outcomes.values()) == 7
    again = rewrite(_posts(), writer, solver, store=store, engine_for=lambda model: None)
    assert again.table.equals(made.table)
    with pytest.raises(MathbError, match="agrees with itself"):
        rewrite(_posts(), writer, solver, 1, store=store)


# A construction with all of them

MODELS = "".join(
    f'[{name}]\nhub = "someone/{name}"\nprompt = "{{problem}}"\nrevision = "{digit * 40}"\n'
    for name, digit in (("writer", "1"), ("solver", "2"), ("judge", "3"))
)


@pytest.fixture
def settings(encoder, tmp_path, monkeypatch) -> Construction:
    (tmp_path / "models.toml").write_text(MODELS)
    monkeypatch.setenv("MATHB_MODELS", str(tmp_path / "models.toml"))
    sums = {number: f"Find the sum of 20{number} and 300." for number in range(1, 6)}
    posts = [{"problem": f"Post about {number}: 20{number}?", "answer": ""} for number in sums]
    (tmp_path / "forum.jsonl").write_text("\n".join(map(json.dumps, posts)))
    standing = [{"problem": "a b c", "answer": "1"}, {"problem": "d e f", "answer": "2"}]
    (tmp_path / "bench.jsonl").write_text("\n".join(map(json.dumps, standing)))
    return Construction(
        name="own", pool=(str(tmp_path / "forum.jsonl"),), benchmarks=(str(tmp_path / "bench.jsonl"),),
        models=("mini-base-3",), attempts=2, rewriter="writer", gold_solver="solver", embedder=str(encoder),
        contamination_judge="judge", neighbours=2,
    )  # fmt: skip


def _engine_for(model):
    def write(prompt: str, number: int) -> str:
        post = prompt.split("Post:\n")[1]
        return f"<problem>Find the sum of {post.split(': ')[1][:3]} and 300.</problem>"

    def solve(prompt: str, number: int) -> str:
        return rf"\boxed{{{int(prompt.split('sum of ')[1][:3]) + 300}}}"

    def judge(prompt: str, number: int) -> str:
        return "same" if "d e f" in prompt and "203" in prompt else "different"

    says = {"writer": write, "solver": solve, "judge": judge}
    return Says(says[model.name]) if model.name in says else get_engine(model)


def test_a_construction_rewrites_judges_and_keeps_every_rewrite_beside_its_source(settings, tmp_path):
    told = attempts_at_most(settings)
    assert list(told[["stage", "model", "problems", "attempts"]].itertuples(index=False, name=None)) == [
        ("rewriting", "writer", 5, 5), ("golds", "solver", 5, 15), ("contamination", "judge", 5, 20),
        ("sieve", "mini-base-3", 5, 10),
    ]  # fmt: skip
    store = Store(tmp_path / "store")
    made = construct(settings, tmp_path / "set", store=store, engine_for=_engine_for)
    stages = made.funnel.to_frame().set_index("stage")
    assert stages.loc["candidates", "kept"] == 5
    assert list(made.funnel.dropped.query("stage == 'judged contamination'")["id"]) == ["3"]  # the third line
    lines = (tmp_path / "set" / "rewrites.jsonl").read_text().splitlines()
    assert [json.loads(line)["source"] for line in lines] == [f"Post about {n}: 20{n}?" for n in range(1, 6)]
    record = json.loads((tmp_path / "set" / "provenance.json").read_text())
    assert record["construction"]["rewritten"] == {"rewritten": 5}
    assert {"writer", "solver", "judge"} <= record["construction"]["keys"].keys()
    assert "writer rewrote posts into these problems" in (tmp_path / "set" / "README.md").read_text()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"gold_solver": None}, "rewriter and gold_solver go together"),
        ({"embedder": None}, "embedder and contamination_judge go together"),
        ({"rewriter": "mini-base-1"}, "mini-base-1 cannot verify answers"),
        ({"contamination_judge": "mini-rl-1"}, "mini-rl-1 cannot verify answers"),
    ],
)
def test_what_models_may_not_do_comes_out_before_anything_is_asked(settings, tmp_path, changes, said):
    store = Store(tmp_path / "store")
    with pytest.raises(MathbError, match=said):
        construct(settings.model_copy(update=changes), store=store, engine_for=_engine_for)
    assert store.totals() == (0, 0)
