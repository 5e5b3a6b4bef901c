"""What is true of a phantom, as the columns of its tables and as the facts of truth.toml."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import trimesh

from membraneseg.coords import zyx_to_xyz
from membraneseg.phantom.euler import relion_angles_deg
from membraneseg.phantom.membranes import Membrane
from membraneseg.phantom.scene import VESICLE_KINDS, Phantom
from membraneseg.phantom.shapes import outward_normals
from membraneseg.phantom.tilt_series import TiltSeries
from membraneseg.types import Float64, Mesh
from synth2d.wedge import contrast_kept, wedge_depth_deg

Columns = dict[str, tuple[Sequence[Any] | npt.NDArray[Any], str]]
"""Of each column its name, its values, and the printf format of one of them."""
NUMBERS_OF_FACTS = 4
"""Decimals of the angles, doses and lengths in truth.toml."""


def solid_of(mesh: Mesh) -> Any:
    """A mesh as trimesh sees it, xyz."""
    return trimesh.Trimesh(zyx_to_xyz(mesh.vertices_zyx_A), mesh.faces, process=False)


def visible_share(mesh: Mesh) -> float | None:
    """Share of the area whose vertices are marked as observed; None without area."""
    areas = solid_of(mesh).area_faces
    seen = mesh.observed[mesh.faces].mean(axis=1) if len(mesh.faces) else np.zeros(0)
    return float(areas @ seen / areas.sum()) if areas.sum() > 0 else None


def membrane_columns(phantom: Phantom) -> Columns:
    """Columns of truth_membranes.csv: one row per membrane.

    Parameters
    ----------
    phantom : Phantom

    Returns
    -------
    dict
        A membrane is closed if its mesh is watertight; one that the box cuts is not, and its area
        is that of the part inside. The centre is that of the volume, else that of the area;
        a membrane that does not reach the box has none.
    """
    membranes, meshes = phantom.scene.membranes, phantom.truth.meshes
    solids = [solid_of(mesh) for mesh in meshes]
    closed = [bool(solid.is_watertight) for solid in solids]
    centres = _centres(solids, closed)
    return {
        "id": ([m.label for m in membranes], "%d"),
        "kind": ([m.kind for m in membranes], "%s"),
        "parent": ([m.parent for m in membranes], "%d"),
        "closed": (["true" if flag else "false" for flag in closed], "%s"),
        "thickness_A": ([m.thickness_A for m in membranes], "%.3f"),
        "area_nm2": ([float(solid.area) / 1e2 for solid in solids], "%.3f"),
        "volume_nm3": (
            [
                abs(float(s.volume)) / 1e3 if flag else None
                for s, flag in zip(solids, closed, strict=True)
            ],
            "%.3f",
        ),
        "visible_share": ([visible_share(mesh) for mesh in meshes], "%.4f"),
        **_places(centres),
    }


def vesicle_columns(phantom: Phantom) -> Columns:
    """Columns of truth_vesicles.csv: one row per vesicle that lies wholly in the box.

    Parameters
    ----------
    phantom : Phantom

    Returns
    -------
    dict
        Centre and radius are those of the sphere of the same volume.
    """
    found = [(m, solid) for m, solid in _vesicles(phantom) if solid.is_watertight]
    volumes = np.array([abs(float(solid.volume)) for _, solid in found])
    radii = np.cbrt(3 * volumes / (4 * np.pi))
    half_widths = np.array([m.outer_half_width_A for m, _ in found])
    centres = np.array([solid.center_mass for _, solid in found]).reshape(-1, 3)
    return {
        "id": ([m.label for m, _ in found], "%d"),
        "parent": ([m.parent for m, _ in found], "%d"),
        **_places(centres),
        "radius_A": (radii, "%.3f"),
        "outer_radius_A": (radii + half_widths, "%.3f"),
        "thickness_A": ([m.thickness_A for m, _ in found], "%.3f"),
        "area_nm2": ([float(solid.area) / 1e2 for _, solid in found], "%.3f"),
        "volume_nm3": (volumes / 1e3, "%.3f"),
    }


def particle_columns(phantom: Phantom) -> Columns:
    """Columns of truth_particles.csv: one row per molecule, subunits of filaments included.

    Parameters
    ----------
    phantom : Phantom

    Returns
    -------
    dict
        The angles are RELION's, see `relion_angles_deg`; membrane and filament are 0 for none.
    """
    groups = phantom.scene.particles
    names = [g.molecule.name for g in groups for _ in range(len(g.centres_zyx_A))]
    centres = _joined([g.centres_zyx_A for g in groups], (3,))
    angles = relion_angles_deg(_joined([g.rotations for g in groups], (3, 3)))
    return {
        "id": (np.arange(1, len(names) + 1), "%d"),
        "class": (names, "%s"),
        **_places(zyx_to_xyz(centres)),
        "angle_rot_deg": (angles[:, 0], "%.3f"),
        "angle_tilt_deg": (angles[:, 1], "%.3f"),
        "angle_psi_deg": (angles[:, 2], "%.3f"),
        "membrane": (_joined([g.membrane for g in groups], ()), "%d"),
        "filament": (_joined([g.filament for g in groups], ()), "%d"),
    }


def surface_columns(phantom: Phantom) -> Columns:
    """Columns of truth_surface.csv: one row per vertex of truth_meshes.glb, in its order.

    Parameters
    ----------
    phantom : Phantom

    Returns
    -------
    dict
        Outward normals, how deep they lie in the missing wedge, the share of a bilayer's contrast
        that ideal back-projection keeps there, and 1 where the membrane counts as visible.
    """
    pairs = list(zip(phantom.scene.membranes, phantom.truth.meshes, strict=True))
    places = _joined([mesh.vertices_zyx_A for _, mesh in pairs], (3,))
    parts = [outward_normals(m.shape, mesh.vertices_zyx_A) for m, mesh in pairs if len(mesh.faces)]
    normals = _joined(parts, (3,))
    depths = wedge_depth_deg(normals, phantom.tilt_range_deg)
    labels = [np.full(len(mesh.vertices_zyx_A), m.label) for m, mesh in pairs]
    normals_xyz = zyx_to_xyz(normals)
    return {
        "membrane": (_joined(labels, ()), "%d"),
        **_places(zyx_to_xyz(places)),
        **{f"n{axis}": (normals_xyz[:, k], "%.5f") for k, axis in enumerate("xyz")},
        "wedge_depth_deg": (depths, "%.2f"),
        "contrast_kept": (contrast_kept(depths), "%.3f"),
        "visible": (_joined([mesh.observed for _, mesh in pairs], ()).astype(np.int8), "%d"),
    }


def truth_facts(phantom: Phantom, recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The content of truth.toml, as plain values.

    Parameters
    ----------
    phantom : Phantom
    recipe : mapping
        The settings that made it, as scene.toml holds them; its microscope and seed are taken
        over.

    Returns
    -------
    dict
    """
    scene, series, truth = phantom.scene, phantom.series, phantom.truth
    voxels = np.bincount(truth.atlas.ravel(), minlength=len(truth.class_names))
    ice_nm = scene.ice.thickness_A / 10
    whole = [bool(solid.is_watertight) for _, solid in _vesicles(phantom)]
    particles = Counter[str]()
    for group in scene.particles:
        particles[group.molecule.name] += len(group.centres_zyx_A)
    return {
        **{key: recipe[key] for key in ("preset", "seed", "member") if key in recipe},
        "shape_zyx": list(phantom.tomogram.voxels.shape),
        "voxel_size_A": float(phantom.tomogram.voxel_size_A),
        "origin_zyx_A": _numbers(phantom.tomogram.origin_zyx_A),
        "tilt_range_deg": phantom.tilt_range_deg,
        "whole_vesicles": sum(whole),
        "cut_vesicles": [
            m.label for (m, _), flag in zip(_vesicles(phantom), whole, strict=True) if not flag
        ],
        "membranes": dict(Counter(m.kind for m in scene.membranes)),
        "particles": dict(particles),
        "class_names": list(truth.class_names),
        "class_voxels": [int(count) for count in voxels],
        "ice": {
            "mean_thickness_nm": round(float(ice_nm.mean()), NUMBERS_OF_FACTS),
            "least_thickness_nm": round(float(ice_nm.min()), NUMBERS_OF_FACTS),
            "largest_thickness_nm": round(float(ice_nm.max()), NUMBERS_OF_FACTS),
        },
        "microscope": dict(recipe.get("microscope", {})),
        "tilts": _tilt_facts(series),
    }


def _tilt_facts(series: TiltSeries) -> dict[str, Any]:
    """One number per tilt of everything that differs between them."""
    exposures = series.exposures
    return {
        "pixel_size_A": float(series.pixel_size_A),
        "angles_deg": _numbers(series.angles_deg),
        "true_angles_deg": _numbers(e.angle_deg for e in exposures),
        "dose_before_e_per_A2": _numbers(e.dose_before for e in exposures),
        "dose_after_e_per_A2": _numbers(e.dose_after for e in exposures),
        "defocus_um": _numbers(e.defocus_um for e in exposures),
        "shift_x_A": _numbers(e.shift_yx_A[1] for e in exposures),
        "shift_y_A": _numbers(e.shift_yx_A[0] for e in exposures),
    }


def _vesicles(phantom: Phantom) -> list[tuple[Membrane, Any]]:
    pairs = zip(phantom.scene.membranes, phantom.truth.meshes, strict=True)
    return [(m, solid_of(mesh)) for m, mesh in pairs if m.kind in VESICLE_KINDS]


def _centres(solids: Sequence[Any], closed: Sequence[bool]) -> Float64:
    """Centre (N, 3) xyz of each volume or area, NaN for an empty mesh."""
    centres = np.full((len(solids), 3), np.nan)
    for row, (solid, flag) in enumerate(zip(solids, closed, strict=True)):
        if solid.area > 0:
            middle = np.average(solid.triangles_center, axis=0, weights=solid.area_faces)
            centres[row] = solid.center_mass if flag else middle
    return centres


def _places(centres_xyz_A: Float64) -> Columns:
    return {f"{axis}_A": (centres_xyz_A[:, k], "%.3f") for k, axis in enumerate("xyz")}


def _joined(parts: Sequence[npt.NDArray[Any]], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """Concatenate arrays (N_i, *shape); (0, *shape) if there are none."""
    return np.concatenate([np.zeros((0, *shape), dtype=parts[0].dtype if parts else float), *parts])


def _numbers(values: Iterable[float]) -> list[float]:
    return [round(float(value), NUMBERS_OF_FACTS) for value in values]
