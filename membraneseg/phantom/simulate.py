"""One call from parameters to a phantom tomogram with perfect truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from membraneseg.errors import MembraneSegError
from membraneseg.phantom.crowd import CrowdConfig, with_crowd
from membraneseg.phantom.density import Rendering, render_scene, render_vesicles
from membraneseg.phantom.microscope import Microscope, expected_counts, ideal_image, record
from membraneseg.phantom.projection import dose_symmetric_order, project, tilt_angles_deg
from membraneseg.phantom.reconstruction import reconstruct
from membraneseg.phantom.scene import LiposomesConfig, Scene, liposomes_scene
from membraneseg.phantom.vesicle import surface_mesh
from membraneseg.types import Float32, Float64, Mesh, Tomogram

Progress = Callable[[str, float], None]
"""Called with the name of the step and the share (0–1) of it that is done."""


@dataclass(frozen=True)
class PhantomConfig:
    """What is simulated and how it is recorded."""

    shape_zyx: tuple[int, int, int] = field(
        default=(96, 256, 256), metadata={"help": "voxels of the tomogram"}
    )
    voxel_size_A: float = field(default=13.5, metadata={"help": "edge of a voxel"})
    origin_zyx_A: tuple[float, float, float] = field(
        default=(0.0, 0.0, 0.0), metadata={"help": "position of the centre of voxel (0, 0, 0)"}
    )
    vesicle_count: int = field(default=12, metadata={"help": "vesicles wanted"})
    tilt_range_deg: float = field(default=60.0, metadata={"help": "tilts from −range to +range"})
    tilt_step_deg: float = field(default=3.0, metadata={"help": "step between tilts"})
    dose_e_per_A2: float = field(default=120.0, metadata={"help": "dose of the whole series"})
    defocus_um: float = field(default=5.0, metadata={"help": "underfocus, positive"})
    low_pass: float = field(
        default=0.28, metadata={"help": "cycles per voxel where the reconstruction falls off"}
    )
    liposomes: LiposomesConfig = field(default_factory=LiposomesConfig)
    crowd: CrowdConfig = field(default_factory=CrowdConfig)

    def __post_init__(self) -> None:
        if len(self.shape_zyx) != 3 or min(self.shape_zyx) < 8:
            raise MembraneSegError(
                f"shape_zyx is {self.shape_zyx}, expected three numbers of at least 8; "
                "correct phantom.shape_zyx"
            )
        if not 1.0 <= self.voxel_size_A <= 100.0:
            raise MembraneSegError(
                f"voxel_size_A is {self.voxel_size_A}, expected 1 to 100 Å; "
                "correct phantom.voxel_size_A"
            )
        if not 0 < self.tilt_step_deg <= self.tilt_range_deg <= 75:
            raise MembraneSegError(
                f"tilt_step_deg is {self.tilt_step_deg} and tilt_range_deg {self.tilt_range_deg}, "
                "expected 0 < step <= range <= 75; correct phantom.tilt_range_deg"
            )
        if self.vesicle_count < 0:
            raise MembraneSegError(
                f"vesicle_count is {self.vesicle_count}, expected 0 or more; "
                "correct phantom.vesicle_count"
            )


@dataclass(frozen=True)
class Phantom:
    """A simulated tomogram and everything that is true of it.

    Parameters
    ----------
    tomogram : Tomogram
        float32, mean 0, standard deviation 1, dark membranes.
    membranes : (Z, Y, X) int8
        1 between the outer faces of the two leaflets.
    instances : (Z, Y, X) int16
        Vesicle label there.
    proteins : (Z, Y, X) int8
    meshes : tuple of Mesh
        Middle of each membrane; sigma 0, observed everywhere.
    scene : Scene
        Vesicles in the order of `meshes`, labels 1, 2, 3 ….
    microscope : Microscope
    tilt_angles_deg : (T,) float64
    """

    tomogram: Tomogram
    membranes: npt.NDArray[np.int8]
    instances: npt.NDArray[np.int16]
    proteins: npt.NDArray[np.int8]
    meshes: tuple[Mesh, ...]
    scene: Scene
    microscope: Microscope
    tilt_angles_deg: Float64

    @property
    def tilt_range_deg(self) -> float:
        """Largest tilt in degrees."""
        return float(np.abs(self.tilt_angles_deg).max())


def simulate_liposomes(
    config: PhantomConfig, rng: np.random.Generator, progress: Progress | None = None
) -> Phantom:
    """Simulate a tomogram of liposomes in a crowd of soluble proteins.

    Parameters
    ----------
    config : PhantomConfig
    rng : numpy.random.Generator
        The same state gives the same phantom.
    progress : callable, optional

    Returns
    -------
    Phantom
    """
    report = progress or _silent
    report("scene", 0.0)
    origin = np.asarray(config.origin_zyx_A, dtype=np.float64)
    scene = liposomes_scene(
        config.shape_zyx, config.voxel_size_A, rng, config.vesicle_count, config.liposomes, origin
    )
    scene = with_crowd(scene, render_vesicles(scene).distance_A, config.crowd, rng)
    rendering = render_scene(scene)
    report("scene", 1.0)
    microscope = Microscope(defocus_um=config.defocus_um, dose_e_per_A2=config.dose_e_per_A2)
    angles = tilt_angles_deg(config.tilt_range_deg, config.tilt_step_deg)
    series = simulate_tilt_series(
        rendering.potential_V, config.voxel_size_A, angles, microscope, rng, report
    )
    report("reconstruction", 0.0)
    density = reconstruct(series, angles, config.shape_zyx, config.low_pass)
    report("reconstruction", 1.0)
    return _phantom(density, scene, rendering, microscope, angles)


def simulate_tilt_series(
    potential_V: Float32,
    voxel_size_A: float,
    angles_deg: Float64,
    microscope: Microscope,
    rng: np.random.Generator,
    progress: Progress | None = None,
) -> Float32:
    """Record a dose-symmetric tilt series of a box of ice.

    Parameters
    ----------
    potential_V : (Z, Y, X) float32
        Mean inner potential above that of the ice; the slab is Z voxels thick.
    voxel_size_A : float
    angles_deg : (T,) float64
        Ascending tilts about y.
    microscope : Microscope
    rng : numpy.random.Generator
    progress : callable, optional

    Returns
    -------
    (T, Y, U) float32
        Relative intensity − 1 of each tilt.
    """
    report = progress or _silent
    ranks = dose_symmetric_order(angles_deg)
    step_dose = microscope.dose_e_per_A2 / len(angles_deg)
    thickness_nm = potential_V.shape[0] * voxel_size_A / 10
    images = []
    for index, (angle, rank) in enumerate(zip(angles_deg, ranks, strict=True)):
        projected = project(potential_V, float(angle)) * np.float32(voxel_size_A)
        window = (float(rank) * step_dose, float(rank + 1) * step_dose)
        dy, dx = rng.normal(0.0, microscope.alignment_error_A, 2)
        image = ideal_image(projected, voxel_size_A, microscope, window, (float(dy), float(dx)))
        path_nm = thickness_nm / float(np.cos(np.deg2rad(angle)))
        counts = expected_counts(microscope, voxel_size_A, path_nm, len(angles_deg))
        images.append(record(image, counts, microscope, rng))
        report("tilt series", (index + 1) / len(angles_deg))
    return np.stack(images)


def _phantom(
    density: Float32, scene: Scene, rendering: Rendering, microscope: Microscope, angles: Float64
) -> Phantom:
    meshes = []
    for vesicle in scene.vesicles:
        vertices, faces = surface_mesh(vesicle)
        count = len(vertices)
        meshes.append(Mesh(vertices, faces, np.zeros(count), np.ones(count, dtype=bool)))
    scaled = (density - density.mean()) / density.std()
    return Phantom(
        tomogram=Tomogram(
            scaled.astype(np.float32), scene.voxel_size_A, np.array(scene.origin_zyx_A)
        ),
        membranes=(rendering.instances > 0).astype(np.int8),
        instances=rendering.instances,
        proteins=rendering.proteins,
        meshes=tuple(meshes),
        scene=scene,
        microscope=microscope,
        tilt_angles_deg=angles,
    )


def _silent(step: str, share: float) -> None:
    pass
