"""The bridge to the segment walker: which curves of one slice are one membrane."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from membraneseg.group.slice_cues import picture_cues
from membraneseg.types import Float32, Float64, Int64, SliceFragments
from rl_agent.chains import chain_labels
from rl_agent.matching import match_ends
from rl_agent.policy import WalkerPolicy
from rl_agent.rollout import link_ends
from rl_agent.scene import Scene, build_scene

Linker = Callable[[Scene, np.random.Generator], Int64]
"""Finds the end that each end of a slice is linked to (E,), −1 for none."""


def co_circular(scene: Scene, generator: np.random.Generator) -> Int64:
    """Match co-circular ends at least cost; leaves the generator alone."""
    del generator
    return match_ends(scene)


def walker(policy: WalkerPolicy) -> Linker:
    """The learned segment walker."""
    return lambda scene, generator: link_ends(scene, policy, generator)


def link_slice_fragments(
    fragments: SliceFragments,
    probability_yx: Float32,
    tilt_range_deg: float,
    linker: Linker,
) -> tuple[tuple[int, ...], ...]:
    """Groups of curves of one slice that are one membrane.

    Parameters
    ----------
    fragments : SliceFragments
        Curves of one slice.
    probability_yx : (Y, X) float32
        Membrane probability of that slice.
    tilt_range_deg : float
        θ of a ±θ tilt series about y.
    linker : callable
        `walker` of a policy, or `co_circular`; its generator has the slice's index as seed.

    Returns
    -------
    tuple of tuple of int
        Indices into ``fragments.curves_yx_px``; every curve is in exactly one group, closed
        curves alone in theirs. In order of the smallest index.
    """
    partner = _partners(fragments, probability_yx, tilt_range_deg, linker)
    count = len(fragments.closed)
    labels = np.arange(count) + count  # closed curves: numbers that no chain has
    labels[~fragments.closed] = chain_labels(partner)
    members: dict[int, list[int]] = {}
    for curve, label in enumerate(labels.tolist()):
        members.setdefault(label, []).append(curve)
    return tuple(tuple(group) for group in members.values())


def slice_connections(
    fragments: SliceFragments,
    probability_yx: Float32,
    tilt_range_deg: float,
    linker: Linker,
) -> Float64:
    """Where the links of a slice begin and end.

    Parameters
    ----------
    fragments, probability_yx, tilt_range_deg, linker
        As in `link_slice_fragments`.

    Returns
    -------
    (L, 2, 2) float64
        The two end points of each link, y and x in voxels.
    """
    partner = _partners(fragments, probability_yx, tilt_range_deg, linker)
    ends = [curve[k] for curve in _open_curves(fragments) for k in (0, -1)]
    first = np.flatnonzero(partner > np.arange(len(partner)))
    pairs = [np.stack([ends[one], ends[partner[one]]]) for one in first]
    return np.stack(pairs) if pairs else np.zeros((0, 2, 2))


def _open_curves(fragments: SliceFragments) -> list[Float64]:
    pairs = zip(fragments.curves_yx_px, fragments.closed, strict=True)
    return [curve for curve, closed in pairs if not closed]


def _partners(
    fragments: SliceFragments,
    probability_yx: Float32,
    tilt_range_deg: float,
    linker: Linker,
) -> Int64:
    """Link partner of each end of the open curves, −1 for none."""
    scene = build_scene(_open_curves(fragments), picture_cues(probability_yx, tilt_range_deg))
    return linker(scene, np.random.default_rng(fragments.z_px))
