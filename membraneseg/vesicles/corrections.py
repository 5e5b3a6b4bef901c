"""Adding and removing vesicles by hand: the same operations for commands and for the viewer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from membraneseg.coords import angstrom_to_index, index_to_angstrom
from membraneseg.errors import MembraneSegError
from membraneseg.types import Float64
from membraneseg.vesicles.balls import Balls
from membraneseg.vesicles.rays import View, filled, read_rays
from membraneseg.vesicles.refinement import Measured, RefinementConfig, joined, refined
from membraneseg.vesicles.spheres import Vesicle

TRIED_RADII_NM = (15.0, 24.0)
"""A click says where a vesicle is, not how large: profiles about these radii reach all others."""
USABLE_OFFSET_A = 60.0
CLICK_REACH_NM, CLICK_STEP_NM, CLICK_RAYS = 6.0, 2.0, 100
"""A click may miss the centre by so much; centres are tried so far apart, with so many rays."""
SHELL_A, BESIDE_A = 28.0, 60.0
"""A membrane is dark within the first distance of its middle against what follows to the second."""
MOST_STARTS = 5
LEAST_SYMMETRY = 0.5


def add_vesicle(
    vesicles: Sequence[Vesicle],
    balls: Balls,
    place_zyx_A: Float64,
    where: tuple[View, Float64],
    config: RefinementConfig,
) -> list[Vesicle]:
    """Add the vesicle round a place.

    Parameters
    ----------
    vesicles : sequence of Vesicle
    balls : Balls
        The same ones in voxels: neighbours that do not move.
    place_zyx_A : (3,) float64
        Near its centre.
    where : (View, (3,) float64)
        The tomogram, and its origin in Å.
    config : RefinementConfig

    Returns
    -------
    list of Vesicle
        The new one last, with the next free id.

    Raises
    ------
    MembraneSegError
        If the place lies outside the tomogram or in a vesicle, or no membrane surrounds it.
    """
    view, origin = where
    place_px = angstrom_to_index(place_zyx_A, view.voxel_size_A, origin)
    shown = ", ".join(f"{value:.0f}" for value in place_zyx_A[::-1])
    shape = np.array(view.voxels.shape)
    if (place_px < -0.5).any() or (place_px > shape - 0.5).any():
        raise MembraneSegError(
            f"({shown}) Å lies outside the tomogram: give x, y and z in Å in the tomogram's space."
        )
    for vesicle in vesicles:
        if np.linalg.norm(vesicle.centre_zyx_A - place_zyx_A) < vesicle.radius_A:
            raise MembraneSegError(
                f"({shown}) Å lies in vesicle {vesicle.id}: remove that one first, or give "
                "another place."
            )
    best = _best(place_px, balls, view, config)
    if best is None:
        raise MembraneSegError(
            f"no membrane shows round ({shown}) Å: click nearer to the centre of the vesicle."
        )
    band = best.bands[0]
    assert band is not None
    radius_A = float(best.balls.radii_px[0]) * view.voxel_size_A
    following = 1 + max((vesicle.id for vesicle in vesicles), default=0)
    added = Vesicle(
        following,
        index_to_angstrom(best.balls.centres_px[0], view.voxel_size_A, origin),
        radius_A,
        outer_radius_A=radius_A + 0.5 * band.thickness_A,
        thickness_A=band.thickness_A,
        membrane_intensity=band.intensity,
        refined=True,
    )
    return [*vesicles, added]


def remove_vesicle(vesicles: Sequence[Vesicle], label: int) -> list[Vesicle]:
    """Leave out the vesicle of an id; the others keep theirs.

    Raises
    ------
    MembraneSegError
        If there is none.
    """
    if all(vesicle.id != label for vesicle in vesicles):
        raise MembraneSegError(f"there is no vesicle {label}: give an id of vesicles.csv.")
    return [vesicle for vesicle in vesicles if vesicle.id != label]


@dataclass(frozen=True)
class History:
    """Vesicles as they were after each correction, the last one as it is now.

    Parameters
    ----------
    states : tuple of tuple of Vesicle
        At least one.
    """

    states: tuple[tuple[Vesicle, ...], ...]

    @property
    def now(self) -> list[Vesicle]:
        """The vesicles as they are."""
        return list(self.states[-1])

    def then(self, vesicles: Sequence[Vesicle]) -> History:
        """Return a history with one more state."""
        return replace(self, states=(*self.states, tuple(vesicles)))

    def undone(self) -> History:
        """Return the history without its last correction; the first state stays."""
        return replace(self, states=self.states[:-1] or self.states) if self.can_undo else self

    @property
    def can_undo(self) -> bool:
        """Whether there is anything to undo."""
        return len(self.states) > 1


def _best(place_px: Float64, balls: Balls, view: View, config: RefinementConfig) -> Measured | None:
    """Refine from the darkest shells near a place; keep the clearest, most closed membrane."""
    best, most = None, 0.0
    for start in _darkest_shells(place_px, balls, view):
        found = refined(start, view, config, still=balls)
        band = found.bands[0]
        if band is None or band.symmetry < LEAST_SYMMETRY:
            continue
        worth = band.contrast * band.symmetry * float(np.nan_to_num(found.closures[0]))
        if worth > most:
            best, most = found, worth
    return best


def _darkest_shells(place_px: Float64, balls: Balls, view: View) -> list[Balls]:
    """Spheres round points near a place whose shells are darkest against what lies beside them."""
    step_px = CLICK_STEP_NM * 10.0 / view.voxel_size_A
    count = int(CLICK_REACH_NM / CLICK_STEP_NM)
    axis = np.arange(-count, count + 1)
    grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    grid = grid[np.linalg.norm(grid, axis=1) <= count]
    tried: list[tuple[float, Balls]] = []
    for offset in grid:
        for radius_nm in TRIED_RADII_NM:
            radius_px = 10.0 * radius_nm / view.voxel_size_A
            centre = (place_px + step_px * offset)[None]
            start = Balls(np.array([0]), centre, np.array([radius_px]))
            rays = read_rays(0, joined(start, balls), view, CLICK_RAYS)
            profile = filled(rays.profile())
            if not np.isfinite(profile).all():
                continue
            apart = np.abs(rays.offsets_A[:, None] - rays.offsets_A)
            near, beside = apart < SHELL_A, (apart >= SHELL_A) & (apart < BESIDE_A)
            darkness = beside @ profile / beside.sum(axis=1) - near @ profile / near.sum(axis=1)
            usable = np.abs(rays.offsets_A) <= USABLE_OFFSET_A
            index = int(np.argmax(np.where(usable, darkness, -np.inf)))
            shifted = radius_px + rays.offsets_A[index] / view.voxel_size_A
            at = Balls(np.array([0]), centre, np.array([shifted]))
            tried.append((float(darkness[index]), at))
    tried.sort(key=lambda pair: -pair[0])
    return [start for _, start in tried[:MOST_STARTS]]
