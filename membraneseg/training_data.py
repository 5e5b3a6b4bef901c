"""Labelled volumes for training: phantoms, and real tomograms with somebody's labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.ndimage import zoom
from scipy.spatial import cKDTree

from membraneseg.coords import index_to_angstrom
from membraneseg.errors import MembraneSegError
from membraneseg.io.glb import read_glb
from membraneseg.io.mrc import read_tomogram
from membraneseg.io.truth import read_truth
from membraneseg.segment.labelled import LabelledVolume, UInt8, labelled_volume
from membraneseg.segment.predict import working_scale
from membraneseg.segment.unet import UNetConfig
from membraneseg.surface.labels import vertex_normals
from membraneseg.types import Tomogram
from synth2d.slices import BACKGROUND, IGNORE, MEMBRANE, PROTEIN
from synth2d.wedge import SURE_DEG, UNSEEN_DEG, wedge_depth_deg


def find_phantoms(folders: Sequence[Path]) -> list[Path]:
    """Folders of phantoms: each of those given, or what a set holds.

    Parameters
    ----------
    folders : sequence of Path

    Returns
    -------
    list of Path

    Raises
    ------
    MembraneSegError
        If one of them holds none.
    """
    found: list[Path] = []
    for folder in folders:
        inside = [path.parent for path in sorted(folder.rglob("truth.toml"))]
        if not inside:
            raise MembraneSegError(
                f"{folder} holds no phantom, expected a folder that `membraneseg simulate` wrote: "
                "simulate a set first."
            )
        found += inside
    return found


def read_example(folder: Path, unet: UNetConfig) -> LabelledVolume:
    """Read a phantom's tomogram and what a network can know of it, at the network's pixel size.

    Parameters
    ----------
    folder : Path
        Of `membraneseg simulate`.
    unet : UNetConfig

    Returns
    -------
    LabelledVolume
    """
    tomogram, _ = read_tomogram(folder / "tomogram.mrc")
    return _at_network_size(tomogram, visible_labels(folder), unet)


def read_real(tomogram_path: Path, labels_path: Path, unet: UNetConfig) -> LabelledVolume:
    """Read a tomogram and somebody's labels of it, at the network's pixel size.

    Parameters
    ----------
    tomogram_path : Path
    labels_path : Path
        Volume of the same shape: 0 background and 1 membrane, or 0 background, 1 protein and
        2 membrane; 255 unknown. Slices without any label count as unknown: one hand-drawn slice
        is enough.
    unet : UNetConfig

    Returns
    -------
    LabelledVolume

    Raises
    ------
    MembraneSegError
        If a file cannot be read, the shapes differ, or the labels hold other values.
    """
    tomogram, _ = read_tomogram(tomogram_path)
    given, _ = read_tomogram(labels_path, tomogram.voxel_size_A)
    if given.voxels.shape != tomogram.voxels.shape:
        raise MembraneSegError(
            f"{labels_path} has {given.voxels.shape} voxels and {tomogram_path} "
            f"{tomogram.voxels.shape}, expected the same: give labels made on this tomogram."
        )
    labels = _three_classes(np.asarray(given.voxels), labels_path)
    return _at_network_size(tomogram, labels, unet)


def _three_classes(given: npt.NDArray[np.generic], path: Path) -> UInt8:
    """Bring a mask, or labels of three classes, to the network's classes."""
    values = set(np.unique(given).tolist())
    if not values <= {0, 1, 2, IGNORE} or not values & {1, 2}:
        shown = ", ".join(f"{value:g}" for value in sorted(values)[:8])
        raise MembraneSegError(
            f"{path} holds the values {shown}, expected 0 and 1 (membrane), or 0, 1 (protein) and "
            "2 (membrane), with 255 for unknown: make such labels."
        )
    labels = given.astype(np.uint8)
    if 2 not in values:
        labels[labels == 1] = MEMBRANE
    labels[~np.isin(labels, (PROTEIN, MEMBRANE)).any(axis=(1, 2))] = IGNORE
    return labels


def _at_network_size(tomogram: Tomogram, labels: UInt8, unet: UNetConfig) -> LabelledVolume:
    scale = working_scale(tomogram.voxel_size_A, unet)
    voxels: npt.NDArray[np.generic] = np.asarray(tomogram.voxels, dtype=np.float32)
    if not np.isclose(scale, 1.0):
        voxels, labels = zoom(voxels, scale, order=1), zoom(labels, scale, order=0)
    return labelled_volume(voxels, labels)


def visible_labels(folder: Path) -> UInt8:
    """Label what can be seen: membranes that the wedge hides are background.

    Parameters
    ----------
    folder : Path
        Of `membraneseg simulate`.

    Returns
    -------
    (Z, Y, X) uint8
        0 background, 1 protein, 2 membrane, 255 in the wedge's soft edge.
    """
    instances, _ = read_tomogram(folder / "truth_instances.mrc")
    proteins, _ = read_tomogram(folder / "truth_proteins.mrc")
    labels = np.where(np.asarray(proteins.voxels) > 0, PROTEIN, BACKGROUND).astype(np.uint8)
    shell = np.argwhere(np.asarray(instances.voxels) > 0)
    depth = _wedge_depth_deg(folder, instances, shell)
    seen = np.select([depth <= SURE_DEG, depth < UNSEEN_DEG], [MEMBRANE, IGNORE], BACKGROUND)
    labels[tuple(shell.T)] = seen
    return labels


def _wedge_depth_deg(
    folder: Path, tomogram: Tomogram, voxels: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Wedge depth (N,) in degrees of voxels (N, 3) of membranes, from the nearest true surface."""
    meshes = [mesh for _, mesh, _ in read_glb(folder / "truth_meshes.glb") if len(mesh.faces)]
    if not meshes or not len(voxels):
        return np.zeros(len(voxels))
    vertices = np.concatenate([mesh.vertices_zyx_A for mesh in meshes])
    normals = np.concatenate([vertex_normals(m.vertices_zyx_A, m.faces) for m in meshes])
    places = index_to_angstrom(
        voxels.astype(np.float64), tomogram.voxel_size_A, tomogram.origin_zyx_A
    )
    _, nearest = cKDTree(vertices).query(places)
    return wedge_depth_deg(normals[nearest], float(read_truth(folder)["tilt_range_deg"]))
