"""Low-rank adapters in training (LoRA, arXiv 2106.09685): what is trained beside a network that stays as it is.

The base's weights keep the type in which the model is asked, the adapter is float32: a step of AdamW is far smaller
than the rounding of a 16-bit weight. For the same reason nothing is merged: sampler and trainer run through the same
modules.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mathb_kit.errors import MathbError
from mathb_kit.extras import need
from mathb_kit.models.adapters import base_of
from mathb_kit.models.model import Model
from mathb_kit.models.weights import load_checkpoint
from mathb_kit.settings import read_json

if TYPE_CHECKING:
    from peft import PeftModel
    from torch import Tensor, nn
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_ALPHA = 2  # times the rank: the weight of what the adapter adds


@dataclass(frozen=True)
class Lora:
    """An adapter on every linear layer but the head.

    Attributes:
        rank: of its matrices.
        checkpointing: forget activations between layers and compute them again in the backward pass: less memory, a
            third more time, the same numbers.
    """

    rank: int = 16
    checkpointing: bool = False

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise MathbError(f"lora is {self.rank}; a rank must be at least 1.")


def load_adapted(model: Model, lora: Lora, seed: int) -> tuple[PeftModel, PreTrainedTokenizerBase]:
    """A model with an adapter to train; a model that is an adapter already goes on with its own.

    Args:
        model: base, or adapter on its base.
        lora: its rank is that of the adapter where there is one.
        seed: of the adapter's first weights, with which it adds nothing yet.

    Raises:
        MathbError: files that cannot be read, an adapter of another rank, peft is not installed.
    """
    import torch

    need("models", "Training an adapter", "peft")
    from peft import LoraConfig, PeftModel, get_peft_model

    network, tokenizer = load_checkpoint(replace(model, adapter=None))
    if model.adapter:
        settings = read_json(Path(model.adapter) / "adapter_config.json")
        if (settings.get("peft_type"), settings.get("r")) != ("LORA", lora.rank):
            raise MathbError(
                f"{model.adapter} is an adapter of type {settings.get('peft_type')} and rank {settings.get('r')}; go "
                "on with it by --lora of its rank, or train its base."
            )
        return PeftModel.from_pretrained(network, model.adapter, is_trainable=True).eval(), tokenizer
    config = LoraConfig(r=lora.rank, lora_alpha=_ALPHA * lora.rank, target_modules="all-linear", task_type="CAUSAL_LM")
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return get_peft_model(network, config).eval(), tokenizer


def base_to_record(model: Model) -> str:
    """What an adapter's folder says of its base: a registered name, else a path or hub id with its revision."""
    from mathb_kit.models.registry import model_names

    if model.adapter:
        return base_of(Path(model.adapter))
    if model.name in model_names():
        return model.name
    return str(Path(model.source).resolve()) if model.is_local else f"{model.source}@{model.revision}"


def trained_part(network: nn.Module) -> dict[str, Tensor]:
    """The tensors that training changes, by name: the whole state, or where weights are frozen the others alone."""
    if not _has_frozen(network):
        return network.state_dict()
    return {name: weight.detach() for name, weight in network.named_parameters() if weight.requires_grad}


def load_trained_part(network: nn.Module, state: dict[str, Tensor]) -> None:
    """Take over what `trained_part` gave."""
    network.load_state_dict(state, strict=not _has_frozen(network))


def _has_frozen(network: nn.Module) -> bool:
    return not all(weight.requires_grad for weight in network.parameters())


class Start:
    """A network as it was when this was made: a copy of it, or of an adapter the first weights only."""

    def __init__(self, network: PreTrainedModel) -> None:
        self._network = network
        self._adapter = self._copy = None
        if _has_frozen(network):
            self._adapter = {name: weight.clone() for name, weight in trained_part(network).items()}
        else:
            self._copy = copy.deepcopy(network).requires_grad_(False)

    def state(self) -> dict[str, Tensor]:
        """Its weights, for resuming."""
        return self._copy.state_dict() if self._copy is not None else dict(self._adapter)

    def load(self, state: dict[str, Tensor]) -> None:
        """Take over what `state`, or `trained_part` of the network, gave."""
        if self._copy is not None:
            self._copy.load_state_dict(state)
        else:
            self._adapter = {name: weight.clone() for name, weight in state.items()}

    @contextmanager
    def network(self) -> Iterator[PreTrainedModel]:
        """The network to score with; an adapter has its first weights again as long as this is entered."""
        if self._copy is not None:
            yield self._copy
            return
        weights = dict(self._network.named_parameters())
        now = {name: weights[name].data for name in self._adapter}
        for name, first in self._adapter.items():
            weights[name].data = first
        try:
            yield self._network
        finally:
            for name, last in now.items():
                weights[name].data = last


@contextmanager
def checkpointing(network: PreTrainedModel, on: bool) -> Iterator[None]:
    """Activations between layers are forgotten as long as this is entered, if the network can do that."""
    if not on:
        yield
        return
    network.gradient_checkpointing_enable({"use_reentrant": False})
    # transformers forgets them in training mode only; the layers alone get it, so that no dropout comes with it.
    layers = [module for module in network.modules() if hasattr(module, "gradient_checkpointing")]
    for layer in layers:
        layer.training = True
    try:
        yield
    finally:
        for layer in layers:
            layer.training = False
        network.gradient_checkpointing_disable()


def write_adapter(folder: Path, network: PeftModel, base: str) -> None:
    """``adapter_model.safetensors`` (float16, finer than bfloat16) and ``adapter_config.json``."""
    import torch
    from peft import get_peft_model_state_dict
    from safetensors.torch import save_file

    config: Any = copy.copy(network.peft_config[network.active_adapter])
    config.base_model_name_or_path, config.revision, config.inference_mode = base, None, True
    config.target_modules = sorted(config.target_modules)  # a set, whose order would change the adapter's hash
    folder.mkdir(parents=True, exist_ok=True)
    config.save_pretrained(folder)
    # Not `save_pretrained` of the network: it writes a card of its own and asks the hub for the base's configuration.
    state = get_peft_model_state_dict(network, save_embedding_layers=False)
    halved = {name: weight.detach().to("cpu", torch.float16).contiguous() for name, weight in state.items()}
    save_file(halved, folder / "adapter_model.safetensors", metadata={"format": "pt"})
