"""A phantom as files: the tomogram and its truth, side by side in one folder."""

from __future__ import annotations

import csv
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
import trimesh

from membraneseg import __version__
from membraneseg.colours import membrane_colour
from membraneseg.coords import zyx_to_xyz
from membraneseg.io.atomic import whole_file, write_text
from membraneseg.io.glb import write_glb
from membraneseg.io.meshes import membrane_name
from membraneseg.io.mrc import write_volume
from membraneseg.io.placement import new_header
from membraneseg.phantom.simulate import Phantom
from membraneseg.types import Mesh

TRUTH_COLUMNS = (
    "id",
    "parent",
    "x_A",
    "y_A",
    "z_A",
    "radius_A",
    "outer_radius_A",
    "thickness_A",
    "area_nm2",
    "volume_nm3",
)


def write_phantom(phantom: Phantom, folder: Path, seed: int | None = None) -> list[Path]:
    """Write a phantom: tomogram.mrc and everything that is true of it.

    Parameters
    ----------
    phantom : Phantom
    folder : Path
        Made if missing; files of the same names are replaced.
    seed : int, optional
        Noted in truth.toml.

    Returns
    -------
    list of Path
        tomogram.mrc, truth_membranes.mrc, truth_instances.mrc, truth_proteins.mrc,
        truth_meshes.glb, truth_vesicles.csv, truth.toml.
    """
    tomogram = phantom.tomogram
    header = new_header(tomogram.voxels.shape, tomogram.voxel_size_A, tomogram.origin_zyx_A)
    volumes = {
        "tomogram.mrc": (tomogram.voxels, "phantom tomogram"),
        "truth_membranes.mrc": (phantom.membranes, "true membranes"),
        "truth_instances.mrc": (phantom.instances, "true membrane ids"),
        "truth_proteins.mrc": (phantom.proteins, "true proteins"),
    }
    for name, (voxels, note) in volumes.items():
        write_volume(folder / name, voxels, header, note)
    named = [
        (membrane_name(vesicle.label), mesh, membrane_colour(vesicle.label))
        for vesicle, mesh in zip(phantom.scene.vesicles, phantom.meshes, strict=True)
    ]
    write_glb(folder / "truth_meshes.glb", named)
    _write_vesicles(folder / "truth_vesicles.csv", phantom)
    write_text(folder / "truth.toml", tomli_w.dumps(_truth(phantom, seed)))
    written = [*volumes, "truth_meshes.glb", "truth_vesicles.csv", "truth.toml"]
    return [folder / name for name in written]


def _write_vesicles(path: Path, phantom: Phantom) -> None:
    """One row per vesicle; centre and radius are those of the sphere of the same volume."""
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(TRUTH_COLUMNS)
        for vesicle, mesh in zip(phantom.scene.vesicles, phantom.meshes, strict=True):
            solid = _solid(mesh)
            radius_A = (3 * abs(float(solid.volume)) / (4 * np.pi)) ** (1 / 3)
            centre = [f"{value:.3f}" for value in solid.center_mass]
            outer_A = radius_A + vesicle.outer_half_width_A
            lengths = [f"{value:.3f}" for value in (radius_A, outer_A, vesicle.thickness_A)]
            sizes = [f"{solid.area / 1e2:.3f}", f"{abs(solid.volume) / 1e3:.3f}"]
            writer.writerow([vesicle.label, vesicle.parent, *centre, *lengths, *sizes])


def _solid(mesh: Mesh) -> Any:
    return trimesh.Trimesh(zyx_to_xyz(mesh.vertices_zyx_A), mesh.faces, process=False)


def _truth(phantom: Phantom, seed: int | None) -> dict[str, Any]:
    scene = phantom.scene
    truth: dict[str, Any] = {
        "version": __version__,
        "voxel_size_A": scene.voxel_size_A,
        "shape_zyx": list(scene.shape_zyx),
        "origin_zyx_A": [float(value) for value in scene.origin_zyx_A],
        "tilt_range_deg": phantom.tilt_range_deg,
        "tilt_angles_deg": [float(angle) for angle in phantom.tilt_angles_deg],
        "vesicle_count": len(scene.vesicles),
        "microscope": asdict(phantom.microscope),
    }
    if seed is not None:
        truth["seed"] = seed
    return truth
