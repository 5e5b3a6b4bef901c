import hashlib
import html
import json
import re
from base64 import b64decode
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import trimesh

from membraneseg.colours import PROBABILITY
from membraneseg.errors import MembraneSegError
from membraneseg.io.bundled import bundled
from membraneseg.report.browser import (
    browser_data,
    contour_svg,
    fragment_svg,
    group_svg,
    picture_size_px,
    planes_through,
)
from membraneseg.report.content import ReportConfig, ReportContent, RunFacts, StageCost
from membraneseg.report.histograms import histogram_svg, histograms
from membraneseg.report.page import report_html, write_report
from membraneseg.report.slices import Grid, Plane
from membraneseg.report.space import space_data
from membraneseg.report.subjects import MEMBRANES
from membraneseg.report.tables import result_table, warning_list
from membraneseg.report.words import observed_share, shown_number, summary
from membraneseg.types import MembraneGroup, Mesh, SliceFragments

SMALL = ReportConfig(z_levels=3, y_levels=2, triangles=1000)
ROW = {"id": "1", "closed": "true", "area_nm2": "123456.789", "volume_nm3": "",
       "equivalent_radius_nm": "31.4159265", "observed_fraction": "0.625",
       "warnings": 'cut by <the edge> & "odd"'}  # fmt: skip


def ball(radius_A: float, centre_zyx_A: np.ndarray) -> Mesh:
    shape = trimesh.creation.icosphere(subdivisions=3, radius=radius_A)
    vertices = np.array(shape.vertices)[:, ::-1] + centre_zyx_A
    count = len(vertices)
    faces = np.array(shape.faces, dtype=np.int64)
    return Mesh(vertices, faces, np.zeros(count), np.arange(count) % 2 == 0)


@pytest.fixture(scope="module")
def content() -> ReportContent:
    rng = np.random.default_rng(5)
    voxels = rng.normal(size=(12, 30, 40)).astype(np.float32)
    origin = np.array([100.0, 200.0, 300.0])
    return ReportContent(
        name="tomo <&> 1.mrc",
        voxels=voxels,
        probability=rng.random(voxels.shape).astype(np.float32),
        voxel_size_A=13.5,
        origin_zyx_A=origin,
        meshes=((1, ball(60.0, np.array([6, 15, 20]) * 13.5 + origin)),),
        rows=(ROW,),
        warnings=("membrane 1 <leaves> the tomogram",),
        run=RunFacts(
            "membraneseg run 'tomo <&> 1.mrc'",
            {"python <x>": "3.12"},
            {"all": 77},
            (StageCost("segment", 12.34, 567.8),),
        ),
    )


@pytest.fixture(scope="module")
def page(content) -> str:
    return report_html(content, SMALL)


def told(page: str) -> dict:
    """Data that the page's scripts read."""
    return json.loads(
        re.search(r'<script type="application/json" id="data">(.*)</script>', page)[1]
    )


def markup(page: str) -> str:
    """The page without its scripts and data."""
    return re.sub(r"<script.*?</script>", "", page, flags=re.S)


def test_the_page_needs_nothing_from_outside(page):
    addresses = re.findall(r"""(?:src|href|action|url)\s*[=(]\s*["']?([^"'\s>)]+)""", markup(page))
    assert len(addresses) > 5
    assert all(re.match(r"data:|#", address) for address in addresses)
    assert re.search(r"@import|<script[^>]+src|https?://", page) is None


def test_three_js_in_the_package_is_what_its_list_says():
    listed = re.findall(r"\| `([\w.]+)` .*`([0-9a-f]{64})`", bundled("vendor/README.md").decode())
    assert len(listed) == 4
    for name, digest in listed:
        assert hashlib.sha256(bundled(f"vendor/{name}")).hexdigest() == digest, name


def test_the_licence_of_three_js_is_in_the_page(page):
    assert html.escape(bundled("vendor/LICENSE.three").decode()) in page


def test_every_text_from_outside_is_escaped(page, content):
    texts = [content.name, *content.rows[0].values(), *content.warnings, content.run.command]
    texts += [*content.run.versions, *content.run.versions.values(), "12.3", "568", "77"]
    for text in texts:
        assert html.escape(text) in page
    for raw in ("<&>", "<the edge>", "<leaves>", "<x>"):
        assert raw not in page
    assert told(page)["slices"]["xy"]["axis"] == "z"


def test_tags_are_balanced(page):
    for tag in ("section", "div", "table", "tr", "td", "th", "figure", "svg", "g", "p", "label"):
        text = markup(page)
        assert len(re.findall(rf"<{tag}[\s>]", text)) == text.count(f"</{tag}>"), tag


def test_the_browser_has_as_many_slices_of_each_kind_as_told(page):
    slices = told(page)["slices"]
    assert [level["index"] for level in slices["xy"]["levels"]] == [2, 6, 10]
    assert [level["index"] for level in slices["xz"]["levels"]] == [7, 22]
    assert (slices["xz"]["width"], slices["xz"]["height"]) == (40, 12)


def test_a_result_without_membranes_says_so(content):
    empty = replace(content, meshes=(), rows=(), warnings=())
    text = report_html(empty, SMALL)
    assert "No membranes were found" in text
    assert 'id="view"' not in text
    assert "nothing unusual" in text


def test_a_result_from_a_mask_has_no_probability_layer(content):
    text = report_html(replace(content, probability=None), SMALL)
    assert 'name="probability"' not in text
    assert all("probability" not in level for level in told(text)["slices"]["xy"]["levels"])


def test_the_report_replaces_an_old_one_and_leaves_nothing_else(content, tmp_path: Path):
    path = tmp_path / "report.html"
    path.write_text("old")
    write_report(path, content, SMALL)
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


def test_a_probability_of_another_shape_is_refused(content):
    with pytest.raises(MembraneSegError, match=r"\(2, 3, 4\), expected that of the tomogram"):
        replace(content, probability=np.zeros((2, 3, 4)))


def test_a_level_count_of_zero_is_refused():
    with pytest.raises(MembraneSegError, match="z_levels is 0, expected 1 to 200"):
        ReportConfig(z_levels=0)


def test_the_drawn_contour_of_a_sphere_is_a_circle_at_the_right_pixels():
    origin = np.array([-700.0, 50.0, 3000.0])
    grid = Grid((20, 60, 100), 10.0, origin)
    mesh = ball(150.0, np.array([9.0, 40.0, 25.0]) * 10.0 + origin)
    svg = contour_svg(((7, mesh),), grid, Plane(0, 9), (200, 120))
    numbers = re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", svg)
    points = np.array(numbers, dtype=float)
    # Voxel (y, x) = (40, 25) is at pixel x = 2 (25 + ½), y = 120 − 2 (40 + ½).
    radius = np.hypot(points[:, 0] - 51.0, points[:, 1] - 39.0)
    assert radius.max() == pytest.approx(30.0, abs=0.15)
    assert radius.min() > 29.0
    assert '<g data-label="7">' in svg


def test_the_pictures_of_a_level_have_y_upward(content):
    upper_left = np.zeros((1, 32, 48), dtype=np.float32)
    upper_left[0, 16:, :24] = 1.0  # high y, low x
    one = replace(content, voxels=upper_left, probability=upper_left, meshes=())
    (level,) = browser_data(one, Grid((1, 32, 48), 13.5, np.zeros(3)), SMALL)["xy"]["levels"]
    grey, layer = (
        cv2.imdecode(
            np.frombuffer(b64decode(level[name].split(",")[1]), np.uint8), cv2.IMREAD_UNCHANGED
        )
        for name in ("tomogram", "probability")
    )
    for plane in (grey, layer[..., 3]):
        quarters = plane.reshape(2, 16, 2, 24).mean(axis=(1, 3))
        assert quarters[0, 0] > 180
        np.testing.assert_allclose(quarters.ravel()[1:], 0, atol=5)
    assert layer[4, 4, :3].tolist() == list(PROBABILITY[::-1])


def test_a_traced_curve_is_drawn_at_its_pixels_and_its_crossing_in_the_other_view():
    grid = Grid((20, 60, 100), 10.0, np.array([5.0, 6.0, 7.0]))
    square = np.array([[10.0, 20.0], [10.0, 30.0], [16.0, 30.0]])
    fragments = [SliceFragments(4, (square,), np.array([False]))]
    line = fragment_svg(fragments, grid, Plane(0, 4), (100, 60))
    assert 'd="M20.5 49.5L30.5 49.5L30.5 43.5"' in line
    assert fragment_svg(fragments, grid, Plane(0, 5), (100, 60)) == ""
    crossing = fragment_svg(fragments, grid, Plane(1, 16), (100, 20))
    assert re.findall(r"M([\d.]+) ([\d.]+)h0", crossing) == [("30.5", "15.5")]


def test_points_of_a_group_are_drawn_in_the_slices_they_lie_in():
    grid = Grid((20, 60, 100), 10.0, np.zeros(3))
    points = np.array([[40.0, 100.0, 200.0], [44.0, 100.0, 300.0], [60.0, 100.0, 400.0]])
    group = MembraneGroup(9, np.zeros((1, 2), dtype=np.int64), points, False)
    drawn = group_svg([group], grid, Plane(0, 4), (100, 60))
    assert '<g data-label="9">' in drawn
    assert re.findall(r"M([\d.]+) ([\d.]+)h0", drawn) == [("20.5", "49.5"), ("30.5", "49.5")]


def test_planes_lie_evenly_within_the_volume():
    assert [plane.index for plane in planes_through(0, 100, 4)] == [12, 37, 62, 87]
    assert [plane.index for plane in planes_through(1, 3, 24)] == [0, 1, 2]


def test_pictures_are_made_smaller_and_never_larger():
    large, small = (Grid((5, n, n // 2), 10.0, np.zeros(3)) for n in (1000, 100))
    assert picture_size_px(large, Plane(0, 0), 640) == (320, 640)
    assert picture_size_px(small, Plane(0, 0), 640) == (50, 100)


def test_the_meshes_of_the_page_lie_where_they_are_within_a_thousandth_of_a_nanometre(content):
    content = replace(
        content, vertex_values={1: {"mean_curvature_per_nm": np.linspace(-1, 1, 642)}}
    )
    grid = Grid(content.voxels.shape, content.voxel_size_A, content.origin_zyx_A)
    data = space_data(content, grid, ReportConfig())
    (packed,) = data["meshes"]
    (_, mesh), *_ = content.meshes
    steps = np.frombuffer(b64decode(packed["points"]), "<u2").reshape(-1, 3)
    points_nm = np.array(packed["low"]) + steps * np.array(packed["step"])
    np.testing.assert_allclose(points_nm, mesh.vertices_zyx_A[:, ::-1] / 10, atol=1e-3)
    faces = np.frombuffer(b64decode(packed["faces"]), "<u2").reshape(-1, 3)
    np.testing.assert_array_equal(faces, mesh.faces)
    seen = np.frombuffer(b64decode(packed["seen"]), np.uint8)
    np.testing.assert_array_equal(seen, mesh.observed)
    codes = np.frombuffer(b64decode(packed["values"]["mean_curvature_per_nm"]), np.uint8)
    assert (codes[0], codes[321], codes[-1]) == (1, 128, 255)  # zero lies in the middle
    corners = np.array(data["box"])
    np.testing.assert_allclose(corners[0], (np.array([300, 200, 100]) - 6.75) / 10)


def test_a_value_that_is_unknown_gets_the_code_of_no_colour(content):
    values = np.full(642, np.nan)
    values[:2] = 3.0, 5.0
    known = replace(content, vertex_values={1: {"nearest_distance_nm": values}})
    grid = Grid(content.voxels.shape, content.voxel_size_A, content.origin_zyx_A)
    data = space_data(known, grid, ReportConfig())
    codes = np.frombuffer(b64decode(data["meshes"][0]["values"]["nearest_distance_nm"]), np.uint8)
    assert (codes[2:] == 0).all()
    assert (codes[:2] > 0).all()


def test_the_range_of_a_thickness_begins_where_the_values_do(content):
    values = np.linspace(3.0, 5.0, 642)
    known = replace(content, vertex_values={1: {"thickness_nm": values}})
    grid = Grid(content.voxels.shape, content.voxel_size_A, content.origin_zyx_A)
    shades = space_data(known, grid, ReportConfig())["shades"]
    assert (shades["thickness_nm"]["low"], shades["thickness_nm"]["high"]) == (3.06, 4.94)
    assert shades["sigma_A"]["low"] == 0.0


def test_only_a_closed_membrane_that_holds_another_is_glass(content):
    centre = np.array([6, 15, 20]) * 13.5 + content.origin_zyx_A
    nested = ((1, ball(60.0, centre)), (2, ball(20.0, centre)))
    grid = Grid(content.voxels.shape, content.voxel_size_A, content.origin_zyx_A)
    for closed, glass in (("true", [True, False]), ("false", [False, False])):
        rows = ({"id": "1", "closed": closed}, {"id": "2", "closed": "true"})
        data = space_data(replace(content, meshes=nested, rows=rows), grid, ReportConfig())
        assert [mesh["glass"] for mesh in data["meshes"]] == glass


def test_equal_remarks_become_one_line_that_names_the_membranes():
    rows = [{"id": "1", "warnings": "cut; faint"}, {"id": "4", "warnings": "cut"}]
    text = re.sub(r"<button[^>]*>|</button>", "", warning_list(["all <dark>"], rows))
    items = re.findall(r"<li>(.*?)</li>", text)
    assert items == ["all &lt;dark&gt;", "2 membranes 1, 4: cut", "Membrane 1: faint"]


def test_the_observed_share_is_weighted_by_area():
    rows = [
        {"area_nm2": "300", "observed_fraction": "0.5"},
        {"area_nm2": "100", "observed_fraction": "0.9"},
        {"area_nm2": "", "observed_fraction": "0.0"},
    ]
    assert observed_share(rows) == pytest.approx(0.6)
    assert "60\u202f%" in summary(rows)


def test_the_summary_counts_open_and_closed_membranes():
    rows = [{"closed": "true"}, {"closed": "false"}, {"closed": "True"}]
    assert "3 membranes were found; 2 of them are closed and so have a volume." in summary(rows)
    assert "1 membrane was found; it is closed and so has a volume." in summary(rows[:1])


def test_columns_without_any_value_are_left_out():
    table = result_table([ROW, {**ROW, "id": "2"}])
    assert "Volume" not in table
    assert table.count("<th") - table.count("<thead") == 6


@pytest.mark.parametrize(
    ("text", "decimals", "shown"),
    [("1234567.89", 0, "1\u202f234\u202f568"), ("0.625", "%", "62\u202f%"),
     ("-7.25", 1, "\u22127.2"),
     ("", 1, ""), ("12", None, "12"), ("nan", 2, "nan")],
)  # fmt: skip
def test_numbers_are_rounded_for_reading(text, decimals, shown):
    assert shown_number(text, decimals) == shown


def test_each_membrane_is_one_block_in_the_histogram_and_unknown_ones_are_counted():
    rows = [
        {"id": str(k), "equivalent_radius_nm": f"{10 * k}", "area_nm2": "" if k < 3 else "5.0"}
        for k in range(1, 6)
    ]
    figure = histograms(rows)
    blocks = [len(axes.patches) for axes in figure.axes]
    assert blocks == [3, 5, 0, 0, 0]
    notes = [axes.get_title(loc="right") for axes in figure.axes]
    assert notes == ["unknown for 2", *["", *3 * ["unknown for 5"]]]
    edges = sorted(patch.get_x() for patch in figure.axes[1].patches)
    assert all(x <= 10 * (k + 1) <= x + 5.3 for k, x in enumerate(edges))
    drawn = re.findall(r'<g class="block" data-label="(\d)">', histogram_svg(rows))
    assert drawn == list("345" + "12345")
    assert len(MEMBRANES.panels) == 5
