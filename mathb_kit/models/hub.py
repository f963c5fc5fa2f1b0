"""What of the Hugging Face hub is at hand: commits of models that no revision pins, and whether weights are here."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from mathb_kit.errors import MathbError
from mathb_kit.models.facts import SMALL_FILES
from mathb_kit.models.model import Model
from mathb_kit.silence import telling


def asking_hub(what: str) -> AbstractContextManager[None]:
    """Around a call that may ask the hub: its client tries again for most of a minute without a word."""
    return telling(f"The model hub is asked for {what} (HF_HUB_OFFLINE=1 asks nobody and takes what is cached)")


def cached_commit(source: str, revision: str | None = None) -> str | None:
    """The commit of a hub model whose weights lie in the local cache, or None."""
    from huggingface_hub import try_to_load_from_cache

    try:
        config = try_to_load_from_cache(source, "config.json", revision=revision)
    except ValueError:  # no hub id, e.g. a folder that is not there
        return None
    if not isinstance(config, str):
        return None
    snapshot = Path(config).parent
    return snapshot.name if any([*snapshot.glob("*.safetensors"), *snapshot.glob("*.bin")]) else None


def current_commit(source: str, revision: str | None = None) -> str | None:
    """The commit that an unpinned model stands for: the cached one (so that keys stay), else the hub's main branch.

    Args:
        source: hub id.
        revision: branch, tag or commit; main where None.

    Returns:
        None where there is neither cache nor hub; then the weights cannot be loaded, either.
    """
    if commit := cached_commit(source, revision):
        return commit
    from huggingface_hub import HfApi

    asked = {} if revision is None else {"revision": revision}
    try:
        with asking_hub(source):
            return HfApi().model_info(source, timeout=10, **asked).sha
    except Exception:  # the hub client raises a dozen unrelated types; all mean "not to be had"
        return None


def small_files(source: str, revision: str | None) -> Path:
    """A folder with the small files of a hub repository: what tells how it wants to be asked; of an adapter, all.

    Raises:
        MathbError: no such repository, no access to it, or no hub and no copy in the cache.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, HFValidationError, RepositoryNotFoundError, RevisionNotFoundError

    wanted = [*SMALL_FILES, "adapter_config.json", "adapter_model*.safetensors"]
    try:
        with asking_hub(f"the settings of {source}"):
            folder = Path(snapshot_download(source, revision=revision, allow_patterns=wanted))
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise MathbError(
            f"There is no folder {source!r} here and no such model on the hub; correct the name."
        ) from error
    except RevisionNotFoundError as error:
        raise MathbError(f"The hub's {source} has no revision {revision!r}; name a branch, tag or commit.") from error
    except GatedRepoError as error:
        raise MathbError(
            f"The hub gives {source} on request only; ask there, then log in by: hf auth login."
        ) from error
    except Exception as error:  # see current_commit
        raise MathbError(
            f"There is no folder {source!r} here, and the model hub cannot be reached to look for a model of that "
            "name; go online, copy the checkpoint here and name its folder, or name a model of the list: mathb models. "
            "A model that only a server has is registered with its prompt (MATHB_MODELS)."
        ) from error
    if not any((folder / name).is_file() for name in ("config.json", "adapter_config.json")):
        raise MathbError(f"The hub's {source} has no config.json; of GGUF files, download one and name the file.")
    return folder


def is_here(model: Model) -> bool:
    """Whether the model can be loaded without a network."""
    return model.is_local or cached_commit(model.source, model.revision) is not None
