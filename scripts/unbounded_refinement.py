"""CryoVesNet's refinement and outlier steps as its paper states them, for comparison with ours.

Over all directions, neighbours included, without bounds; written from the text of Khosrozadeh et
al. 2024, doi:10.1083/jcb.202402169, equations 3 to 7. What the paper leaves open: its constant c
is 10 voxels here, and the profile reaches to the corner-free part of its box.
"""

from dataclasses import dataclass

import numpy as np
from scipy import fft
from scipy.ndimage import gaussian_filter1d
from scipy.stats import chi2

from membraneseg.vesicles.balls import Balls

ROUNDS, OUTLIER_ROUNDS = 10, 10
BOX_CONSTANT_PX = 10
OUTLIER_P_VALUE = 0.3
PROFILE_STEP_PX = 0.5


@dataclass
class Body:
    """One sphere: centre and outer radius in voxels, and the features of its profile."""

    centre: np.ndarray
    outer: float
    thickness: float = np.nan
    intensity: float = np.nan

    @property
    def features(self) -> list[float]:
        """What outliers are judged by."""
        return [self.thickness, self.intensity, self.outer]


def refined_as_published(voxels: np.ndarray, outer: Balls) -> list[Body]:
    """Refine spheres whose radii reach to the outer face."""
    return [
        _refined(voxels, Body(centre.copy(), float(radius)), 0)
        for centre, radius in zip(outer.centres_px, outer.radii_px, strict=True)
    ]


def without_outliers_as_published(
    voxels: np.ndarray, outer: Balls, bodies: list[Body]
) -> list[Body]:
    """Refine outliers again in growing boxes; drop those that stay outliers."""
    features = np.array([body.features for body in bodies])
    known = features[np.isfinite(features).all(axis=1)]
    mean, inverse = known.mean(axis=0), np.linalg.inv(np.cov(known, rowvar=False))

    def p_value(body: Body) -> float:
        offset = np.array(body.features) - mean
        return float(chi2.sf(offset @ inverse @ offset, len(mean) - 1))

    kept = []
    for number, body in enumerate(bodies):
        for growth in range(OUTLIER_ROUNDS + 1):
            if growth:
                first = Body(outer.centres_px[number].copy(), float(outer.radii_px[number]))
                body = _refined(voxels, first, 2 * growth)
            if p_value(body) >= OUTLIER_P_VALUE:
                kept.append(body)
                break
    return kept


def _refined(voxels: np.ndarray, body: Body, growth: int) -> Body:
    first_edge = 2 * body.outer + BOX_CONSTANT_PX + growth
    moved = np.zeros(3)
    for _ in range(ROUNDS):
        half = int(np.ceil((2 * body.outer + BOX_CONSTANT_PX + growth) / 2))
        cube, corner = _cube(voxels, body.centre, half)
        distance = np.linalg.norm(
            np.stack(np.meshgrid(*[np.arange(n) for n in cube.shape], indexing="ij"), -1)
            + corner
            - body.centre,
            axis=-1,
        )
        profile = _profile(cube, distance, half)
        changed = _radius(profile, body)
        shift = _shift(
            cube, np.interp(distance, PROFILE_STEP_PX * np.arange(len(profile)), profile)
        )
        body.centre = body.centre + shift
        moved += shift
        if np.linalg.norm(moved) > 0.5 * np.sqrt(3.0 * first_edge**2):
            break
        if not changed and not shift.any():
            break
    return body


def _cube(voxels: np.ndarray, centre: np.ndarray, half: int) -> tuple[np.ndarray, np.ndarray]:
    """Box round a centre, cut at the faces of the volume, and its first index."""
    middle = np.clip(np.rint(centre).astype(int), 0, np.array(voxels.shape) - 1)
    low = np.maximum(middle - half, 0)
    z, y, x = (slice(a, m + half + 1) for a, m in zip(low, middle, strict=True))
    return np.asarray(voxels[z, y, x], dtype=np.float64), low


def _profile(cube: np.ndarray, distance: np.ndarray, half: int) -> np.ndarray:
    """Equation 3: the mean over all directions at each distance."""
    bins = np.rint(distance / PROFILE_STEP_PX).astype(int).ravel()
    count = int(half / PROFILE_STEP_PX) + 1
    total = np.bincount(bins, cube.ravel(), count)[:count]
    number = np.bincount(bins, minlength=count)[:count]
    known = np.flatnonzero(number)
    return np.interp(np.arange(count), known, total[known] / number[known])


def _radius(profile: np.ndarray, body: Body) -> bool:
    """Equation 4: the darkest distance plus half the thickness of the membrane."""
    smooth = gaussian_filter1d(profile, 1.0)
    darkest = int(np.argmin(smooth))
    fringe = darkest + int(np.argmax(smooth[darkest:]))
    bend = np.gradient(np.gradient(smooth))
    edge = darkest + int(np.argmin(bend[darkest : fringe + 1]))
    outer = max(PROFILE_STEP_PX * edge, 1.0)
    changed = outer != body.outer
    half = edge - darkest
    body.outer, body.thickness = outer, 2.0 * PROFILE_STEP_PX * half
    body.intensity = float(profile[max(darkest - half, 0) : edge + 1].mean())
    return changed


def _shift(cube: np.ndarray, model: np.ndarray) -> np.ndarray:
    """Place of the highest cross-correlation of the box with its own radial average."""
    size = [fft.next_fast_len(2 * n, real=True) for n in cube.shape]
    product = fft.rfftn(cube - cube.mean(), size) * fft.rfftn(model - model.mean(), size).conj()
    correlation = fft.irfftn(product, size)
    place = np.array(np.unravel_index(int(np.argmax(correlation)), correlation.shape))
    return np.where(place > np.array(size) / 2, place - np.array(size), place).astype(float)
