import html
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
from membraneseg.report.browser import browser_levels, contour_svg, level_planes, picture_size_px
from membraneseg.report.content import ReportConfig, ReportContent, RunFacts, StageCost
from membraneseg.report.page import report_html, write_report
from membraneseg.report.pictures import histograms
from membraneseg.report.slices import Grid, Plane
from membraneseg.report.words import membrane_table, observed_share, shown_number, summary
from membraneseg.types import Mesh

SMALL = ReportConfig(z_levels=3, triangles_in_view=1000)
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


def test_the_page_needs_nothing_from_outside(page):
    addresses = re.findall(r"""(?:src|href|action|data|url)\s*[=(]\s*["']?([^"'\s>)]+)""", page)
    assert len(addresses) > 5
    assert [address[:30] for address in addresses if not address.startswith("data:image/")] == []
    assert re.search(r"@import|<link|<script[^>]+src|https?://", page) is None


def test_every_text_from_outside_is_escaped(page, content):
    texts = [content.name, *content.rows[0].values(), *content.warnings, content.run.command]
    texts += [*content.run.versions, *content.run.versions.values(), "12.3", "568", "77"]
    for text in texts:
        assert html.escape(text) in page
    for raw in ("<&>", "<the edge>", "<leaves>", "<x>"):
        assert raw not in page


def test_tags_are_balanced(page):
    for tag in ("section", "div", "table", "tr", "td", "th", "figure", "svg", "g", "p", "label"):
        assert len(re.findall(rf"<{tag}[\s>]", page)) == page.count(f"</{tag}>"), tag


def test_the_browser_has_one_level_per_slice_and_one_of_them_shows(page):
    assert len(re.findall(r'class="level(?: on)?"', page)) == 3
    assert page.count('class="level on"') == 1
    assert 'max="2"' in page


def test_a_result_without_membranes_says_so(content):
    empty = replace(content, meshes=(), rows=(), warnings=())
    text = report_html(empty, SMALL)
    assert "No membranes were found" in text
    assert 'id="view"' not in text
    assert "nothing unusual" in text


def test_a_result_from_a_mask_has_no_probability_layer(content):
    text = report_html(replace(content, probability=None), SMALL)
    assert 'name="probability"' not in text
    assert 'class="probability"' not in text


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
    (level,) = browser_levels(one, SMALL)
    pictures = re.findall(r"base64,([^\"]+)", level)
    grey, layer = (
        cv2.imdecode(np.frombuffer(b64decode(text), np.uint8), cv2.IMREAD_UNCHANGED)
        for text in pictures
    )
    for plane in (grey, layer[..., 3]):
        quarters = plane.reshape(2, 16, 2, 24).mean(axis=(1, 3))
        assert quarters[0, 0] > 180
        np.testing.assert_allclose(quarters.ravel()[1:], 0, atol=5)
    assert layer[4, 4, :3].tolist() == list(PROBABILITY[::-1])


def test_levels_lie_evenly_within_the_volume():
    assert [plane.index for plane in level_planes(100, 4)] == [12, 37, 62, 87]
    assert [plane.index for plane in level_planes(3, 24)] == [0, 1, 2]


def test_pictures_are_made_smaller_and_never_larger():
    assert picture_size_px(Grid((5, 1000, 500), 10.0, np.zeros(3)), 640) == (320, 640)
    assert picture_size_px(Grid((5, 100, 50), 10.0, np.zeros(3)), 640) == (50, 100)


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
    table = membrane_table([ROW, {**ROW, "id": "2"}])
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
    assert blocks == [5, 3, 0]
    notes = [axes.get_title(loc="right") for axes in figure.axes]
    assert notes == ["", "unknown for 2", "unknown for 5"]
    edges = sorted(patch.get_x() for patch in figure.axes[0].patches)
    assert all(x <= 10 * (k + 1) <= x + 5.3 for k, x in enumerate(edges))
