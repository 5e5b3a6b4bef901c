"""The report in a real browser without a display: Chromium, driven through its own driver."""

from pathlib import Path

import numpy as np
import pytest
import trimesh
from browser_page import Page, asked_for, needs_chromium, started

from membraneseg.report.content import ReportConfig, ReportContent, RunFacts, StageCost
from membraneseg.report.page import write_report
from membraneseg.types import MembraneGroup, Mesh, SliceFragments

VOXEL_A, SHAPE = 10.0, (40, 60, 80)
BALLS = {1: ((20, 30, 40), 14.0), 2: ((20, 30, 40), 6.0), 3: ((28, 12, 66), 8.0)}
"""Label: centre in voxels, radius in voxels; the second lies inside the first."""

pytestmark = needs_chromium


def ball(label: int) -> Mesh:
    centre, radius = BALLS[label]
    shape = trimesh.creation.icosphere(subdivisions=4, radius=radius * VOXEL_A)
    vertices = np.array(shape.vertices)[:, ::-1] + np.array(centre) * VOXEL_A
    seen = np.abs(shape.vertices[:, 2]) < 0.5 * radius * VOXEL_A
    return Mesh(vertices, np.array(shape.faces), np.full(len(vertices), 4.0), seen)


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    meshes = tuple((label, ball(label)) for label in BALLS)
    rows = tuple(
        {"id": str(k), "closed": "true", "area_nm2": str(4 * np.pi * r**2), "warnings": "round"}
        for k, (_, r) in BALLS.items()
    )
    square = np.array([[10.0, 10], [10, 20], [20, 20]])
    content = ReportContent(
        name="balls.mrc",
        voxels=np.random.default_rng(3).normal(size=SHAPE).astype(np.float32),
        probability=np.linspace(0, 1, np.prod(SHAPE), dtype=np.float32).reshape(SHAPE),
        voxel_size_A=VOXEL_A,
        origin_zyx_A=np.zeros(3),
        meshes=meshes,
        rows=rows,
        warnings=("made for a test",),
        run=RunFacts("membraneseg run balls.mrc", stages=(StageCost("segment", 1.0, 2.0),)),
        fragments=tuple(SliceFragments(z, (square,), np.array([False])) for z in range(SHAPE[0])),
        groups=tuple(
            MembraneGroup(k, np.zeros((1, 2), dtype=np.int64), mesh.vertices_zyx_A, True)
            for k, mesh in meshes
        ),
    )
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(path, content, ReportConfig(z_levels=5, y_levels=3))
    return path


@pytest.fixture(scope="module")
def chromium():
    driver = started()
    yield driver
    driver.quit()


@pytest.fixture
def page(chromium, report) -> Page:
    return Page(chromium, report)


def of_hue(pixels: np.ndarray, colour: tuple[int, int, int], least: float = 0.97) -> int:
    """How many opaque pixels are bright or dark shades of a colour."""
    solid = pixels[pixels[:, 3] > 200, :3].astype(float)
    direction = solid - solid.mean(axis=1, keepdims=True)
    wanted = np.array(colour) - np.mean(colour)
    norm = np.linalg.norm(direction, axis=1) * np.linalg.norm(wanted)
    strong = np.ptp(solid, axis=1) > 40
    return int((strong & (direction @ wanted > least * np.maximum(norm, 1e-9))).sum())


GREEN = (0x1F, 0xA0, 0x6B)  # of membrane 3


def test_the_page_loads_without_an_error_or_a_request(chromium, report):
    Page(chromium, report)
    assert chromium.get_log("browser") == []
    asked = asked_for(chromium)
    assert report.as_uri() in asked
    outside = {url for url in asked if not url.startswith(("data:", "blob:", report.as_uri()))}
    assert outside <= {"chrome://new-tab-page/", "about:blank"}


def test_a_membrane_that_is_switched_off_leaves_the_picture(page):
    before = of_hue(page.picture(), GREEN)
    page.click("#membranes div[data-label='3'] input")
    assert page.space("shown") == "2"
    assert before > 100
    assert of_hue(page.picture(), GREEN) == 0
    page.click("button[data-show=all]")
    assert page.space("shown") == "3"
    assert of_hue(page.picture(), GREEN) == before
    page.click("button[data-show=none]")
    assert page.space("shown") == "0"


def test_a_click_in_the_table_singles_a_membrane_out_everywhere(page):
    page.click("tr[data-label='1'] td")
    assert page.space("chosen") == "1"
    assert of_hue(page.picture(), GREEN) == 0  # the others fade
    chosen = "return [...document.querySelectorAll('.chosen')].map(e => e.dataset.label)"
    assert set(page.run(chosen)) == {"1"}
    assert len(page.run(chosen)) >= 3  # line of the table, of the list, blocks, contours
    assert "Membrane 1" in page.run("return document.querySelector('.picked').textContent")
    page.click("tr[data-label='1'] td")
    assert page.space("chosen") == ""


def test_a_click_in_space_picks_what_lies_there(page, chromium):
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.by import By

    canvas = chromium.find_element(By.CSS_SELECTOR, "#space canvas")
    page.run("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", canvas)
    ActionChains(chromium).move_to_element(canvas).click().perform()
    page.settle()
    assert page.space("chosen") == "2"  # through the glass of the one around it


def test_colours_by_seen_and_by_uncertainty_are_those_of_the_legend(page):
    page.click("input[value=seen]")
    pixels = page.picture()
    assert of_hue(pixels, (58, 118, 168)) > 50
    assert of_hue(pixels, (240, 166, 92)) > 20
    assert of_hue(pixels, GREEN) == 0
    page.click("input[value=sigma_A]")
    legend = page.run("return document.querySelector('.legend').textContent")
    assert "4 Å" in legend


def test_the_slider_goes_through_the_slices_and_the_view_turns_to_xz(page):
    level = "return document.querySelector('.stack').dataset.level"
    source = "return document.querySelector('.tomogram').src"
    first, picture = page.run(level), page.run(source)
    page.slide(0)
    assert (first, page.run(level)) == ("20", "4")
    assert page.run(source) != picture
    page.click("button[data-view=xz]")
    assert page.run("return document.querySelector('.stack svg').viewBox.baseVal.height") == 40
    assert page.run("return document.querySelector('#browser output').textContent")[:3] == "y ="


@pytest.mark.parametrize(
    ("layer", "selector", "count"),
    [("fragments", "svg .fragments path", 1), ("groups", "svg .groups g", 3),
     ("probability", ".probability:not([hidden])", 1)],
)  # fmt: skip
def test_a_layer_appears_when_its_box_is_ticked(page, layer, selector, count):
    shown = f"return document.querySelectorAll('.stack {selector}').length"
    assert page.run(shown) == 0
    page.click(f"#browser input[name={layer}]")
    assert page.run(shown) == count


def test_a_click_on_a_contour_picks_its_membrane(page):
    page.click(".stack .contours g[data-label='1'] path")
    assert page.space("chosen") == "1"


def test_the_table_is_sorted_by_the_column_that_is_clicked(page):
    order = "return [...document.querySelectorAll('#table tbody tr')].map(r => r.dataset.label)"
    page.click("th[title=area_nm2]")
    assert page.run(order) == ["2", "3", "1"]
    page.click("th[title=area_nm2]")
    assert page.run(order) == ["1", "3", "2"]


def test_the_slice_stands_in_the_view_and_cuts_it(page):
    page.slide(3)  # through the middle of the third ball
    whole = of_hue(page.picture(), GREEN)
    page.click("#steering input[name=cut]")
    assert 0.2 * whole < of_hue(page.picture(), GREEN) < 0.8 * whole
    page.click("#steering input[name=sheet]")
    page.wait("return document.querySelector('#space').dataset.sheet === 'drawn'")
    pixels = page.picture()
    grey = (np.ptp(pixels[:, :3], axis=1) < 12) & (pixels[:, 3] > 100) & (pixels[:, 0] < 200)
    assert grey.sum() > 2000


def test_on_a_phone_nothing_is_wider_than_the_screen(report):
    driver = started(phone=True)
    try:
        Page(driver, report)
        widths = "return [innerWidth, document.documentElement.scrollWidth]"
        assert driver.execute_script(widths) == [420, 420]
        assert driver.get_log("browser") == []
    finally:
        driver.quit()
