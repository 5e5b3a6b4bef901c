"""What closing the surfaces earns: scores of the surfaces on phantoms, preset by preset.

    python scripts/benchmark_closing.py FOLDER [--input visible|network] [--seeds 1 2 3 4]

*visible*: the surfaces come from the true shell where the microscope could see it (wedge depth
below 0), each true membrane a group of its own; only the membranes are built, no tomogram.
*network*: FOLDER keeps the phantoms and the network's probability, made on the first call; from
there on the pipeline's own grouping and refinement. The line to beat is the oracle: the true
surface where it is visible, and nothing else. Seeds from 9000 on are for final scores only.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.spatial import cKDTree
from threadpoolctl import threadpool_limits

from membraneseg.config import RunConfig, load_config
from membraneseg.coords import index_to_angstrom
from membraneseg.evaluate.files import read_true_membranes
from membraneseg.evaluate.scores import Geometry, LabelledMembranes, Scores, score_membranes
from membraneseg.evaluate.surfaces import is_watertight
from membraneseg.io.mrc import read_tomogram
from membraneseg.io.truth import read_truth
from membraneseg.ledger import Ledger
from membraneseg.phantom.build import membrane_meshes, scene_of_membranes
from membraneseg.phantom.drawing import membranes_in_ice, true_labels
from membraneseg.phantom.presets import PRESETS
from membraneseg.phantom.scene import half_range_deg
from membraneseg.pipeline import groups_in
from membraneseg.progress import SilentReporter
from membraneseg.scene_file import load_scene
from membraneseg.segment.predict import predict
from membraneseg.segment.unet import DEFAULT_WEIGHTS, load_weights
from membraneseg.simulate import SimulateRequest, simulate_to_folder
from membraneseg.surface.frame import VolumeFrame
from membraneseg.surface.labels import paint, vertex_normals
from membraneseg.surface.midline import mask_thickness_px, middle_points
from membraneseg.surface_stages import Surfaces, surfaces_of
from membraneseg.types import MembraneGroup, Mesh
from synth2d.wedge import wedge_depth_deg

INPUTS = ("visible", "network")
LEAST_POINTS = 60
MEASURES = {
    "surface_dice_2px": "dice",
    "oracle": "oracle",
    "surface_dice_2px_visible": "visible",
    "surface_dice_2px_invisible": "hidden",
    "cap_within_2_sigma": "2σ hidden",
    "decided_right": "closed ok",
    "watertight_share": "watertight",
    "volume_error": "volume",
    "panoptic_quality": "panoptic",
    "slice_dice": "slices",
    "slice_dice_seen": "slices seen",
    "true_membranes": "true",
    "predicted_membranes": "found",
    "crossings_before": "crossing",
    "crossings_after": "after",
    "seconds": "CPU s",
}


def phantom(folder: Path, preset: str, seed: int) -> Path:
    """Simulate a phantom unless it is there."""
    place = folder / f"{preset}_{seed:04d}"
    if not (place / "scene.toml").exists():
        scene = load_scene(preset, options={"seed": seed})
        simulate_to_folder(SimulateRequest(place, resume=True), scene, SilentReporter())
        (place / "tilt_series.mrc").unlink()
    return place


def seen_part(mesh: Mesh, tilt_range_deg: float) -> Mesh:
    """Faces of a true mesh that the wedge leaves visible."""
    normals = vertex_normals(mesh.vertices_zyx_A, mesh.faces)
    seen = wedge_depth_deg(normals, tilt_range_deg) < 0.0
    return Mesh(
        mesh.vertices_zyx_A, mesh.faces[seen[mesh.faces].all(axis=1)], mesh.sigma_A, mesh.observed
    )


def visible_groups(true: LabelledMembranes, frame: VolumeFrame) -> list[MembraneGroup]:
    """One group per true membrane: the middle of its shell where it is visible."""
    groups = []
    for mesh, label in zip(true.meshes, true.labels, strict=True):
        shell = np.asarray(true.instances) == label
        places = np.argwhere(shell)
        if len(places) == 0 or len(mesh.faces) == 0:
            continue
        places_A = index_to_angstrom(places, frame.voxel_size_A, frame.origin_zyx_A)
        nearest = cKDTree(mesh.vertices_zyx_A).query(places_A)[1]
        normals = vertex_normals(mesh.vertices_zyx_A, mesh.faces)[nearest]
        hidden = wedge_depth_deg(normals, frame.tilt_range_deg) >= 0.0
        thickness = mask_thickness_px(shell)
        shell[tuple(places[hidden].T)] = False
        points = middle_points(shell, thickness)
        if len(points) < LEAST_POINTS:
            continue
        points_A = index_to_angstrom(points, frame.voxel_size_A, frame.origin_zyx_A)
        groups.append(MembraneGroup(label, np.zeros((0, 2), np.int64), points_A, True))
    return groups


def surfaces_of_visible(
    true: LabelledMembranes, frame: VolumeFrame, config: RunConfig
) -> tuple[Surfaces, dict[int, bool]]:
    """Surfaces and closed flags from perfect masks of what is visible."""
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(Path(folder), "benchmark", SilentReporter())
        found = surfaces_of(visible_groups(true, frame), None, frame, config, ledger)
    return found, {one.membrane.label: one.membrane.surface.closed for one in found.refined}


def network_probability(place: Path, config: RunConfig) -> np.ndarray:
    """Probability of membrane by the shipped network, kept beside the phantom."""
    kept = place / "probability.npy"
    if not kept.exists():
        tomogram, _ = read_tomogram(place / "tomogram.mrc")
        found = predict(tomogram, *load_weights(DEFAULT_WEIGHTS), config.segment)
        np.save(kept, found.membrane.astype(np.float16))
    return np.load(kept).astype(np.float32)


def surfaces_of_network(
    place: Path, frame: VolumeFrame, config: RunConfig
) -> tuple[Surfaces, dict[int, bool]]:
    """Surfaces and closed flags from the shipped network and the pipeline's grouping."""
    tomogram, _ = read_tomogram(place / "tomogram.mrc")
    probability = network_probability(place, config)
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(Path(folder), "benchmark", SilentReporter())
        groups = groups_in(probability, frame, config, ledger, tomogram.voxels)
        found = surfaces_of(groups, tomogram.voxels, frame, config, ledger)
    return found, {one.membrane.label: one.membrane.surface.closed for one in found.refined}


def membranes_alone(preset: str, seed: int) -> tuple[LabelledMembranes, VolumeFrame]:
    """The true membranes of the phantom with this seed, without the molecules and the tomogram."""
    settings = load_scene(preset, options={"seed": seed})
    scene = scene_of_membranes(settings, settings.generator.spawn(4)[0])
    tilt_range_deg = half_range_deg(settings.tilts.angles_deg)
    truth = true_labels(scene, membranes_in_ice(scene), membrane_meshes(scene), tilt_range_deg)
    labels = [membrane.label for membrane in scene.membranes]
    pairs = [pair for pair in zip(labels, truth.meshes, strict=True) if len(pair[1].faces)]
    true = LabelledMembranes(
        truth.membranes,
        truth.instances,
        tuple(mesh for _, mesh in pairs),
        tuple(label for label, _ in pairs),
        tuple(is_watertight(mesh) for _, mesh in pairs),
    )
    z, y, x = truth.instances.shape
    return true, VolumeFrame((z, y, x), scene.box.voxel_size_A, scene.box.low_A, tilt_range_deg)


def membranes_of(place: Path) -> tuple[LabelledMembranes, VolumeFrame]:
    """The true membranes of a phantom in a folder."""
    facts = read_truth(place)
    true, tomogram = read_true_membranes(place)
    z, y, x = (int(n) for n in facts["shape_zyx"])
    tilt_range_deg = float(facts["tilt_range_deg"])
    frame = VolumeFrame((z, y, x), tomogram.voxel_size_A, tomogram.origin_zyx_A, tilt_range_deg)
    return true, frame


def score(folder: Path, phantom_is: tuple[str, int], source: str, settings: list[str]) -> Scores:
    """All scores of one phantom."""
    if source == "visible":
        true, frame = membranes_alone(*phantom_is)
    else:
        place = phantom(folder, *phantom_is)
        true, frame = membranes_of(place)
    tilt_range_deg = frame.tilt_range_deg
    own = [f"tilt_range_deg={tilt_range_deg}", "jobs=1"]  # the time of other processes is not seen
    config = load_config(None, [*own, *settings])
    started = time.process_time()
    with threadpool_limits(1):
        if source == "visible":
            found, closed = surfaces_of_visible(true, frame, config)
        else:
            found, closed = surfaces_of_network(place, frame, config)
    meshes = found.meshes.meshes
    seconds = time.process_time() - started
    geometry = Geometry(frame.voxel_size_A, frame.origin_zyx_A, tilt_range_deg)
    scores = score_membranes(labelled(meshes, closed, frame, config), true, geometry)
    seen = [seen_part(mesh, tilt_range_deg) for mesh in true.meshes]
    pairs = list(zip(true.labels, seen, strict=True))
    oracle = labelled(pairs, dict.fromkeys(true.labels, False), frame, config)
    oracle_scores = score_membranes(oracle, true, geometry)
    return scores | {
        "oracle": oracle_scores["surface_dice_2px"],
        "slice_dice_seen": oracle_scores["slice_dice"],
        "decisions": decisions(scores, true, closed, source),
        "crossings_before": found.meshes.crossings_before,
        "crossings_after": found.meshes.crossings_after,
        "seconds": seconds,
    }


def labelled(
    meshes: list[tuple[int, Mesh]], closed: dict[int, bool], frame: VolumeFrame, config: RunConfig
) -> LabelledMembranes:
    """Meshes with their painted shells, as scores want them."""
    painted = paint(meshes, frame.shape_zyx, frame.voxel_size_A, frame.origin_zyx_A, config.labels)
    return LabelledMembranes(
        painted.membranes,
        painted.instances,
        tuple(mesh for _, mesh in meshes),
        tuple(label for label, _ in meshes),
        tuple(closed[label] for label, _ in meshes),
    )


def decisions(
    scores: Scores, true: LabelledMembranes, closed: dict[int, bool], source: str
) -> list[tuple[int, bool, bool]]:
    """(label, truly closed, called closed) of each membrane that has a surface.

    With perfect groups every surface counts, else those that match a true membrane.
    """
    truth = {
        label: is_watertight(mesh) for label, mesh in zip(true.labels, true.meshes, strict=True)
    }
    if source == "visible":
        pairs = [(label, label) for label in closed]
    else:
        pairs = [
            (record["true_id"], record["predicted_id"])
            for record in scores["per_membrane"]
            if record["predicted_id"] is not None
        ]
    return [(j, truth[j], closed[i]) for j, i in pairs]


def row_of(scores: Scores) -> dict[str, float]:
    """The measures of the table; what could not be measured is left out."""
    made = scores["decisions"]
    right = float(np.mean([t == c for _, t, c in made])) if made else None
    values = scores | {"decided_right": right}
    return {key: float(values[key]) for key in MEASURES if values.get(key) is not None}


def print_scores(rows: dict[str, dict[str, float]], title: str) -> None:
    """One line per phantom and the mean."""
    table = Table("phantom", *MEASURES.values(), title=title, title_justify="left")
    for name, row in rows.items():
        table.add_row(name, *(f"{row[m]:.3g}" if m in row else "" for m in MEASURES))
    means = [[row[m] for row in rows.values() if m in row] for m in MEASURES]
    table.add_row("mean", *(f"{np.mean(column):.3g}" if column else "" for column in means))
    Console(width=160).print(table)


def main() -> None:
    """Score, print a table, and write all scores as JSON if asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where the phantoms are kept")
    parser.add_argument("--input", choices=INPUTS, default="visible", dest="source")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4])
    parser.add_argument("--presets", nargs="+", choices=list(PRESETS), default=list(PRESETS))
    parser.add_argument("--set", action="append", default=[], dest="settings", help="as in run")
    parser.add_argument("--json", type=Path, help="also write the scores here")
    options = parser.parse_args()
    found = {}
    for seed in options.seeds:
        for preset in options.presets:
            name = f"{preset}_{seed:04d}"
            found[name] = score(options.folder, (preset, seed), options.source, options.settings)
            wrong = [d for d in found[name]["decisions"] if d[1] != d[2]]
            print(name, row_of(found[name]), "decided wrong:", wrong, flush=True)
            if options.json:
                options.json.write_text(json.dumps(found, indent=2) + "\n")
    print_scores({name: row_of(scores) for name, scores in found.items()}, options.source)


if __name__ == "__main__":
    main()
