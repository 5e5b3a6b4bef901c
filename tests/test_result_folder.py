"""What the report is made from, read back from a finished result's folder."""

import json

import numpy as np
import pytest
from small_result import ORIGIN_ZYX_A, SHAPE, SPHERES, VOXEL_A, make_result, sphere_mesh

from membraneseg.errors import MembraneSegError
from membraneseg.io.meshes import read_vertex_values, write_vertices
from membraneseg.result_folder import ResultFolder, result_content


def test_the_content_is_that_of_the_files(tmp_path):
    content = result_content(make_result(tmp_path))
    assert content.voxels.shape == SHAPE
    assert content.voxel_size_A == pytest.approx(VOXEL_A)
    np.testing.assert_allclose(content.origin_zyx_A, ORIGIN_ZYX_A)
    assert [label for label, _ in content.meshes] == list(SPHERES)
    np.testing.assert_array_equal(content.meshes[1][1].sigma_A, sphere_mesh(4).sigma_A)
    assert [row["id"] for row in content.rows] == ["1", "4"]
    assert content.warnings == ("look",)
    assert content.probability is None
    assert (content.fragments, content.groups) == ((), ())


def test_a_result_of_a_mask_alone_shows_it_dark(tmp_path):
    result = make_result(tmp_path)
    facts = json.loads((result / "run.json").read_text())
    facts |= {"density": False, "tomogram": str(result / "instances.mrc")}
    (result / "run.json").write_text(json.dumps(facts))
    shown, _ = ResultFolder(result).tomogram()
    assert set(np.unique(shown.voxels)) == {0, 1}
    assert shown.voxels[15, 20, 35] == 0  # on the first sphere
    assert shown.voxels[15, 20, 25] == 1  # in its middle


def test_a_tomogram_that_is_gone_is_named(tmp_path):
    result = make_result(tmp_path)
    (tmp_path / "tomo.mrc").unlink()
    with pytest.raises(MembraneSegError, match=r"tomo\.mrc, which .*run\.json names, is not there"):
        result_content(result)


def test_values_per_vertex_come_back_and_the_mesh_s_own_do_not_count(tmp_path):
    mesh = sphere_mesh(1)
    heights = mesh.vertices_zyx_A[:, 0]
    write_vertices(tmp_path / "m.npz", mesh, {"height_A": heights})
    found = read_vertex_values(tmp_path / "m.npz")
    assert list(found) == ["height_A"]
    np.testing.assert_array_equal(found["height_A"], heights)
    with pytest.raises(ValueError, match="one value per vertex"):
        write_vertices(tmp_path / "m.npz", mesh, {"height_A": heights[1:]})
