"""A faulty checkpoint is one sentence, no code of one is run, and its chat template only within limits."""

from __future__ import annotations

import pickle
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from checkpoints import CHAT, edit, write_folder
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from mathb_kit.cli import app
from mathb_kit.errors import MathbError
from mathb_kit.models import get_model
from mathb_kit.models.chat import prompt_ids
from mathb_kit.models.weights import load_tokenizer

DEEP = "[" * 100_000


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("whole") / "talker", CHAT)


def weights(change: Callable[[dict], None]) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        tensors = load_file(folder / "model.safetensors")
        change(tensors)
        save_file(tensors, folder / "model.safetensors", {"format": "pt"})

    return write


def content(name: str, text: str | bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())


class Pwn:
    def __reduce__(self):
        return (open, ("pwned", "w"))


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Pwn()))


def own_code(folder: Path) -> None:
    (folder / "own.py").write_text("open('pwned', 'w')\nclass Own: pass\n")
    classes = {"AutoConfig": "own.Own", "AutoModelForCausalLM": "own.Own"}
    edit(folder / "config.json", model_type="own", auto_map=classes)


def cut(share: float) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        file = folder / "model.safetensors"
        file.write_bytes(file.read_bytes()[: int(file.stat().st_size * share)])

    return write


NAN, INFINITE, FIRST = float("nan"), float("inf"), "model.embed_tokens.weight"

DIRTY: dict[str, tuple[Callable[[Path], object], str]] = {
    "weights cut short": (cut(0.5), "is cut short"),
    "weights cut in the header": (cut(0.001), "is cut short"),
    "weights empty": (content("model.safetensors", b""), "is cut short or no safetensors file"),
    "a pointer for weights": (content("model.safetensors", b"version https://git-lfs\n" * 3), "Git LFS pointer"),
    "a deep header": (
        content("model.safetensors", len(DEEP).to_bytes(8, "little") + DEEP.encode()), "no safetensors file"
    ),
    "weights NaN": (weights(lambda all_: all_[FIRST].fill_(NAN)), "no numbers .NaN or infinite"),
    "one weight infinite": (weights(lambda all_: all_[FIRST][3].fill_(INFINITE)), "no numbers .NaN or infinite"),
    "a wrong shape": (weights(lambda all_: all_.update({FIRST: all_[FIRST][:50].clone()})), "could not be loaded"),
    "weights as pickle": (pickled, "weights as pickle.*save_pretrained"),
    "code of its own": (own_code, "could not be loaded|brings code of its own"),
    "config deep": (content("config.json", DEEP), "config.json is not JSON .nested too deeply"),
    "config null": (content("config.json", "null"), "config.json holds no JSON object"),
    "config not UTF-8": (content("config.json", b"\xff{}"), "config.json is not JSON"),
    "config of NaN": (content("config.json", '{"rope_theta": NaN}'), "NaN is not a value of JSON"),
    "a context of text": (lambda f: edit(f / "config.json", max_position_embeddings="long"), "a context of 'long'"),
    "no heads": (lambda f: edit(f / "config.json", num_attention_heads=0), "could not be loaded"),
    "heads in words": (lambda f: edit(f / "config.json", num_attention_heads="x"), "could not be loaded"),
    "a quantisation in words": (lambda f: edit(f / "config.json", quantization_config="x"), "could not be loaded"),
    "a million layers": (
        lambda f: edit(f / "config.json", num_hidden_layers=10**6), "tells of 1,000,000 layers, and the weights hold 2"
    ),
    "an odd dtype": (lambda f: edit(f / "config.json", dtype="int3"), "dtype"),
    "a temperature of text": (content("generation_config.json", '{"temperature": "hot"}'), "temperature as 'hot'"),
    "generation a list": (content("generation_config.json", "[]"), "holds no JSON object"),
    "tokenizer settings cut": (content("tokenizer_config.json", "{"), "tokenizer_config.json is not JSON"),
    "no tokenizer": (lambda f: (f / "tokenizer.json").unlink(), "has no tokenizer"),
    "tokenizer no JSON": (content("tokenizer.json", "hello"), "tokenizer"),
    "end token odd": (
        lambda f: edit(f / "tokenizer_config.json", added_tokens_decoder={"x": None}), "lists added tokens in no known"
    ),
    "recipe deep": (content("recipe.json", DEEP), "recipe.json is not JSON"),
    "recipe odd": (content("recipe.json", '{"mathb": {"sampling": {"temperature": "x"}}}'), "recipe.json.*temperature"),
    "a template not UTF-8": (content("chat_template.jinja", b"\xff\xfe"), "chat_template.jinja"),
}  # fmt: skip


VERBS = {
    "evaluate": ["evaluate", "{}", "--on", "mini-math", "--attempts", "16", "--json"],
    "sample": ["sample", "{}", "--on", "mini-math", "--attempts", "16", "--json"],
    "lab train": "lab train --from {} --steps 1 --prompts 2 --group 2 --to out".split(),
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("what", DIRTY)
def test_a_dirty_checkpoint_is_one_sentence_before_a_token_is_sampled(whole, tmp_path, monkeypatch, what, verb):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MATHB_RUNS", str(tmp_path / "runs"))
    folder = shutil.copytree(whole, tmp_path / "talker")
    change, message = DIRTY[what]
    change(folder)
    result = CliRunner().invoke(app, [word.format(folder) for word in VERBS[verb]])
    assert (result.exit_code, result.stdout) == (2, ""), result.output
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("mathb: ")]
    assert re.search(message, line), line
    assert "Traceback" not in result.stderr and not (tmp_path / "pwned").exists()
    assert not list(tmp_path.rglob("*.parquet")) and not (tmp_path / "out").exists()


BOMBS = {
    "doubling": (
        "{% set ns = namespace(x='ab') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}",
        "memory|takes longer than 2 s",
    ),
    "folded when compiled": ("{{ 'ab' * 10**10 }}", "memory|fails|longer"),
    "a long text": ("{% for i in range(90000) %}{{ 'x' * 100 }}{% endfor %}", "writes more than"),
    "nested loops": (
        "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}", "takes longer than 2 s"
    ),
    "a large power": ("{{ 9 ** (9 ** 9) }}", "takes longer than 2 s|memory|fails"),
    "a macro without end": ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "nested too deeply|fails"),
    "nested brackets": ("{{ " + "(" * 20000 + ")" * 20000 + " }}", "nested too deeply|memory|fails"),
    "out of the sandbox": ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "fails"),
    "no template": ("{% for %}", "fails"),
    "an error of its own": ("{{ raise_exception('no system turn') }}", r"fails \(no system turn\)"),
}  # fmt: skip


@pytest.mark.parametrize("what", BOMBS)
def test_a_template_without_bounds_is_one_sentence_and_the_next_one_is_rendered(whole, tmp_path, monkeypatch, what):
    monkeypatch.setattr("mathb_kit.models.templates._SECONDS", 2.0)
    template, message = BOMBS[what]
    model = get_model(write_folder(tmp_path / "talker", template))
    with pytest.raises(MathbError, match=f"The chat template of .*({message})") as caught:
        prompt_ids(load_tokenizer(model), model, "1+1")
    assert len(str(caught.value)) < 500
    good = get_model(whole)
    tokenizer = load_tokenizer(good)
    assert tokenizer.decode(prompt_ids(tokenizer, good, "1+1")) == "<s>[user]1+1[assistant]"
