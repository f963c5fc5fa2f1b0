from __future__ import annotations

import json
from pathlib import Path

import pytest

from mathb_kit.errors import MathbError
from mathb_kit.miniature import CHECKPOINTS
from mathb_kit.models import Model, Sampling, get_model, list_models, registry


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


def test_a_folder_works_as_it_is_and_its_recipe_may_say_how_to_use_it(checkpoint):
    assert get_model(checkpoint) == Model("my-model", str(checkpoint))
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
        ([], r"recipe\.json is not a JSON object"),
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


def test_a_hub_model_is_found_by_name_and_by_hub_id(monkeypatch):
    entry = registry.HubEntry(hub="org/model-7b", revision="abc", prompt="chat", base="org-base")
    monkeypatch.setitem(registry.hub_models(), "model-7b", entry)
    expected = Model("model-7b", "org/model-7b", prompt="chat", base="org-base", revision="abc")
    assert get_model("model-7b") == get_model("org/model-7b") == expected
