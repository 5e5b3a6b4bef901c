"""The scene as numbers: scattering potential and the perfect labels, voxel by voxel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import erfc

from membraneseg.phantom.scene import Globules, Scene
from membraneseg.phantom.vesicle import Vesicle, signed_distance
from membraneseg.types import Float32, Float64

HEAD_POTENTIAL_V = 2.5
"""Mean inner potential of the lipid head groups above vitreous ice."""
CORE_POTENTIAL_V = 0.6
"""The same of the core, averaged over the lipid tails and the proteins in them."""
HEAD_SIGMA_A = 6.8
FAR_A = 1e4

Slices = tuple[slice, slice, slice]


@dataclass(frozen=True)
class Rendering:
    """A scene on the voxel grid.

    Parameters
    ----------
    potential_V : (Z, Y, X) float32
        Mean inner potential above that of the ice; the leaflets are positive.
    distance_A : (Z, Y, X) float32
        Unsigned distance to the middle of the nearest membrane, `FAR_A` where far.
    instances : (Z, Y, X) int16
        Vesicle label between the outer faces of its leaflets.
    proteins : (Z, Y, X) int8
        1 in proteins and ribosomes.
    """

    potential_V: Float32
    distance_A: Float32
    instances: npt.NDArray[np.int16]
    proteins: npt.NDArray[np.int8]


def render_vesicles(scene: Scene) -> Rendering:
    """Draw the vesicles alone.

    Parameters
    ----------
    scene : Scene

    Returns
    -------
    Rendering
        Cost: the bounding box of each vesicle.
    """
    potential = np.zeros(scene.shape_zyx, dtype=np.float32)
    nearest = np.full(scene.shape_zyx, FAR_A, dtype=np.float32)
    instances = np.zeros(scene.shape_zyx, dtype=np.int16)
    for vesicle in scene.vesicles:
        box, points, shape = _box_points(
            scene, vesicle.centre_zyx_A, vesicle.largest_radius_A + 80.0
        )
        distance = signed_distance(vesicle, points).reshape(shape)
        potential[box] += bilayer_potential(distance, vesicle, scene.voxel_size_A)
        unsigned = np.abs(distance).astype(np.float32)
        closer = unsigned < nearest[box]
        own = closer & (unsigned <= vesicle.outer_half_width_A)
        instances[box][own] = vesicle.label
        nearest[box][closer] = unsigned[closer]
    return Rendering(potential, nearest, instances, np.zeros(scene.shape_zyx, dtype=np.int8))


def render_scene(scene: Scene) -> Rendering:
    """Draw vesicles and globules; labels of membranes win over those of proteins."""
    membranes = render_vesicles(scene)
    potential = membranes.potential_V.copy()
    proteins = np.zeros(scene.shape_zyx, dtype=np.int8)
    for globules in scene.globules:
        for centre, radius_A in zip(globules.centres_zyx_A, globules.radii_A, strict=True):
            _add_globule(potential, proteins, scene, globules, centre, float(radius_A))
    proteins[membranes.instances > 0] = 0
    return Rendering(potential, membranes.distance_A, membranes.instances, proteins)


def bilayer_potential(distance_A: Float64, vesicle: Vesicle, voxel_size_A: float) -> Float32:
    """Potential in V of a bilayer against the signed distance from its middle.

    Parameters
    ----------
    distance_A : array of float64
    vesicle : Vesicle
    voxel_size_A : float
        The profile is averaged over about one voxel, so that coarse grids do not alias.

    Returns
    -------
    array of float32
        Two head-group peaks and a shallow core.
    """
    half_A = vesicle.thickness_A / 2
    sigma_A = np.hypot(HEAD_SIGMA_A, 0.4 * voxel_size_A)
    peaks = np.exp(-0.5 * ((np.abs(distance_A) - half_A) / sigma_A) ** 2)
    core_sigma_A = np.hypot(half_A / 2, 0.4 * voxel_size_A)
    core = np.exp(-0.5 * (distance_A / core_sigma_A) ** 2) * (half_A / 2 / core_sigma_A)
    profile = HEAD_POTENTIAL_V * HEAD_SIGMA_A / sigma_A * peaks + CORE_POTENTIAL_V * core
    return np.asarray(profile, dtype=np.float32)


def _add_globule(
    potential: Float32,
    proteins: npt.NDArray[np.int8],
    scene: Scene,
    globules: Globules,
    centre_zyx_A: Float64,
    radius_A: float,
) -> None:
    """Draw one soft sphere into the arrays that `render_scene` owns."""
    box, points, shape = _box_points(scene, centre_zyx_A, radius_A + 2 * scene.voxel_size_A)
    depth = np.linalg.norm(points - centre_zyx_A, axis=1).reshape(shape) - radius_A
    softness_A = np.hypot(4.0, 0.4 * scene.voxel_size_A)
    share = 0.5 * erfc(depth / (np.sqrt(2) * softness_A))
    potential[box] += (globules.potential_V * share).astype(np.float32)
    if globules.kind != "gold":
        proteins[box][depth <= 0] = 1


def _box_points(
    scene: Scene, centre_zyx_A: Float64, reach_A: float
) -> tuple[Slices, Float64, tuple[int, ...]]:
    """Voxels within reach of a centre: their slices, positions in Å and shape."""
    centre = (centre_zyx_A - scene.origin_zyx_A) / scene.voxel_size_A
    reach = reach_A / scene.voxel_size_A
    low = np.clip(np.floor(centre - reach).astype(int), 0, scene.shape_zyx)
    high = np.clip(np.ceil(centre + reach).astype(int) + 1, 0, scene.shape_zyx)
    axes = [np.arange(a, b, dtype=np.float64) for a, b in zip(low, high, strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    points = grid.reshape(-1, 3) * scene.voxel_size_A + scene.origin_zyx_A
    box = (slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2]))
    return box, points, grid.shape[:3]
