"""Slices cut to fragments as a network and a tracer would leave them, with the right links."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import cKDTree
from slice_outlines import Outline, draw_outlines, even_spacing, true_runs

from membraneseg.group.slice_cues import picture_cues
from rl_agent.cues import Cues
from synth2d.config import SliceConfig

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

FALSE = 0
SHORTEST_PX = 6  # as traced at run time
CROSSING_SHARE = 0.15  # of the outlines that would cross another
MEETING_PX = 1.2  # outlines as near as this meet
GAP_PX = (4.0, 45.0)  # random gaps, on a logarithmic scale


@dataclass(frozen=True)
class WorldConfig:
    """Ranges that worlds are drawn from; uniform."""

    slices: SliceConfig = field(
        default_factory=lambda: SliceConfig(
            size_px=192, body_count=(5, 20), body_radius_A=(100.0, 2000.0)
        ),
        metadata={"help": "what the slices hold"},
    )
    gap_fraction: tuple[float, float] = field(
        default=(0.05, 0.6), metadata={"help": "share of all outlines that is missing"}
    )
    false_share: tuple[float, float] = field(
        default=(0.05, 0.4), metadata={"help": "false fragments per true one"}
    )
    jitter_px: tuple[float, float] = field(
        default=(0.15, 0.5), metadata={"help": "deviation of the points across the curve"}
    )
    leak: tuple[float, float] = field(
        default=(0.0, 0.35), metadata={"help": "largest probability that is left in a gap"}
    )


@dataclass(frozen=True)
class World:
    """One slice's fragments and what is true of them.

    Parameters
    ----------
    curves_yx_px : tuple of (N_i, 2) float64
        Open curves, true and false ones mixed.
    owner : (F,) int64
        Number of the outline, from 1; FALSE for what is no membrane.
    truth : (2F,) int64
        End that each end is linked to, −1 for none. A gap longer than half of its outline is
        no link.
    probability : (H, W) float32
    tilt_range_deg : float
    """

    curves_yx_px: tuple[Float64, ...]
    owner: Int64
    truth: Int64
    probability: npt.NDArray[np.float32]
    tilt_range_deg: float


def draw_world(rng: np.random.Generator, config: WorldConfig) -> World:
    """Draw one slice with at least two true fragments.

    Parameters
    ----------
    rng : Generator
        The only source of randomness.
    config : WorldConfig

    Returns
    -------
    World
    """
    while True:
        fraction = float(rng.uniform(*config.gap_fraction))
        outlines, _, theta = draw_outlines(rng, config.slices)
        outlines = _mostly_apart(rng, outlines, config.slices.size_px)
        threshold = rng.uniform(0.15, 0.45)  # contrast below which the network sees nothing
        outlines = [o for o in outlines if (o.kept < threshold).mean() <= fraction]
        lost = [o.kept < threshold for o in outlines]
        _cut_crossings(rng, outlines, lost)
        _cut_random_gaps(rng, outlines, lost, fraction)
        pieces = [
            [run for run in true_runs(~gone, o.closed) if len(run) >= SHORTEST_PX]
            for o, gone in zip(outlines, lost, strict=True)
        ]
        if sum(len(p) for p in pieces) >= 2:
            return _assemble(rng, config, outlines, pieces, theta)


def _mostly_apart(rng: np.random.Generator, outlines: list[Outline], size: int) -> list[Outline]:
    """Leave out most of the outlines that cross an earlier one: membranes rarely seem to."""
    chosen: list[Outline] = []
    taken = np.zeros((size, size), dtype=bool)
    for outline in outlines:
        y, x = np.rint(outline.points_yx_px).astype(int).T
        if taken[y, x].any() and rng.random() > CROSSING_SHARE:
            continue
        chosen.append(outline)
        taken[y, x] = taken[y + 1, x] = taken[y - 1, x] = taken[y, x + 1] = taken[y, x - 1] = True
    return chosen


def _cut_crossings(
    rng: np.random.Generator, outlines: list[Outline], lost: list[npt.NDArray[np.bool_]]
) -> None:
    """Cut where outlines meet, each meeting with a chance of one half (changes `lost`)."""
    if len(outlines) < 2:
        return
    for one, outline in enumerate(outlines):
        others = [o.points_yx_px for k, o in enumerate(outlines) if k != one]
        distance, _ = cKDTree(np.concatenate(others)).query(
            outline.points_yx_px, distance_upper_bound=4.0
        )
        for run in true_runs(distance < MEETING_PX, outline.closed):
            if rng.random() < 0.5:
                count, reach = len(distance), int(rng.integers(1, 4))
                span = np.arange(run[0] - reach, run[0] + len(run) + reach)
                span = span % count if outline.closed else span[(span >= 0) & (span < count)]
                lost[one][span] = True


def _cut_random_gaps(
    rng: np.random.Generator,
    outlines: list[Outline],
    lost: list[npt.NDArray[np.bool_]],
    fraction: float,
) -> None:
    """Add gaps until the share of all outlines is missing (changes `lost`)."""
    sizes = np.array([len(gone) for gone in lost], dtype=np.float64)
    missing = float(sum(gone.sum() for gone in lost))
    for _ in range(1000):
        if len(lost) == 0 or missing >= fraction * sizes.sum():
            return
        one = int(rng.choice(len(lost), p=sizes / sizes.sum()))
        longest = min(GAP_PX[1], 0.4 * sizes[one], fraction * sizes.sum() - missing + 4.0)
        length = int(np.exp(rng.uniform(np.log(GAP_PX[0]), np.log(max(longest, 4.1)))))
        span = int(rng.integers(sizes[one])) + np.arange(length)
        closed = outlines[one].closed
        span = span % int(sizes[one]) if closed else span[span < sizes[one]]
        missing += float((~lost[one][span]).sum())
        lost[one][span] = True


def _assemble(
    rng: np.random.Generator,
    config: WorldConfig,
    outlines: list[Outline],
    pieces: list[list[Int64]],
    theta: float,
) -> World:
    """Fragments in random order and direction, with jitter, false ones, truth and density."""
    jitter = float(rng.uniform(*config.jitter_px))
    curves: list[Float64] = []
    owner: list[int] = []
    links: list[tuple[int, int]] = []
    for number, (outline, runs) in enumerate(zip(outlines, pieces, strict=True), start=1):
        if outline.closed and len(runs) == 1 and len(runs[0]) == len(outline.points_yx_px):
            continue  # seen whole: nothing to link
        links += _links(outline, runs, 2 * len(curves))
        curves += [_traced(rng, outline.points_yx_px[run], jitter) for run in runs]
        owner += [number] * len(runs)
    true = len(curves)
    size = config.slices.size_px
    for _ in range(int(rng.poisson(rng.uniform(*config.false_share) * true))):
        curves.append(_traced(rng, _false_curve(rng, size), jitter))
        owner.append(FALSE)
    probability = _probability(rng, config, outlines, pieces, curves[true:])
    truth = np.full(2 * len(curves), -1, dtype=np.int64)
    for one, other in links:
        truth[one], truth[other] = other, one
    order, flip = rng.permutation(len(curves)), rng.random(len(curves)) < 0.5
    return World(
        tuple(curves[i][::-1] if flip[i] else curves[i] for i in order),
        np.array(owner, dtype=np.int64)[order],
        _shuffled(truth, order, flip),
        probability,
        theta,
    )


def _links(outline: Outline, runs: list[Int64], first_end: int) -> list[tuple[int, int]]:
    """Pairs of ends on either side of each gap of an outline."""
    count, found = len(outline.points_yx_px), []
    following = len(runs) if outline.closed else len(runs) - 1
    for k in range(following):
        after = (k + 1) % len(runs)
        gap = (int(runs[after][0]) - int(runs[k][-1])) % count
        if gap <= 0.5 * count:
            found.append((first_end + 2 * k + 1, first_end + 2 * after))
    return found


def _shuffled(truth: Int64, order: Int64, flip: npt.NDArray[np.bool_]) -> Int64:
    """Truth for curves listed in another order, some of them turned round."""
    new_of_old = np.empty(len(truth), dtype=np.int64)
    for place, old in enumerate(order):
        ends = (2 * place + 1, 2 * place) if flip[old] else (2 * place, 2 * place + 1)
        new_of_old[2 * old : 2 * old + 2] = ends
    shuffled = np.full(len(truth), -1, dtype=np.int64)
    linked = truth >= 0
    shuffled[new_of_old[linked]] = new_of_old[truth[linked]]
    return shuffled


def _traced(rng: np.random.Generator, points: Float64, jitter_px: float) -> Float64:
    """Points as a tracer finds them: scattered, with unsure ends."""
    noise = rng.normal(size=points.shape) * jitter_px
    noise = ndimage.gaussian_filter1d(noise, 1.0, axis=0, mode="nearest") * 1.9
    fade = np.exp(-np.arange(len(points)) / 2.0)[:, None]
    ends = rng.normal(size=(2, 2)) * jitter_px
    return points + noise + fade * ends[0] + fade[::-1] * ends[1]


def _false_curve(rng: np.random.Generator, size: int) -> Float64:
    """Return a short arc anywhere."""
    length, bend = rng.uniform(6.0, 26.0), rng.normal(0.0, 0.06)
    heading = rng.uniform(0, 2 * np.pi) + bend * np.arange(int(length) + 1)
    steps = np.stack([np.sin(heading), np.cos(heading)], axis=1)
    start = rng.uniform(4.0, size - 5.0, 2)
    return np.clip(start + np.cumsum(steps, axis=0), 2.5, size - 3.5)


def _probability(
    rng: np.random.Generator,
    config: WorldConfig,
    outlines: list[Outline],
    pieces: list[list[Int64]],
    false_curves: list[Float64],
) -> npt.NDArray[np.float32]:
    """Membrane probability (H, W): high on fragments, in some gaps a rest, a noisy ground."""
    size = config.slices.size_px
    line = np.zeros((size, size), dtype=np.float32)
    leak = rng.uniform(*config.leak)
    for outline, runs in zip(outlines, pieces, strict=True):
        value = np.full(len(outline.points_yx_px), leak * rng.uniform(0.0, 1.0))
        value *= np.repeat(rng.uniform(0, 1, len(value) // 8 + 1), 8)[: len(value)]
        for run in runs:
            value[run] = rng.uniform(0.7, 0.98)
        _paint(line, outline.points_yx_px, value)
    for curve in false_curves:
        dense = even_spacing(curve, 1.0)
        _paint(line, dense, np.full(len(dense), rng.uniform(0.55, 0.9)))
    wide = ndimage.gaussian_filter(ndimage.grey_dilation(line, size=(3, 3)), 0.7)
    ground = ndimage.gaussian_filter(rng.normal(size=line.shape), 2.0) * 2.0 * np.sqrt(np.pi)
    ground = np.clip(ground * 2.0 * rng.uniform(0.0, 0.08), 0.0, 0.4)
    return np.clip(np.maximum(wide, ground), 0.0, 1.0).astype(np.float32)


def _paint(line: npt.NDArray[np.float32], points: Float64, value: Float64) -> None:
    y, x = np.clip(np.rint(points).astype(int), 0, np.array(line.shape) - 1).T
    np.maximum.at(line, (y, x), value.astype(np.float32))


def world_cues(world: World) -> Cues:
    """What a walker may ask about a world, by the same functions as at run time."""
    return picture_cues(world.probability, world.tilt_range_deg)
