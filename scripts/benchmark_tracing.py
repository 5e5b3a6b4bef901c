"""From pixels to curves: the walker on thinned lines, on the mask itself, and skeleton branches.

    python scripts/benchmark_tracing.py [--pictures 40] [--json FILE]

Pictures of crossing lines, T-junctions, touching rings, and rings and lines as masks 2 to 4 pixels
thick with ragged edges and pinholes, each kind from its own seeds. A true curve is whole if one
traced curve covers 90 % of it and lies on it with 90 % of its own length; a traced curve is a false
join if at least 8 of its points lie on each of two true curves (and on no other).
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import cKDTree
from skimage.morphology import skeletonize

from membraneseg.group.branches import trace_branches
from membraneseg.group.tracing import trace_curves
from rl_agent.pixel_walk import WalkState, initial
from rl_agent.straight_ahead import walk

Float64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]
Tracer = Callable[[Bool], list[Float64]]

SIZE, NEAR_PX, LEAST_PX, FIRST_SEED = 128, 2.6, 6, 9000


def line(rng: np.random.Generator, angle_rad: float, reach: float = 50.0) -> Float64:
    """Draw a slightly bent line through about the middle."""
    s = np.linspace(-reach, reach, 4 * int(reach))
    bend = rng.normal(0.0, 0.003)
    along, across = s, 0.5 * bend * s**2
    middle = (SIZE - 1) / 2 + rng.normal(0, 4, 2)
    turn = np.array(
        [[np.sin(angle_rad), np.cos(angle_rad)], [np.cos(angle_rad), -np.sin(angle_rad)]]
    )
    return middle + np.stack([along, across], axis=1) @ turn


def ring(centre: Float64, radius: float) -> Float64:
    """Points of a circle."""
    angle = np.linspace(0, 2 * np.pi, int(16 * radius), endpoint=False)
    return centre + radius * np.stack([np.sin(angle), np.cos(angle)], axis=1)


def crossing(rng: np.random.Generator) -> list[Float64]:
    """Two lines that cross at 40 to 90 degrees."""
    angle = rng.uniform(0, np.pi)
    return [line(rng, angle), line(rng, angle + np.deg2rad(rng.uniform(40, 90)))]


def junction(rng: np.random.Generator) -> list[Float64]:
    """Draw a line, and another one that ends on it."""
    angle = rng.uniform(0, np.pi)
    bar, stem = line(rng, angle), line(rng, angle + np.deg2rad(rng.uniform(50, 90)))
    distance = cKDTree(bar).query(stem)[0]
    return [bar, stem[int(distance.argmin()) :]]


def touching(rng: np.random.Generator) -> list[Float64]:
    """Two rings whose outlines meet in about one place."""
    radii, angle = rng.uniform(12, 26, 2), rng.uniform(0, 2 * np.pi)
    apart = radii.sum() + rng.uniform(-0.5, 1.5)
    way = np.array([np.sin(angle), np.cos(angle)])
    middle = np.full(2, (SIZE - 1) / 2)
    return [ring(middle - 0.5 * apart * way, radii[0]), ring(middle + 0.5 * apart * way, radii[1])]


def separate(rng: np.random.Generator) -> list[Float64]:
    """Return a ring in a ring, 8 or more pixels apart."""
    radius = rng.uniform(28, 50)
    middle = (SIZE - 1) / 2 + rng.normal(0, 3, 2)
    return [ring(middle, radius), ring(middle, radius * rng.uniform(0.4, 0.75))]


KINDS = {
    "crossings": (crossing, False),
    "T-junctions": (junction, False),
    "touching rings": (touching, False),
    "thick noisy crossings": (crossing, True),
    "thick noisy touching rings": (touching, True),
    "thick noisy nested rings": (separate, True),
}


def draw(curves: list[Float64], noisy: bool, rng: np.random.Generator) -> Bool:
    """Mask of the curves, 1.4 pixels thick, or 2 to 4 and ragged."""
    pixels = np.stack(np.meshgrid(np.arange(SIZE), np.arange(SIZE), indexing="ij"), axis=-1)
    distance = cKDTree(np.concatenate(curves)).query(pixels.reshape(-1, 2))[0].reshape(SIZE, SIZE)
    if not noisy:
        return distance < 0.7
    ragged = ndimage.gaussian_filter(rng.normal(size=distance.shape), 1.0) * 1.2
    return (distance + ragged < 0.5 * rng.uniform(2, 4)) & (rng.random(distance.shape) > 0.02)


def thinned(mask: Bool) -> Bool:
    """Closed over pinholes, then one pixel wide."""
    return np.asarray(skeletonize(ndimage.binary_closing(mask, np.ones((3, 3)))))


def walk_mask(mask: Bool) -> list[Float64]:
    """Walk on the mask itself; what lies within two pixels of a walk is used up."""
    free, found = mask.copy(), []
    while free.any():
        start = tuple(int(v) for v in np.argwhere(free)[0])
        ahead = walk(initial(free, start))
        path = np.array(walk(WalkState(free, ahead.path[::-1])).path)
        used = np.zeros_like(free)
        used[path[:, 0], path[:, 1]] = True
        free &= ~ndimage.binary_dilation(used, iterations=2)
        if len(path) >= LEAST_PX:
            found.append(path.astype(np.float64))
    return found


TRACERS: dict[str, Tracer] = {
    "walker on thinned lines": lambda m: [c for c, _ in trace_curves(thinned(m), LEAST_PX)],
    "walker on the mask": walk_mask,
    "skeleton branches": lambda m: [c for c, _ in trace_branches(thinned(m), LEAST_PX)],
}


def judge(true: list[Float64], traced: list[Float64]) -> tuple[int, int]:
    """Return how many true curves are whole, and how many traced curves are false joins."""
    trees = [cKDTree(curve) for curve in true]
    on = [np.stack([t.query(curve)[0] < NEAR_PX for t in trees]) for curve in traced]
    whole = 0
    for k, curve in enumerate(true):
        covered = [(cKDTree(c).query(curve)[0] < NEAR_PX).mean() for c in traced]
        own = [flags[k].mean() for flags in on]
        whole += any(a >= 0.9 and b >= 0.9 for a, b in zip(covered, own, strict=True))
    joins = sum(
        int(((flags & (flags.sum(axis=0) == 1)).sum(axis=1) >= 8).sum() > 1) for flags in on
    )
    return whole, joins


def main() -> None:
    """Print one row per kind of picture and tracer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=40)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = []
    for kind, (make, noisy) in KINDS.items():
        drawn = []
        for k in range(options.pictures):
            rng = np.random.default_rng(FIRST_SEED + k)
            curves = make(rng)
            drawn.append((curves, draw(curves, noisy, rng)))
        for name, tracer in TRACERS.items():
            begun = time.process_time()
            found = [judge(curves, tracer(mask)) for curves, mask in drawn]
            spent = 1e3 * (time.process_time() - begun) / len(drawn)
            share = sum(w for w, _ in found) / sum(len(c) for c, _ in drawn)
            joins = sum(j for _, j in found) / len(found)
            rows.append({"kind": kind, "tracer": name, "whole": share, "false_joins": joins})
            print(
                f"{kind:28s}{name:26s} whole {share:6.1%}   false joins per picture {joins:5.2f}"
                f"   {spent:5.0f} ms",
                flush=True,
            )
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
