"""A small phantom put together by hand: a vesicle in a vesicle, one cut by a wall, a sheet."""

import numpy as np
from scipy.spatial.transform import Rotation

from membraneseg.phantom.beads import Molecule, Particles
from membraneseg.phantom.bilayers import draw_membranes
from membraneseg.phantom.box import Box
from membraneseg.phantom.drawing import true_labels
from membraneseg.phantom.ice import Ice
from membraneseg.phantom.imaging import Exposure
from membraneseg.phantom.membranes import Membrane, middle_mesh
from membraneseg.phantom.scene import Phantom, Scene
from membraneseg.phantom.shapes import Sheet, StarBody
from membraneseg.phantom.tilt_series import TiltSeries
from membraneseg.types import Tomogram

SHAPE, VOXEL_A = (26, 40, 60), 14.0
ORIGIN = np.array([-70.0, 35.0, 500.0])
RADIUS_A, INNER_RADIUS_A = 140.0, 60.0
CENTRE = ORIGIN + np.array([175.0, 260.0, 230.0])
WALL_CENTRE = ORIGIN + np.array([175.0, 260.0, 840.0])
ANGLES = np.arange(-60.0, 61.0, 30.0)


def sphere(centre, radius_A):
    return StarBody(np.asarray(centre), radius_A, np.array([2]), np.eye(3)[:1], np.zeros(1))


def sheet(y_A):
    """A flat sheet whose normal is +y."""
    axes = np.eye(3)[[1, 0, 2]]
    point = np.array([0.0, y_A, 0.0])
    return Sheet(point, axes, np.zeros(1), np.ones((1, 2)), np.zeros(1), 1000.0)


def membranes():
    return (
        Membrane(1, "liposome", sphere(CENTRE, RADIUS_A), 38.0),
        Membrane(2, "liposome", sphere(CENTRE, INNER_RADIUS_A), 36.0, 1),
        Membrane(3, "liposome", sphere(WALL_CENTRE, 100.0), 40.0),
        Membrane(4, "sheet", sheet(ORIGIN[1] + 480.0), 39.0),
    )


def particles(rng):
    """Two dumbbells of two classes, one of them in membrane 1, and a bead of gold."""
    ends = np.array([[0.0, 0.0, 30.0], [0.0, 0.0, -30.0]])
    dumbbell = Molecule("dumbbell", ends, np.ones(2), np.array([0, 1]), ("head", "tail"), 2e4)
    gold = Molecule("gold_5nm", np.zeros((1, 3)), np.ones(1), np.zeros(1, int), ("gold",), 6e4)
    turns = Rotation.random(2, rng=rng).as_matrix()
    near = ORIGIN + np.array([[100.0, 90.0, 100.0], [200.0, 90.0, 300.0]])
    none = np.zeros(1, dtype=np.int64)
    return (
        Particles(dumbbell, near, turns, np.array([0, 1]), np.array([3, 0])),
        Particles(gold, ORIGIN + np.array([[60.0, 60.0, 600.0]]), np.eye(3)[None], none, none),
    )


def small_phantom(rng=None):
    """A whole Phantom without any simulation: noise with the membranes darker."""
    rng = rng or np.random.default_rng(5)
    box = Box(SHAPE, VOXEL_A, ORIGIN)
    ice = Ice(np.full(SHAPE[1:], SHAPE[0] * VOXEL_A), VOXEL_A)
    scene = Scene(box, membranes(), particles(rng), ice)
    grid = draw_membranes(scene.membranes, box)
    triangles = [middle_mesh(membrane.shape, box) for membrane in scene.membranes]
    truth = true_labels(scene, grid, triangles, 60.0)
    voxels = rng.normal(size=SHAPE) - 2.0 * grid.potential_V
    counts = rng.poisson(40.0, (len(ANGLES), SHAPE[1], 66)).astype(np.float32)
    exposures = tuple(
        Exposure(float(angle) + 0.1, 20.0 * k, 20.0 * (k + 1), 5.0, (1.0, -2.0))
        for k, angle in enumerate(ANGLES)
    )
    series = TiltSeries(counts, VOXEL_A, ANGLES, exposures)
    return Phantom(Tomogram(voxels.astype(np.float32), VOXEL_A, ORIGIN), series, truth, scene)
