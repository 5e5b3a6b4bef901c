"""Meshes keep their volume, sense and colours in every format; trimesh is the other judge."""

import json
import struct

import numpy as np
import pytest
import trimesh

from membraneseg.errors import MembraneSegError
from membraneseg.io.meshes import (
    inferred_colour,
    membrane_colour,
    membrane_name,
    read_glb,
    read_mesh_npz,
    write_glb,
    write_obj,
    write_stl,
    write_vertices,
)

RADIUS_A = 400.0
CENTRE_ZYX_A = (1000.0, -2000.0, 3000.0)
VOLUME = 4 / 3 * np.pi * RADIUS_A**3


@pytest.fixture
def ball(make_sphere):
    return make_sphere(RADIUS_A, CENTRE_ZYX_A)


def chimerax_chunks(content):
    """Split a GLB as ChimeraX does: exactly JSON and BIN, names stripped of zero bytes."""
    assert struct.unpack_from("<3I", content) == (0x46546C67, 2, len(content))
    chunks, at = [], 12
    while at < len(content):
        size, kind = struct.unpack_from("<I4s", content, at)
        chunks.append((kind.decode().replace("\0", ""), content[at + 8 : at + 8 + size]))
        at += 8 + size
    assert [name for name, _ in chunks] == ["JSON", "BIN"]
    return json.loads(chunks[0][1]), chunks[1][1]


@pytest.mark.parametrize("suffix", ["glb", "obj", "stl"])
def test_a_sphere_keeps_place_volume_and_outward_faces(tmp_path, ball, suffix):
    path = tmp_path / f"ball.{suffix}"
    if suffix == "stl":
        write_stl(path, ball)
    else:
        {"glb": write_glb, "obj": write_obj}[suffix](path, [("membrane_0001", ball, (9, 9, 9))])
    loaded = trimesh.load_mesh(path)
    assert loaded.is_watertight
    assert loaded.volume == pytest.approx(VOLUME, rel=0.02)  # positive: faces look outward
    assert loaded.volume < VOLUME  # an inscribed polyhedron
    assert loaded.center_mass == pytest.approx(CENTRE_ZYX_A[::-1], abs=0.05)


def test_glb_is_what_chimerax_reads(tmp_path, ball):
    meshes = [(membrane_name(i), ball, membrane_colour(i)) for i in (1, 2, 3)]
    write_glb(tmp_path / "m.glb", meshes)
    document, binary = chimerax_chunks((tmp_path / "m.glb").read_bytes())
    names = [node["name"] for node in document["nodes"]]
    assert names == ["membrane_0001", "membrane_0002", "membrane_0003"]
    assert [sorted(node) for node in document["nodes"]] == [["mesh", "name"]] * 3
    assert document["scenes"] == [{"nodes": [0, 1, 2]}]
    ends = [view["byteOffset"] + view["byteLength"] for view in document["bufferViews"]]
    assert ends[:-1] == [view["byteOffset"] for view in document["bufferViews"]][1:]
    assert ends[-1] == len(binary) == document["buffers"][0]["byteLength"]
    assert {end % 4 for end in ends} == {0}
    attributes = document["meshes"][0]["primitives"][0]["attributes"]
    position, colour = (document["accessors"][attributes[n]] for n in ("POSITION", "COLOR_0"))
    assert position["min"] == pytest.approx(ball.vertices_zyx_A.min(axis=0)[::-1])
    assert position["max"] == pytest.approx(ball.vertices_zyx_A.max(axis=0)[::-1])
    assert (colour["componentType"], colour["type"], colour["normalized"]) == (5121, "VEC4", True)


def test_vertex_colours_tell_observed_from_inferred(tmp_path, ball):
    colour = (200, 40, 10)
    write_glb(tmp_path / "m.glb", [("membrane_0001", ball, colour)])
    loaded = trimesh.load(tmp_path / "m.glb", process=False).geometry["membrane_0001"]
    expected = np.where(ball.observed[:, None], colour, inferred_colour(colour))
    assert np.array_equal(loaded.visual.vertex_colors[:, :3], expected)
    assert inferred_colour(colour) == (232, 165, 152)  # 58 % of the way to white


def test_values_per_vertex_are_attributes_of_their_own_that_trimesh_reads(tmp_path, ball):
    curvature = np.linspace(-0.1, 0.1, len(ball.vertices_zyx_A))
    curvature[3] = np.nan
    values = [{"mean_curvature_per_nm": curvature}]
    write_glb(tmp_path / "m.glb", [("membrane_0001", ball, (1, 2, 3))], values)
    loaded = trimesh.load(tmp_path / "m.glb", process=False).geometry["membrane_0001"]
    found = np.ravel(loaded.vertex_attributes["_MEAN_CURVATURE_PER_NM"])
    np.testing.assert_allclose(found, np.nan_to_num(curvature), atol=1e-8)
    np.testing.assert_allclose(
        np.ravel(loaded.vertex_attributes["_SIGMA_A"]), ball.sigma_A, rtol=1e-6
    )
    ((_, mesh, _),) = read_glb(tmp_path / "m.glb")
    np.testing.assert_array_equal(mesh.observed, ball.observed)


def test_a_glb_read_back_is_the_same_mesh(tmp_path, ball):
    write_glb(tmp_path / "m.glb", [("membrane_0007", ball, (1, 2, 3))])
    ((name, mesh, colour),) = read_glb(tmp_path / "m.glb")
    assert (name, colour) == ("membrane_0007", (1, 2, 3))
    assert np.abs(mesh.vertices_zyx_A - ball.vertices_zyx_A).max() < 2e-4
    assert np.array_equal(mesh.faces, ball.faces)
    assert np.allclose(mesh.sigma_A, ball.sigma_A, rtol=1e-6)
    assert np.array_equal(mesh.observed, ball.observed)


def test_a_glb_of_another_program_is_read_as_fully_observed(tmp_path, ball):
    foreign = trimesh.Trimesh(ball.vertices_zyx_A[:, ::-1], ball.faces, process=False)
    foreign.export(tmp_path / "foreign.glb")
    ((_, mesh, _),) = read_glb(tmp_path / "foreign.glb")
    assert np.abs(mesh.vertices_zyx_A - ball.vertices_zyx_A).max() < 2e-4
    assert mesh.observed.all()
    assert not mesh.sigma_A.any()


def test_no_membranes_still_give_a_file_that_opens(tmp_path):
    write_glb(tmp_path / "m.glb", [])
    document, binary = chimerax_chunks((tmp_path / "m.glb").read_bytes())
    for part in ("scenes", "nodes", "meshes", "accessors", "bufferViews"):
        assert part in document  # ChimeraX refuses a file without them
    assert len(binary) == 4
    assert read_glb(tmp_path / "m.glb") == []


def test_a_glb_that_would_be_misplaced_by_its_transform_is_refused(tmp_path, ball):
    foreign = trimesh.Trimesh(ball.vertices_zyx_A[:, ::-1], ball.faces, process=False)
    scene = trimesh.Scene()
    scene.add_geometry(foreign, transform=trimesh.transformations.translation_matrix([1, 2, 3]))
    scene.export(tmp_path / "foreign.glb")
    with pytest.raises(MembraneSegError, match="a node has a transform"):
        read_glb(tmp_path / "foreign.glb")


@pytest.mark.parametrize("damage", [lambda c: c[:-4], lambda c: b"", lambda c: b"no mesh" * 9])
def test_a_damaged_glb_is_refused(tmp_path, ball, damage):
    path = tmp_path / "m.glb"
    write_glb(path, [("membrane_0001", ball, (1, 2, 3))])
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(MembraneSegError, match="cannot be read as a GLB mesh"):
        read_glb(path)


def test_objects_of_an_obj_are_numbered_through(tmp_path, ball, make_sphere):
    small = make_sphere(100.0, (0.0, 0.0, 0.0))
    write_obj(tmp_path / "m.obj", [("a", ball, (0, 0, 0)), ("b", small, (0, 0, 0))])
    loaded = trimesh.load_mesh(tmp_path / "m.obj")
    volumes = sorted(mesh.volume for mesh in loaded.split())
    assert len(volumes) == 2
    assert volumes[0] == pytest.approx(4 / 3 * np.pi * 100.0**3, rel=0.02)
    assert volumes[1] == pytest.approx(VOLUME, rel=0.02)


def test_stl_normals_point_away_from_the_centre(tmp_path, ball):
    write_stl(tmp_path / "m.stl", ball)
    content = (tmp_path / "m.stl").read_bytes()
    assert len(content) == 84 + 50 * len(ball.faces)
    triangles = np.frombuffer(
        content[84:], np.dtype([("n", "<f4", 3), ("c", "<f4", 9), ("e", "u2")])
    )
    outward = triangles["c"].reshape(-1, 3, 3).mean(axis=1) - CENTRE_ZYX_A[::-1]
    cosine = (outward * triangles["n"]).sum(axis=1) / np.linalg.norm(outward, axis=1)
    assert cosine.min() > 0.99


def test_npz_loses_nothing(tmp_path, ball):
    write_vertices(tmp_path / "m.npz", ball)
    mesh = read_mesh_npz(tmp_path / "m.npz")
    for name in ("vertices_zyx_A", "faces", "sigma_A", "observed"):
        assert np.array_equal(getattr(mesh, name), getattr(ball, name))
        assert getattr(mesh, name).dtype == getattr(ball, name).dtype
    (tmp_path / "m.npz").write_bytes(b"PK not really")
    with pytest.raises(MembraneSegError, match="cannot be read as a mesh"):
        read_mesh_npz(tmp_path / "m.npz")
