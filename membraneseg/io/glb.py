"""Meshes as binary glTF, by the rules that ChimeraX's reader keeps.

Exactly one JSON and one BIN chunk, every bufferView with its byteOffset, no node transforms:
the vertices themselves are in Å. No materials: with one, trimesh would drop the vertex colours.
Each vertex also carries our own _SIGMA_A, _OBSERVED and further values, which other programs
ignore.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from membraneseg import __version__
from membraneseg.colours import Colour, inferred_colour
from membraneseg.coords import zyx_to_xyz
from membraneseg.errors import MembraneSegError
from membraneseg.io.atomic import whole_file
from membraneseg.types import Float64, Mesh

NamedMesh = tuple[str, Mesh, Colour]
VertexValues = Mapping[str, Float64]
"""Further values per vertex, each (V,), by names with their unit."""
Array = npt.NDArray[Any]

_MAGIC, _VERSION = 0x46546C67, 2
_COMPONENT: dict[str, int] = {"uint8": 5121, "uint32": 5125, "float32": 5126}
_DTYPE = {code: np.dtype(name).newbyteorder("<") for name, code in _COMPONENT.items()}
_WIDTH = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}
_ARRAY_BUFFER, _ELEMENT_BUFFER = 34962, 34963


def write_glb(path: Path, meshes: Sequence[NamedMesh], values: Sequence[VertexValues] = ()) -> None:
    """Write meshes as one GLB file, one node per mesh, vertices xyz in Å.

    Parameters
    ----------
    path : Path
    meshes : sequence of (name, Mesh, colour)
        ChimeraX shows `name`; observed vertices get `colour` (0–255), inferred ones a pale
        version of it. May be empty: ChimeraX then opens a file with nothing in it.
    values : sequence of mapping of str to (V,) float64
        For each mesh further values per vertex: `mean_curvature_per_nm` becomes the attribute
        _MEAN_CURVATURE_PER_NM. Empty: none for any mesh. NaN becomes 0, as glTF knows no NaN.

    Raises
    ------
    MembraneSegError
        If the file cannot be written.
    """
    writer = _Buffers()
    for (name, mesh, colour), more in zip(meshes, values or [{}] * len(meshes), strict=True):
        writer.add_mesh(name, mesh, colour, more)
    document = json.dumps(writer.document(), separators=(",", ":")).encode("utf-8")
    document += b" " * (-len(document) % 4)
    binary = b"".join(writer.chunks) or b"\0\0\0\0"
    length = 12 + 8 + len(document) + 8 + len(binary)
    with whole_file(path) as temporary, temporary.open("wb") as out:
        out.write(struct.pack("<III", _MAGIC, _VERSION, length))
        out.write(struct.pack("<I4s", len(document), b"JSON") + document)
        out.write(struct.pack("<I4s", len(binary), b"BIN\0") + binary)


def read_glb(path: Path) -> list[NamedMesh]:
    """Read the meshes of a GLB file back, in the order of its nodes.

    Parameters
    ----------
    path : Path
        A file of `write_glb`; of another program, if it has no node transforms.

    Returns
    -------
    list of (name, Mesh, colour)
        Without our own attributes, sigma_A is 0 and every vertex counts as observed. The colour
        is that of the first observed vertex.

    Raises
    ------
    MembraneSegError
        If the file is missing or no such GLB.
    """
    try:
        document, binary = _chunks(path.read_bytes())
        return [
            _read_mesh(document, binary, node)
            for node in document.get("nodes", [])
            if "mesh" in node
        ]
    except (OSError, ValueError, KeyError, IndexError, TypeError, struct.error) as error:
        raise MembraneSegError(
            f"{path} cannot be read as a GLB mesh ({error}), expected triangles with vertices "
            "in Å and no node transforms: give a file that membraneseg wrote."
        ) from error


class _Buffers:
    """Collects arrays and their descriptions, in the order in which glTF wants them."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []
        self.size = 0
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []
        self.nodes: list[dict[str, Any]] = []
        self.meshes: list[dict[str, Any]] = []

    def add_mesh(self, name: str, mesh: Mesh, colour: Colour, values: VertexValues) -> None:
        vertices = zyx_to_xyz(mesh.vertices_zyx_A).astype("<f4")
        colours = np.full((len(vertices), 4), 255, dtype=np.uint8)
        colours[:, :3] = np.where(mesh.observed[:, None], colour, inferred_colour(colour))
        position = self._add(vertices, _ARRAY_BUFFER)
        if len(vertices):
            self.accessors[position]["min"] = vertices.min(axis=0).tolist()
            self.accessors[position]["max"] = vertices.max(axis=0).tolist()
        shade = self._add(colours, _ARRAY_BUFFER)
        self.accessors[shade]["normalized"] = True
        attributes = {
            "POSITION": position,
            "COLOR_0": shade,
            "_SIGMA_A": self._add(mesh.sigma_A.astype("<f4"), _ARRAY_BUFFER),
            "_OBSERVED": self._add(mesh.observed.astype("<f4"), _ARRAY_BUFFER),
        }
        for key, array in values.items():
            known = np.nan_to_num(array, nan=0.0, posinf=0.0, neginf=0.0)
            attributes[f"_{key.upper()}"] = self._add(known.astype("<f4"), _ARRAY_BUFFER)
        faces = self._add(mesh.faces.astype("<u4").ravel(), _ELEMENT_BUFFER)
        primitive = {"attributes": attributes, "indices": faces, "mode": 4}
        self.nodes.append({"name": name, "mesh": len(self.meshes)})
        self.meshes.append({"name": name, "primitives": [primitive]})

    def document(self) -> dict[str, Any]:
        return {
            "asset": {"version": "2.0", "generator": f"membraneseg {__version__}"},
            "scene": 0,
            "scenes": [{"nodes": list(range(len(self.nodes)))}],
            "nodes": self.nodes,
            "meshes": self.meshes,
            "accessors": self.accessors,
            "bufferViews": self.views,
            "buffers": [{"byteLength": max(self.size, 4)}],
        }

    def _add(self, array: Array, target: int) -> int:
        content = array.tobytes()  # a multiple of four bytes, as glTF's alignment wants
        view = {"buffer": 0, "byteOffset": self.size, "byteLength": len(content), "target": target}
        width = array.shape[1] if array.ndim == 2 else 1
        self.chunks.append(content)
        self.size += len(content)
        self.views.append(view)
        self.accessors.append(
            {
                "bufferView": len(self.views) - 1,
                "componentType": _COMPONENT[array.dtype.name],
                "count": len(array),
                "type": next(kind for kind, columns in _WIDTH.items() if columns == width),
            }
        )
        return len(self.accessors) - 1


def _chunks(content: bytes) -> tuple[dict[str, Any], bytes]:
    magic, version, length = struct.unpack_from("<III", content)
    if (magic, version, length) != (_MAGIC, _VERSION, len(content)):
        raise ValueError("it is no whole GLB file of version 2")
    size, kind = struct.unpack_from("<I4s", content, 12)
    if kind != b"JSON":
        raise ValueError("its first chunk is not JSON")
    document: dict[str, Any] = json.loads(content[20 : 20 + size])
    return document, content[20 + size + 8 :]


def _read_mesh(document: dict[str, Any], binary: bytes, node: dict[str, Any]) -> NamedMesh:
    if {"matrix", "translation", "rotation", "scale"} & set(node):
        raise ValueError("a node has a transform")
    (primitive,) = document["meshes"][node["mesh"]]["primitives"]
    attributes = {
        name: _array(document, binary, index) for name, index in primitive["attributes"].items()
    }
    vertices = attributes["POSITION"].astype(np.float64)
    observed = attributes.get("_OBSERVED", np.ones(len(vertices))) > 0.5
    colours = attributes.get("COLOR_0", np.full((len(vertices), 4), 255))
    first = colours[int(np.argmax(observed))] if len(colours) else (255, 255, 255)
    mesh = Mesh(
        vertices_zyx_A=zyx_to_xyz(vertices),
        faces=_array(document, binary, primitive["indices"]).reshape(-1, 3).astype(np.int64),
        sigma_A=attributes.get("_SIGMA_A", np.zeros(len(vertices))).astype(np.float64),
        observed=observed,
    )
    return str(node.get("name", "")), mesh, (int(first[0]), int(first[1]), int(first[2]))


def _array(document: dict[str, Any], binary: bytes, index: int) -> Array:
    accessor = document["accessors"][index]
    view = document["bufferViews"][accessor["bufferView"]]
    width = _WIDTH[accessor["type"]]
    values = np.frombuffer(
        binary,
        dtype=_DTYPE[accessor["componentType"]],
        count=accessor["count"] * width,
        offset=view.get("byteOffset", 0) + accessor.get("byteOffset", 0),
    )
    return values.reshape(-1, width) if width > 1 else values
