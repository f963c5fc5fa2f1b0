"""One colour, marker and dash per model, in every figure alike; frozen bases, published numbers and chance in grey.

A model's look hangs on its name and on the registry alone, never on what else stands in a table. Models that others
were tuned from have solid lines and the strongest colours; what was tuned from them has a neighbouring hue of another
lightness, a dash and a marker of its own.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Sequence
from functools import cache
from typing import Any

from mathb_kit.judging.guessing import PERMUTED, UNIFORM
from mathb_kit.models.registry import as_registered, hub_models, model_names

# Three of seaborn's `colorblind`, then seven found by search: of all pairs the nearest are as far apart as can be (in
# OKLab, also as deuteranopes and protanopes see them), none too light for a line on white.
PALETTE = (
    "#0173b2", "#de8f05", "#029e73", "#aa2772", "#002e9d", "#83601a", "#5d0055", "#004e00", "#d581bd", "#00b4ff",
)  # fmt: skip
NEUTRAL = "#5f5f5f"
# Bars of counts and of what has no name of its own: a tone that no model has.
INK = "#4a6b82"
FAULT = "#d55e00"  # what was lost or wrong
MARKERS = "osD^vPX*<>pdh"
# Of what is trained from the first shipped base: markers that neither it nor a shipped model tuned from it has.
_TRAINED = (
    *"sDvP*<pd8H",
    # Stars and polygons: corners, kind (0 polygon, 1 star), degrees turned.
    (4, 1, 0), (4, 1, 45), (6, 1, 0), (8, 1, 0), (3, 1, 0),
    (3, 1, 180), (5, 0, 180), (7, 0, 0), (5, 1, 180), (12, 1, 0),
)  # fmt: skip
_SOLID = "-"
_DASHES = ((0, (5, 2)), (0, (1, 1.4)), (0, (5, 1.5, 1, 1.5)), (0, (8, 1.5)))
# Hue (degrees) and lightness (of 100) beside a base's, for the models tuned from it.
_SHADES = ((32, 40), (-30, 62), (-10, 76), (0, 28))
# How a base that stands for "nothing was learned" is called: a reference, not one more model.
NULLS = (", re-drawn", ", frozen")
_NO_MODEL = (UNIFORM, PERMUTED, "as published")


def _look(colour: str, marker: str, dash: Any) -> dict[str, Any]:
    return {"color": colour, "marker": marker, "linestyle": dash}


_GREYS = (_look(NEUTRAL, "d", _DASHES[1]), _look("#8f8f8f", "8", _DASHES[0]), _look("#303030", "H", _DASHES[2]))


def look_of(names: Sequence[str], among: Sequence[str] | None = None) -> dict[str, dict[str, Any]]:
    """Colour, marker and dash (``color``, ``marker``, ``linestyle``) for each name: distinct in colour and in grey.

    A registered model keeps its look everywhere. What is no model of its own but a reference is grey: a frozen base
    ("<model>, re-drawn", "<model>, frozen"), chance, published values. In a list without any model, names are
    categories and take their looks by place.

    Args:
        names: labels, each once.
        among: all the categories that there could be, in order, so that each has one look whichever are there; they
            leave the first colour to the model that they start from.
    """
    places = _places()
    looks = {name: _model_look(*places[model]) for name in names if (model := _model_in(name, places))}
    known = bool(looks)
    grey = [name for name in names if name in _NO_MODEL or name.endswith(NULLS)]
    looks |= {name: _GREYS[place % len(_GREYS)] for place, name in enumerate(grey)}
    others = [name for name in names if name not in looks]
    if among is not None:
        order = [*among, *(name for name in others if name not in among)]
        for name in others:
            place = order.index(name)
            # Past the last marker they go on from another one, so that no pair of colour and marker comes again.
            turned = place + 3 * (place // len(_TRAINED))
            colour = PALETTE[1 + place % (len(PALETTE) - 1)]
            looks[name] = _by_place(place + 1) | {"color": colour, "marker": _TRAINED[turned % len(_TRAINED)]}
    elif known:
        looks = _with_unregistered(sorted(others), looks)
    else:
        looks |= {name: _by_place(place) for place, name in enumerate(others)}
    return {name: looks[name] for name in names}


def _by_place(place: int) -> dict[str, Any]:
    dashes = (_SOLID, *_DASHES[:3])
    return _look(PALETTE[place % len(PALETTE)], MARKERS[place % len(MARKERS)], dashes[place % len(dashes)])


def _with_unregistered(names: Sequence[str], looks: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The looks, and those of models that no registry knows: by a hash of the name, but nobody's colour or marker."""
    for name in names:
        place = zlib.crc32(name.encode())
        colours, markers = (
            [each for each in all_ if each not in [look[what] for look in looks.values()]] or all_
            for what, all_ in (("color", PALETTE), ("marker", MARKERS))
        )
        looks[name] = _look(colours[place % len(colours)], markers[place % len(markers)], _DASHES[place % len(_DASHES)])
    return looks


def _model_look(family: int, rank: int) -> dict[str, Any]:
    colour, marker = PALETTE[family % len(PALETTE)], MARKERS[(family + 3 * rank) % len(MARKERS)]
    if rank == 0:
        return _look(colour, marker, _SOLID)
    return _look(_shade(colour, rank), marker, _DASHES[(rank - 1) % len(_DASHES)])


@cache
def _shade(colour: str, rank: int) -> str:
    from seaborn.external import husl

    hue, saturation, _ = husl.hex_to_husl(colour)
    turn, lightness = _SHADES[(rank - 1) % len(_SHADES)]
    return husl.husl_to_hex((hue + turn) % 360, 0.92 * saturation, lightness)


def lightened(colour: str, by: float = 0.7) -> str:
    """The colour, mixed with so much white."""
    from matplotlib.colors import to_hex, to_rgb

    return to_hex([part + by * (1 - part) for part in to_rgb(colour)])


def _model_in(label: str, places: Collection[str]) -> str | None:
    """The registered model that a label names: alone, or before a comma or a space."""
    named = [name for name in places if label == name or label.startswith((f"{name},", f"{name} "))]
    return max(named, key=len, default=None)


def _places() -> dict[str, tuple[int, int]]:
    """Family and rank in it (0: the base) of every registered model; shipped and hub models are counted apart."""
    bases = {name: as_registered(name).base for name in model_names()}
    heads = [name for name, base in bases.items() if base not in bases or name in bases.values()]
    on_hub = hub_models()
    places = {}
    for some in ([name for name in heads if name not in on_hub], [name for name in heads if name in on_hub]):
        for family, head in enumerate(some):
            tuned = [name for name, base in bases.items() if base == head and name not in heads]
            places |= {name: (family, rank) for rank, name in enumerate([head, *tuned])}
    return places
