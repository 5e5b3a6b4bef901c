"""What the 3-D vesicle network learns from: patches of phantoms; no command of its own."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from membraneseg.evaluate.vesicle_truth import read_vesicle_truth
from membraneseg.io.mrc import read_tomogram
from membraneseg.io.truth import read_truth
from membraneseg.phantom.scene import VESICLE_KINDS
from membraneseg.segment.looks import Looks, another_look
from membraneseg.segment.predict_volume import at_voxel_size, unit_volume

ZOOMS = (0.85, 1.0, 1.18)
"""Each phantom is held at voxel sizes so many times that of the network: smaller vesicles, larger
ones, and other noise."""
LARGEST_OUTER_A, SURELY_LARGER_A = 550.0, 700.0
"""Round bodies up to here are vesicles, beyond they are not; between them nothing is learnt."""
ALWAYS_VESICLES = ("synaptic vesicle", "endosome")
PATCH, MARGIN = 32, 4
BOX_ZYX = (40, 72, 72)
"""Patches are cut from boxes of at most this size, which get one look."""
BOXES, PATCHES_OF_A_BOX = 4, 2
WITH_VESICLES, LEAST_INSIDE = 0.6, 300.0
LOOKS = Looks(share=0.7)


@dataclass(frozen=True, eq=False)
class Example:
    """A phantom at some voxel size.

    Parameters
    ----------
    densities : (Z, Y, X) float16
        As the network sees them.
    inside, known : (Z, Y, X) float16
        Share of each voxel that lies in a vesicle, lumen or membrane; and that counts.
    """

    densities: np.ndarray
    inside: np.ndarray
    known: np.ndarray


def read_examples(folder: Path, voxel_size_A: float) -> list[Example]:
    """Read a phantom at each of the voxel sizes."""
    tomogram, _ = read_tomogram(folder / "tomogram.mrc")
    is_vesicle, is_known = _vesicles_of(folder)
    found = []
    for zoom in ZOOMS:
        parts = [
            at_voxel_size(volume, tomogram.voxel_size_A, zoom * voxel_size_A)
            for volume in (tomogram.voxels, is_vesicle, is_known)
        ]
        parts[0] = unit_volume(parts[0])
        if all(n >= PATCH for n in parts[0].shape):
            found.append(Example(*(part.astype(np.float16) for part in parts)))
    return found


def _vesicles_of(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Masks of what is a vesicle, whole or cut, and of what is either or not."""
    truth = read_vesicle_truth(folder)
    cut = set(read_truth(folder).get("cut_vesicles", []))
    outer_A = dict(zip(truth.ids.tolist(), truth.outer_radii_A.tolist(), strict=True))
    with (folder / "truth_membranes.csv").open(newline="") as source:
        rows = {int(row["id"]): row for row in csv.DictReader(source)}
    yes, unsure = [], []
    for label, row in rows.items():
        family = [row]  # itself and what holds it
        while int(family[-1]["parent"]) in rows:
            family.append(rows[int(family[-1]["parent"])])
        verdicts = [_is_vesicle(one, outer_A, cut) for one in family]
        if True in verdicts:
            yes.append(label)
        elif None in verdicts:
            unsure.append(label)
    lumen, shell = (
        np.asarray(read_tomogram(folder / f"truth_{name}.mrc")[0].voxels)
        for name in ("compartments", "instances")
    )
    inside = np.isin(lumen, yes) | np.isin(shell, yes)
    doubtful = (np.isin(lumen, unsure) | np.isin(shell, unsure)) & ~inside
    return inside, ~doubtful


def _is_vesicle(row: dict[str, str], outer_A: dict[int, float], cut: set[int]) -> bool | None:
    """Whether a membrane is that of a vesicle; None if it could be."""
    if row["kind"] in ALWAYS_VESICLES:
        return True
    if row["kind"] not in VESICLE_KINDS:
        return False
    label = int(row["id"])
    if label in cut or label not in outer_A:
        return None
    if outer_A[label] <= LARGEST_OUTER_A:
        return True
    return False if outer_A[label] > SURELY_LARGER_A else None


def draw_batch(
    examples: Sequence[Sequence[Example]], rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Draw densities, shares inside and shares known (B, 1, 32, 32, 32) of some phantoms."""
    drawn = []
    for _ in range(BOXES):
        phantom = examples[int(rng.integers(len(examples)))]
        box = _drawn_box(phantom[int(rng.integers(len(phantom)))], rng)
        drawn += [_drawn_patch(box, rng) for _ in range(PATCHES_OF_A_BOX)]
    densities, inside, known = (
        torch.from_numpy(np.stack(part))[:, None] for part in zip(*drawn, strict=True)
    )
    return densities, inside, known


def _drawn_box(example: Example, rng: np.random.Generator) -> Example:
    """Cut a box with vesicles, mostly, and give it some other look."""
    shape = example.densities.shape
    edges = [min(edge, n) for edge, n in zip(BOX_ZYX, shape, strict=True)]
    wanted = rng.random() < WITH_VESICLES
    for _ in range(20):
        corner = [int(rng.integers(n - e + 1)) for n, e in zip(shape, edges, strict=True)]
        box = tuple(slice(c, c + e) for c, e in zip(corner, edges, strict=True))
        if not wanted or example.inside[box].sum(dtype=np.float32) > LEAST_INSIDE:
            break
    parts = (example.densities[box], example.inside[box], example.known[box])
    densities, inside, known = (part.astype(np.float32) for part in parts)
    return Example(another_look(densities, LOOKS, rng), inside, known)


def _drawn_patch(
    box: Example, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cut a patch, mirror it at random and change its grey values."""
    wanted = rng.random() < WITH_VESICLES
    for _ in range(20):
        corner = [int(rng.integers(n - PATCH + 1)) for n in box.densities.shape]
        at = tuple(slice(c, c + PATCH) for c in corner)
        if not wanted or box.inside[at].sum() > LEAST_INSIDE:
            break
    axes = tuple(int(axis) for axis in np.flatnonzero(rng.random(3) < 0.5))
    densities, inside, known = (
        np.flip(part[at], axes).copy() for part in (box.densities, box.inside, box.known)
    )
    gain, offset = rng.uniform(0.75, 1.33), rng.uniform(-0.2, 0.2)
    return (gain * densities + offset).astype(np.float32), inside, known
