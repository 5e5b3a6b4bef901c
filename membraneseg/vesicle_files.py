"""What `membraneseg vesicles` leaves behind, and how it is read back to be corrected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import trimesh

from membraneseg.coords import angstrom_to_index, index_to_angstrom, zyx_to_xyz
from membraneseg.io.atomic import whole_file
from membraneseg.io.chimerax import write_cxc
from membraneseg.io.columns import write_columns
from membraneseg.io.imod import write_spheres_mod
from membraneseg.io.meshes import membrane_colour, write_glb
from membraneseg.io.mrc import write_volume
from membraneseg.io.placement import MrcHeader
from membraneseg.io.pyto import write_pyto
from membraneseg.io.rows import MembraneRow
from membraneseg.io.star import write_star
from membraneseg.io.tables import read_vesicles_csv, write_vesicles_csv
from membraneseg.outputs import narrow_labels
from membraneseg.report.drawing import figure_png
from membraneseg.types import Bool, Mesh, Tomogram
from membraneseg.vesicle_figures import outlier_figure, profile_figure
from membraneseg.vesicle_pipeline import FoundVesicles, Steps
from membraneseg.vesicle_rows import row_of, vesicle_of
from membraneseg.vesicles.balls import Balls, paint_balls
from membraneseg.vesicles.ellipsoids import Bulges, paint_ellipsoids
from membraneseg.vesicles.spheres import Vesicle
from synth2d.wedge import is_visible

TABLE, LABELS, PROBABILITY = "vesicles.csv", "vesicle_labels.mrc", "vesicle_probability.mrc"
MODEL, STAR, MESHES, SCRIPT = "vesicles.mod", "vesicles.star", "vesicles.glb", "open.cxc"
ELLIPSOIDS, STEPS_FOLDER, PYTO_FOLDER = "vesicle_ellipsoids.csv", "steps", "pyto"

PROFILES_PICTURE, OUTLIERS_PICTURE = "vesicle_profiles.png", "vesicle_outliers.png"
PICTURE_DPI = 110


@dataclass(frozen=True, eq=False)
class Setting:
    """What the vesicles were found in.

    Parameters
    ----------
    path : Path
        Of the tomogram.
    tomogram : Tomogram
        Dark membranes.
    header : MrcHeader
    tilt_range_deg : float
    region : (Z, Y, X) bool or None
    """

    path: Path
    tomogram: Tomogram
    header: MrcHeader
    tilt_range_deg: float
    region: Bool | None = None


def write_found(folder: Path, found: FoundVesicles, setting: Setting) -> dict[str, Path]:
    """Write everything that a search for vesicles makes.

    Parameters
    ----------
    folder : Path
    found : FoundVesicles
    setting : Setting

    Returns
    -------
    dict of str to Path
    """
    write_volume(folder / PROBABILITY, found.probability, setting.header, "vesicle probability")
    _write_steps(folder / STEPS_FOLDER, found.steps, setting)
    files = write_vesicles(folder, found.vesicles, setting, found.bulges)
    return {"probability": folder / PROBABILITY, **files, "steps": folder / STEPS_FOLDER}


def write_vesicles(
    folder: Path, vesicles: Sequence[Vesicle], setting: Setting, bulges: Bulges | None = None
) -> dict[str, Path]:
    """Write table, labels, IMOD model, STAR file, meshes, Pyto's files and ChimeraX script.

    Parameters
    ----------
    folder : Path
    vesicles : sequence of Vesicle
    setting : Setting
    bulges : Bulges, optional
        Draws ellipsoids instead of spheres.

    Returns
    -------
    dict of str to Path
    """
    header = setting.header
    centres = np.array([v.centre_zyx_A for v in vesicles]).reshape(-1, 3)
    radii = np.array([v.radius_A for v in vesicles])
    write_vesicles_csv(folder / TABLE, [row_of(v) for v in vesicles])
    labels = narrow_labels(_labels(vesicles, setting, bulges))
    write_volume(folder / LABELS, labels, header, "vesicle ids")
    write_spheres_mod(folder / MODEL, centres, radii, header)
    write_star(folder / STAR, setting.path.stem, centres, header)
    write_pyto(folder / PYTO_FOLDER, labels, setting.region, setting.path, header)
    named = [
        (f"vesicle_{v.id:04d}", vesicle_mesh(v, setting.tilt_range_deg), membrane_colour(v.id))
        for v in vesicles
    ]
    write_glb(folder / MESHES, named)
    rows = [MembraneRow(id=v.id, closed=True) for v in vesicles]
    write_cxc(folder / SCRIPT, setting.path, MESHES, header, rows)
    names = {
        "vesicles": TABLE,
        "labels": LABELS,
        "IMOD": MODEL,
        "RELION": STAR,
        "Pyto": PYTO_FOLDER,
        "meshes": MESHES,
        "ChimeraX": SCRIPT,
    }
    files = {what: folder / name for what, name in names.items()}
    if bulges is not None:
        _write_ellipsoids(folder / ELLIPSOIDS, vesicles, setting, bulges)
        files["ellipsoids"] = folder / ELLIPSOIDS
    else:
        (folder / ELLIPSOIDS).unlink(missing_ok=True)
    return files


def read_vesicles(path: Path) -> list[Vesicle]:
    """Read vesicles.csv; raise MembraneSegError if it is missing or not ours."""
    return [vesicle_of(row) for row in read_vesicles_csv(path)]


def write_pictures(folder: Path, found: FoundVesicles, setting: Setting) -> dict[str, Path]:
    """Radial profiles and the scatter of outliers, where there is anything to show."""
    if found.judged is None or found.before is None or not len(found.judged.measured.balls):
        return {}
    pictures = {
        PROFILES_PICTURE: profile_figure(found.before, found.judged, setting.tomogram),
        OUTLIERS_PICTURE: outlier_figure(found.judged, setting.tomogram.voxel_size_A),
    }
    for name, figure in pictures.items():
        with whole_file(folder / name) as partial:
            partial.write_bytes(figure_png(figure, PICTURE_DPI))
    return {"profiles": folder / PROFILES_PICTURE, "outliers": folder / OUTLIERS_PICTURE}


def balls_from(vesicles: Sequence[Vesicle], tomogram: Tomogram) -> Balls:
    """Spheres in voxels from the rows of a table."""
    centres = np.array([v.centre_zyx_A for v in vesicles]).reshape(-1, 3)
    return Balls(
        np.array([v.id for v in vesicles], dtype=np.int64),
        angstrom_to_index(centres, tomogram.voxel_size_A, tomogram.origin_zyx_A),
        np.array([v.radius_A for v in vesicles], dtype=np.float64) / tomogram.voxel_size_A,
    )


def vesicle_mesh(vesicle: Vesicle, tilt_range_deg: float) -> Mesh:
    """Sphere through the middle of the membrane; what the tilts do not show counts as inferred."""
    ball = trimesh.creation.icosphere(subdivisions=3)
    normals = np.asarray(ball.vertices, dtype=np.float64)[:, ::-1]
    return Mesh(
        normals * vesicle.radius_A + vesicle.centre_zyx_A,
        np.asarray(ball.faces, dtype=np.int64),
        np.zeros(len(normals)),
        is_visible(normals, tilt_range_deg),
    )


def _labels(
    vesicles: Sequence[Vesicle], setting: Setting, bulges: Bulges | None
) -> npt.NDArray[np.int32]:
    """Vesicles filled up to their outer face."""
    shape, voxel_A = setting.tomogram.voxels.shape, setting.tomogram.voxel_size_A
    balls = balls_from(vesicles, setting.tomogram)
    outer_px = np.array([v.outer_radius_A or v.radius_A for v in vesicles]) / voxel_A
    if bulges is None:
        return paint_balls(shape, balls.ids, balls.centres_px, outer_px)
    return paint_ellipsoids(shape, balls, outer_px, bulges)


def _write_steps(folder: Path, steps: Steps, setting: Setting) -> None:
    """Keep what each step found, for `membraneseg evaluate`."""
    for name, labels in steps.labels.items():
        write_volume(folder / f"{name}.mrc", labels, setting.header, f"step {name}")
    for name, vesicles in steps.balls.items():
        write_vesicles_csv(folder / f"{name}.csv", [row_of(v) for v in vesicles])


def _write_ellipsoids(
    path: Path, vesicles: Sequence[Vesicle], setting: Setting, bulges: Bulges
) -> None:
    """Semi-axes to the middle of the membrane, longest first, and their directions (xyz)."""
    balls = balls_from(vesicles, setting.tomogram)
    lengths, axes = bulges.semi_axes_px(balls.radii_px)
    lengths_A, axes_xyz = lengths * setting.tomogram.voxel_size_A, axes[:, :, ::-1]
    places = zyx_to_xyz(
        index_to_angstrom(
            balls.centres_px, setting.tomogram.voxel_size_A, setting.tomogram.origin_zyx_A
        )
    )
    columns: dict[str, tuple[npt.NDArray[Any], str]] = {"id": (balls.ids, "%d")}
    columns |= {f"{a}_A": (places[:, k], "%.3f") for k, a in enumerate("xyz")}
    for number in range(3):
        columns[f"semi_axis_{number + 1}_A"] = (lengths_A[:, number], "%.3f")
    for number in range(3):
        for k, axis in enumerate("xyz"):
            columns[f"axis_{number + 1}_{axis}"] = (axes_xyz[:, number, k], "%.5f")
    write_columns(path, columns)
