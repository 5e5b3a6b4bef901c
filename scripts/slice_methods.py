"""Ways to link the fragments of a slice: the classical ones, tuned, and the walker."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from link_scores import link_counts, ratios
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from membraneseg.evaluate.voxels import adjusted_rand_index
from rl_agent.chains import chain_labels
from rl_agent.matching import MatchingCosts, match_ends
from rl_agent.scene import Scene

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]
Curves = Sequence[Float64]
Found = tuple[Int64, Int64]
"""The end that each end is linked to (E,), −1 for none, and the group of each fragment (F,)."""
Method = Callable[[Curves, Scene], Found]

COMPONENT_REACH_PX = 18.0
NEAREST_REACH_PX = 23.0


def components(curves: Curves, scene: Scene, reach_px: float = COMPONENT_REACH_PX) -> Found:
    """Fragments that come near each other anywhere are one; free ends as near are linked."""
    trees = [cKDTree(curve) for curve in curves]
    touching = np.eye(len(curves), dtype=bool)
    for one, tree in enumerate(trees):
        for other in range(one):
            near = tree.query(curves[other], distance_upper_bound=reach_px)[0] < reach_px
            touching[one, other] = near.any()
    groups = connected_components(touching, directed=False)[1]
    return _greedy(_distances(scene), reach_px), groups.astype(np.int64)


def nearest_ends(curves: Curves, scene: Scene, reach_px: float = NEAREST_REACH_PX) -> Found:
    """The two free ends nearest to each other are linked, again and again."""
    del curves
    return _chained(_greedy(_distances(scene), reach_px))


def matching(curves: Curves, scene: Scene, costs: MatchingCosts | None = None) -> Found:
    """Co-circular ends are matched at least cost, in the whole slice at once."""
    del curves
    return _chained(match_ends(scene, costs or MatchingCosts()))


def _chained(partner: Int64) -> Found:
    return partner, chain_labels(partner)


def _distances(scene: Scene) -> Float64:
    position = scene.ends.position
    apart = np.linalg.norm(position[:, None] - position[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    ends = np.arange(len(apart))
    own = apart[ends, ends ^ 1]  # a fragment is closed only over a gap shorter than half of it
    apart[ends, ends ^ 1] = np.where(own < 0.5 * scene.ends.length, own, np.inf)
    return np.asarray(apart)


def _greedy(apart: Float64, reach_px: float) -> Int64:
    partner = np.full(len(apart), -1, dtype=np.int64)
    one, other = np.nonzero(np.triu(apart <= reach_px))
    for k in np.argsort(apart[one, other], kind="stable"):
        if partner[one[k]] < 0 and partner[other[k]] < 0:
            partner[one[k]], partner[other[k]] = other[k], one[k]
    return partner


def walker_method(policy_path: Path, walks: int | None = None) -> Method:
    """The learned walker; one walk is greedy, with more the best counts."""
    from rl_agent.policy import load_policy
    from rl_agent.rollout import WALKS, link_ends

    policy, number = load_policy(policy_path), walks or WALKS

    def method(curves: Curves, scene: Scene) -> Found:
        del curves
        return _chained(link_ends(scene, policy, np.random.default_rng(0), number))

    return method


def tune_classical(
    sets: Sequence[Sequence[tuple[Curves, Scene, Int64, Int64]]], trials: int = 150, seed: int = 1
) -> None:
    """Search the classical methods' numbers: the best link F1, for components the Rand index.

    Parameters
    ----------
    sets : sequence of sequence of (curves, scene, links, groups)
        Slices and their truth; the mean over the sets counts.
    """

    def mean_f1(method: Method) -> float:
        counts = [sum(link_counts(method(c, s)[0], t) for c, s, t, _ in one) for one in sets]
        return float(np.mean([ratios(count)[2] for count in counts]))

    for reach in (2, 3, 4, 5, 6, 8, 12, 18, 23, 28):
        found = [
            adjusted_rand_index(components(c, s, reach)[1] + 1, groups)
            for one in sets
            for c, s, _, groups in one
        ]
        nearest = mean_f1(lambda c, s, r=reach: nearest_ends(c, s, r))
        print(
            f"reach {reach:2d}: components' Rand index {np.mean(found):.4f}, nearest {nearest:.4f}"
        )
    rng, best = np.random.default_rng(seed), MatchingCosts()
    highest = mean_f1(lambda c, s: matching(c, s, best))
    print(f"{highest:.4f} {best}")
    for _ in range(trials):
        factor = {f: float(np.exp(rng.normal(0.0, 0.35))) for f in best._fields}
        changed = {f: v * factor[f] for f, v in best._asdict().items() if rng.random() < 0.5}
        trial = best._replace(**changed)
        reached = mean_f1(lambda c, s, t=trial: matching(c, s, t))
        if reached > highest:
            best, highest = trial, reached
            print(f"{highest:.4f} {best}", flush=True)
