"""Where the bodies of a slice stand: free, touching, nested, double, with cristae, sheets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from synth2d.bodies import Body, random_rotation, random_waves
from synth2d.config import Range, SliceConfig


def log_uniform(rng: np.random.Generator, limits: Range) -> float:
    """A number drawn uniformly on the logarithmic scale."""
    return float(np.exp(rng.uniform(np.log(limits[0]), np.log(limits[1]))))


def _closed_body(
    rng: np.random.Generator, config: SliceConfig, centre: np.ndarray, radius: float
) -> Body:
    stretch = np.exp(rng.normal(0, rng.choice([0.05, 0.2, 0.6], p=[0.5, 0.35, 0.15]), 3))
    axes = radius * stretch / np.cbrt(stretch.prod())
    waves = random_waves(rng, rng.uniform(*config.deformation), 2.0)
    lumen = rng.normal(0, 0.25) if rng.random() < 0.3 else 0.0
    return Body(centre, random_rotation(rng), axes, waves, (0.0,), None, lumen)


def _free(rng: np.random.Generator, config: SliceConfig, extent: float) -> list[Body]:
    radius = log_uniform(rng, config.body_radius_A)
    centre = rng.uniform(-0.55, 0.55, 3) * extent
    if radius > 0.4 * extent:  # a big one shows as an arc: put its surface into view
        direction = rng.normal(size=3)
        direction /= np.linalg.norm(direction)
        centre = centre * 0.6 + direction * radius
    else:
        centre[0] = rng.uniform(-0.85, 0.85) * radius  # cut somewhere between pole and equator
    return [_closed_body(rng, config, centre, radius)]


def _touching(rng: np.random.Generator, config: SliceConfig, near: Body) -> list[Body]:
    radius = log_uniform(rng, (config.body_radius_A[0], 800.0))
    angle = rng.uniform(0, 2 * np.pi)
    direction = np.array([rng.normal(0, 0.3), np.sin(angle), np.cos(angle)])
    direction /= np.linalg.norm(direction)
    local = near.rotation @ direction
    assert near.axes_A is not None
    reach = 1.0 / np.linalg.norm(local / near.axes_A)
    centre = near.centre_A + direction * (reach + radius + rng.uniform(40.0, 160.0))
    return [_closed_body(rng, config, centre, radius)]


def _nested(rng: np.random.Generator, config: SliceConfig, outer: Body) -> list[Body]:
    assert outer.axes_A is not None
    smallest = float(outer.axes_A.min())
    if smallest < 1.5 * config.body_radius_A[0]:
        return []
    radius = smallest * rng.uniform(0.3, 0.8)
    shift = rng.normal(size=3)
    room = max(smallest - radius - 60.0, 0.0)
    centre = outer.centre_A + shift / np.linalg.norm(shift) * room * rng.uniform(0, 0.9)
    return [_closed_body(rng, config, centre, max(radius, config.body_radius_A[0]))]


def _layered(rng: np.random.Generator, body: Body) -> Body:
    """The same body with a second (or more) membrane inside, as in organelles."""
    gap = rng.uniform(75.0, 250.0)
    layers = int(rng.choice([2, 2, 2, 3, 4]))
    offsets = tuple(-gap * k for k in range(layers))
    return replace(body, offsets_A=offsets)


def _sheet(rng: np.random.Generator, extent: float, inside: int | None) -> Body:
    wavelength = rng.uniform(500.0, 4000.0)
    rotation = random_rotation(rng)
    if rng.random() < 0.6:  # mostly steep enough to be seen
        rotation[0, 0] *= 0.3
        rotation[0] /= np.linalg.norm(rotation[0])
    waves = random_waves(rng, rng.uniform(0, 0.08) * wavelength, 1.0 / wavelength)
    centre = rng.uniform(-0.5, 0.5, 3) * extent
    gap = rng.uniform(75.0, 250.0)
    offsets = (0.0, -gap) if rng.random() < 0.4 or inside is not None else (0.0,)
    return Body(centre, rotation, None, waves, offsets, inside)


def draw_bodies(rng: np.random.Generator, config: SliceConfig, extent_A: float) -> list[Body]:
    """All membranes of one slice.

    Parameters
    ----------
    rng : Generator
    config : SliceConfig
    extent_A : float
        Edge of the slice in Å.

    Returns
    -------
    list of Body
        `inside` indices refer to this list.
    """
    bodies: list[Body] = []
    wanted = int(rng.integers(config.body_count[0], config.body_count[1] + 1))
    for _ in range(wanted):
        closed = [b for b in bodies if b.axes_A is not None and b.radius_A < 0.5 * extent_A]
        choice = rng.random()
        if closed and choice < 0.25:
            bodies += _touching(rng, config, closed[int(rng.integers(len(closed)))])
        elif closed and choice < 0.45:
            bodies += _nested(rng, config, closed[int(rng.integers(len(closed)))])
        else:
            bodies += _free(rng, config, extent_A)
        if bodies and rng.random() < 0.15 and bodies[-1].radius_A > 350.0:
            bodies[-1] = _layered(rng, bodies[-1])
            for _ in range(int(rng.integers(0, 6)) if rng.random() < 0.5 else 0):
                bodies.append(_crista(rng, extent_A, bodies))
    for _ in range(int(rng.integers(config.sheet_count[0], config.sheet_count[1] + 1))):
        if rng.random() < 0.6:
            bodies.append(_sheet(rng, extent_A, None))
    return bodies


def _crista(rng: np.random.Generator, extent: float, bodies: list[Body]) -> Body:
    """Return a double sheet inside the latest closed body, not inside a sister crista."""
    owner = max(i for i, b in enumerate(bodies) if b.axes_A is not None)
    sheet = _sheet(rng, extent, owner)
    return replace(sheet, centre_A=bodies[owner].centre_A + sheet.centre_A * 0.3)
