"""Closed membranes that grew into one region with what touches them, told apart by ellipsoids."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.spatial import cKDTree

from membraneseg.group.closed import is_closed
from membraneseg.group.config import GroupConfig
from membraneseg.group.evidence import encircled, support
from membraneseg.group.quadric import Quadric, fit_quadric, misfits
from membraneseg.group.surface_patches import components
from membraneseg.types import Bool, Float64, Int64

Surface = tuple[Float64, Float64]

_LEAST_PATCHES = 24  # of a body
_LOOKED_AT = 400  # patches of a region at most; more are thinned evenly
_SEEDS = 12  # places where a body is looked for
_BEGINNINGS = (40, 120)  # patches nearest to a seed that a fit begins with
_ROUNDS = 4  # of a fit and the choice of what lies on it
_ON = 6.0  # squared misfit up to which a patch lies on an ellipsoid
_LONGEST = 2.0  # longest by shortest semi-axis: pieces of tubes are no bodies
_EXPLAINED = 0.85  # share of a region that its bodies must explain
_MAIN = 0.5  # least share of a region that a body is, from which something else hangs
_WHOLE = 0.8  # share of that body's visible surface, and of the way round it, that must show
_APART = 4.0  # scatters across that body from which on a patch is none of it
_REACH = 7.0  # voxels between patches of one piece of what hangs from it


def split_touching(
    patches: Surface,
    region: Int64,
    shape: tuple[int, ...],
    tilt_range_deg: float,
    config: GroupConfig,
) -> Int64:
    """Split regions that two or more closed ellipsoids explain, or one and what hangs from it.

    Parameters
    ----------
    patches : ((K, 3), (K, 3)) float64
        Centres in voxels and normals.
    region : (K,) int64
        Region of each patch, −1 for none.
    shape : (int, int, int)
        Of the volume.
    tilt_range_deg : float
        θ of a ±θ tilt series about y.
    config : GroupConfig

    Returns
    -------
    (K,) int64
        Where a region was split, its first body keeps the number; the others get new ones.

    Notes
    -----
    Where two vesicles touch, the wall of one can go on smoothly into that of the other, and no
    neighbourhood tells; the two whole bodies do. The same holds for a sheet or a streak that ends
    on a vesicle: what is closed without it does not need it.
    """
    split, fresh = region.copy(), int(region.max(initial=-1)) + 1
    for label in np.unique(region[region >= 0]).tolist():
        members = np.flatnonzero(region == label)
        if len(members) < 2 * _LEAST_PATCHES:
            continue
        surface = (patches[0][members], patches[1][members])
        part = _parts(surface, shape, tilt_range_deg, config)
        for number in range(1, int(part.max()) + 1):
            split[members[part == number]] = fresh
            fresh += 1
    return split


def _parts(
    surface: Surface, shape: tuple[int, ...], tilt_range_deg: float, config: GroupConfig
) -> Int64:
    """Body of each patch (M,), from 0 on; all 0 where the region is one."""
    step = max(1, len(surface[0]) // _LOOKED_AT)
    thinned = surface[0][::step], surface[1][::step]
    one = np.zeros(len(surface[0]), dtype=np.int64)
    whole = fit_quadric(*thinned, config.tolerance)
    if whole is not None and _lies_on(whole, thinned, config).mean() > _EXPLAINED:
        return one
    bodies, left = _bodies_in(thinned, shape, tilt_range_deg, config)
    if len(bodies) >= 2 and left <= 1.0 - _EXPLAINED:
        misfit = np.stack([misfits(body, *surface, config.tolerance) for body in bodies])
        return np.asarray(misfit.argmin(axis=0))
    if bodies and _stands_alone(bodies[0], surface, shape, tilt_range_deg, config):
        return _hanging(bodies[0], surface[0], config)
    return one


def _stands_alone(
    body: Quadric,
    surface: Surface,
    shape: tuple[int, ...],
    tilt_range_deg: float,
    config: GroupConfig,
) -> bool:
    """Whether a body is most of its region, and shows nearly whole."""
    on = _lies_on(body, surface, config)
    if on.mean() < _MAIN:
        return False
    own = surface[0][on], surface[1][on]
    slack = 1.5 * config.tolerance.offset(body.radius)
    shown = support(body, own, slack, shape, tilt_range_deg)
    return shown >= _WHOLE and encircled(body, own) >= _WHOLE


def _hanging(body: Quadric, centre: Float64, config: GroupConfig) -> Int64:
    """Number (M,) the pieces apart from a body from 1 on; small ones stay with it, as 0."""
    away = np.abs(body.offset_and_normal(centre)[0]) / config.tolerance.offset(body.radius)
    far = np.flatnonzero(away > _APART)
    part = np.zeros(len(centre), dtype=np.int64)
    if len(far) < _LEAST_PATCHES:
        return part
    piece = components(cKDTree(centre[far]).query_pairs(_REACH, output_type="ndarray"), len(far))
    sizes = np.bincount(piece)
    for number, name in enumerate(np.flatnonzero(sizes >= _LEAST_PATCHES), start=1):
        part[far[piece == name]] = number
    return part


def _bodies_in(
    surface: Surface,
    shape: tuple[int, ...],
    tilt_range_deg: float,
    config: GroupConfig,
) -> tuple[list[Quadric], float]:
    """Closed ellipsoids, the best one first, and the share of patches that none explains."""
    left = np.ones(len(surface[0]), dtype=bool)
    bodies: list[Quadric] = []
    while left.sum() > max((1.0 - _EXPLAINED) * len(left), _LEAST_PATCHES):
        rest = surface[0][left], surface[1][left]
        best, most = None, 0
        for quadric, on in _candidates(rest, config):
            body = rest[0][on], rest[1][on]
            if on.sum() > most and is_closed(body, shape, tilt_range_deg, config):
                best, most = quadric, int(on.sum())
        if best is None:
            break
        bodies.append(best)
        left &= ~_lies_on(best, surface, config)
    return bodies, float(left.mean())


def _lies_on(quadric: Quadric, surface: Surface, config: GroupConfig) -> Bool:
    """Which patches (M,) an ellipsoid explains."""
    return np.asarray(misfits(quadric, *surface, config.tolerance) <= _ON)


def _candidates(surface: Surface, config: GroupConfig) -> Iterator[tuple[Quadric, Bool]]:
    """Ellipsoids grown from places spread over the patches, and what lies on each."""
    centre = surface[0]
    for seed in np.linspace(0, len(centre) - 1, _SEEDS).astype(int):
        nearest = np.argsort(((centre - centre[seed]) ** 2).sum(axis=1))
        for beginning in _BEGINNINGS:
            grown = _grown(nearest[:beginning], surface, config)
            if grown is not None:
                yield grown


def _grown(begin: Int64, surface: Surface, config: GroupConfig) -> tuple[Quadric, Bool] | None:
    """Fit an ellipsoid to the patches `begin`, then to what lies on it, and so on."""
    on, quadric = np.isin(np.arange(len(surface[0])), begin), None
    for _ in range(_ROUNDS):
        quadric = fit_quadric(surface[0][on], surface[1][on], config.tolerance)
        if quadric is None or quadric.semi_axes[2] > _LONGEST * quadric.semi_axes[0]:
            return None
        on = _lies_on(quadric, surface, config)
        if on.sum() < _LEAST_PATCHES:
            return None
    return None if quadric is None else (quadric, on)
