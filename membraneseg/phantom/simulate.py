"""One call from settings to a phantom tomogram with perfect truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from membraneseg.phantom.atoms import AtomModel
from membraneseg.phantom.bilayers import MembraneGrid
from membraneseg.phantom.build import (
    membrane_meshes,
    molecules_of,
    scene_of_membranes,
    with_molecules,
)
from membraneseg.phantom.config import PhantomConfig
from membraneseg.phantom.drawing import (
    membranes_in_ice,
    scene_potential,
    true_labels,
)
from membraneseg.phantom.reconstruction import reconstruct_series
from membraneseg.phantom.scene import Phantom, Scene, half_range_deg
from membraneseg.phantom.tilt_series import Acquisition, Progress, record_series
from membraneseg.types import Float32, Tomogram

STEPS = ("membranes", "molecules", "potential", "labels", "tilt series", "reconstruction")
"""Names that the progress callback hears, in this order."""


def simulate_phantom(
    config: PhantomConfig,
    rng: np.random.Generator,
    progress: Progress | None = None,
    device: str = "cpu",
    structures: Mapping[str, AtomModel] | None = None,
) -> Phantom:
    """Simulate a tomogram: scene, tilt series, reconstruction, truth.

    Parameters
    ----------
    config : PhantomConfig
    rng : numpy.random.Generator
        The same state gives the same phantom. Each part draws from a stream of its own, so that
        a change of the crowd, say, leaves the membranes as they are.
    progress : callable, optional
        Called with the name of a step (`STEPS`) and the share (0–1) of it that is done.
    device : str
        "cpu" or "cuda", for projection and reconstruction.
    structures : mapping from name to AtomModel, optional
        The molecules of the settings that are structure files.

    Returns
    -------
    Phantom

    Raises
    ------
    MembraneSegError
        If the settings cannot be fulfilled.
    """
    report = progress or _silent
    scene_stream, molecule_stream, grain_stream, electron_stream = rng.spawn(4)
    report("membranes", 0.0)
    scene = scene_of_membranes(config, scene_stream)
    grid = membranes_in_ice(scene)
    report("membranes", 1.0)
    report("molecules", 0.0)
    triangles = membrane_meshes(scene)
    molecules = molecules_of(config, structures or {})
    scene = with_molecules(scene, grid, triangles, config, molecules, molecule_stream)
    report("molecules", 1.0)
    report("potential", 0.0)
    potential = _potential(scene, grid, config, int(grain_stream.integers(2**32)))
    report("potential", 1.0)
    report("labels", 0.0)
    truth = true_labels(scene, grid, triangles, half_range_deg(config.tilts.angles_deg))
    report("labels", 1.0)
    ice = scene.ice.refined(config.reconstruction.binning)
    report("tilt series", 0.0)
    acquisition = Acquisition(config.tilts, config.microscope, ice)
    series = record_series(
        potential, ice.voxel_size_A, acquisition, electron_stream, report, device
    )
    report("reconstruction", 0.0)
    density = reconstruct_series(
        series,
        potential.shape,
        config.reconstruction,
        device,
        lambda share: report("reconstruction", share),
    )
    return Phantom(_scaled(density, scene), series, truth, scene)


def _potential(scene: Scene, grid: MembraneGrid, config: PhantomConfig, seed: int) -> Float32:
    """Draw the scene at the pixel size of the tilt series."""
    binning = config.reconstruction.binning
    if binning == 1:
        return scene_potential(scene, grid, seed)
    fine = replace(scene, box=scene.box.refined(binning), ice=scene.ice.refined(binning))
    return scene_potential(fine, membranes_in_ice(fine), seed)


def _scaled(density: Float32, scene: Scene) -> Tomogram:
    """Mean 0, standard deviation 1; dark membranes."""
    scaled = (density - density.mean(dtype=np.float64)) / density.std(dtype=np.float64)
    return Tomogram(scaled.astype(np.float32), scene.box.voxel_size_A, scene.box.low_A.copy())


def _silent(step: str, share: float) -> None:
    pass
