"""One membrane followed along the ellipsoid through what is seen of it, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from gp_fit.points import local_normals, superpoints
from membraneseg.group.config import GroupConfig
from membraneseg.group.evidence import encircled, sphere_directions
from membraneseg.group.faint import Front, Volume, find_faint, own_profile
from membraneseg.group.quadric import Quadric, fit_quadric, misfits
from membraneseg.types import Bool, Float64
from synth2d.wedge import wedge_depth_deg

BEGIN, REACH, DISC = 5.0, 20.0, 6.0
"""Where a front begins and ends, and the radius of its discs, in units of `spacing_of`."""
_PATCH_PX = 4.0
_NORMALS_PX = 12.0
_SAMPLES = 1.5  # distance of the places of a front, in the same units
_FINEST_SHARE = 1.0 / 60.0  # spacing of the front over the radius, where that exceeds a voxel
_MOST_STEPS = 60
_LEAST_PATCHES = 8
_MOST_PATCHES = 400  # that a fit is given; more are thinned evenly
_SMALLEST_PX = 10.0  # radius; smaller vesicles are seen whole or not at all
_MOST_MISFIT = 1.0  # median squared misfit of a piece that is followed
_LEAST_ENCIRCLED = 0.4  # share of directions from which an ellipsoid must be seen to be followed
_BORDER_PX = 3.0
_NEAREST = 6  # seen patches that say how far a membrane strays from the ellipsoid
_SAME_HEIGHT_PX = 1.5  # difference of neighbouring offsets of one membrane
_LEAST_COHERENT = 2  # found places near another one at the same height
_PARALLEL = 0.7
_TAKEN_PX = 3.0  # nearer to another membrane, a place is that membrane's
_ON_SHAPE = 3.0  # squared misfit of a patch that lies on an ellipsoid
_LEAST_ON_SHAPE = 0.8  # share of a piece that lies on another one's ellipsoid, if they are one
_STACKED_PX = 4.0  # along the shape: nearer patches lie above each other, or side by side
_MOST_STACKED = 0.1  # share of a piece that may lie above or below another one


@dataclass(frozen=True)
class Piece:
    """Patches of a membrane.

    Parameters
    ----------
    centre, normal : (K, 3) float64
        zyx in voxels; unit normal of either direction.
    new : (K,) bool
        Whether the patch was found by following the membrane.
    """

    centre: Float64
    normal: Float64
    new: Bool


class Surroundings(NamedTuple):
    """What a membrane is followed in.

    Parameters
    ----------
    volumes : sequence of (Z, Y, X) arrays
    tilt_range_deg : float
        θ of a ±θ tilt series about y.
    taken : Piece
        All patches of other membranes.
    """

    volumes: Sequence[Volume]
    tilt_range_deg: float
    taken: Piece


def piece_through(points_px: Float64) -> Piece:
    """Patches of the points (N, 3) of a membrane, with normals from their neighbourhood."""
    centre, count, _ = superpoints(points_px, _PATCH_PX)
    normal = local_normals(centre, _NORMALS_PX, count.astype(np.float64))
    return Piece(centre, normal, np.zeros(len(centre), dtype=bool))


def put_together(pieces: Sequence[Piece]) -> Piece:
    """All patches of some pieces."""
    none = Piece(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0, dtype=bool))
    every = [none, *pieces]
    return Piece(
        np.concatenate([one.centre for one in every]),
        np.concatenate([one.normal for one in every]),
        np.concatenate([one.new for one in every]),
    )


def follow(piece: Piece, around: Surroundings, config: GroupConfig) -> tuple[Piece, Quadric | None]:
    """Follow a membrane as far as it shows.

    Parameters
    ----------
    piece : Piece
    around : Surroundings
    config : GroupConfig

    Returns
    -------
    piece : Piece
        With new patches, if any were found.
    quadric : Quadric or None
        The ellipsoid that they lie near; None where the piece has none.
    """
    quadric = ellipsoid_of(piece, config)
    if quadric is None:
        return piece, None
    old = piece.centre[~piece.new]
    seen = wedge_depth_deg(piece.normal[~piece.new], around.tilt_range_deg) < 0.0
    if not seen.any():
        return piece, quadric
    normal = piece.normal[~piece.new][seen]
    profiles = [own_profile(volume, old[seen], normal) for volume in around.volumes]
    for _ in range(_MOST_STEPS):
        front = _front_of(quadric, piece, around)
        found = None if front is None else _found_in(front, quadric, around, profiles, config)
        if found is None or len(found.centre) == 0:
            break
        longer = put_together([piece, found])
        refitted = ellipsoid_of(longer, config)
        if refitted is None:
            break
        piece, quadric = longer, refitted
    return piece, quadric


def ellipsoid_of(piece: Piece, config: GroupConfig) -> Quadric | None:
    """Ellipsoid through a piece that is seen from enough directions; None where none fits."""
    step = max(1, len(piece.centre) // _MOST_PATCHES)
    centre, normal = piece.centre[::step], piece.normal[::step]
    if len(centre) < _LEAST_PATCHES:
        return None
    quadric = fit_quadric(centre, normal, config.tolerance)
    if quadric is None or quadric.radius < _SMALLEST_PX:
        return None
    if np.median(misfits(quadric, centre, normal, config.tolerance)) > _MOST_MISFIT:
        return None
    return quadric if encircled(quadric, (centre, normal)) >= _LEAST_ENCIRCLED else None


def goes_on_in(piece: Piece, quadric: Quadric, other: Piece, config: GroupConfig) -> bool:
    """Whether another piece is the same membrane, further along its ellipsoid.

    Parameters
    ----------
    piece : Piece
    quadric : Quadric
        Fitted to the piece.
    other : Piece
    config : GroupConfig

    Returns
    -------
    bool
        True if nearly all of the other piece lies on the ellipsoid, some of it right beside the
        piece at the same height, and hardly any of it above or below; and if one ellipsoid goes
        through both.
    """
    if len(other.centre) == 0:
        return False
    misfit = misfits(quadric, other.centre, other.normal, config.tolerance)
    if (misfit < _ON_SHAPE).mean() < _LEAST_ON_SHAPE:
        return False
    height, outward = quadric.offset_and_normal(other.centre)
    own, own_outward = quadric.offset_and_normal(piece.centre)
    tree = cKDTree(piece.centre - own[:, None] * own_outward)
    along, nearest = tree.query(other.centre - height[:, None] * outward)
    step = np.abs(height - own[nearest])
    stacked = (along < _STACKED_PX) & (step > _SAME_HEIGHT_PX)
    beside = along < REACH * spacing_of(quadric)
    if beside.sum() < _LEAST_COHERENT or stacked.mean() > _MOST_STACKED:
        return False
    if np.median(step[beside]) > _SAME_HEIGHT_PX:
        return False
    return ellipsoid_of(put_together([piece, other]), config) is not None


def spacing_of(quadric: Quadric) -> float:
    """Unit of length in voxels in which a membrane of this size is followed."""
    return max(1.0, quadric.radius * _FINEST_SHARE)


def spread_over(quadric: Quadric, spacing_px: float) -> tuple[Float64, Float64]:
    """Points (N, 3) about so far apart on an ellipsoid, and their outward normals."""
    area = 4.0 * np.pi * float((quadric.semi_axes**2).mean())
    return quadric.surface(sphere_directions(int(np.ceil(area / spacing_px**2))))


def in_volume(place: Float64, shape: tuple[int, ...]) -> Bool:
    """Whether each place (N, 3) lies inside a volume, a little off its border."""
    upper = np.array(shape) - 1 - _BORDER_PX
    return np.asarray(((place >= _BORDER_PX) & (place <= upper)).all(axis=1))


def heights_near(quadric: Quadric, piece: Piece, place: Float64, count: int = _NEAREST) -> Float64:
    """Height (N,) of the nearest patches of a piece over its ellipsoid, at places (N, 3) on it."""
    height = quadric.offset_and_normal(piece.centre)[0]
    distance, nearest = cKDTree(piece.centre).query(place, k=min(count, len(height)))
    weight = 1.0 / (distance.reshape(len(place), -1) + 1.0)
    near = height[nearest.reshape(len(place), -1)]
    return np.asarray((weight * near).sum(axis=1) / weight.sum(axis=1))


def _front_of(quadric: Quadric, piece: Piece, around: Surroundings) -> Front | None:
    """Where the piece should go on and be visible, beyond what is known; None if nowhere."""
    spacing = spacing_of(quadric)
    place, outward = spread_over(quadric, _SAMPLES * spacing)
    inside = in_volume(place, around.volumes[0].shape)
    inside &= wedge_depth_deg(outward, around.tilt_range_deg) < 0.0
    place, outward = place[inside], outward[inside]
    distance = cKDTree(piece.centre).query(place, distance_upper_bound=REACH * spacing)[0]
    ahead = (distance > BEGIN * spacing) & np.isfinite(distance)
    if not ahead.any():
        return None
    place, outward = place[ahead], outward[ahead]
    place = place + heights_near(quadric, piece, place)[:, None] * outward
    return Front(place, outward, distance[ahead])


def _found_in(
    front: Front,
    quadric: Quadric,
    around: Surroundings,
    profiles: Sequence[Float64],
    config: GroupConfig,
) -> Piece:
    """Patches of the front at which a membrane shows that is nobody else's."""
    disc = DISC * spacing_of(quadric)
    best = np.zeros(len(front.place))
    offset = np.zeros(len(front.place))
    for volume, profile in zip(around.volumes, profiles, strict=True):
        index, shift, deviations = find_faint(volume, front, profile, disc, config.min_contrast)
        better = deviations > best[index]
        offset[index[better]], best[index[better]] = shift[better], deviations[better]
    found = np.flatnonzero(best > 0)
    normal = front.outward[found]
    place = front.place[found] + offset[found, None] * normal
    good = ~_is_taken(place, normal, around.taken)
    found, place, normal = found[good], place[good], normal[good]
    coherent = _is_coherent(front.place[found], offset[found], 1.5 * disc)
    return Piece(place[coherent], normal[coherent], np.ones(int(coherent.sum()), dtype=bool))


def _is_taken(place: Float64, normal: Float64, taken: Piece) -> Bool:
    """Whether a parallel patch of another membrane lies at each place (N, 3)."""
    if len(taken.centre) == 0 or len(place) == 0:
        return np.zeros(len(place), dtype=bool)
    distance, nearest = cKDTree(taken.centre).query(place, k=min(3, len(taken.centre)))
    distance, nearest = distance.reshape(len(place), -1), nearest.reshape(len(place), -1)
    parallel = np.abs((taken.normal[nearest] * normal[:, None]).sum(axis=2)) > _PARALLEL
    return np.asarray(((distance < _TAKEN_PX) & parallel).any(axis=1))


def _is_coherent(place: Float64, offset: Float64, reach_px: float) -> Bool:
    """Whether enough others near each place (N, 3) lie at the same height."""
    good = np.zeros(len(place), dtype=bool)
    if len(place) == 0:
        return good
    one, two = cKDTree(place).query_pairs(reach_px, output_type="ndarray").T
    same = np.abs(offset[one] - offset[two]) < _SAME_HEIGHT_PX
    count = np.bincount(one[same], minlength=len(place)) + np.bincount(
        two[same], minlength=len(place)
    )
    return np.asarray(count >= _LEAST_COHERENT)
