"""Where closed round membranes are: the membrane probability against shells of every radius."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import fft
from scipy.ndimage import maximum_filter
from scipy.spatial import cKDTree

from membraneseg.errors import MembraneSegError
from membraneseg.types import Float32, Float64
from membraneseg.vesicles.balls import HALF_MEMBRANE_A, Balls, distances_in_box
from membraneseg.vesicles.directions import visibility

LEAST_SHELL_INSIDE = 0.5
"""A sphere with less of its visible shell inside the volume counts less, in proportion."""
LEAST_LUMEN_INSIDE = 0.05
"""So does a lumen."""
PEAK_EDGE = 5
"""Edge in grid voxels of the box in which a centre has to be the best one."""
FOOT = 3.0
"""The shell reaches so many standard deviations to both sides."""


@dataclass(frozen=True)
class SphereSearchConfig:
    """What is sought along the slice network's membranes (`network=slices`), and when it counts."""

    smallest_radius_nm: float = field(
        default=10.0, metadata={"help": "smallest radius, to the middle of the membrane"}
    )
    largest_radius_nm: float = field(
        default=50.0, metadata={"help": "largest radius, to the middle of the membrane"}
    )
    radius_step_nm: float = field(default=1.0, metadata={"help": "step between the radii tried"})
    grid_nm: float = field(
        default=2.4, metadata={"help": "voxel size of the search; finer volumes are binned to it"}
    )
    shell_nm: float = field(
        default=1.6, metadata={"help": "standard deviation of the thickness of the shell"}
    )
    lumen_weight: float = field(
        default=0.5, metadata={"help": "how much membrane inside the shell counts against it"}
    )
    least_evidence: float = field(
        default=0.35, metadata={"help": "spheres with less are not looked at"}
    )
    even_evidence: float = field(
        default=0.53, metadata={"help": "evidence at which a sphere is as likely as not a vesicle"}
    )
    evidence_width: float = field(
        default=0.025, metadata={"help": "rise in evidence that makes the odds e times as good"}
    )
    closest: float = field(
        default=0.85, metadata={"help": "least distance of centres, as a share of both radii"}
    )
    edge_nm: float = field(
        default=1.0, metadata={"help": "width over which the probability falls at the outer face"}
    )

    def __post_init__(self) -> None:
        if not 2.0 <= self.smallest_radius_nm <= self.largest_radius_nm <= 200.0:
            raise MembraneSegError(
                f"radii from {self.smallest_radius_nm} to {self.largest_radius_nm} nm, expected "
                "2 <= smallest <= largest <= 200; correct them under search"
            )
        for name in ("radius_step_nm", "grid_nm", "shell_nm", "evidence_width", "edge_nm"):
            if getattr(self, name) <= 0.0:
                raise MembraneSegError(
                    f"{name} is {getattr(self, name)}, expected a positive number; correct "
                    f"search.{name}"
                )
        for name in ("least_evidence", "even_evidence", "closest"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise MembraneSegError(
                    f"{name} is {getattr(self, name)}, expected 0 to 1; correct search.{name}"
                )


def find_spheres(
    membrane: npt.NDArray[np.floating[Any]],
    voxel_size_A: float,
    tilt_range_deg: float,
    config: SphereSearchConfig,
) -> tuple[Balls, Float64]:
    """Find the spheres along which the membrane probability is high.

    Parameters
    ----------
    membrane : (Z, Y, X) array
        Probability of membrane, 0–1.
    voxel_size_A, tilt_range_deg : float
    config : SphereSearchConfig

    Returns
    -------
    balls : Balls
        The best first; none overlaps a better one.
    evidence : (N,) float64
        Mean probability on the visible part of the shell, less `lumen_weight` times that inside.

    Notes
    -----
    A Hough transform for spheres: the evidence of all centres for one radius is a correlation,
    done by Fourier transforms on a coarse grid. Parts of the shell that the missing wedge hides
    (or that lie outside the volume) neither count for a sphere nor against it.
    """
    factor = max(1, int(config.grid_nm * 10.0 / voxel_size_A + 1e-6))
    coarse = binned(membrane, factor)
    grid_A = factor * voxel_size_A
    evidence, radius_A = _best_radius(coarse, grid_A, tilt_range_deg, config)
    top = evidence == maximum_filter(evidence, PEAK_EDGE)
    places = np.argwhere(top & (evidence > config.least_evidence))
    strength = evidence[tuple(places.T)].astype(np.float64)
    radii_px = radius_A[tuple(places.T)].astype(np.float64) / voxel_size_A
    centres_px = places.astype(np.float64) * factor + (factor - 1) / 2.0
    kept = _without_overlap(centres_px, radii_px, strength, config.closest)
    ids = np.arange(1, len(kept) + 1)
    return Balls(ids, centres_px[kept], radii_px[kept]), strength[kept]


def vesicle_probability(
    shape_zyx: tuple[int, ...],
    found: tuple[Balls, Float64],
    voxel_size_A: float,
    config: SphereSearchConfig,
) -> Float32:
    """Turn spheres and their evidence into a probability of vesicle, lumen and membrane.

    Parameters
    ----------
    shape_zyx : tuple of int
    found : (Balls, (N,) float64)
        Of `find_spheres`.
    voxel_size_A : float
    config : SphereSearchConfig

    Returns
    -------
    (Z, Y, X) float32
        Inside a sphere the probability that it is a vesicle, a logistic function of its evidence;
        falling to 0 over `edge_nm` at its outer face.
    """
    balls, evidence = found
    odds = (evidence - config.even_evidence) / config.evidence_width
    likely = 1.0 / (1.0 + np.exp(-np.clip(odds, -50.0, 50.0)))
    width_px = config.edge_nm * 10.0 / voxel_size_A
    probability = np.zeros(shape_zyx, dtype=np.float32)
    for centre, radius_px, share in zip(balls.centres_px, balls.radii_px, likely, strict=True):
        outer_px = radius_px + HALF_MEMBRANE_A / voxel_size_A
        box, apart = distances_in_box(shape_zyx, centre, outer_px + 4.0 * width_px)
        inside = share / (1.0 + np.exp(np.clip((apart - outer_px) / width_px, -50.0, 50.0)))
        probability[box] = np.maximum(probability[box], inside)
    return probability


def binned(volume: npt.NDArray[np.floating[Any]], factor: int) -> Float32:
    """Mean over cubes of `factor` voxels; what does not fill a cube at the far faces is cut."""
    if factor == 1:
        return np.asarray(volume, dtype=np.float32)
    z, y, x = (n // factor for n in volume.shape)
    coarse = np.empty((z, y, x), dtype=np.float32)
    for layer in range(z):
        slab = volume[layer * factor : (layer + 1) * factor, : y * factor, : x * factor]
        parts = np.asarray(slab, dtype=np.float32).reshape(factor, y, factor, x, factor)
        coarse[layer] = parts.mean(axis=(0, 2, 4))
    return coarse


def _best_radius(
    coarse: Float32, grid_A: float, tilt_range_deg: float, config: SphereSearchConfig
) -> tuple[Float32, Float32]:
    """Evidence of the best radius at every centre, and that radius in Å."""
    reach = int(np.ceil((config.largest_radius_nm + FOOT * config.shell_nm) * 10.0 / grid_A))
    size = [fft.next_fast_len(max(n, reach) + reach + 1, real=True) for n in coarse.shape]
    cut = tuple(slice(0, n) for n in coarse.shape)
    image = fft.rfftn(coarse, size)
    inside = fft.rfftn(np.ones_like(coarse), size)
    best = np.full(coarse.shape, -np.inf, dtype=np.float32)
    radius_A = np.zeros(coarse.shape, dtype=np.float32)

    def correlated(spectrum: Any, kernel: Any) -> Float32:
        return np.asarray(fft.irfftn(spectrum * kernel, size)[cut], dtype=np.float32)

    def mean_over(kernel: Float64, least: float) -> Float32:
        """Mean over what a kernel covers about each voxel, inside the volume."""
        spectrum = _spectrum(kernel, size).conj()
        share = np.maximum(correlated(inside, spectrum), np.float32(least))
        return np.asarray(correlated(image, spectrum) / share, dtype=np.float32)

    for radius_nm in np.arange(
        config.smallest_radius_nm, config.largest_radius_nm + 1e-6, config.radius_step_nm
    ):
        shell, lumen = _shell_and_lumen(radius_nm * 10.0, grid_A, tilt_range_deg, config)
        evidence = mean_over(shell, LEAST_SHELL_INSIDE)
        evidence -= np.float32(config.lumen_weight) * mean_over(lumen, LEAST_LUMEN_INSIDE)
        better = evidence > best
        best[better] = evidence[better]
        radius_A[better] = 10.0 * radius_nm
    return best, radius_A


def _shell_and_lumen(
    radius_A: float, grid_A: float, tilt_range_deg: float, c: SphereSearchConfig
) -> tuple[Float64, Float64]:
    """Weights of a visible shell and of what it encloses, in a cube about its centre."""
    width_A = c.shell_nm * 10.0
    half = int((radius_A + FOOT * width_A) / grid_A)
    axis = np.arange(-half, half + 1) * grid_A
    offsets = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)
    apart = np.linalg.norm(offsets, axis=-1)
    near = np.abs(apart - radius_A) < FOOT * width_A
    lengths = np.maximum(apart[near], 1e-6)
    seen = visibility(offsets[near] / lengths[:, None], tilt_range_deg)
    shell = np.zeros_like(apart)
    shell[near] = seen * np.exp(-0.5 * ((lengths - radius_A) / width_A) ** 2)
    lumen = apart < max(radius_A - 2.0 * width_A, 0.5 * grid_A)
    return shell, lumen.astype(np.float64)


def _spectrum(kernel: Float64, size: list[int]) -> Any:
    """Spectrum of a kernel scaled to sum 1, its middle at index 0 of a volume that wraps round."""
    volume = np.zeros(size, dtype=np.float32)
    places = [np.arange(n) - n // 2 for n in kernel.shape]
    volume[np.ix_(*places)] = kernel / kernel.sum()
    return fft.rfftn(volume)


def _without_overlap(
    centres_px: Float64, radii_px: Float64, strength: Float64, closest: float
) -> npt.NDArray[np.int64]:
    """Indices of the strongest spheres, each far enough from all stronger ones that are kept."""
    order = np.argsort(-strength, kind="stable")
    kept: list[int] = []
    if not len(order):
        return np.empty(0, dtype=np.int64)
    tree = cKDTree(centres_px)
    taken = np.zeros(len(order), dtype=bool)
    for index in order.tolist():
        reach = closest * (radii_px[index] + radii_px.max())
        near = np.array(tree.query_ball_point(centres_px[index], reach))
        near = near[taken[near]]
        apart = np.linalg.norm(centres_px[near] - centres_px[index], axis=1)
        if (apart >= closest * (radii_px[near] + radii_px[index])).all():
            kept.append(index)
            taken[index] = True
    return np.array(kept, dtype=np.int64)
