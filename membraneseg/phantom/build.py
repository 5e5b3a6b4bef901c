"""A scene from its settings: ice, then membranes from large to small, then what fits between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from membraneseg.phantom.atoms import AtomModel, molecule_from_atoms
from membraneseg.phantom.beads import BEAD_SPACING_VOXELS, Molecule
from membraneseg.phantom.bilayers import MembraneGrid
from membraneseg.phantom.box import Box
from membraneseg.phantom.carbon import draw_film, film_mask
from membraneseg.phantom.config import PhantomConfig
from membraneseg.phantom.crowd import with_crowd
from membraneseg.phantom.drawing import Triangles, box_in_ice, ice_mask
from membraneseg.phantom.embed import Surface, surface_of, with_embedded
from membraneseg.phantom.filaments import with_filaments
from membraneseg.phantom.ice import draw_ice
from membraneseg.phantom.liposomes import with_liposomes
from membraneseg.phantom.membranes import Membrane, middle_mesh
from membraneseg.phantom.mitochondria import with_mitochondria
from membraneseg.phantom.molecules import built_in
from membraneseg.phantom.occupancy import Space
from membraneseg.phantom.placement import HALF_WIDTH_A
from membraneseg.phantom.scene import Scene
from membraneseg.phantom.sheets import with_sheets
from membraneseg.phantom.synapse import with_synapse
from membraneseg.phantom.tubes import with_tubes

CLEARANCE_A = 8.0
"""Between the outer face of a leaflet and soluble molecules."""
SEALED_KINDS = ("synaptic vesicle",)
"""Membranes whose inside holds no proteins large enough to draw."""


def scene_of_membranes(config: PhantomConfig, rng: np.random.Generator) -> Scene:
    """Draw ice, carbon and membranes; no molecules yet.

    Parameters
    ----------
    config : PhantomConfig
    rng : numpy.random.Generator

    Returns
    -------
    Scene
    """
    depth, rows, columns = config.shape_zyx
    origin = np.array(config.origin_zyx_A, dtype=np.float64)
    box = Box((depth, rows, columns), config.voxel_size_A, origin)
    ice_stream, membrane_stream = rng.spawn(2)
    ice = draw_ice(box.shape_zyx, box.voxel_size_A, config.ice, ice_stream)
    carbon = draw_film(box_in_ice(box, ice), config.carbon, ice_stream)
    membranes = _membranes(config, box_in_ice(box, ice), membrane_stream)
    return Scene(box, membranes, (), ice, carbon, config.fluid)


def _membranes(config: PhantomConfig, box: Box, rng: np.random.Generator) -> tuple[Membrane, ...]:
    """Large ones first: each recipe keeps clear of what stands already."""
    streams = rng.spawn(5)
    membranes = with_synapse((), box, config.synapse, streams[0])
    membranes = with_mitochondria(membranes, box, config.mitochondria, streams[1])
    membranes = with_sheets(membranes, box, config.sheets, streams[2])
    membranes = with_tubes(membranes, box, config.tubes, streams[3])
    return with_liposomes(membranes, box, config.liposomes, streams[4])


def membrane_meshes(scene: Scene) -> list[Triangles]:
    """Vertices (V, 3) in Å and faces (F, 3) of the middle of each membrane, inside the ice."""
    box = box_in_ice(scene.box, scene.ice)
    return [middle_mesh(membrane.shape, box) for membrane in scene.membranes]


def molecule_kinds(config: PhantomConfig) -> tuple[str, ...]:
    """Names of the molecules, built-in or structure files, that a phantom needs."""
    return tuple(dict.fromkeys((*config.embedded.proteins, *config.crowd.kinds)))


def molecules_of(config: PhantomConfig, structures: Mapping[str, AtomModel]) -> dict[str, Molecule]:
    """Turn every kind that a phantom needs into beads fine enough for its voxels.

    Parameters
    ----------
    config : PhantomConfig
    structures : mapping from name to AtomModel
        The kinds that are structure files; all others must be built in.

    Returns
    -------
    dict from name to Molecule
    """
    spacing_A = bead_spacing_A(config)
    return {
        kind: molecule_from_atoms(structures[kind], spacing_A)
        if kind in structures
        else built_in(kind, spacing_A)
        for kind in molecule_kinds(config)
    }


def bead_spacing_A(config: PhantomConfig) -> float:
    """Lattice spacing of beads: fine enough for the pixels of the tilt series."""
    return BEAD_SPACING_VOXELS * config.voxel_size_A / config.reconstruction.binning


def with_molecules(
    scene: Scene,
    grid: MembraneGrid,
    triangles: Sequence[Triangles],
    config: PhantomConfig,
    molecules: Mapping[str, Molecule],
    rng: np.random.Generator,
) -> Scene:
    """Add membrane proteins, filaments and the soluble crowd, in this order.

    Parameters
    ----------
    scene : Scene
        Of membranes alone.
    grid : MembraneGrid
        The membranes on the voxel grid.
    triangles : sequence of (vertices, faces)
        Middle of each membrane, see `membrane_meshes`.
    config : PhantomConfig
    molecules : mapping from name to Molecule
        See `molecules_of`.
    rng : numpy.random.Generator

    Returns
    -------
    Scene
    """
    streams = rng.spawn(3)
    taken = ~ice_mask(scene.ice, scene.box)
    if scene.carbon is not None:
        taken |= film_mask(scene.carbon, scene.box)
    sealed = [m.label for m in scene.membranes if m.kind in SEALED_KINDS]
    where = ~np.isin(grid.compartments, sealed)
    space = Space(scene.box, taken, config.constraint, where, grid.instances)
    surfaces = _surfaces(scene, triangles, set(config.embedded.membranes))
    embedded = with_embedded(space, surfaces, config.embedded, molecules, streams[0])
    near = grid.distance_A < HALF_WIDTH_A + CLEARANCE_A
    space = replace(embedded.space, occupied=embedded.space.occupied | near)
    filaments = with_filaments(space, config.filaments, streams[1], bead_spacing_A(config))
    crowd = with_crowd(filaments.space, config.crowd, molecules, streams[2])
    groups = (*embedded.particles, *filaments.particles, *crowd.particles)
    return replace(scene, particles=tuple(g for g in groups if len(g.centres_zyx_A)))


def _surfaces(scene: Scene, triangles: Sequence[Triangles], hosts: set[str]) -> list[Surface]:
    """Normals and areas of the membranes that proteins sit in."""
    return [
        surface_of(membrane, *mesh)
        for membrane, mesh in zip(scene.membranes, triangles, strict=True)
        if hosts & {"any", membrane.kind} and len(mesh[1])
    ]
