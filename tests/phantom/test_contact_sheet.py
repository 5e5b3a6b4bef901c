"""Contact sheets: colours that follow the truth, one scale, nothing left out unsaid."""

import numpy as np
import pytest
from small_phantom import CENTRE, ORIGIN, RADIUS_A, SHAPE, VOXEL_A, small_phantom

from membraneseg.colours import inferred_colour, membrane_colour
from membraneseg.phantom.files import write_phantom
from membraneseg.phantom_sheets import caption_of, read_sheet, write_phantom_sheet
from membraneseg.report.contact_sheet import MOLECULE, MOST_ROWS, phantom_sheet, set_sheet
from membraneseg.report.contact_sheet import truth_layer as layer_of
from membraneseg.report.slices import Plane
from synth2d.wedge import wedge_depth_deg

RECIPE = {
    "preset": "nested",
    "seed": 3,
    "microscope": {"dose_e_per_A2": 100.0, "defocus_um": 4.0},
}


@pytest.fixture(scope="module")
def phantom():
    return small_phantom()


@pytest.fixture(scope="module")
def folder(phantom, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sheet")
    write_phantom(phantom, folder, RECIPE)
    return folder


@pytest.fixture
def content(folder):
    return read_sheet(folder, "phantom_0001")


def has_colour(layer, colour):
    return (layer[..., :3] == colour).all(axis=-1)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_membrane_is_full_where_visible_and_pale_where_the_wedge_hides_it(content, axis):
    index = np.rint((CENTRE - ORIGIN) / VOXEL_A).astype(int)
    plane = Plane(axis, int(index[axis]))
    layer = layer_of(content, plane)
    rows, columns = np.nonzero(plane.cut(content.instances) == 1)
    places = np.empty((len(rows), 3))
    places[:, axis], places[:, plane.up], places[:, plane.across] = plane.index, rows, columns
    offset = places * VOXEL_A + ORIGIN - CENTRE
    depth = wedge_depth_deg(offset / np.linalg.norm(offset, axis=1)[:, None], 60.0)
    full, pale = (
        has_colour(layer, c) for c in (membrane_colour(1), inferred_colour((47, 126, 216)))
    )
    step_deg = np.rad2deg(30.0 / RADIUS_A)  # the mesh tells visible from hidden vertex by vertex
    assert full[rows, columns][depth < -step_deg].all()
    assert pale[rows, columns][depth > step_deg].all()
    assert (full | pale)[rows, columns].all()


def test_molecules_have_their_colour_and_everything_else_is_clear(phantom, content):
    for z in range(SHAPE[0]):
        layer = layer_of(content, Plane(0, z))
        inside = phantom.truth.instances[z] > 0
        molecule = (phantom.truth.proteins[z] > 0) & ~inside
        assert has_colour(layer, MOLECULE)[molecule].all()
        assert (layer[..., 3] > 0).sum() == (inside | molecule).sum()


def test_all_panels_of_a_sheet_have_one_scale_and_show_each_cut_twice(content):
    figure = phantom_sheet(content)
    width_in, height_in = figure.get_size_inches()
    scales, spans = [], []
    for axes in figure.axes:
        box = axes.get_position()
        left, right = axes.get_xlim()
        bottom, top = axes.get_ylim()
        scales += [
            (right - left) / (box.width * width_in),
            (top - bottom) / (box.height * height_in),
        ]
        spans.append((round(right - left, 6), round(top - bottom, 6)))
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.x1 <= 1
        assert box.y1 <= 1
    assert np.ptp(scales) < 1e-6 * np.mean(scales)
    z, y, x = (np.array(SHAPE) * VOXEL_A / 10).round(6)
    assert sorted(spans) == sorted([(x, y)] * 4 + [(x, z)] * 2 + [(y, z)] * 2)


def test_the_caption_says_how_it_was_recorded(content):
    text = content.caption
    for word in ("seed 3", "14 Å", "±60° in 5 tilts", "100 e/Å²", "4.0 µm", "4 membranes"):
        assert word in text
    assert content.title == "phantom_0001 · nested"


def test_a_lopsided_tilt_range_is_said_in_full():
    facts = {
        "seed": 1,
        "voxel_size_A": 10.0,
        "tilts": {"angles_deg": [-40.0, 0.0, 60.0]},
        "microscope": {"dose_e_per_A2": 100.0, "defocus_um": 4.0},
        "membranes": {"sheet": 1},
        "particles": {},
    }
    assert "-40° to +60° in 3 tilts" in caption_of(facts)
    assert caption_of(facts).endswith("1 membrane · 0 particles")


def test_a_set_has_four_panels_per_phantom_and_says_what_it_leaves_out(content):
    figure = set_sheet([content] * 3, 3)
    assert len(figure.axes) == 12
    assert figure.texts[-1].get_text() == "3 phantoms"
    many = set_sheet([content] * (MOST_ROWS + 6), MOST_ROWS + 6)
    assert len(many.axes) == 4 * MOST_ROWS
    assert f"{MOST_ROWS + 6} phantoms, the first {MOST_ROWS} shown" in [
        text.get_text() for text in many.texts
    ]


def test_rows_of_a_set_do_not_overlap(content):
    figure = set_sheet([content] * 3, 3)
    boxes = [axes.get_position() for axes in figure.axes]
    for index, one in enumerate(boxes):
        for other in boxes[:index]:
            apart = one.x1 <= other.x0 + 1e-9 or other.x1 <= one.x0 + 1e-9
            assert apart or one.y1 <= other.y0 + 1e-9 or other.y1 <= one.y0 + 1e-9


def test_the_picture_is_a_png_in_the_folder(folder):
    write_phantom_sheet(folder, "phantom_0001")
    assert (folder / "contact_sheet.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
