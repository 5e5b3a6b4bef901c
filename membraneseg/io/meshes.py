"""Meshes out and in: GLB (see `glb`), OBJ and STL in xyz Å, and our own arrays in zyx Å."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np

from membraneseg import __version__
from membraneseg.colours import Colour, inferred_colour, membrane_colour
from membraneseg.coords import zyx_to_xyz
from membraneseg.errors import MembraneSegError
from membraneseg.io.atomic import whole_file
from membraneseg.io.glb import NamedMesh, VertexValues, read_glb, write_glb
from membraneseg.types import Float64, Mesh

__all__ = [
    "Colour",
    "NamedMesh",
    "VertexValues",
    "inferred_colour",
    "membrane_colour",
    "membrane_label",
    "membrane_name",
    "read_glb",
    "read_mesh_npz",
    "read_vertex_values",
    "write_glb",
    "write_obj",
    "write_stl",
    "write_vertices",
]

_MESH_FIELDS = tuple(item.name for item in fields(Mesh))
_STL_TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("extra", "<u2")])


def membrane_name(label: int) -> str:
    """Name of a membrane in every file and viewer, for example ``membrane_0001``."""
    return f"membrane_{label:04d}"


def membrane_label(name: str) -> int:
    """Label of the membrane of that name: the number at its end; the inverse of `membrane_name`."""
    digits = re.search(r"(\d+)$", name)
    if digits is None:
        raise MembraneSegError(
            f"The mesh '{name}' has no number at its end, expected a name like membrane_0001: "
            "give meshes that membraneseg wrote."
        )
    return int(digits.group(1))


def write_obj(path: Path, meshes: Sequence[NamedMesh]) -> None:
    """Write meshes as one Wavefront OBJ file, one object per mesh, vertices xyz in Å.

    Parameters
    ----------
    path : Path
    meshes : sequence of (name, Mesh, colour)
        The format has no vertex colours; `colour` is not used.
    """
    first = 1  # OBJ counts vertices from 1, through all objects
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as out:
        out.write(f"# membraneseg {__version__}, x y z in angstrom\n")
        for name, mesh, _ in meshes:
            out.write(f"o {name}\n")
            np.savetxt(out, zyx_to_xyz(mesh.vertices_zyx_A), fmt="v %.4f %.4f %.4f")
            np.savetxt(out, mesh.faces + first, fmt="f %d %d %d")
            first += len(mesh.vertices_zyx_A)


def write_stl(path: Path, mesh: Mesh) -> None:
    """Write one mesh as binary STL, xyz in Å.

    Parameters
    ----------
    path : Path
    mesh : Mesh
        Its sigma and observed flags have no place in this format.
    """
    corners = zyx_to_xyz(mesh.vertices_zyx_A)[mesh.faces]  # (F, 3 corners, 3)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    triangles = np.zeros(len(corners), dtype=_STL_TRIANGLE)
    triangles["normal"] = normals / np.where(lengths > 0, lengths, 1.0)
    triangles["corners"] = corners
    with whole_file(path) as temporary, temporary.open("wb") as out:
        out.write(f"membraneseg {__version__}, x y z in angstrom".encode("ascii").ljust(80))
        out.write(np.uint32(len(triangles)).astype("<u4").tobytes())
        out.write(triangles.tobytes())


def write_vertices(path: Path, mesh: Mesh, values: VertexValues | None = None) -> None:
    """Write a mesh without any loss as .npz, and what else is known of its vertices.

    Parameters
    ----------
    path : Path
    mesh : Mesh
        Becomes vertices_zyx_A, faces, sigma_A, observed.
    values : mapping of str to (V,) float64, optional
        Further values per vertex, each under its own name.

    Raises
    ------
    ValueError
        If a name is taken or a value is not one per vertex.
    """
    own = {field: getattr(mesh, field) for field in _MESH_FIELDS}
    for name, array in (values or {}).items():
        if name in own or np.shape(array) != (len(mesh.vertices_zyx_A),):
            raise ValueError(f"{name}: expected a new name and one value per vertex")
    with whole_file(path) as temporary, temporary.open("wb") as out:
        np.savez(out, allow_pickle=False, **own, **(values or {}))


def read_vertex_values(path: Path) -> dict[str, Float64]:
    """Read the further values that `write_vertices` wrote; empty if there are none."""
    try:
        with path.open("rb") as source, np.load(source, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files if name not in _MESH_FIELDS}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise _no_mesh(path, error) from error


def read_mesh_npz(path: Path) -> Mesh:
    """Read what `write_vertices` wrote; raise MembraneSegError if it is missing or damaged."""
    try:
        with path.open("rb") as source, np.load(source, allow_pickle=False) as stored:
            return Mesh(
                vertices_zyx_A=stored["vertices_zyx_A"],
                faces=stored["faces"],
                sigma_A=stored["sigma_A"],
                observed=stored["observed"],
            )
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise _no_mesh(path, error) from error


def _no_mesh(path: Path, error: Exception) -> MembraneSegError:
    return MembraneSegError(
        f"{path} cannot be read as a mesh ({error}), expected an .npz that membraneseg "
        "wrote: make it again with `membraneseg run`."
    )
