"""From groups of points to meshes: the stages that `run` and `close` share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from membraneseg import stage_values as values
from membraneseg.config import RunConfig
from membraneseg.coords import angstrom_to_index
from membraneseg.ledger import Codec, Ledger, Progress
from membraneseg.stage_values import FitResult
from membraneseg.surface.fit import fit_membranes
from membraneseg.surface.frame import VolumeFrame
from membraneseg.surface.ice import ice_between
from membraneseg.surface.joining import join_crossing
from membraneseg.surface.mesh import membrane_mesh
from membraneseg.surface.neighbours import Separated, separate
from membraneseg.surface.refine import refine_membranes
from membraneseg.surface.refined import RefinedMembrane, unrefined
from membraneseg.types import MembraneGroup


@dataclass(frozen=True)
class Surfaces:
    """What became of the groups.

    Parameters
    ----------
    refined : list of RefinedMembrane
    meshes : Separated
        One mesh per membrane, in the same order, none passing through another.
    notes : tuple of str
        Groups without a surface, candidates that were dropped.
    """

    refined: list[RefinedMembrane]
    meshes: Separated
    notes: tuple[str, ...]


def surfaces_of(
    groups: Sequence[MembraneGroup],
    density: npt.NDArray[np.generic] | None,
    frame: VolumeFrame,
    config: RunConfig,
    ledger: Ledger,
    of_mask: bool = False,
) -> Surfaces:
    """Fit, refine, mesh and separate.

    Parameters
    ----------
    groups : sequence of MembraneGroup
    density : (Z, Y, X) array or None
        The tomogram; without one nothing is refined, and nothing dropped as doubtful.
    frame : VolumeFrame
    config : RunConfig
    ledger : Ledger
    of_mask : bool
        Whether the groups are somebody's mask, which is taken at its word: see `within_ice`.

    Returns
    -------
    Surfaces
    """
    groups, frame, notes = within_ice(groups, frame, config, of_mask)
    fitted = _fit(groups, frame, config, ledger)
    if density is None:
        refined = [unrefined(one) for one in fitted.membranes]
    else:
        refined = _refine(density, fitted, frame, config, ledger)

    def mesh(progress: Progress) -> Separated:
        meshes = [
            (one.membrane.label, membrane_mesh(one.membrane, frame, config.fit)) for one in refined
        ]
        return separate(meshes, frame.voxel_size_A)

    meshes = ledger.run(
        "meshes", config.fit, mesh, Codec(values.meshes_to_arrays, values.meshes_from_arrays)
    )
    kept = {one.membrane.label for one in refined}
    dropped = [str(one.label) for one in fitted.membranes if one.label not in kept]
    notes += fitted.failures
    if dropped:
        notes.append(
            f"{len(dropped)} candidates were dropped: no dark line along them, or hardly a part "
            f"of them seen (groups {', '.join(dropped)})"
        )
    if meshes.crossings_after:
        notes.append(
            f"pairs of membranes that still pass through each other: {meshes.crossings_after}; "
            "they could not be moved apart, so look at them before you trust either"
        )
    return Surfaces(refined, meshes, tuple(notes))


def within_ice(
    groups: Sequence[MembraneGroup], frame: VolumeFrame, config: RunConfig, of_mask: bool = False
) -> tuple[Sequence[MembraneGroup], VolumeFrame, list[str]]:
    """Keep points and frame as far as the ice reaches: what seems to go on beyond are streaks.

    Parameters
    ----------
    groups : sequence of MembraneGroup
    frame : VolumeFrame
    config : RunConfig
        With `closed` "all" nothing changes.
    of_mask : bool
        The ice then holds all points: what somebody drew is no streak.

    Returns
    -------
    groups : sequence of MembraneGroup
    frame : VolumeFrame
    notes : list of str
        One if the ice ends inside the volume.
    """
    places = [
        angstrom_to_index(group.points_zyx_A, frame.voxel_size_A, frame.origin_zyx_A)
        for group in groups
    ]
    ice = ice_between(places, frame)
    if config.fit.closure.closed == "all" or ice == (frame.low_px[0], frame.high_px[0]):
        return groups, frame, []
    if of_mask:
        heights = np.concatenate([place[:, 0] for place in places])
        ice = min(ice[0], heights.min() - 0.5), max(ice[1], heights.max() + 0.5)
    note = (
        f"several membranes are cut off at the same height, so the ice was taken to reach from "
        f"z = {max(ice[0], 0.0):.0f} to {ice[1]:.0f} (voxels), and what it cuts stays open there; "
        "--closed all closes it"
    )
    frame = replace(frame, ice_z_px=ice)
    inside = [
        replace(group, points_zyx_A=group.points_zyx_A[frame.contains(place)])
        for group, place in zip(groups, places, strict=True)
    ]
    return inside, frame, [note]


def _fit(
    groups: Sequence[MembraneGroup], frame: VolumeFrame, config: RunConfig, ledger: Ledger
) -> FitResult:
    """Points to surfaces; a group without one is noted with its reason."""

    def compute(progress: Progress) -> FitResult:
        failures: list[str] = []

        def failed(label: int, why: str) -> None:
            failures.append(f"group {label} has no surface: {why}")

        fitted = fit_membranes(groups, frame, config.fit, _share(progress), failed, config.jobs)
        membranes, joined = join_crossing(fitted, frame, config.fit)
        for gone, stays in joined.items():
            failed(gone, f"it belongs to group {stays}, into which its own surface ran")
        return FitResult(tuple(membranes), tuple(failures))

    codec = Codec(values.fit_to_arrays, values.fit_from_arrays)
    return ledger.run("surfaces", config.fit, compute, codec)


def _refine(
    density: npt.NDArray[np.generic],
    fitted: FitResult,
    frame: VolumeFrame,
    config: RunConfig,
    ledger: Ledger,
) -> list[RefinedMembrane]:
    """Surfaces to surfaces that lie on the density."""
    return ledger.run(
        "refined",
        config.refine,
        lambda progress: refine_membranes(
            density,
            fitted.membranes,
            frame,
            (config.fit, config.refine),
            _share(progress),
            config.jobs,
        ),
        Codec(values.refined_to_arrays, values.refined_from_arrays),
    )


def _share(progress: Progress) -> Callable[[int, int], None]:
    """Turn (done, total) into a share."""
    return lambda done, total: progress(done / max(total, 1))
