"""A scene as voxels: its scattering potential, and the class of every voxel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.ndimage import gaussian_filter

from membraneseg.phantom.beads import deposit, stamp
from membraneseg.phantom.bilayers import FAR_A, MembraneGrid, draw_membranes
from membraneseg.phantom.box import Box
from membraneseg.phantom.carbon import film_mask, film_potential
from membraneseg.phantom.fluid import fluid_potential
from membraneseg.phantom.ice import Ice
from membraneseg.phantom.membranes import Membrane
from membraneseg.phantom.scene import BACKGROUND, CARBON, MEMBRANE, Scene, Truth
from membraneseg.phantom.shapes import outward_normals
from membraneseg.types import Bool, Float32, Float64, Int64, Mesh
from synth2d.wedge import is_visible

BEAD_BLUR_VOXELS = 0.5
"""Standard deviation by which deposited beads are smoothed: no aliasing, little loss."""

Triangles = tuple[Float64, Int64]
"""Vertices (V, 3) in Å and faces (F, 3) of a mesh."""


def ice_mask(ice: Ice, box: Box) -> Bool:
    """Voxels (Z, Y, X) whose centres lie in the ice."""
    height = (np.arange(box.shape_zyx[0]) - (box.shape_zyx[0] - 1) / 2) * box.voxel_size_A
    inside = height[:, None, None] <= ice.top_A
    return np.asarray(inside & (height[:, None, None] >= ice.bottom_A))


def membranes_in_ice(scene: Scene) -> MembraneGrid:
    """Draw the scene's membranes; what would stand out of the ice is cut off.

    Parameters
    ----------
    scene : Scene

    Returns
    -------
    MembraneGrid
    """
    grid = draw_membranes(scene.membranes, scene.box)
    ice = ice_mask(scene.ice, scene.box)
    return replace(
        grid,
        potential_V=np.where(ice, grid.potential_V, np.float32(0.0)),
        distance_A=np.where(ice, grid.distance_A, np.float32(FAR_A)),
        instances=np.where(ice, grid.instances, np.int16(0)),
        compartments=np.where(ice, grid.compartments, np.int16(0)),
    )


def scene_potential(scene: Scene, grid: MembraneGrid, seed: int) -> Float32:
    """Mean inner potential above that of ice, everything together.

    Parameters
    ----------
    scene : Scene
    grid : MembraneGrid
        The scene's membranes on its box.
    seed : int
        Of the carbon's grain and the unevenness of what is dissolved.

    Returns
    -------
    (Z, Y, X) float32
        In V.
    """
    box = scene.box
    potential = gaussian_filter(deposit(box, scene.particles), BEAD_BLUR_VOXELS)
    potential += grid.potential_V
    rng = np.random.default_rng(seed)
    dissolved = fluid_potential(scene.fluid, scene.membranes, grid.compartments, box, rng)
    potential += np.where(ice_mask(scene.ice, box), dissolved, np.float32(0.0))
    if scene.carbon is not None:
        potential += film_potential(scene.carbon, box, rng)
    return np.asarray(potential, dtype=np.float32)


def true_labels(
    scene: Scene, grid: MembraneGrid, triangles: Sequence[Triangles], tilt_range_deg: float
) -> Truth:
    """Classes, instances and surfaces of a scene.

    Parameters
    ----------
    scene : Scene
    grid : MembraneGrid
        The scene's membranes on its box.
    triangles : sequence of (vertices, faces)
        Middle of each membrane, see `middle_mesh`.
    tilt_range_deg : float
        Half the tilt range: what the wedge leaves visible.

    Returns
    -------
    Truth
        A voxel of a membrane is "membrane" even where a protein sits in it.
    """
    parts = [name for group in scene.particles for name in group.molecule.part_names]
    names = tuple(dict.fromkeys([BACKGROUND, MEMBRANE, *parts, CARBON]))
    classes = {name: index for index, name in enumerate(names)}
    empty = np.zeros(scene.box.shape_zyx, dtype=np.int16)
    atlas = stamp(empty, scene.box, scene.particles, classes)
    if scene.carbon is not None:
        atlas[film_mask(scene.carbon, scene.box)] = classes[CARBON]
    atlas[grid.instances > 0] = classes[MEMBRANE]
    pairs = zip(scene.membranes, triangles, strict=True)
    meshes = tuple(_true_mesh(membrane, mesh, tilt_range_deg) for membrane, mesh in pairs)
    return Truth(grid.instances, grid.compartments, atlas, names, meshes)


def _true_mesh(membrane: Membrane, triangles: Triangles, tilt_range_deg: float) -> Mesh:
    vertices, faces = triangles
    if not len(vertices):
        return Mesh(vertices, faces, np.zeros(0), np.zeros(0, dtype=bool))
    visible = is_visible(outward_normals(membrane.shape, vertices), tilt_range_deg)
    return Mesh(vertices, faces, np.zeros(len(vertices)), visible)


def box_in_ice(box: Box, ice: Ice) -> Box:
    """Return the layers of the box that are ice where it is thinnest."""
    half = float(ice.thickness_A.min()) / 2
    first = max(0, int(np.ceil((box.shape_zyx[0] - 1) / 2 - half / box.voxel_size_A)))
    layers = max(1, box.shape_zyx[0] - 2 * first)
    low = box.low_A + np.array([first * box.voxel_size_A, 0.0, 0.0])
    return Box((layers, box.shape_zyx[1], box.shape_zyx[2]), box.voxel_size_A, low)
