"""Results for other programs, read back with readers that are not ours."""

import mrcfile
import numpy as np
import pytest
import starfile
import trimesh
import yaml
from imodmodel import ImodModel
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation
from small_result import ORIGIN_ZYX_A, SHAPE, SPHERES, VOXEL_A, make_result

from membraneseg.errors import MembraneSegError
from membraneseg.exports import KINDS, ExportRequest, export_result, normal_angles_deg


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    result = make_result(folder)
    return export_result(ExportRequest(result, folder / "for others", tuple(KINDS), 5.0))


def test_the_labels_for_surface_morphometrics_lie_where_the_tomogram_does(exported):
    folder = exported["surface_morphometrics"]
    with mrcfile.open(folder / "segmentations" / "tomo_labels.mrc") as file:
        assert file.data.dtype == np.int16
        assert sorted(np.unique(file.data)) == [0, 1, 4]
        assert file.voxel_size.x == pytest.approx(VOXEL_A)
        origin = (file.header.origin.x, file.header.origin.y, file.header.origin.z)
        assert origin == pytest.approx(tuple(ORIGIN_ZYX_A[::-1]))
    config = yaml.safe_load((folder / "config.yml").read_text())
    assert config["segmentation_values"] == {"membrane_0001": 1, "membrane_0004": 4}
    assert config["seg_dir"] == "./segmentations/"
    made = config["surface_generation"]
    assert made["angstroms"] is False
    asked = {"point_weight", "simplify", "simplify_max_triangles", "neighbor_count"}
    asked |= {"extrapolation_distance", "smoothing_iterations", "octree_depth"}
    assert asked <= set(made)  # that its make_meshes reads without a default


def test_every_membrane_has_a_mask_for_membrain_pick_and_they_share_no_voxel(exported):
    masks = []
    for label in SPHERES:
        with mrcfile.open(exported["membrain_pick"] / "tomo_membranes" / f"mb{label}.mrc") as file:
            assert set(np.unique(file.data)) == {0, 1}
            masks.append(file.data.astype(int))
    assert np.max(masks[0] + masks[1]) == 1
    assert masks[0].shape == SHAPE
    centre = np.argwhere(masks[1]).mean(axis=0)
    np.testing.assert_allclose(centre, SPHERES[4][0], atol=0.05)


def test_imod_gets_a_closed_circle_in_every_slice_that_a_sphere_reaches(exported):
    model = ImodModel.from_file(exported["imod"] / "membranes.mod")
    assert [one.header.name for one in model.objects] == ["membrane_0001", "membrane_0004"]
    for one, (centre, radius) in zip(model.objects, SPHERES.values(), strict=True):
        heights = []
        for contour in one.contours:
            x, y, z = np.asarray(contour.points).T
            heights.append(z[0])
            assert np.ptp(z) == 0
            assert not contour.header.flags.open
            across = np.hypot(x - 0.5 - centre[2], y - 0.5 - centre[1])
            expected = np.sqrt(radius**2 - (z[0] - centre[0]) ** 2)
            np.testing.assert_allclose(across, expected, atol=0.06)
        reached = np.arange(np.ceil(centre[0] - radius), np.floor(centre[0] + radius) + 1)
        assert set(reached[1:-1]) <= set(heights) <= set(reached)


@pytest.fixture(scope="module")
def points(exported):
    return starfile.read(exported["star"] / "surface_points.star")


def test_sampled_points_lie_on_the_spheres_with_outward_normals(points):
    for label, (centre, radius) in SPHERES.items():
        own = points[points.membranesegMembrane == label]
        places = own[["rlnCoordinateX", "rlnCoordinateY", "rlnCoordinateZ"]].to_numpy()
        away = places - centre[::-1]
        np.testing.assert_allclose(np.linalg.norm(away, axis=1), radius, atol=0.05)
        normals = own[[f"membranesegNormal{axis}" for axis in "XYZ"]].to_numpy()
        assert ((normals * away).sum(axis=1) / radius).min() > 0.99
        height = places[:, 2] - centre[0]
        sure = np.abs(height) > 0.05 * radius  # farther from the border than a triangle
        assert (own.membranesegObserved.to_numpy()[sure] == (height > 0)[sure]).all()


def test_sampled_points_keep_their_distance_and_leave_no_hole(points):
    centre, radius = SPHERES[1]
    own = points[points.membranesegMembrane == 1]
    places_nm = own[[f"rlnCoordinate{axis}" for axis in "XYZ"]].to_numpy() * VOXEL_A / 10
    tree = cKDTree(places_nm)
    nearest = tree.query(places_nm, k=2)[0][:, 1]
    assert nearest.min() >= 5.0 - 1e-3
    sphere = trimesh.creation.icosphere(subdivisions=4, radius=radius).vertices
    anywhere = (np.asarray(sphere) + centre[::-1]) * VOXEL_A / 10
    assert tree.query(anywhere)[0].max() < 8.0


def test_the_angles_turn_the_particles_axis_onto_the_normal(points):
    angles = points[["rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi"]].to_numpy()
    turn = Rotation.from_euler("ZYZ", angles, degrees=True).inv()
    normals = points[[f"membranesegNormal{axis}" for axis in "XYZ"]].to_numpy()
    np.testing.assert_allclose(turn.apply([0.0, 0.0, 1.0]), normals, atol=2e-4)


def test_at_the_poles_the_angles_are_those_of_the_axis():
    tilt, psi = normal_angles_deg(np.array([[0.0, 0, 1], [0, 0, -1]]))
    assert tilt.tolist() == [0.0, 180.0]
    assert psi.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("kind", ["obj", "stl"])
def test_meshes_of_either_format_enclose_the_spheres(exported, kind):
    for label, (centre, radius) in SPHERES.items():
        loaded = trimesh.load_mesh(exported[kind] / f"membrane_{label:04d}.{kind}")
        assert loaded.is_watertight
        volume = 4 / 3 * np.pi * (radius * VOXEL_A) ** 3
        assert loaded.volume == pytest.approx(volume, rel=0.01)
        middle = np.array(centre) * VOXEL_A + ORIGIN_ZYX_A
        np.testing.assert_allclose(loaded.center_mass, middle[::-1], atol=0.5)


def test_an_unknown_format_is_refused_with_those_that_there_are(tmp_path):
    with pytest.raises(MembraneSegError, match=r"'ply' is not a format .* star, obj, stl"):
        ExportRequest(tmp_path, tmp_path, ("ply",))


def test_a_folder_without_a_result_is_refused(tmp_path):
    with pytest.raises(MembraneSegError, match="holds no finished run"):
        export_result(ExportRequest(tmp_path, tmp_path / "out", ("star",)))
