"""Servers that answer oddly: what can be read is read, anything else ends the run with one sentence and no number."""

from __future__ import annotations

import json

import pytest
from servers import CompletionsServer, good_reply

from mathb_kit.draw import Draw
from mathb_kit.errors import MathbError
from mathb_kit.miniature import CHECKPOINTS
from mathb_kit.models.model import Model, Sampling
from mathb_kit.places import replies_root
from mathb_kit.problems.problem import Problem
from mathb_kit.sampling.server_engine import ServerEngine
from mathb_kit.store import Store

# Two models that no server knows: one whose tokenizer is here, one whose tokenizer is nowhere.
CHAT = Model("tiny", "tiny", prompt="chat", revision="1", sampling=Sampling(max_tokens=50))
MINI = Model("tiny", str(CHECKPOINTS / "mini-base-1"), sampling=Sampling(max_tokens=50))
PROBLEMS = [Problem("sums", str(i), f"Sum {i}", "1") for i in range(6)]


@pytest.fixture(autouse=True)
def no_hub(monkeypatch):
    """A hub id's tokenizer is not looked for over the network."""
    from mathb_kit.sampling import prompts

    load = prompts.load_tokenizer

    def here_only(model):
        if not model.is_local:
            raise MathbError("no hub")
        return load(model)

    monkeypatch.setattr(prompts, "load_tokenizer", here_only)


def sampled(store, server: CompletionsServer, model: Model = CHAT, attempts: int = 4) -> list[tuple[str, int, str]]:
    engine = ServerEngine(model, server.url, name="tiny", seconds=60.0, tries=2)
    engine.endpoint.pause = 0.001
    Draw(store, model).sample(engine, PROBLEMS, attempts)
    rows = store.read_attempts(model.key(), "main")
    return list(zip(rows["text"], rows["tokens"].tolist(), rows["finish"]))


def edited(edit):
    """A mood: the good reply with every choice, or the whole of it, changed."""

    def mood(body, before):
        reply = good_reply(body)
        changed = edit(reply)
        return reply if changed is None else changed

    return mood


def message(**fields):
    return edited(lambda reply: [choice.update(message=fields) for choice in reply["choices"]] and None)


def choices(**fields):
    return edited(lambda reply: [choice.update(fields) for choice in reply["choices"]] and None)


def usage(value):
    return edited(lambda reply: reply.update(usage=value))


def whole(reply):
    return edited(lambda _: reply)


THINK = "<think>let me see</think>"
PARTS = [{"type": "text", "text": "the "}, {"type": "text", "text": "sum"}]

# What can be read: text (None: what the server said), tokens and finish of every attempt.
READ = {
    "no usage": (edited(lambda reply: reply.pop("usage") and None), None, 0, "stop"),
    "usage null": (usage(None), None, 0, "stop"),
    "usage without number": (usage({"completion_tokens": "12"}), None, 0, "stop"),
    "usage zero": (usage({"completion_tokens": 0}), None, 0, "stop"),
    "STOP": (choices(finish_reason="STOP"), None, 3, "stop"),
    "end_turn": (choices(finish_reason="end_turn"), None, 3, "stop"),
    "MAX_TOKENS": (choices(finish_reason="MAX_TOKENS"), None, 3, "length"),
    "index null": (choices(index=None), None, 3, "stop"),
    "content list": (message(content=PARTS), "the sum", 3, "stop"),
    "content part alone": (message(content=PARTS[1]), "sum", 3, "stop"),
    "content with thinking": (
        message(content=[{"type": "thinking", "thinking": [{"type": "text", "text": "let me see"}]}, *PARTS]),
        THINK + "the sum", 3, "stop",
    ),
    "content empty": (message(content=""), "", 3, "stop"),
    "content null": (message(content=None), "", 3, "stop"),
    "refusal": (message(content=None, refusal="I cannot."), "I cannot.", 3, "stop"),
    "reasoning and answer": (message(content="4", reasoning_content="let me see"), THINK + "4", 3, "stop"),
    "reasoning only": (message(content=None, reasoning_content="let me see"), "<think>let me see", 3, "stop"),
}  # fmt: skip

# What cannot: words of the sentence.
REFUSED = {
    "error under 200": (whole({"error": {"message": "quota of org-7 is spent"}}), "HTTP 200 .*quota of org-7 is spent"),
    "error as text": (whole({"error": "out of credits", "choices": []}), "out of credits"),
    "error with status": (whole({"error": {"message": "no such plan", "code": 402}}), "no such plan"),
    "error in a choice": (choices(finish_reason="error", error={"message": "node lost"}), "finish_reason.*node lost"),
    "list": (whole([]), "without choices"),
    "choices null": (whole({"choices": None}), "without choices"),
    "no choices": (whole({"choices": []}), "without choices"),
    "too many choices": (edited(lambda reply: reply["choices"].append(reply["choices"][0])), r"choices for \d asked"),
    "choice null": (whole({"choices": [None]}), "choices is"),
    "no message": (choices(message=None), "message is None"),
    "finish null": (choices(finish_reason=None), "finish_reason is None"),
    "finish unknown": (choices(finish_reason="banana"), "finish_reason is 'banana'"),
    "finish number": (choices(finish_reason=1), "finish_reason is 1"),
    "tool calls": (choices(finish_reason="tool_calls", message={"content": None}), "finish_reason is 'tool_calls'"),
    "tool call as stop": (message(content=None, tool_calls=[{"id": "x"}]), "tool_calls is"),
    "index twice": (choices(index=7), "index is"),
    "content number": (message(content=4), "a part of content is 4"),
    "content image": (message(content=[{"type": "image_url", "image_url": {}}]), "a part of content is .*image_url"),
    "reasoning a dict": (message(content="4", reasoning_content={"text": "x"}), "reasoning_content is"),
    "tokens beyond measure": (usage({"completion_tokens": 10**12}), "usage.completion_tokens.*1000000000000"),
    "tokens negative": (usage({"completion_tokens": -5}), "usage.completion_tokens.*-5"),
    "tokens infinite": (usage({"completion_tokens": float("inf")}), "usage.completion_tokens.*inf"),
}


def test_the_table_holds_the_28_that_were_tried():
    assert len(READ) + len(REFUSED) >= 28


@pytest.mark.parametrize("case", READ)
def test_a_reply_with_one_meaning_is_read(case, tmp_path):
    mood, text, tokens, finish = READ[case]
    with CompletionsServer(mood, well=False) as server:
        rows = sampled(Store(tmp_path), server)
    assert len(rows) == 24 and {row[1:] for row in rows} == {(tokens, finish)}
    assert all(row[0].startswith("seed ") if text is None else row[0] == text for row in rows)


@pytest.mark.parametrize("well", [True, False], ids=["the sample", "the first token"])
@pytest.mark.parametrize("case", REFUSED)
def test_any_other_reply_ends_the_run_with_a_sentence_and_leaves_nothing(case, well, tmp_path):
    mood, words = REFUSED[case]
    with CompletionsServer(mood, well=well) as server:
        with pytest.raises(MathbError, match=words):
            sampled(Store(tmp_path), server)
    assert not list(tmp_path.rglob("*.parquet")) and not list(replies_root().rglob("*.gz"))


def test_a_healed_server_fills_what_a_sick_one_left(tmp_path):
    store = Store(tmp_path)
    mood = edited(lambda reply: {"error": {"message": "quota"}} if len(server.requests) > 3 else None)
    with CompletionsServer(mood) as server, pytest.raises(MathbError, match="quota"):
        sampled(store, server)
    assert store.totals()[0] <= 12
    with CompletionsServer() as server:
        assert {row[1:] for row in sampled(store, server)} == {(3, "stop")}
    assert store.totals()[0] == 24


def test_a_passing_error_under_status_200_is_retried(tmp_path):
    mood = lambda body, before: good_reply(body) if before else {"error": "overloaded"}  # noqa: E731
    with CompletionsServer(mood) as server:
        assert {row[1:] for row in sampled(Store(tmp_path), server)} == {(3, "stop")}
        assert len(server.requests) == 12


def test_tokens_that_nobody_lists_are_counted_with_the_models_own_tokenizer(tmp_path):
    def mood(body, before):
        reply = good_reply(body) | {"usage": None}
        for choice, text, reason in zip(reply["choices"], ("12+30=42", ""), ("length", "stop")):
            choice.update(text=text, finish_reason=reason)
        return reply

    with CompletionsServer(mood) as server:
        rows = sampled(Store(tmp_path), server, MINI, attempts=2)
    from transformers import AutoTokenizer

    written = len(AutoTokenizer.from_pretrained(MINI.source)("12+30=42", add_special_tokens=False)["input_ids"])
    assert written > 3 and set(rows) == {("12+30=42", written, "length"), ("", 1, "stop")}


def test_nothing_is_cut_before_the_run_has_got_a_completion(tmp_path):
    with CompletionsServer(lambda body, before: "status 500") as server:
        with pytest.raises(MathbError, match="one token and not one of this run .*HTTP 500.*nothing is recorded"):
            sampled(Store(tmp_path), server)
    with CompletionsServer(choices(finish_reason="content_filter")) as server:
        with pytest.raises(MathbError, match="it filters or aborts all of them"):
            sampled(Store(tmp_path), server)
    assert not list(tmp_path.rglob("*.parquet")) and not list(replies_root().rglob("*.gz"))


def test_cuts_blanks_and_texts_that_never_differ_are_said_once(tmp_path, capsys):
    def filtered(body, before):
        reply = good_reply(body)
        if "Sum 3" in json.dumps(body):
            [choice.update(finish_reason="content_filter") for choice in reply["choices"]]
        return reply

    with CompletionsServer(filtered) as server:
        sampled(Store(tmp_path / "cut"), server)
    assert "4 of 24 attempts are recorded as cut" in (told := capsys.readouterr().err)
    assert "store forget --cut" in told and "repeat" not in told and "blank" not in told
    with CompletionsServer(message(content=" ")) as server:
        sampled(Store(tmp_path / "blank"), server)
    told = capsys.readouterr().err
    assert told.count("24 of 24 attempts are blank") == 1 and "All 24 attempts repeat the text of their chunk" in told
    # One alone in its chunk each: four chunks of one attempt at every problem.
    with CompletionsServer(message(content="4")) as server:
        engine = ServerEngine(CHAT, server.url, name="tiny")
        from mathb_kit.plan import Plan

        Draw(Store(tmp_path / "alike"), CHAT).sample(engine, PROBLEMS, Plan.fixed(4, chunk=1))
    assert "All 24 attempts repeat the text of their problem" in capsys.readouterr().err
