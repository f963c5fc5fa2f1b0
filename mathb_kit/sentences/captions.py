"""Captions of figures that several notebooks draw: what is seen, of which study."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mathb_kit.profiles import Profile


def beside_redrawn_caption(study: Profile) -> str:
    """Of ``plot_beside_redrawn``, on the study's hard set, or on its first set where it has none."""
    redraws = f"the mean of {study.redraws} fresh draws" if study.redraws > 1 else "a fresh draw"
    return (
        f"Left: problems reached at k = {max(study.ks):,} minus those that the frozen base reaches ({redraws}), as a "
        f"share of what the base left unsolved of {study.hard_set or study.sets[0]} ({study.note}); thick: 95 %, other "
        "problems of this kind (t), thin: other seeds too. Right: the chance that a gain in Expansion of that size "
        "would have shown (exact test, two-sided 5 %), simulated from the success rates of the re-draws; dashed: 80 %."
    )
