"""The IMOD model, read by imodmodel and byte by byte."""

import struct

import numpy as np
import pytest
from imodmodel import ImodModel

from membraneseg.io.imod import write_spheres_mod
from membraneseg.io.mrc import new_header

HEADER = new_header((60, 80, 100), 12.5, np.array([100.0, -200.0, 300.0]))
CENTRES = np.array([[100.0, -200.0, 300.0], [350.0, 50.0, 800.0]])  # voxels (0,0,0), (20,20,40)


def test_centres_and_sizes_are_in_voxels_half_a_pixel_on_in_x_and_y(tmp_path):
    write_spheres_mod(tmp_path / "v.mod", CENTRES, np.array([250.0, 131.25]), HEADER)
    model = ImodModel.from_file(tmp_path / "v.mod")
    (contour,) = model.objects[0].contours
    assert contour.points.tolist() == [[0.5, 0.5, 0.0], [40.5, 20.5, 20.0]]
    assert np.ravel(contour.point_sizes).tolist() == [20.0, 10.5]


def test_the_object_is_scattered_points_and_the_model_knows_the_image(tmp_path):
    write_spheres_mod(tmp_path / "v.mod", CENTRES, np.array([250.0, 131.25]), HEADER)
    model = ImodModel.from_file(tmp_path / "v.mod")
    assert model.objects[0].header.flags.scattered
    header = model.header
    assert (header.xmax, header.ymax, header.zmax) == (100, 80, 60)
    assert (header.pixelsize, header.units) == (12.5, -10)  # Å
    assert model.minx is None


def test_no_vesicles_give_a_model_without_contours(tmp_path):
    write_spheres_mod(tmp_path / "v.mod", np.zeros((0, 3)), np.zeros(0), HEADER)
    model = ImodModel.from_file(tmp_path / "v.mod")
    assert len(model.objects) == 1
    assert model.objects[0].contours == []
    assert model.objects[0].header.contsize == 0


def test_chunks_have_the_lengths_of_the_specification(tmp_path):
    write_spheres_mod(tmp_path / "v.mod", CENTRES, np.array([250.0, 131.25]), HEADER)
    content = (tmp_path / "v.mod").read_bytes()
    assert content[:8] == b"IMODV1.2"
    at = 8 + 232
    assert content[at : at + 4] == b"OBJT"
    at += 4 + 176
    assert content[at : at + 4] == b"CONT"
    (points,) = struct.unpack_from(">i", content, at + 4)
    at += 4 + 16 + 12 * points
    found = []
    while content[at : at + 4] != b"IEOF":
        name, size = struct.unpack_from(">4si", content, at)
        found.append((name, size))
        at += 8 + size
    assert found == [(b"SIZE", 8), (b"IMAT", 16)]
    assert at + 4 == len(content)


def test_a_radius_must_belong_to_every_centre(tmp_path):
    with pytest.raises(ValueError, match="one radius per centre"):
        write_spheres_mod(tmp_path / "v.mod", CENTRES, np.array([250.0]), HEADER)
