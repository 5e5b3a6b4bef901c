"""MRC files put together byte by byte, independently of the code under test."""

import struct
from pathlib import Path

import numpy as np
import pytest
import trimesh

from membraneseg.types import Mesh

MODE_OF = {"i1": 0, "u1": 0, "i2": 1, "f4": 2, "c8": 4, "u2": 6, "f2": 12}


def mrc_bytes(stored, order="<", **fields):
    """A header as MRC2014 lays it out, then `stored` (sections, rows, columns) as it lies."""
    ns, nr, nc = stored.shape
    f = {
        "mode": MODE_OF[stored.dtype.str[1:]],
        "nstart": (0, 0, 0),
        "m": (nc, nr, ns),
        "cella": (12.0 * nc, 12.0 * nr, 12.0 * ns),
        "angles": (90.0, 90.0, 90.0),
        "mapcrs": (1, 2, 3),
        "stats": (0.0, 0.0, 0.0),
        "ispg": 1,
        "nsymbt": 0,
        "imod": (0, 0),
        "origin": (0.0, 0.0, 0.0),
        "map": b"MAP ",
        "stamp": b"DD\0\0" if order == "<" else b"\x11\x11\0\0",
        "extended": b"",
    } | fields
    header = struct.pack(order + "4i", nc, nr, ns, f["mode"])
    header += struct.pack(
        order + "3i3i3f3f3i", *f["nstart"], *f["m"], *f["cella"], *f["angles"], *f["mapcrs"]
    )
    header += struct.pack(order + "3f2i", *f["stats"], f["ispg"], f["nsymbt"])
    header = header.ljust(152, b"\0") + struct.pack(order + "2i", *f["imod"])
    header = header.ljust(196, b"\0") + struct.pack(order + "3f", *f["origin"])
    header = (header + f["map"] + f["stamp"]).ljust(1024, b"\0")
    data = stored.astype(stored.dtype.newbyteorder(order)).tobytes()
    return header + f["extended"] + data


@pytest.fixture
def build_mrc():
    """The function that puts such a file together."""
    return mrc_bytes


@pytest.fixture
def make_sphere():
    """The function that makes a sphere."""
    return sphere


@pytest.fixture
def make_mrc(tmp_path):
    """Write such a file and return its path."""

    def make(stored, name="tomo.mrc", **fields) -> Path:
        path = tmp_path / name
        path.write_bytes(mrc_bytes(stored, **fields))
        return path

    return make


@pytest.fixture
def noise():
    """(9, 10, 11) float32 volume, no two voxels alike."""
    values = np.random.default_rng(7).permutation(990).astype(np.float32)
    return values.reshape(9, 10, 11)


def sphere(radius_A, centre_zyx_A):
    """A sphere of 1280 faces that look outward in xyz; its upper half was not observed."""
    ball = trimesh.creation.icosphere(subdivisions=3, radius=radius_A)
    vertices_zyx = ball.vertices[:, ::-1] + np.asarray(centre_zyx_A)
    upper = ball.vertices[:, 2] > 0
    sigma = 1.0 + 0.01 * np.arange(len(vertices_zyx))
    return Mesh(np.array(vertices_zyx), np.array(ball.faces), sigma, ~upper)
