"""Every output lands on the same physical points as its tomogram, by ChimeraX's rule.

The rule is written again here, on the raw bytes of the files, so that nothing of the code under
test judges itself.
"""

import csv
import itertools
import json
import struct

import numpy as np
import pytest

from membraneseg.coords import index_to_angstrom
from membraneseg.io.imod import write_spheres_mod
from membraneseg.io.meshes import write_glb, write_obj, write_stl
from membraneseg.io.mrc import create_volume, read_tomogram, write_volume
from membraneseg.io.rows import MembraneRow, VesicleRow
from membraneseg.io.tables import write_membranes_csv, write_vesicles_csv
from membraneseg.types import Mesh

SHAPE_ZYX = (9, 14, 22)
STEP = 13.48
TOLERANCE_A = 1e-3

PLACES = {
    "shifted origin": {"origin": (-512.0, 1034.25, 88.5)},
    "nstart, no origin": {"nstart_xyz": (-7, 31, 12)},
    "both: the origin wins": {"origin": (10.5, -20.25, 30.0), "nstart_xyz": (4, 5, 6)},
    "nstart, origin of an old file": {
        "origin": (999.0, 999.0, 999.0),
        "nstart_xyz": (3, -2, 1),
        "map": b"\0\0\0\0",
    },
    "cell larger than the volume": {"nstart_xyz": (100, -40, 3), "m": (400, 300, 200)},
    "nowhere": {},
}


def l_shape():
    """An L with a foot, unlike itself under any exchange or reversal of axes; (Z, Y, X) int16."""
    voxels = np.zeros(SHAPE_ZYX, dtype=np.int16)
    voxels[2:4, 3:12, 5] = 3
    voxels[2:4, 3, 5:20] = 2
    voxels[2:8, 3, 5] = 1
    return voxels


def file_of(build, mapcrs=(1, 2, 3), nstart_xyz=(0, 0, 0), m=SHAPE_ZYX[::-1], **fields):
    """Bytes of the L in an MRC file whose columns, rows, sections run along `mapcrs`."""
    stored = l_shape().transpose([3 - mapcrs[2], 3 - mapcrs[1], 3 - mapcrs[0]])
    nstart = [nstart_xyz[axis - 1] for axis in mapcrs]
    cella = [STEP * count for count in m]
    return build(stored, mapcrs=mapcrs, nstart=nstart, m=m, cella=cella, **fields)


def chimerax_points(content):
    """Value of every non-zero voxel against its place (x, y, z) in Å, as ChimeraX has it."""
    size = struct.unpack_from("<3i", content, 0)
    (mode,) = struct.unpack_from("<i", content, 12)
    nstart = struct.unpack_from("<3i", content, 16)
    m = struct.unpack_from("<3i", content, 28)
    length = struct.unpack_from("<3f", content, 40)
    axes = struct.unpack_from("<3i", content, 64)
    (extended,) = struct.unpack_from("<i", content, 92)
    origin = struct.unpack_from("<3f", content, 196)
    step = [length[i] / m[i] for i in range(3)]
    if content[208:212] == b"MAP " and any(origin):
        place = origin
    else:
        start_xyz = [nstart[axes.index(axis)] for axis in (1, 2, 3)]
        place = [start_xyz[i] * step[i] for i in range(3)]
    kind = {0: "b", 1: "h", 2: "f", 6: "H"}[mode]
    n_c, n_r, n_s = size
    values = struct.unpack_from(f"<{n_c * n_r * n_s}{kind}", content, 1024 + extended)
    points = {}
    for s, r, c in itertools.product(range(n_s), range(n_r), range(n_c)):
        value = values[(s * n_r + r) * n_c + c]
        if value:
            along = dict(zip(axes, (c, r, s), strict=True))
            xyz = [place[i] + along[i + 1] * step[i] for i in range(3)]
            points[tuple(round(x, 2) for x in xyz)] = (value, xyz)
    return points


def farthest(points, others):
    """Largest distance between the same voxels in two results; fails if they differ in kind."""
    values, other_values = (np.array([v for v, _ in sorted(p.values(), key=lambda e: e[1])])
                            for p in (points, others))  # fmt: skip
    assert np.array_equal(values, other_values)
    places, other_places = (
        np.array(sorted(xyz for _, xyz in p.values())) for p in (points, others)
    )
    return np.abs(places - other_places).max()


@pytest.fixture(params=[(m, p) for m in itertools.permutations((1, 2, 3)) for p in PLACES],
                ids=lambda p: f"{''.join('xyz'[a - 1] for a in p[0])}, {p[1]}")  # fmt: skip
def tomogram_file(request, tmp_path, build_mrc):
    mapcrs, place = request.param
    path = tmp_path / "tomo.mrc"
    path.write_bytes(file_of(build_mrc, mapcrs, **PLACES[place]))
    return path


def test_masks_and_labels_land_on_the_tomogram(tomogram_file, tmp_path):
    truth = chimerax_points(tomogram_file.read_bytes())
    tomogram, header = read_tomogram(tomogram_file)
    labels = np.array(tomogram.voxels)
    write_volume(tmp_path / "instances.mrc", labels, header, "labels")
    write_volume(tmp_path / "probability.mrc", labels.astype(np.float32), header, "probability")
    with create_volume(tmp_path / "slabs.mrc", labels.shape, np.uint16, header, "slabs") as out:
        out[:] = labels
    for name in ("instances.mrc", "probability.mrc", "slabs.mrc"):
        written = chimerax_points((tmp_path / name).read_bytes())
        assert farthest(truth, written) < TOLERANCE_A


def test_meshes_models_and_tables_land_on_the_tomogram(tomogram_file, tmp_path):
    truth = chimerax_points(tomogram_file.read_bytes())
    expected = np.array(sorted(xyz for value, xyz in truth.values()))
    tomogram, header = read_tomogram(tomogram_file)
    index = np.argwhere(tomogram.voxels).astype(np.float64)
    points = index_to_angstrom(index, tomogram.voxel_size_A, tomogram.origin_zyx_A)
    n = len(points)
    faces = np.column_stack([np.arange(n), np.roll(np.arange(n), 1), np.roll(np.arange(n), 2)])
    mesh = Mesh(points, faces, np.ones(n), np.ones(n, dtype=bool))

    def error(found_xyz):
        found = np.array(sorted(map(tuple, np.unique(np.round(found_xyz, 3), axis=0))))
        return np.abs(found - expected).max()

    write_glb(tmp_path / "m.glb", [("membrane_0001", mesh, (200, 30, 30))])
    assert error(glb_vertices((tmp_path / "m.glb").read_bytes())) < TOLERANCE_A
    write_obj(tmp_path / "m.obj", [("membrane_0001", mesh, (200, 30, 30))])
    lines = [line.split() for line in (tmp_path / "m.obj").read_text().splitlines()]
    assert error([[float(x) for x in line[1:]] for line in lines if line[0] == "v"]) < TOLERANCE_A
    write_stl(tmp_path / "m.stl", mesh)
    assert error(stl_corners((tmp_path / "m.stl").read_bytes())) < TOLERANCE_A

    write_spheres_mod(tmp_path / "v.mod", points, np.full(n, 50.0), header)
    at = (tmp_path / "v.mod").read_bytes().index(b"CONT") + 4 + 16
    model = np.frombuffer((tmp_path / "v.mod").read_bytes(), ">f4", 3 * n, at).reshape(n, 3)
    place = header.origin_zyx_A[::-1]
    assert error((model - [0.5, 0.5, 0.0]) * header.voxel_size_A + place) < TOLERANCE_A + 5e-4

    z, y, x = points.mean(axis=0)
    write_membranes_csv(tmp_path / "m.csv", [MembraneRow(1, True, x_A=x, y_A=y, z_A=z)])
    write_vesicles_csv(tmp_path / "v.csv", [VesicleRow(1, x, y, z, 50.0)])
    for name in ("m.csv", "v.csv"):
        with (tmp_path / name).open(newline="") as table:
            (row,) = csv.DictReader(table)
        centroid = [float(row[column]) for column in ("x_A", "y_A", "z_A")]
        assert np.abs(centroid - expected.mean(axis=0)).max() < TOLERANCE_A


def test_the_rule_used_here_tells_a_wrong_place_from_a_right_one(build_mrc):
    truth = chimerax_points(file_of(build_mrc, **PLACES["nstart, no origin"]))
    shifted = chimerax_points(file_of(build_mrc, nstart_xyz=(-7, 31, 13)))
    assert farthest(truth, shifted) == pytest.approx(STEP, rel=1e-5)


def glb_vertices(content):
    """Positions of the one mesh of a GLB, by hand."""
    (size,) = struct.unpack_from("<I", content, 12)
    document = json.loads(content[20 : 20 + size])
    (primitive,) = document["meshes"][0]["primitives"]
    accessor = document["accessors"][primitive["attributes"]["POSITION"]]
    offset = 28 + size + document["bufferViews"][accessor["bufferView"]]["byteOffset"]
    return np.frombuffer(content, "<f4", 3 * accessor["count"], offset).reshape(-1, 3)


def stl_corners(content):
    """Corners of all triangles of a binary STL, by hand."""
    (count,) = struct.unpack_from("<I", content, 80)
    triangles = [struct.unpack_from("<12fH", content, 84 + 50 * i) for i in range(count)]
    return np.array([t[3:12] for t in triangles]).reshape(-1, 3)
