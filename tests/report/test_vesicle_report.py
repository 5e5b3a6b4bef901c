"""The page of a result of `membraneseg vesicles`."""

import json
import re

import numpy as np
import pytest
from browser_page import Page, asked_for, needs_chromium, started
from drawn_vesicles import VOXEL_A
from matplotlib.figure import Figure
from small_vesicle_result import DRAWN, ORIGIN_ZYX_A, THICKNESS_A, make_vesicle_result
from typer.testing import CliRunner

from membraneseg.cli import app
from membraneseg.report.drawing import figure_png
from membraneseg.report.vesicles import vesicles_in_short
from membraneseg.vesicle_command import open_result
from membraneseg.vesicle_report import vesicle_content, write_vesicle_report


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    folder = make_vesicle_result(tmp_path_factory.mktemp("vesicles"))
    for name in ("profiles", "outliers"):
        (folder / f"vesicle_{name}.png").write_bytes(figure_png(Figure(figsize=(1, 1))))
    return folder


@pytest.fixture(scope="module")
def page(result):
    return write_vesicle_report(result, open_result(result).setting)


def test_the_page_holds_every_vesicle_with_its_lengths_in_nm(result):
    content = vesicle_content(result, open_result(result).setting)
    for row, (label, mesh), (centre, radius_A) in zip(
        content.rows, content.meshes, DRAWN, strict=True
    ):
        assert int(row["id"]) == label
        assert float(row["radius_nm"]) == pytest.approx(radius_A / 10)
        assert float(row["outer_radius_nm"]) == pytest.approx((radius_A + THICKNESS_A / 2) / 10)
        away = mesh.vertices_zyx_A - (np.array(centre) * VOXEL_A + ORIGIN_ZYX_A)
        np.testing.assert_allclose(np.linalg.norm(away, axis=1), radius_A, rtol=1e-5)
        values = content.vertex_values[label]
        np.testing.assert_allclose(values["radius_nm"], radius_A / 10)
        assert np.isnan(values["p_value"]).all()


def test_the_report_command_makes_the_page_again_with_both_pictures(result):
    (result / "report.html").unlink(missing_ok=True)
    assert CliRunner().invoke(app, ["report", str(result)]).exit_code == 0
    text = (result / "report.html").read_text("utf-8")
    assert re.findall(r'<section id="(\w+)">', text) == [
        "found", "view", "slices", "table", "sizes", "profiles", "outliers", "warnings",
        "elsewhere", "run",
    ]  # fmt: skip
    assert text.count('src="data:image/png') == 3  # the 3-D view's poster, and the pictures
    assert "made for a test" in text
    costs = re.findall(r'<td class="name">([^<]+)</td><td>([\d.]+)</td>', text)
    assert costs == [("segment", "9.0"), ("threshold (processor)", "0.5")]
    assert "membrane 1" not in text


def test_pictures_made_before_corrections_say_so_and_missing_ones_leave_no_section(tmp_path):
    folder = make_vesicle_result(tmp_path)
    (folder / "vesicle_outliers.png").write_bytes(figure_png(Figure(figsize=(1, 1))))
    facts = json.loads((folder / "vesicles.json").read_text())
    facts |= {"dropped": 3, "corrections": [{"added": [], "removed": [2]}]}
    (folder / "vesicles.json").write_text(json.dumps(facts))
    (picture,) = vesicle_content(folder, open_result(folder).setting).pictures
    assert picture.key == "outliers"
    assert "Crosses: the 3 that were dropped. Made before corrections" in picture.caption


def test_the_numbers_at_the_top_are_those_of_the_table():
    rows = [{"radius_nm": str(r), "thickness_nm": t} for r, t in ((16, "4"), (20, "5"), (24, ""))]
    text = vesicles_in_short(rows)
    assert re.findall(r"<b>([^<]*)</b>", text) == ["3", "20.0 nm", "3.3 nm", "4.5 nm"]
    assert "from 16.0 to 24.0 nm" in text
    assert "No vesicles were found" in vesicles_in_short([])


@pytest.mark.skipif(needs_chromium[0].args[0] or needs_chromium[1].args[0], reason="needs chromium")
def test_in_a_browser_vesicles_are_drawn_named_and_coloured(page):
    driver = started()
    try:
        shown = Page(driver, page)
        assert driver.get_log("browser") == []
        assert {url for url in asked_for(driver) if url.startswith("http")} == set()
        assert shown.space("shown") == "4"
        shown.click("tr[data-label='2'] td")
        assert "Vesicle 2" in shown.run("return document.querySelector('.picked').textContent")
        shown.click("input[value=radius_nm]")
        legend = shown.run("return document.querySelector('.legend').textContent")
        assert re.findall(r"[\d.]+ nm", legend) == ["16.5 nm", "20 nm"]
    finally:
        driver.quit()
