"""`membraneseg vesicles` from a small drawn tomogram to its files, and back for corrections."""

import json
import shutil
from pathlib import Path

import imodmodel
import numpy as np
import pytest
from drawn_vesicles import VOXEL_A, bilayers, distances, membrane_probability
from scipy.ndimage import gaussian_filter
from small_vesicle_result import make_vesicle_result
from typer.testing import CliRunner

import membraneseg.vesicle_command as command
import membraneseg.vesicle_networks as networks
from membraneseg.cli import app
from membraneseg.errors import MembraneSegError
from membraneseg.io.glb import read_glb
from membraneseg.io.mrc import new_header, read_tomogram, write_volume
from membraneseg.io.tables import read_vesicles_csv
from membraneseg.progress import SilentReporter
from membraneseg.segment.predict import Segmentation
from membraneseg.segment.predict_volume import CoarseProbability, at_voxel_size
from membraneseg.settings import to_toml
from membraneseg.vesicle_command import VesicleRequest, correct_vesicles, search_vesicles
from membraneseg.vesicle_config import VesicleRunConfig, load_vesicle_config
from membraneseg.vesicle_viewer import Session
from membraneseg.vesicles.balls import HALF_MEMBRANE_A

SHAPE = (64, 90, 110)
ORIGIN = np.array([50.0, -300.0, 777.0])
TILT = 55.0
DRAWN = [
    ((30.0, 25.0, 25.0), 180.0),
    ((33.0, 25.0, 66.0), 165.0),
    ((31.0, 62.0, 30.0), 200.0),
    ((29.0, 63.0, 75.0), 190.0),
]


@pytest.fixture(scope="module")
def tomogram(tmp_path_factory):
    noise = np.random.default_rng(1).normal(0, 0.3, SHAPE)
    volume = (bilayers(SHAPE, DRAWN, TILT) + noise).astype(np.float32)
    path = tmp_path_factory.mktemp("drawn") / "tomo.mrc"
    write_volume(path, volume, new_header(SHAPE, VOXEL_A, ORIGIN), "drawn")
    return path


@pytest.fixture(scope="module", autouse=True)
def perfect_networks():
    """Networks that know what was drawn in place of the trained ones."""
    membrane = membrane_probability(SHAPE, DRAWN, TILT)
    inside = np.zeros(SHAPE, dtype=np.float32)
    for centre, radius_A in DRAWN:
        inside[distances(SHAPE, centre)[0] <= radius_A + HALF_MEMBRANE_A] = 1.0
    coarse = CoarseProbability(at_voxel_size(inside, VOXEL_A, 24.0), 24.0)
    with pytest.MonkeyPatch.context() as patch:
        seen = Segmentation(membrane, np.zeros(SHAPE, dtype=np.int8))
        patch.setattr(networks, "segmented", lambda *_: seen)
        patch.setattr(networks, "predicted_volume", lambda *_: coarse)
        yield


@pytest.fixture
def unseen(monkeypatch):
    """No figures and no page, which take longer than the search."""
    monkeypatch.setattr(command, "write_pictures", lambda *_: {})
    monkeypatch.setattr(command, "write_vesicle_report", lambda folder, _: folder)


@pytest.fixture(scope="module")
def first_result(tmp_path_factory, tomogram):
    """A result that no test may change."""
    folder = tmp_path_factory.mktemp("first") / "out"
    found_in(folder, tomogram)
    return folder


@pytest.fixture
def result(tmp_path, first_result):
    """A copy of it."""
    return Path(shutil.copytree(first_result, tmp_path / "out"))


def found_in(folder, tomogram, config=None, **more):
    config = config or VesicleRunConfig(tilt_range_deg=TILT, contrast="dark")
    request = VesicleRequest(tomogram, folder, **more)
    search_vesicles(request, config, SilentReporter())
    return read_vesicles_csv(folder / "vesicles.csv")


def nearest(rows, drawn):
    places = np.array([(r.z_A, r.y_A, r.x_A) for r in rows])
    true = np.array([c for c, _ in drawn]) * VOXEL_A + ORIGIN
    apart = np.linalg.norm(places[:, None] - true, axis=2)
    return apart.argmin(axis=0), apart.min(axis=0)


def test_every_file_puts_the_drawn_vesicles_where_they_are(first_result):
    folder = first_result
    rows = read_vesicles_csv(folder / "vesicles.csv")
    assert len(rows) == 4
    index, apart_A = nearest(rows, DRAWN)
    assert apart_A.max() < 2.0
    for (centre, radius), k in zip(DRAWN, index, strict=True):
        row = rows[k]
        assert row.radius_A == pytest.approx(radius, abs=2.0)
        assert row.outer_radius_A == pytest.approx(row.radius_A + row.thickness_A / 2, rel=1e-6)
        labels = np.asarray(read_tomogram(folder / "vesicle_labels.mrc")[0].voxels)
        assert labels[tuple(np.rint(centre).astype(int))] == row.id
    points = imodmodel.read(folder / "vesicles.mod")
    first = np.array([[r.x_A, r.y_A, r.z_A] for r in rows])
    expected = (first - ORIGIN[::-1]) / VOXEL_A + [0.5, 0.5, 0.0]
    np.testing.assert_allclose(points[["x", "y", "z"]].to_numpy(), expected, atol=1e-3)
    meshes = read_glb(folder / "vesicles.glb")
    middles = np.array([mesh.vertices_zyx_A.mean(axis=0)[::-1] for _, mesh, _ in meshes])
    np.testing.assert_allclose(middles, first, atol=0.1)
    assert "Radial profiles" in (folder / "report.html").read_text(encoding="utf-8")
    assert (folder / "vesicle_profiles.png").stat().st_size > 10_000
    assert (folder / "vesicle_outliers.png").stat().st_size > 5_000
    assert json.loads((folder / "vesicles.json").read_text())["vesicles"] == 4


@pytest.mark.usefixtures("unseen")
def test_a_region_keeps_only_the_vesicles_whose_centres_lie_in_it(tmp_path, tomogram):
    region = np.zeros(SHAPE, dtype=np.int8)
    region[:, :45, :50] = 1
    path = tmp_path / "region.mrc"
    write_volume(path, region, new_header(SHAPE, VOXEL_A, ORIGIN), "region")
    rows = found_in(tmp_path / "out", tomogram, region=path)
    assert len(rows) == 1
    assert nearest(rows, DRAWN[:1])[1][0] < 2.0


def refuse(*_):
    raise AssertionError("what was stored is asked for again")


@pytest.mark.usefixtures("unseen")
def test_spheres_along_the_slice_networks_membranes_are_the_same_vesicles(
    tmp_path, tomogram, first_result
):
    config = VesicleRunConfig(tilt_range_deg=TILT, contrast="dark", network="slices")
    rows = found_in(tmp_path / "out", tomogram, config)
    first = read_vesicles_csv(first_result / "vesicles.csv")
    for now, before in zip(nearest(rows, DRAWN)[0], nearest(first, DRAWN)[0], strict=True):
        assert rows[now].radius_A == pytest.approx(first[before].radius_A, abs=1.0)
    weights = json.loads((tmp_path / "out" / "vesicles.json").read_text())["versions"]
    assert any(name.startswith("weights slice_unet") for name in weights)


@pytest.mark.usefixtures("unseen")
def test_a_resumed_search_asks_no_network_again_and_finds_the_same(result, tomogram, monkeypatch):
    monkeypatch.setattr(networks, "predicted_volume", refuse)
    first = read_vesicles_csv(result / "vesicles.csv")
    again = found_in(result, tomogram, resume=True)
    assert [row.radius_A for row in again] == pytest.approx(
        [row.radius_A for row in first], abs=0.5
    )


@pytest.mark.usefixtures("unseen")
@pytest.mark.parametrize(
    ("skip", "kept"),
    [
        ("spheres", {"threshold.mrc", "segments.mrc"}),
        ("refinement", {"threshold.mrc", "segments.mrc", "spheres.csv", "outliers.csv"}),
        ("segments", {"threshold.mrc", "spheres.csv", "refinement.csv", "outliers.csv"}),
    ],
)
def test_a_step_that_is_left_out_leaves_no_trace_and_the_vesicles_are_found(
    tmp_path, tomogram, skip, kept
):
    config = VesicleRunConfig(tilt_range_deg=TILT, contrast="dark", skip=(skip,))
    rows = found_in(tmp_path / "out", tomogram, config)
    assert {path.name for path in (tmp_path / "out" / "steps").iterdir()} == kept
    assert len(rows) == 4
    assert nearest(rows, DRAWN)[1].max() < 20.0


@pytest.mark.usefixtures("unseen")
def test_removing_and_adding_a_vesicle_brings_it_back(result):
    folder = result
    before = read_vesicles_csv(folder / "vesicles.csv")
    gone = before[1]
    correct_vesicles(folder, [], [gone.id])
    assert [row.id for row in read_vesicles_csv(folder / "vesicles.csv")] == [1, 3, 4]
    near = np.array([gone.x_A + 20.0, gone.y_A - 25.0, gone.z_A + 15.0])
    correct_vesicles(folder, [near], [])
    rows = read_vesicles_csv(folder / "vesicles.csv")
    back = rows[-1]
    assert back.id == 5
    assert back.radius_A == pytest.approx(gone.radius_A, abs=1.0)
    place = np.array([back.x_A - gone.x_A, back.y_A - gone.y_A, back.z_A - gone.z_A])
    assert np.linalg.norm(place) < 1.0
    changes = json.loads((folder / "vesicles.json").read_text())["corrections"]
    assert changes == [{"added": [], "removed": [2]}, {"added": [5], "removed": []}]


@pytest.mark.usefixtures("unseen")
def test_clicks_of_a_session_add_remove_undo_and_save(result):
    folder = result
    session = Session(folder)
    centre = np.array(DRAWN[0][0])
    assert "removed" in session.click(centre)
    assert len(session.history.now) == 3
    assert session.undo() == "undone"
    assert len(session.history.now) == 4
    session.click(centre)
    assert "added" in session.click(centre + 1.0)
    assert session.save() == "1 added, 1 removed: 4 vesicles"
    rows = read_vesicles_csv(folder / "vesicles.csv")
    assert nearest(rows, DRAWN[:1])[1][0] < 2.0


def test_unknown_steps_contrasts_and_folders_are_refused(tmp_path):
    with pytest.raises(MembraneSegError, match="no step that can be left out"):
        load_vesicle_config(None, ["skip=watershed"])
    with pytest.raises(MembraneSegError, match="expected auto, dark, bright"):
        load_vesicle_config(None, ["contrast=grey"])
    with pytest.raises(MembraneSegError, match="network is 'both', expected vesicles or slices"):
        load_vesicle_config(None, ["network=both"])
    with pytest.raises(MembraneSegError, match="no result of `membraneseg vesicles`"):
        correct_vesicles(tmp_path, [], [1])


@pytest.mark.usefixtures("unseen")
@pytest.mark.parametrize(
    ("option", "name"),
    [
        (["--mask", "region.mrc"], "--mask"),
        (["--set", "skip=outliers"], "--set"),
        (["--tilt-range", "50"], "--tilt-range"),
        (["--ellipsoids"], "--ellipsoids"),
        (["--force"], "--force"),
    ],
)
def test_a_correction_with_an_option_of_the_search_is_refused_and_changes_nothing(
    result, tomogram, option, name
):
    before = (result / "vesicles.csv").read_bytes()
    typed = ["vesicles", str(tomogram), "-o", str(result), "--remove", "1", *option]
    done = CliRunner().invoke(app, typed)
    assert isinstance(done.exception, MembraneSegError)
    assert str(done.exception).startswith(f"{name} does not go with --add or --remove")
    assert (result / "vesicles.csv").read_bytes() == before


def test_a_corrected_result_of_ellipsoids_holds_the_semi_axes_of_those_that_are_left(tmp_path):
    folder = make_vesicle_result(tmp_path)
    config = VesicleRunConfig(tilt_range_deg=TILT, contrast="dark", ellipsoids=True)
    (folder / "config.toml").write_text(to_toml(config))
    correct_vesicles(folder, [], [4])
    table = np.genfromtxt(folder / "vesicle_ellipsoids.csv", delimiter=",", names=True)
    assert table["id"].tolist() == [1, 2, 3]
    for row, (_, radius_A) in zip(table, DRAWN, strict=False):
        axes_A = [row[f"semi_axis_{k}_A"] for k in (1, 2, 3)]
        np.testing.assert_allclose(axes_A, radius_A, atol=4.0)


@pytest.mark.usefixtures("unseen")
@pytest.mark.parametrize("name", ["smoothed", "negative"])
def test_denoised_and_inverted_input_gives_the_same_vesicles(
    tmp_path, tomogram, first_result, name
):
    volume = np.asarray(read_tomogram(tomogram)[0].voxels, dtype=np.float32)
    changed = -volume if name == "negative" else gaussian_filter(volume, 1.0)
    path = tmp_path / "changed.mrc"
    write_volume(path, changed, new_header(SHAPE, VOXEL_A, ORIGIN), name)
    contrast = "bright" if name == "negative" else "dark"
    config = VesicleRunConfig(tilt_range_deg=TILT, contrast=contrast)
    rows = found_in(tmp_path / "out", path, config)
    first = read_vesicles_csv(first_result / "vesicles.csv")
    index, apart_A = nearest(rows, DRAWN)
    same, _ = nearest(first, DRAWN)
    assert apart_A.max() < 3.0
    for now, before in zip(index, same, strict=True):
        assert rows[now].radius_A == pytest.approx(first[before].radius_A, abs=3.0)
