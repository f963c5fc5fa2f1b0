"""Base and tuned under settings of their own, or under the same ones: elicitation must not pass for ability."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from mathb_kit.errors import MathbError
from mathb_kit.models.model import Model

if TYPE_CHECKING:
    import pandas as pd

MATCHES = ("vendor", "base", "tuned")

# Tokens of the context kept for the prompt where one model's token limit is asked of another (our choice).
_PROMPT_ROOM = 1024


class Pair(NamedTuple):
    """A base and what was tuned from it, under the settings they are compared with.

    Attributes:
        base, tuned: the models.
        match: whose settings: ``vendor``, ``base`` or ``tuned``.
        own_base: whether the base is under the settings it came with. Under others it is another model: it solves other
            problems, and what it left unsolved under its own says nothing of it.
    """

    base: Model
    tuned: Model
    match: str = "vendor"
    own_base: bool = True


def matched(base: Model, tuned: Model, how: str = "vendor") -> Pair:
    """Base and tuned model with prompt, template and sampling settings made equal.

    Args:
        base: the base model.
        tuned: the tuned model.
        how: ``vendor`` leaves each its own settings; ``base`` gives both the base's, ``tuned`` both the tuned model's,
            with its chat template. The token limit is lowered, for both, to what the smaller context holds beside
            1,024 prompt tokens.

    Returns:
        The pair, with the names and weights they had.

    Raises:
        MathbError: another word for ``how``.
    """
    if how not in MATCHES:
        raise MathbError(f"Models are matched to {', '.join(MATCHES)}, not to {how!r}.")
    if how == "vendor":
        return Pair(base, tuned)
    giver = base if how == "base" else tuned
    contexts = [model.context - _PROMPT_ROOM for model in (base, tuned) if model.context]
    sampling = replace(giver.sampling, max_tokens=min([giver.sampling.max_tokens, *contexts]))
    template = _template(giver) if giver.prompt == "chat" else None

    names = ("prompt", "user", "system", "thinking", "template", *vars(sampling))

    def under_its_settings(model: Model) -> Model:
        origins = dict.fromkeys(names, f"as {giver.name}") if model is not giver else {}
        return replace(
            model,
            prompt=giver.prompt,
            user=giver.user,
            system=giver.system,
            thinking=giver.thinking,
            template=giver.template if model is giver else template,
            sampling=sampling,
            origins={**model.origins, **origins},
        )

    changed = under_its_settings(base)
    return Pair(changed, under_its_settings(tuned), how, own_base=changed == base)


def settings_table(
    pair: Pair, base_outcomes: pd.DataFrame | None = None, tuned_outcomes: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Prompt and sampling settings of two models side by side: setting, a column per model, and whether they differ.

    With outcomes (n and truncated) the last row is each arm's share of attempts that the token limit cut off.
    """
    import pandas as pd

    base, tuned = pair.base, pair.tuned
    rows = []
    for setting in ("prompt", "user", "system", "thinking", "dtype"):
        rows.append((setting, getattr(base, setting), getattr(tuned, setting)))
    rows.append(("template", _template(base), _template(tuned)))
    for setting in vars(base.sampling):
        rows.append((setting, getattr(base.sampling, setting), getattr(tuned.sampling, setting)))
    # The user's turn says nothing where neither model is prompted by chat.
    chats = "chat" in (base.prompt, tuned.prompt)
    kept = [row for row in rows if chats or row[0] not in ("user", "system", "thinking", "template")]
    if base_outcomes is not None and tuned_outcomes is not None:
        shares = [each["truncated"].sum() / each["n"].sum() for each in (base_outcomes, tuned_outcomes)]
        kept.append(("truncated", *(f"{share:.1%}" for share in shares)))
    return pd.DataFrame(
        [(setting, _shown(one), _shown(other), "" if one == other else "differs") for setting, one, other in kept],
        columns=["setting", f"{base.name} (base)", f"{tuned.name} (tuned)", ""],
    )


def _template(model: Model) -> str:
    """Where a model's chat template comes from, as `Model.template` writes it."""
    pinned = not model.is_local and model.revision
    return model.template or (f"{model.source}@{model.revision}" if pinned else model.source)


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(repr, value)) or "none"
    return repr(value) if isinstance(value, str) and "\n" in value else str(value)
