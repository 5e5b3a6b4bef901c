"""A finished result in the formats of other programs, one folder per program."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from membraneseg.colours import membrane_colour
from membraneseg.coords import angstrom_to_index, zyx_to_xyz
from membraneseg.errors import MembraneSegError
from membraneseg.io.atomic import write_text
from membraneseg.io.imod_contours import ContourObject, write_contours_mod
from membraneseg.io.meshes import membrane_name, write_obj, write_stl
from membraneseg.io.mrc import read_tomogram, write_volume
from membraneseg.io.placement import MrcHeader
from membraneseg.io.star import COORDINATES
from membraneseg.io.star_blocks import write_star_blocks
from membraneseg.report.content import Meshes
from membraneseg.report.contours import plane_contours
from membraneseg.result_folder import ResultFolder
from membraneseg.surface.sampling import SurfacePoints, sample_surface
from membraneseg.types import Float64

_SEED = 1
_ANGLES = (
    "rlnAngleRot, Tilt, Psi (RELION, ZYZ): turn a particle whose z axis is the membrane's outward "
    "normal; Rot, the turn about the normal, is unknown and 0"
)

_MORPHOMETRICS = """cores: 2
surface_generation:
  angstroms: false
  isotropic_remesh: true
  target_area: 1.0
  simplify: false
  simplify_max_triangles: 300000
  extrapolation_distance: 1.5
  octree_depth: 9
  point_weight: 0.7
  neighbor_count: 400
  smoothing_iterations: 1
curvature_measurements:
  radius_hit: 9
  min_component: 30
  exclude_borders: 1
"""
"""What surface_morphometrics 2 takes by default; its `make_meshes` stops where one is missing."""


@dataclass(frozen=True)
class ExportRequest:
    """What to export, and where to.

    Parameters
    ----------
    result : Path
        Output folder of `membraneseg run` or `close`.
    output : Path
        Gets one folder per kind.
    kinds : tuple of str
        Of `KINDS`.
    spacing_nm : float
        Smallest distance between sampled points.
    """

    result: Path
    output: Path
    kinds: tuple[str, ...]
    spacing_nm: float = 10.0

    def __post_init__(self) -> None:
        for kind in self.kinds:
            if kind not in KINDS:
                raise MembraneSegError(
                    f"'{kind}' is not a format to export to: choose from {', '.join(KINDS)}."
                )
        if not 0.5 <= self.spacing_nm <= 1000.0:
            raise MembraneSegError(
                f"The spacing of the sampled points is {self.spacing_nm} nm, expected 0.5 to 1000: "
                "change --spacing."
            )


@dataclass(frozen=True)
class Source:
    """A result, read once for all exports."""

    folder: ResultFolder
    tomogram: Path
    header: MrcHeader
    meshes: Meshes
    spacing_A: float


def export_result(request: ExportRequest) -> dict[str, Path]:
    """Write a result for other programs.

    Parameters
    ----------
    request : ExportRequest

    Returns
    -------
    dict of str to Path
        The folder of each kind, made anew.

    Raises
    ------
    MembraneSegError
        If the folder holds no finished result, or cannot be written to.
    """
    folder = ResultFolder(request.result)
    _, header = folder.tomogram()
    source = Source(
        folder=folder,
        tomogram=Path(folder.facts["tomogram"]),
        header=header,
        meshes=folder.meshes(),
        spacing_A=request.spacing_nm * 10.0,
    )
    made = {}
    for kind in request.kinds:
        target = request.output / kind
        if target.is_dir():
            shutil.rmtree(target)
        target.mkdir(parents=True)
        KINDS[kind](source, target)
        made[kind] = target
    return made


def _labels(source: Source) -> np.ndarray[tuple[int, ...], np.dtype[np.integer]]:
    path = source.folder.path / "instances.mrc"
    return np.asarray(read_tomogram(path, source.header.voxel_size_A)[0].voxels).astype(np.int32)


def _surface_morphometrics(source: Source, target: Path) -> None:
    """Labels in segmentations/, and the config.yml that names them."""
    labels = _labels(source).astype(np.uint16 if len(source.meshes) > 32767 else np.int16)
    name = f"{source.tomogram.stem}_labels.mrc"
    write_volume(target / "segmentations" / name, labels, source.header, "membrane ids")
    values = "".join(f"  {membrane_name(label)}: {label}\n" for label, _ in source.meshes)
    write_text(
        target / "config.yml",
        "# For surface_morphometrics 2; for version 1 rename seg_dir to data_dir.\n"
        'seg_dir: "./segmentations/"\n'
        f'tomo_dir: "{source.tomogram.parent.as_posix()}/"\n'
        'work_dir: "./morphometrics/"\n'
        f"segmentation_values:\n{values}{_MORPHOMETRICS}",
    )


def _membrain_pick(source: Source, target: Path) -> None:
    """One binary mask per membrane, in a folder named after the tomogram."""
    labels = _labels(source)
    folder = target / f"{source.tomogram.stem}_membranes"
    for label, _ in source.meshes:
        mask = (labels == label).astype(np.int8)
        write_volume(folder / f"mb{label}.mrc", mask, source.header, membrane_name(label))


def _imod(source: Source, target: Path) -> None:
    """Contours of every membrane in every slice."""
    objects = []
    step, low = source.header.voxel_size_A, float(source.header.origin_zyx_A[0])
    for label, mesh in source.meshes:
        curves, closed = [], []
        for z_px in range(source.header.shape_zyx[0]):
            for contour in plane_contours(mesh, 0, low + z_px * step):
                points = contour.points_zyx_A
                curves.append(points[:-1] if contour.closed else points)
                closed.append(contour.closed)
        colour = membrane_colour(label)
        objects.append(ContourObject(membrane_name(label), colour, tuple(curves), tuple(closed)))
    write_contours_mod(target / "membranes.mod", objects, source.header)


def _star(source: Source, target: Path) -> None:
    """Points spread over every membrane, with the normals there."""
    rng = np.random.default_rng(_SEED)
    sampled = [
        (label, mesh, sample_surface(mesh, source.spacing_A, rng)) for label, mesh in source.meshes
    ]
    x, y, z = _joined([_in_voxels(points, source.header) for _, _, points in sampled]).T
    normals = _joined([zyx_to_xyz(points.normals_zyx) for _, _, points in sampled])
    tilt, psi = normal_angles_deg(normals)
    label = np.concatenate(
        [np.zeros(0, int), *(np.full(len(p.vertices), k) for k, _, p in sampled)]
    )
    seen = np.concatenate([np.zeros(0, int), *(m.observed[p.vertices] for _, m, p in sampled)])
    sigma = np.concatenate([np.zeros(0), *(m.sigma_A[p.vertices] for _, m, p in sampled)])
    columns = {
        "rlnTomoName": ([source.tomogram.stem] * len(x), "%s"),
        "rlnCoordinateX": (x, "%.3f"),
        "rlnCoordinateY": (y, "%.3f"),
        "rlnCoordinateZ": (z, "%.3f"),
        "rlnAngleRot": (np.zeros(len(x)), "%.3f"),
        "rlnAngleTilt": (tilt, "%.3f"),
        "rlnAnglePsi": (psi, "%.3f"),
        "rlnPixelSize": (np.full(len(x), source.header.voxel_size_A), "%.6g"),
        "membranesegMembrane": (label, "%d"),
        "membranesegNormalX": (normals[:, 0], "%.5f"),
        "membranesegNormalY": (normals[:, 1], "%.5f"),
        "membranesegNormalZ": (normals[:, 2], "%.5f"),
        "membranesegObserved": (seen.astype(int), "%d"),
        "membranesegSigmaAngstrom": (sigma, "%.2f"),
    }
    remarks = (COORDINATES, _ANGLES, f"points at least {source.spacing_A / 10:g} nm apart")
    write_star_blocks(target / "surface_points.star", {"particles": columns}, remarks)


def _in_voxels(points: SurfacePoints, header: MrcHeader) -> Float64:
    index = angstrom_to_index(points.points_zyx_A, header.voxel_size_A, header.origin_zyx_A)
    return zyx_to_xyz(index)


def _joined(parts: Sequence[Float64]) -> Float64:
    return np.concatenate([np.zeros((0, 3)), *parts])


def normal_angles_deg(normals_xyz: Float64) -> tuple[Float64, Float64]:
    """RELION's tilt and psi of particles whose z axis points along each normal; rot is 0.

    Parameters
    ----------
    normals_xyz : (N, 3) float64
        Of length 1.

    Returns
    -------
    tilt, psi : (N,) float64
        In degrees.

    Notes
    -----
    A particle is carried into the tomogram by R = Rz(psi)ᵀ Ry(tilt)ᵀ Rz(rot)ᵀ, so its z axis
    becomes (−sin tilt cos psi, sin tilt sin psi, cos tilt).

    References
    ----------
    Heymann et al. 2005, doi:10.1016/j.jsb.2005.06.001 (the convention).
    """
    x, y, z = np.asarray(normals_xyz, dtype=np.float64).reshape(-1, 3).T
    tilt = np.rad2deg(np.arctan2(np.hypot(x, y), z))
    psi = np.where(np.hypot(x, y) > 0, np.rad2deg(np.arctan2(y, -x)), 0.0)
    return tilt, psi


def _obj(source: Source, target: Path) -> None:
    """One OBJ file per membrane."""
    for label, mesh in source.meshes:
        name = membrane_name(label)
        write_obj(target / f"{name}.obj", [(name, mesh, membrane_colour(label))])


def _stl(source: Source, target: Path) -> None:
    """One STL file per membrane."""
    for label, mesh in source.meshes:
        write_stl(target / f"{membrane_name(label)}.stl", mesh)


KINDS: dict[str, Callable[[Source, Path], None]] = {
    "surface_morphometrics": _surface_morphometrics,
    "membrain_pick": _membrain_pick,
    "imod": _imod,
    "star": _star,
    "obj": _obj,
    "stl": _stl,
}
