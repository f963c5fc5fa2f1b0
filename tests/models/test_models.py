from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from tqdm import tqdm

from mathb_kit.errors import MathbError
from mathb_kit.miniature import CHECKPOINTS
from mathb_kit.miniature.tokenizer import build_tokenizer
from mathb_kit.models import (
    Model,
    Sampling,
    describe_model,
    first_available,
    get_model,
    list_models,
    matched,
    registry,
    settings_table,
)
from mathb_kit.models.chat import chat_options, chat_turns, prompt_ids
from mathb_kit.models.entries import HubEntry
from mathb_kit.models.weights import load_tokenizer

# Columns of the released MATH-Beyond table, as its readers spell them.
PAPER_BASES = """
    qwen2.5-1.5b qwen2.5-7b qwen2.5-math-1.5b qwen2.5-math-7b qwen3-4b-base qwen3_8b_base
    r1-1.5b r1-7b olmo_7b olmo_2_1124_7b llama3.1_8b
""".split()
PAPER_OTHERS = """
    qwen2.5-1.5b-instruct qwen2.5-7b-instruct qwen2.5-math-1.5b-instruct qwen2.5-math-7b-instruct qwen3-4b qwen3_8b
    nemotron_research_reasoning_qwen_1.5b_v1 nemotron_1.5b deepscaler_1.5b_preview skywork_or1_7b
""".split()
WORDS = ("stated", "inferred", "memory", "NOT FOUND", "OUR CHOICE")


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A folder that looks like a checkpoint as far as a name, a recipe and a key are concerned."""
    folder = tmp_path / "my-model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


def test_every_shipped_checkpoint_is_a_model_with_its_own_key():
    shipped = {path.parent.name for path in CHECKPOINTS.glob("*/config.json")}
    assert {"mini-base-1", "mini-base-2", "mini-base-3"} <= shipped <= set(list_models()["name"])
    for name in shipped:
        model = get_model(name)
        assert (model.name, Path(model.source).name) == (name, name)
        assert "{problem}" in model.prompt and model.base in {None, *shipped}
    assert len({get_model(name).key() for name in shipped}) == len(shipped)


def test_the_recipe_of_a_folder_may_say_how_to_use_it(checkpoint):
    section = {
        "prompt": "Q: {problem}\nA:",
        "sampling": {"temperature": 0.6, "max_tokens": 50, "stop": ["Q:"]},
        "base": "mini-base-1",
        "trained_on": ["mini-train"],
    }
    (checkpoint / "recipe.json").write_text(json.dumps({"seed": 1, "mathb": section}))
    assert get_model(checkpoint) == Model(
        "my-model",
        str(checkpoint),
        prompt="Q: {problem}\nA:",
        sampling=Sampling(temperature=0.6, max_tokens=50, stop=("Q:",)),
        base="mini-base-1",
        trained_on=("mini-train",),
    )


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ({"mathb": {"promt": "x"}}, r"recipe\.json, section mathb has the unknown key 'promt'"),
        ({"mathb": {"sampling": {"temp": 1}}}, r"'sampling' has the unknown key 'temp'"),
        ({"mathb": {"sampling": {"temperature": "hot"}}}, r"'sampling.temperature' is 'hot'"),
        ([], r"recipe\.json holds no JSON object"),
    ],
)
def test_a_faulty_recipe_is_named_by_file_and_key(checkpoint, recipe, message):
    (checkpoint / "recipe.json").write_text(json.dumps(recipe))
    with pytest.raises(MathbError, match=message):
        get_model(checkpoint)


def test_unknown_names_and_folders_without_a_model_are_said(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setenv("MATHB_CHECKPOINTS", str(tmp_path))
    with pytest.raises(MathbError, match=r"'my-modle' \(did you mean my-model\?\)"):
        get_model("my-modle")
    with pytest.raises(MathbError, match=r"no config\.json"):
        get_model(tmp_path)


def test_retrained_checkpoints_take_the_place_of_the_shipped_ones(checkpoint, monkeypatch):
    checkpoint.rename(checkpoint.with_name("mini-base-1"))
    monkeypatch.setenv("MATHB_CHECKPOINTS", str(checkpoint.parent))
    assert get_model("mini-base-1").source == str(checkpoint.with_name("mini-base-1"))
    with pytest.raises(MathbError, match="no model 'mini-base-2'"):
        get_model("mini-base-2")


# -- the registry of the hub -------------------------------------------------------------------------------------------


def test_the_papers_models_are_named_as_the_columns_of_its_table():
    entries = registry.hub_models()
    for stem in (*PAPER_BASES, *PAPER_OTHERS):
        assert stem.replace("_", "-") in entries, stem
    for stem in PAPER_OTHERS:
        assert entries[stem.replace("_", "-")].base in {base.replace("_", "-") for base in PAPER_BASES}


def test_every_registered_model_is_complete_and_says_how_well_it_is_known():
    entries = registry.hub_models()
    for name, entry in entries.items():
        assert entry.base is None or entry.base in entries, name
        assert entry.kind in ("base", "instruct", "reasoning") and entry.size, name
        assert (entry.prompt == "chat") == (entry.kind != "base"), name
        assert "{problem}" in (entry.user if entry.prompt == "chat" else entry.prompt), name
        assert entry.sampling.max_tokens + 1024 <= entry.context, name
        assert entry.sampling.temperature > 0, name  # greedy attempts would all be the same
        assert all(fact.startswith(WORDS) for fact in entry.facts.values()), name
        assert {"sampling", "licence", "context"} <= entry.facts.keys(), name
        # A commit is never guessed: it is whole, or it is said to be missing.
        pinned = entry.revision and len(entry.revision) == 40 and int(entry.revision, 16)
        assert pinned or entry.facts["revision"] == "NOT FOUND", name
        assert entry.chosen == ("OUR CHOICE; common" in entry.facts["sampling"]), name
    assert len({(entry.hub, entry.revision) for entry in entries.values()}) == len(entries)
    assert registry.hub_models()["r1-1.5b"].sampling == Sampling(0.6, 0.95, max_tokens=32768)
    assert registry.hub_models()["qwen2.5-math-7b"].sampling.max_tokens == 3072  # on top of its style's


def test_a_model_of_ones_own_takes_three_lines(tmp_path, checkpoint, monkeypatch):
    own = tmp_path / "own.toml"
    own.write_text(f'["my-rl-1.5b"]\nhub = "{checkpoint}"\nstyle = "reasoning"\n')
    monkeypatch.setenv("MATHB_MODELS", str(own))
    model = get_model("my-rl-1.5b")
    assert (model.source, model.prompt, model.sampling.max_tokens) == (str(checkpoint), "chat", 32768)
    assert {"my-rl-1.5b", "r1-1.5b"} <= set(list_models()["name"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[a]\nhub = "x/y"\nstyle = "reasning"\n', r"own\.toml \[a\] names the style 'reasning'; there are base,"),
        ('[a]\nstyle = "base"\n', r"own\.toml \[a\] lacks the key 'hub'"),
        ('[my-1.5b]\nhub = "x/y"\n', r"own\.toml \[my-1\] lacks the key 'hub'"),
    ],
)
def test_a_faulty_table_of_ones_own_is_named(tmp_path, monkeypatch, text, message):
    (tmp_path / "own.toml").write_text(text)
    monkeypatch.setenv("MATHB_MODELS", str(tmp_path / "own.toml"))
    with pytest.raises(MathbError, match=message):
        get_model("a")
    monkeypatch.setenv("MATHB_MODELS", str(tmp_path / "none.toml"))
    with pytest.raises(MathbError, match=r"MATHB_MODELS names .*none\.toml, which is not a file"):
        get_model("a")


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """An empty local cache, and a hub that knows one commit of every model."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    answer = SimpleNamespace(sha="b" * 40)
    monkeypatch.setattr("huggingface_hub.HfApi.model_info", lambda self, source, timeout: answer)

    def cache(source: str, commit: str) -> None:
        folder = tmp_path / "cache" / f"models--{source.replace('/', '--')}"
        (folder / "refs").mkdir(parents=True)
        (folder / "refs" / "main").write_text(commit)
        (folder / "snapshots" / commit).mkdir(parents=True)
        for name in ("config.json", "model.safetensors"):
            (folder / "snapshots" / commit / name).write_text("{}")

    return cache


def test_an_unpinned_model_is_pinned_at_first_use_and_a_cached_commit_stays(hub):
    first = get_model("skywork-or1-7b")
    assert first.revision == "b" * 40
    hub("Skywork/Skywork-OR1-7B", "a" * 40)
    assert get_model("skywork-or1-7b").revision == "a" * 40  # though the hub has another by now
    assert get_model("skywork-or1-7b").key() != first.key()
    assert get_model("r1-7b").revision == registry.hub_models()["r1-7b"].revision


def test_without_hub_and_cache_settings_can_be_read_but_there_is_no_key(hub, monkeypatch):
    def unreachable(self, source, timeout):
        raise ConnectionError("no route")

    monkeypatch.setattr("huggingface_hub.HfApi.model_info", unreachable)
    told = describe_model("skywork-or1-7b")
    assert told["revision"] is None and told["key"].startswith("unknown until a revision can be had")
    assert told["known: licence"].startswith("NOT FOUND")


def test_a_hub_that_does_not_answer_is_told_of_while_the_tokenizer_is_waited_for(hub, monkeypatch, capsys):
    told = threading.Event()
    monkeypatch.setattr("mathb_kit.silence._SOON", 0.01)
    write = tqdm.write
    monkeypatch.setattr("mathb_kit.silence.tqdm.write", lambda *a, **k: (write(*a, **k), told.set()))

    def silent(*_, **__):
        assert told.wait(60), "nothing was said"
        raise OSError("no hub")

    monkeypatch.setattr("transformers.AutoTokenizer.from_pretrained", silent)
    with pytest.raises(MathbError, match="the tokenizer of 'org/far'"):
        load_tokenizer(Model("far", "org/far", revision="main"))
    said = capsys.readouterr().err
    assert "The model hub is asked for the tokenizer of org/far (HF_HUB_OFFLINE=1 asks nobody" in said


def test_the_first_model_with_weights_here_is_taken(hub):
    assert first_available("r1-1.5b", "mini-base-1").name == "mini-base-1"
    assert first_available("r1-1.5b", "mini-base-1", hub=True).name == "r1-1.5b"
    hub("deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B", registry.hub_models()["r1-1.5b"].revision)
    assert first_available("r1-7b", "r1-1.5b", "mini-base-1").name == "r1-1.5b"
    with pytest.raises(MathbError, match="None of r1-7b is on this machine"):
        first_available("r1-7b")


def test_a_hub_id_with_two_registered_commits_is_ambiguous():
    with pytest.raises(MathbError, match="name one of nemotron-research-reasoning-qwen-1.5b-v1, nemotron-1.5b"):
        get_model("nvidia/Nemotron-Research-Reasoning-Qwen-1.5B")


def test_a_hub_model_is_found_by_name_and_by_hub_id(monkeypatch):
    entry = HubEntry(hub="org/model-7b", revision="abc", prompt="chat", base="org-base")
    monkeypatch.setitem(registry.hub_models(), "model-7b", entry)
    expected = Model("model-7b", "org/model-7b", prompt="chat", base="org-base", revision="abc", dtype="bfloat16")
    assert get_model("model-7b") == get_model("org/model-7b") == expected


# -- prompts -----------------------------------------------------------------------------------------------------------

TEMPLATE = (
    "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% if enable_thinking is defined %}"
    "{{ '<think>' if enable_thinking else '<quick>' }}{% endif %}{% endif %}"
)
CHAT = Model("talker", "org/talker", prompt="chat", user="{problem} Box it.", revision="1")


@pytest.fixture(scope="module")
def tokenizer():
    tokenizer = build_tokenizer()
    tokenizer.chat_template = TEMPLATE
    return tokenizer


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "[user]1+1? Box it.[assistant]"),
        ({"system": "Think."}, "[system]Think.[user]1+1? Box it.[assistant]"),
        ({"thinking": True}, "[user]1+1? Box it.[assistant]<think>"),
        ({"thinking": False}, "[user]1+1? Box it.[assistant]<quick>"),
        ({"prompt": "Q: {problem} A:"}, "Q: 1+1? A:"),
    ],
)
def test_a_prompt_is_the_template_of_its_turns_and_switches(tokenizer, changes, expected):
    model = replace(CHAT, **changes)
    ids = prompt_ids(tokenizer, model, model.render("1+1?"))
    assert tokenizer.decode(ids, skip_special_tokens=True) == expected


def test_a_template_may_be_borrowed_from_another_checkpoint(tokenizer, tmp_path):
    lender = build_tokenizer()
    lender.chat_template = "{{ messages[-1].content }} ->"
    lender.save_pretrained(tmp_path / "lender")
    model = replace(CHAT, template=str(tmp_path / "lender"))
    assert tokenizer.decode(prompt_ids(tokenizer, model, "1+1?"), skip_special_tokens=True) == "1+1? ->"
    # What an engine in another process gets is JSON.
    assert json.loads(json.dumps(chat_options(model))) == {"chat_template": lender.chat_template}
    assert chat_turns(replace(model, system="S"), "x")[0] == {"role": "system", "content": "S"}


def test_a_chat_without_a_template_is_refused_with_both_remedies():
    with pytest.raises(MathbError, match="'talker' has no chat template; give .* plain prompt .*or name"):
        prompt_ids(build_tokenizer(), CHAT, "1+1?")


def test_the_key_of_a_plain_prompt_is_the_hash_it_always_was(checkpoint):
    digest = hashlib.sha256(b"config.json:2:{}" + b"model.safetensors:7:weights").hexdigest()
    sampling = {"temperature": 1.0, "top_p": 1.0, "top_k": 0, "min_p": 0.0, "max_tokens": 1024, "stop": []}
    identity = {"weights": digest, "prompt": "{problem}", "sampling": sampling, "dtype": "float32"}
    identity["quantization"] = None
    expected = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
    model = Model("my-model", str(checkpoint))
    assert model.key() == expected == replace(model, context=5, system="unused", trained_on=("x",)).key()


def test_keys_of_the_paper_models_and_the_miniature_stay_what_they_were():
    later = {"smollm2-135m", "qwen2.5-coder-0.5b", "oat-zero-math-1.5b", "simplerl-zoo-7b"}
    names = [name for name in registry.hub_models() if name not in later]
    unpinned = {"revision": "0" * 40}
    models = [registry.as_registered(name) for name in sorted(names)]
    keys = [(model if model.revision else replace(model, **unpinned)).key() for model in models]
    lines = "\n".join(f"{model.name} {key}" for model, key in zip(models, keys))
    # of the 29 models registered before a model could be derived from its files
    assert len(names) == 29
    expected = "2071e0b2eaa7cc322209e3cbebfa2ff695b142d6aa603e0a6bae9ecc16f75179"
    assert hashlib.sha256(lines.encode()).hexdigest() == expected
    assert get_model("mini-base-1").key() == "a5a98eb86a39fbb4"
    assert get_model("mini-rl-1").key() == "f3ef68910052acf5"


def test_everything_that_changes_a_chat_prompt_changes_the_key(checkpoint, tmp_path):
    lender = tmp_path / "lender"
    lender.mkdir()
    (lender / "chat_template.jinja").write_text("A")
    chat = replace(Model("my-model", str(checkpoint)), prompt="chat")
    variants = [
        chat, replace(chat, user="{problem}!"), replace(chat, system="s"), replace(chat, thinking=True),
        replace(chat, thinking=False), replace(chat, template=str(lender)), replace(chat, template="org/m@1"),
    ]  # fmt: skip
    keys = {model.key() for model in variants}
    assert len(keys) == len(variants)
    (lender / "chat_template.jinja").write_text("B")
    assert replace(chat, template=str(lender)).key() not in keys
    (checkpoint / "chat_template.jinja").write_text("its own")
    assert chat.key() not in keys


# -- base and tuned under the same settings ----------------------------------------------------------------------------

BASE = Model("b", "org/b", prompt="Q: {problem}", sampling=Sampling(0.8, max_tokens=3000, stop=("Q:",)), context=4096)
TUNED = Model(
    "t", "org/t", prompt="chat", user="{problem}!", system="s", thinking=True, revision="7",
    sampling=Sampling(0.6, 0.95, 20, max_tokens=32768), context=40960, base="b",
)  # fmt: skip


def elicitation(model: Model) -> tuple:
    return (model.prompt, model.user, model.system, model.thinking, model.sampling)


def test_matching_makes_prompt_and_sampling_equal_and_leaves_the_weights():
    assert matched(BASE, TUNED) == (BASE, TUNED, "vendor", True)
    for how, giver in (("base", BASE), ("tuned", TUNED)):
        base, tuned, match, own_base = matched(BASE, TUNED, how)
        assert match == how and own_base == (base == BASE)
        # 4,096 tokens of context hold 3,072 beside the prompt's 1,024
        sampling = replace(giver.sampling, max_tokens=min(giver.sampling.max_tokens, 3072))
        assert elicitation(base) == elicitation(tuned) == elicitation(replace(giver, sampling=sampling))
        assert [(m.name, m.source, m.base) for m in (base, tuned)] == [("b", "org/b", None), ("t", "org/t", "b")]
    assert matched(BASE, TUNED, "tuned").base.template == "org/t@7" and tuned.template is None
    with pytest.raises(MathbError, match="matched to vendor, base, tuned, not to 'both'"):
        matched(BASE, TUNED, "both")


def test_settings_stand_side_by_side_with_each_arms_truncated_share():
    table = settings_table(matched(BASE, TUNED)).set_index("setting")
    assert list(table.columns) == ["b (base)", "t (tuned)", ""]
    assert table.loc["max_tokens"].tolist() == ["3000", "32768", "differs"]
    assert table.loc["min_p"].tolist() == ["0.0", "0.0", ""]
    arms = [pd.DataFrame({"n": [8, 32], "truncated": cut}) for cut in ([1, 0], [8, 12])]
    alike = settings_table(matched(BASE, TUNED, "tuned"), *arms).set_index("setting")
    assert alike[""].drop("truncated").eq("").all()
    assert alike.loc["truncated"].tolist() == ["2.5%", "50.0%", "differs"]


def test_a_folder_is_called_what_its_user_calls_it(tmp_path, monkeypatch):
    (tmp_path / "mine").symlink_to(CHECKPOINTS / "mini-base-2")
    assert get_model(str(tmp_path / "mine")).name == get_model(f"{tmp_path}/mine/").name == "mine"
    monkeypatch.chdir(CHECKPOINTS / "mini-base-2")
    assert get_model(".").name == "mini-base-2"
    assert get_model(".").key() == get_model(str(tmp_path / "mine")).key()
