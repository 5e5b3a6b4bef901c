"""The whole run on a small volume: the output folder's contract, the right place, resuming."""

import csv
import hashlib
import json
import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import mrcfile
import numpy as np
import pytest
import trimesh
from worlds import CORNER_VESICLES, VOXEL_A

from membraneseg.config import load_config
from membraneseg.io.meshes import read_glb
from membraneseg.pipeline import run_tomogram
from membraneseg.progress import SilentReporter
from membraneseg.request import STAGES, RunRequest

CONTRACT = {
    "membranes.mrc": np.int8,
    "observed.mrc": np.int8,
    "instances.mrc": np.int16,
    "probability.mrc": np.float32,
    "proteins.mrc": np.int8,
    "uncertainty.mrc": np.float32,
    "vesicle_labels.mrc": np.int16,
}
OTHER_FILES = (
    "membranes.glb",
    "membranes.csv",
    "vesicles.csv",
    "vesicles.mod",
    "open.cxc",
    "report.html",
    "config.toml",
    "run.json",
)
MEMBRANE_COLUMNS = [
    "id",
    "closed",
    "area_nm2",
    "volume_nm3",
    "equivalent_radius_nm",
    "mean_curvature_per_nm",
    "gaussian_curvature_per_nm2",
    "observed_fraction",
    "median_sigma_A",
    "thickness_nm",
    "nearest_distance_nm",
    "nearest_id",
    "x_A",
    "y_A",
    "z_A",
    "warnings",
]
VESICLE_COLUMNS = [
    "id",
    "x_A",
    "y_A",
    "z_A",
    "radius_A",
    "outer_radius_A",
    "thickness_A",
    "membrane_intensity",
    "p_value",
    "refined",
]
QUICK = ["segment.flips=false", "tilt_range_deg=60"]


def run(tomogram, output, *settings, **request):
    config = load_config(None, [*QUICK, *settings])
    return run_tomogram(RunRequest(tomogram, output, **request), config, SilentReporter())


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def result(tmp_path_factory, corner_volume):
    """Run once on the L-shaped volume; a folder with a blank in its name."""
    folder = tmp_path_factory.mktemp("a run")
    path = folder / "corner tomo.mrc"
    with mrcfile.new(path) as file:
        file.set_data(corner_volume)
        file.voxel_size = VOXEL_A
    run(path, folder / "out", "mesh_formats=glb,obj,stl")
    return folder / "out"


def test_the_output_folder_keeps_its_contract(result):
    for name, kind in CONTRACT.items():
        with mrcfile.open(result / name) as file:
            assert file.data.dtype == kind, name
            assert file.data.shape == (50, 96, 128)
            assert file.voxel_size.x == pytest.approx(VOXEL_A)
        assert mrcfile.validate(result / name)
    for name in OTHER_FILES:
        assert (result / name).is_file(), name
    assert {p.stem for p in (result / "stages").glob("*.npz")} == set(STAGES)
    assert not list(result.rglob("*.partial"))


def test_the_tables_have_the_promised_columns(result):
    for name, columns in (("membranes", MEMBRANE_COLUMNS), ("vesicles", VESICLE_COLUMNS)):
        header = (result / f"{name}.csv").read_text().splitlines()[0].split(",")
        assert header == columns


def test_every_vesicle_is_found_once_closed_with_its_radius_and_place(result):
    rows = table(result / "membranes.csv")
    assert len(rows) == len(CORNER_VESICLES)
    for centre, radius in CORNER_VESICLES:
        place = np.array(centre)[::-1] * VOXEL_A
        at = [np.array([float(r[c]) for c in ("x_A", "y_A", "z_A")]) for r in rows]
        nearest = rows[int(np.argmin([np.linalg.norm(a - place) for a in at]))]
        assert min(np.linalg.norm(a - place) for a in at) < 1.0 * VOXEL_A
        assert nearest["closed"] == "true"
        found = float(nearest["equivalent_radius_nm"]) * 10
        assert found == pytest.approx(radius * VOXEL_A, abs=0.8 * VOXEL_A)
        assert 0.3 < float(nearest["observed_fraction"]) < 0.95


def test_meshes_are_watertight_outward_and_the_same_in_every_format(result):
    for name, mesh, _ in read_glb(result / "membranes.glb"):
        loaded = [
            trimesh.load(result / "meshes" / f"{name}.{kind}", force="mesh")
            for kind in ("glb", "obj", "stl")
        ]
        for one in loaded:
            one.merge_vertices()
            assert one.is_watertight
            assert one.euler_number == 2
            assert one.volume > 0
        assert loaded[1].volume == pytest.approx(loaded[0].volume, rel=1e-4)
        assert loaded[2].volume == pytest.approx(loaded[0].volume, rel=1e-4)
        assert mesh.observed.any()
        assert not mesh.observed.all()


def test_inferred_caps_are_less_certain_than_what_was_seen(result):
    for _, mesh, _ in read_glb(result / "membranes.glb"):
        assert np.median(mesh.sigma_A[~mesh.observed]) > np.median(mesh.sigma_A[mesh.observed])


def test_observed_is_a_part_of_the_membranes_and_uncertainty_lies_on_them(result):
    volumes = {
        n: mrcfile.read(result / f"{n}.mrc")
        for n in ("membranes", "observed", "instances", "uncertainty", "probability")
    }
    assert (volumes["membranes"] >= volumes["observed"]).all()
    assert ((volumes["instances"] > 0) == (volumes["membranes"] > 0)).all()
    assert ((volumes["uncertainty"] > 0) == (volumes["membranes"] > 0)).all()
    assert volumes["probability"].min() >= 0
    assert volumes["probability"].max() <= 1


def test_run_json_tells_versions_hashes_seconds_and_memory(result):
    facts = json.loads((result / "run.json").read_text())
    assert [s["name"] for s in facts["stages"]] == list(STAGES)
    assert all(s["seconds"] >= 0 and s["peak_memory_MB"] > 50 for s in facts["stages"])
    assert any("sha256" in v for v in facts["versions"].values())
    assert facts["voxel_size_A"] == pytest.approx(VOXEL_A)


def test_the_chimerax_script_names_files_that_exist(result):
    script = (result / "open.cxc").read_text()
    assert '"../corner tomo.mrc"' in script
    assert "membranes.glb" in script


def chimerax_positions(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Values and xyz positions in Å of all voxels, by ChimeraX's rule, from the bytes alone."""
    raw = path.read_bytes()
    n = struct.unpack("<3i", raw[0:12])
    mode = struct.unpack("<i", raw[12:16])[0]
    start = struct.unpack("<3i", raw[16:28])
    sampling = struct.unpack("<3i", raw[28:40])
    cell = struct.unpack("<3f", raw[40:52])
    axes = struct.unpack("<3i", raw[64:76])
    extended = struct.unpack("<i", raw[92:96])[0]
    origin = np.array(struct.unpack("<3f", raw[196:208]))
    kind = {0: np.int8, 1: np.int16, 2: np.float32}[mode]
    data = np.frombuffer(raw, kind, offset=1024 + extended).reshape(n[::-1])
    step = np.array(cell) / np.array(sampling)
    order = [axes.index(a) for a in (1, 2, 3)]  # which stored axis is x, y, z
    if not origin.any():
        origin = np.array([start[i] for i in order]) * step
    sections, rows, columns = np.meshgrid(*map(np.arange, data.shape), indexing="ij")
    stored = (columns, rows, sections)
    places = np.stack([stored[i] for i in order], -1) * step + origin
    return data, places


@pytest.mark.parametrize(
    ("axes", "origin", "start"),
    [
        ((1, 2, 3), (-1200.0, 345.5, 77.25), (0, 0, 0)),
        ((3, 1, 2), (0.0, 0.0, 0.0), (-7, 11, 40)),
        ((2, 3, 1), (50.0, -60.0, 70.0), (5, 6, 7)),
    ],
)
def test_every_output_lands_on_the_same_physical_points(
    tmp_path, corner_volume, axes, origin, start
):
    path = tmp_path / "t.mrc"
    # stored array axes are (section, row, column) = spatial axes axes[2], axes[1], axes[0]
    stored = corner_volume.transpose([3 - a for a in axes[::-1]])
    with mrcfile.new(path) as file:
        file.set_data(np.ascontiguousarray(stored))
        file.voxel_size = VOXEL_A
        file.header.mapc, file.header.mapr, file.header.maps = axes
        sizes = dict(zip(axes, stored.shape[::-1], strict=True))
        file.header.mx, file.header.my, file.header.mz = (sizes[a] for a in (1, 2, 3))
        file.header.cella = tuple(VOXEL_A * sizes[a] for a in (1, 2, 3))
        file.header.origin = origin
        file.header.nxstart, file.header.nystart, file.header.nzstart = start
    run(path, tmp_path / "out")
    densities, places = chimerax_positions(path)
    offset = places.reshape(-1, 3).min(0)
    labels, label_places = chimerax_positions(tmp_path / "out" / "instances.mrc")
    meshes = {int(name[-4:]): mesh for name, mesh, _ in read_glb(tmp_path / "out/membranes.glb")}
    rows = {int(r["id"]): r for r in table(tmp_path / "out" / "membranes.csv")}
    assert len(rows) == len(CORNER_VESICLES)
    assert offset == pytest.approx(label_places.reshape(-1, 3).min(0), abs=1e-3)
    dark = densities[np.abs(densities - densities.mean()) < 9].mean()
    for label, row in rows.items():
        shell = label_places[labels == label]
        true = min(
            (np.array(c)[::-1] * VOXEL_A + offset for c, _ in CORNER_VESICLES),
            key=lambda c: np.linalg.norm(c - shell.mean(0)),
        )
        assert np.linalg.norm(shell.mean(0) - true) < VOXEL_A
        from_table = np.array([float(row[c]) for c in ("x_A", "y_A", "z_A")])
        assert np.linalg.norm(from_table - true) < VOXEL_A
        vertices = meshes[label].vertices_zyx_A[:, ::-1]
        assert np.linalg.norm(vertices.mean(0) - true) < 1.5 * VOXEL_A
        nearest = np.rint((vertices[meshes[label].observed] - offset) / VOXEL_A).astype(int)
        by_place = {
            tuple(np.rint((p - offset) / VOXEL_A).astype(int)): v
            for p, v in zip(places.reshape(-1, 3), densities.ravel(), strict=True)
        }
        assert np.mean([by_place[tuple(i)] for i in nearest[::7] if tuple(i) in by_place]) < dark


def contents(folder: Path) -> dict[str, str]:
    """Hash of every result that does not hold a time or a folder's name."""
    skipped = {"run.json", "report.html", "open.cxc"}
    return {
        str(p.relative_to(folder)): hashlib.sha256(_without_label(p)).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.name not in skipped and p.suffix != ".npz"
    }


def _without_label(path: Path) -> bytes:
    """Return the bytes of a file; of an MRC without its text labels, which hold a date."""
    raw = path.read_bytes()
    return raw[:220] + raw[1024:] if path.suffix == ".mrc" else raw


@pytest.mark.parametrize("stage", ["segment", "groups", "surfaces", "meshes"])
def test_a_run_killed_at_a_stage_resumes_to_the_same_result(result, tmp_path, stage):
    command = [
        sys.executable,
        "-m",
        "membraneseg.cli",
        "run",
        str(result.parent / "corner tomo.mrc"),
        "-o",
        str(tmp_path / "out"),
        "--set",
        "mesh_formats=glb,obj,stl",
    ]
    command += [part for s in QUICK for part in ("--set", s)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    mark = tmp_path / "out" / "stages" / f"{stage}.npz"
    limit = time.monotonic() + 120
    while not mark.exists() and process.poll() is None and time.monotonic() < limit:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert mark.exists()
    finished = {p.name: p.stat().st_mtime_ns for p in mark.parent.glob("*.npz")}
    done = subprocess.run([*command, "--resume"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert contents(tmp_path / "out") == contents(result)
    for name, stamp in finished.items():
        assert (mark.parent / name).stat().st_mtime_ns == stamp, f"{name} was made twice"


def test_a_tomogram_without_membranes_gives_empty_tables_and_a_warning(tmp_path, write_mrc, caplog):
    noise = np.random.default_rng(5).normal(size=(24, 64, 72)).astype(np.float32)
    run(write_mrc(tmp_path / "t.mrc", noise), tmp_path / "out")
    assert table(tmp_path / "out" / "membranes.csv") == []
    assert table(tmp_path / "out" / "vesicles.csv") == []
    assert not mrcfile.read(tmp_path / "out" / "membranes.mrc").any()
    assert "no membrane was found" in caplog.text
    for name in OTHER_FILES:
        assert (tmp_path / "out" / name).is_file()


def test_force_replaces_and_leaves_no_old_mesh_behind(tmp_path, write_mrc, corner_volume):
    path = write_mrc(tmp_path / "t.mrc", corner_volume)
    (tmp_path / "out" / "meshes").mkdir(parents=True)
    (tmp_path / "out" / "meshes" / "membrane_0099.glb").write_text("old")
    run(path, tmp_path / "out", force=True)
    names = {p.name for p in (tmp_path / "out" / "meshes").glob("*.glb")}
    assert names == {f"membrane_{n:04d}.glb" for n in (1, 2, 3)}
