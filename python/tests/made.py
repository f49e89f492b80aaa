"""Molecules that the tests make, and labels that can be learnt of them."""

from __future__ import annotations

import random

PARTS = ["C", "CC", "c1ccccc1", "N", "O", "C(=O)", "C(F)", "C1CCCC1", "S", "C(Cl)", "n1ccnc1"]


def molecules(count: int, seed: int = 1) -> list[str]:
    """Chains of groups; some of them are no molecules."""
    draw = random.Random(seed)
    return ["".join(draw.choices(PARTS, k=draw.randint(2, 9))) for _ in range(count)]


def labelled(count: int) -> tuple[list[str], list[float], list[str]]:
    """Molecules, each there once, their sizes and whether they are large."""
    several = dict.fromkeys(f"{part}C{end}" for part in molecules(3 * count) for end in ("O", "N"))
    chosen = [smiles for smiles in several if "n1" not in smiles][:count]
    sizes = [float(sum(letter in "CcNOSF" for letter in smiles)) for smiles in chosen]
    middle = sorted(sizes)[count // 2]
    return chosen, sizes, ["active" if size > middle else "inactive" for size in sizes]
