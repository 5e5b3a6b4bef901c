"""A phantom as files: tomogram, tilt series and everything that is true of them, in one folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from membraneseg import __version__
from membraneseg.colours import membrane_colour
from membraneseg.io.atomic import write_text
from membraneseg.io.columns import write_columns
from membraneseg.io.glb import write_glb
from membraneseg.io.meshes import membrane_name
from membraneseg.io.mrc import write_volume
from membraneseg.io.placement import new_header
from membraneseg.io.toml import toml_text
from membraneseg.phantom.scene import Phantom
from membraneseg.phantom.truth_tables import (
    membrane_columns,
    particle_columns,
    surface_columns,
    truth_facts,
    vesicle_columns,
)

SCENE_FILE = "scene.toml"
"""Makes the phantom again; written last, so that a folder with it is whole."""
SCENE_COMMENT = """# membraneseg {version}: a phantom and how to make it again, bit by bit, with
#     membraneseg simulate scene.toml -o again
# Every setting is written out; `membraneseg settings simulate` says what each one means.
"""
FEW_CLASSES = 128
PHANTOM_FILES = (
    "tomogram.mrc",
    "tilt_series.mrc",
    "tilt_series.rawtlt",
    "truth_atlas.mrc",
    "truth_membranes.mrc",
    "truth_instances.mrc",
    "truth_compartments.mrc",
    "truth_proteins.mrc",
    "truth_meshes.glb",
    "truth_membranes.csv",
    "truth_vesicles.csv",
    "truth_particles.csv",
    "truth_surface.csv",
    "truth.toml",
    SCENE_FILE,
)
"""In the order in which they are worth looking at."""


def write_phantom(
    phantom: Phantom, folder: Path, recipe: Mapping[str, Any], seconds: float | None = None
) -> list[Path]:
    """Write a phantom with its tilt series and its truth.

    Parameters
    ----------
    phantom : Phantom
    folder : Path
        Made if missing; files of the same names are replaced.
    recipe : mapping
        The settings that made it, nested plain values: the content of scene.toml.
    seconds : float, optional
        How long it took, for truth.toml.

    Returns
    -------
    list of Path
        Of `PHANTOM_FILES`.

    Raises
    ------
    MembraneSegError
        If a file cannot be written.
    """
    _write_volumes(phantom, folder)
    _write_meshes(phantom, folder / "truth_meshes.glb")
    tables = {
        "truth_membranes.csv": membrane_columns,
        "truth_vesicles.csv": vesicle_columns,
        "truth_particles.csv": particle_columns,
        "truth_surface.csv": surface_columns,
    }
    for name, columns in tables.items():
        write_columns(folder / name, columns(phantom))
    facts = {"version": __version__, **truth_facts(phantom, recipe)}
    if seconds is not None:
        facts["seconds"] = round(seconds, 1)
    write_text(folder / "truth.toml", toml_text(facts))
    write_text(folder / SCENE_FILE, scene_text(recipe))
    return [folder / name for name in PHANTOM_FILES]


def scene_text(recipe: Mapping[str, Any]) -> str:
    """The text of a scene.toml: a comment that says what it is for, and every setting."""
    return SCENE_COMMENT.format(version=__version__) + "\n" + toml_text(recipe)


def _write_volumes(phantom: Phantom, folder: Path) -> None:
    """Write the tomogram, the voxels' truth, and the tilt series with its angles."""
    tomogram, series, truth = phantom.tomogram, phantom.series, phantom.truth
    header = new_header(
        _shape(tomogram.voxels), tomogram.voxel_size_A, np.asarray(tomogram.origin_zyx_A)
    )
    few = len(truth.class_names) <= FEW_CLASSES
    volumes = {
        "tomogram.mrc": (tomogram.voxels, "phantom tomogram"),
        "truth_atlas.mrc": (
            truth.atlas.astype(np.int8) if few else truth.atlas,
            "true class of each voxel, named in truth.toml",
        ),
        "truth_membranes.mrc": (truth.membranes, "true membranes"),
        "truth_instances.mrc": (truth.instances, "true membrane ids"),
        "truth_compartments.mrc": (truth.compartments, "id of the innermost closed membrane"),
        "truth_proteins.mrc": (truth.proteins, "true proteins"),
    }
    for name, (voxels, note) in volumes.items():
        write_volume(folder / name, voxels, header, note)
    stack = new_header(_shape(series.counts), series.pixel_size_A, np.zeros(3))
    write_volume(folder / "tilt_series.mrc", series.counts, stack, "electrons, ascending tilts")
    angles = "".join(f"{angle:.2f}\n" for angle in series.angles_deg)
    write_text(folder / "tilt_series.rawtlt", angles)


def _write_meshes(phantom: Phantom, path: Path) -> None:
    """Write one node per membrane that reaches the box."""
    pairs = zip(phantom.scene.membranes, phantom.truth.meshes, strict=True)
    named = [
        (membrane_name(membrane.label), mesh, membrane_colour(membrane.label))
        for membrane, mesh in pairs
        if len(mesh.faces)
    ]
    write_glb(path, named)


def _shape(voxels: np.ndarray) -> tuple[int, int, int]:
    z, y, x = voxels.shape
    return z, y, x
