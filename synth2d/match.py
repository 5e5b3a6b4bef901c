"""Measure how membranes and noise look in a tomogram, to draw slices that look the same.

After Zhou et al. 2023, section 3 (doi:10.1016/j.jocs.2022.101904): the intensity profiles of
membranes and background are taken from the tomogram that is to be segmented.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage

from synth2d.appearance import Appearance
from synth2d.optics import Optics, bilayer_profile
from synth2d.wedge import wedge_depth_deg

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

BACKGROUND_SIGMA_PX = 20.0
"""Width of the Gaussian that takes out the slow background."""
SURE, UNLIKELY = 0.6, 0.2
"""Probabilities of membrane above and below which a voxel counts as one, or as none."""
FULLY_SEEN_DEG = -17.0
"""Wedge depth up to which a membrane keeps 95 % of its contrast."""
PATCH_PX, SPOTS, LAGS = 64, 33, 5
"""Edge of the patches whose spectra are averaged, frequencies per axis, and slices apart."""
MOST_PATCHES, MOST_SITES = 200, 6000
FEWEST_SITES = 50
REACH_A, FADE_A = 240.0, 120.0
"""Reach of the measured profile, and the distance from which it is faded to nothing."""
STEP_PX = 0.5
CORE_A, MARGIN_A = 30.0, 80.0
"""Half width of what must be dark, and the distance to which fringes are taken for membrane."""


def measure_appearance(
    voxels: npt.NDArray[np.generic],
    membrane: npt.NDArray[np.floating],
    pixel_size_A: float,
    tilt_range_deg: float,
) -> Appearance:
    """Measure bilayer profile, contrast, noise spectrum and apparent resolution of a tomogram.

    Parameters
    ----------
    voxels : (Z, Y, X) array
        Dark membranes, tilt axis along y.
    membrane : (Z, Y, X) float
        Probability of membrane, 0–1, of any network.
    pixel_size_A : float
    tilt_range_deg : float
        θ of a ±θ tilt series.

    Returns
    -------
    Appearance

    Raises
    ------
    ValueError
        If fewer than FEWEST_SITES voxels are surely a membrane that the wedge leaves whole, or
        nothing is surely background.

    Notes
    -----
    Noise is everything that is no membrane: proteins of a crowded cell count as noise. Normals and
    centres come from the probabilities, whose errors make the mean profile wider and shallower
    than the true one. A network's bias remains: what it never calls is not measured.
    """
    flat = flattened(voxels)
    background = away_from_membranes(membrane, pixel_size_A)
    if background.sum() < PATCH_PX**2:
        raise ValueError(
            f"only {int(background.sum())} voxels are background, expected {PATCH_PX**2} or more: "
            "give a larger tomogram"
        )
    deviation = float(flat[background].std())
    sites, normals = sure_sites(membrane, tilt_range_deg)
    if len(sites) < FEWEST_SITES:
        raise ValueError(
            f"only {len(sites)} voxels are surely a membrane, expected {FEWEST_SITES} or more: "
            "give a tomogram in which the default network finds some"
        )
    distance, profile = mean_profile(flat, membrane, sites, normals, pixel_size_A)
    depth = -float(profile.min())
    if profile[np.abs(distance) < CORE_A].mean() >= 0:
        raise ValueError("what is called membrane is not dark: invert the tomogram's contrast")
    return Appearance(
        pixel_size_A,
        tilt_range_deg,
        like_profile(distance, profile / depth, pixel_size_A),
        distance,
        profile / depth,
        depth / deviation,
        noise_covariance(flat, background),
    )


def away_from_membranes(membrane: npt.NDArray[np.floating], pixel_size_A: float) -> Bool:
    """Voxels (Z, Y, X) that are farther than MARGIN_A, in their slice, from anything called."""
    edge = 2 * int(np.ceil(MARGIN_A / pixel_size_A)) + 1
    called = np.asarray(membrane >= UNLIKELY, dtype=np.uint8)
    return np.asarray(ndimage.maximum_filter(called, (1, edge, edge)) == 0)


def flattened(voxels: npt.NDArray[np.generic]) -> Float32:
    """Take the slow background out of every slice of (Z, Y, X) voxels, and cut off outliers."""
    flat = np.asarray(voxels, dtype=np.float32)
    flat = flat - ndimage.gaussian_filter(flat, (0, BACKGROUND_SIGMA_PX, BACKGROUND_SIGMA_PX))
    limit = 5.0 * flat.std()
    return np.asarray(np.clip(flat, -limit, limit), dtype=np.float32)


def noise_covariance(flat: Float32, background: Bool) -> Float64:
    """Covariances (LAGS, SPOTS, SPOTS) of the Fourier coefficients of slices 0 … LAGS−1 apart.

    Parameters
    ----------
    flat : (Z, Y, X) float32
    background : (Z, Y, X) bool
        What counts; the rest is taken as 0, and made up for.

    Returns
    -------
    (LAGS, SPOTS, SPOTS) float64
        Real parts, at frequencies from 0 to 1/2 per pixel along y and x; averaged over patches
        with the least membrane (Welch's method, Hann window), scaled to a deviation of 1.
    """
    edge = PATCH_PX // 2 * 2
    pad = [(0, 0)] + [(0, max(0, edge - n)) for n in flat.shape[1:]]
    flat = np.pad(flat, pad, mode="symmetric")
    background = np.pad(background, pad, mode="symmetric")
    corners = [range(0, n - edge + 1, edge // 2) for n in flat.shape[1:]]
    share = np.array(
        [background[:, y : y + edge, x : x + edge].mean() for y, x in product(*corners)]
    )
    order = np.argsort(-share, kind="stable")[: max(1, len(share) // 2)]
    places = [list(product(*corners))[k] for k in order]
    levels = np.unique(
        np.linspace(0, len(flat) - 1, max(1, MOST_PATCHES // len(places))).astype(int)
    )
    window = np.outer(np.hanning(edge + 2)[1:-1], np.hanning(edge + 2)[1:-1]).astype(np.float32)
    total = np.zeros((LAGS, edge, edge // 2 + 1))
    count = np.zeros(LAGS)
    for (y, x), z in product(places, levels):
        part = (slice(z, z + LAGS), slice(y, y + edge), slice(x, x + edge))
        kept = background[part]
        spectra = fft.rfft2(np.where(kept, flat[part], 0.0) * window)
        cross = (spectra[:1].conj() * spectra).real
        total[: len(cross)] += cross / max(kept.mean(), 0.1)
        count[: len(cross)] += 1
    mean = total / np.maximum(count, 1)[:, None, None]
    half = edge // 2
    folded = mean[:, : half + 1].copy()
    folded[:, 1:half] = 0.5 * (folded[:, 1:half] + mean[:, :half:-1])
    weight = np.outer(_twice_inside(half + 1), _twice_inside(half + 1))
    return np.asarray(folded / ((folded[0] * weight).sum() / weight.sum()))


def _twice_inside(count: int) -> Float64:
    """Weights of frequencies 0 … 1/2: those with a mirror image count twice."""
    weight = np.full(count, 2.0)
    weight[[0, -1]] = 1.0
    return weight


def sure_sites(
    membrane: npt.NDArray[np.floating], tilt_range_deg: float
) -> tuple[Float64, Float64]:
    """Places in the middle of sure membranes that the wedge leaves whole, and normals there.

    Parameters
    ----------
    membrane : (Z, Y, X) float
        Probability.
    tilt_range_deg : float

    Returns
    -------
    sites_zyx, normals_zyx : (S, 3) float64
        In voxels; at most MOST_SITES, evenly picked.
    """
    smooth = ndimage.gaussian_filter(np.asarray(membrane, dtype=np.float32), 1.0)
    sites = np.argwhere(smooth > SURE)
    if not len(sites):
        return np.zeros((0, 3)), np.zeros((0, 3))
    sites = sites[np.unique(np.linspace(0, len(sites) - 1, 4 * MOST_SITES).astype(int))]
    normals = surface_normals(smooth, sites)
    whole = wedge_depth_deg(normals, tilt_range_deg) < FULLY_SEEN_DEG
    sites, normals = sites[whole], normals[whole]
    picked = np.unique(np.linspace(0, max(len(sites) - 1, 0), MOST_SITES).astype(int))
    picked = picked[picked < len(sites)]
    return sites[picked].astype(np.float64), normals[picked]


def surface_normals(
    smooth: Float32, sites: npt.NDArray[np.int64], width_px: float = 2.5
) -> Float64:
    """Unit normals (S, 3) of the sheets in a (Z, Y, X) probability, from its structure tensor."""
    gradient = np.gradient(smooth)
    where = tuple(sites.T)
    tensor = np.empty((len(sites), 3, 3))
    for i, j in ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)):
        product_ij = ndimage.gaussian_filter(gradient[i] * gradient[j], width_px)
        tensor[:, i, j] = tensor[:, j, i] = product_ij[where]
    _, vectors = np.linalg.eigh(tensor)
    return np.asarray(vectors[:, :, 2])


def mean_profile(
    flat: Float32,
    membrane: npt.NDArray[np.floating],
    sites: Float64,
    normals: Float64,
    pixel_size_A: float,
) -> tuple[Float64, Float64]:
    """Mean density along the normals, centred on the probability and made symmetric.

    Returns
    -------
    distance_A, density : (M,) float64
        Evenly spaced about 0; 0 far away.
    """
    reach = int(np.ceil(REACH_A / pixel_size_A / STEP_PX))
    offset = np.asarray(STEP_PX * np.arange(-reach, reach + 1), dtype=np.float64)
    near = np.abs(offset) <= 3.0
    probability = np.asarray(membrane, dtype=np.float32)
    centred = sites
    for _ in range(3):  # the window may cut off one side of the membrane at first
        called = np.nan_to_num(_along(probability, centred, normals, offset[near]))
        shift = (called * offset[near]).sum(1) / np.maximum(called.sum(1), 1e-6)
        centred = centred + shift[:, None] * normals
    density = np.nanmean(_along(flat, centred, normals, offset, 3), axis=0)
    density = 0.5 * (density + density[::-1])
    distance = offset * pixel_size_A
    beyond = np.abs(distance) > FADE_A
    density = density - density[beyond].mean()
    fade = np.clip((REACH_A - np.abs(distance)) / (REACH_A - FADE_A), 0.0, 1.0)
    return distance, np.asarray(density * fade, dtype=np.float64)


def _along(
    volume: Float32, sites: Float64, normals: Float64, offset: Float64, order: int = 1
) -> Float64:
    """Density (S, K) at offsets along normals, by splines of an order; NaN outside the volume."""
    places = sites[:, None] + offset[None, :, None] * normals[:, None]
    values = ndimage.map_coordinates(
        volume, places.reshape(-1, 3).T, order=order, mode="constant", cval=np.nan
    )
    return np.asarray(values.reshape(places.shape[:2]), dtype=np.float64)


def like_profile(distance_A: Float64, profile: Float64, pixel_size_A: float) -> Optics:
    """Contrast transfer whose bilayer is most like a measured profile, by least squares.

    Parameters
    ----------
    distance_A, profile : (M,) float64
        Darkest −1.
    pixel_size_A : float

    Returns
    -------
    Optics
        Only its `resolution_A` is well determined; defocus and low frequencies trade off.
    """
    best, closest = np.inf, Optics(pixel_size_A, 4e4, 0.08, 0.5, 30.0, True)
    near = np.abs(distance_A) < FADE_A
    for resolution, defocus, gain, flipped in product(
        np.geomspace(14.0, 80.0, 12), (1.5e4, 3e4, 5e4, 8e4), (0.0, 0.3, 1.0), (True, False)
    ):
        optics = Optics(pixel_size_A, defocus, 0.08, gain, resolution, flipped)
        position, density = bilayer_profile(38.0, 0.35, optics)
        misfit = np.square(np.interp(distance_A[near], position, density) - profile[near]).sum()
        if misfit < best:
            best, closest = float(misfit), optics
    return closest
