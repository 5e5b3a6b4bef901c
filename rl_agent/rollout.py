"""The trained walker at work: greedy and sampled walks, and the best of them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from rl_agent.observation import observe
from rl_agent.policy import WalkerPolicy, only_allowed
from rl_agent.scene import DISBELIEF, Beliefs, Scene
from rl_agent.segment_walk import (
    CLOSE,
    GIVE_UP,
    LOOSE,
    WalkState,
    finished,
    initial,
    put_down,
    transition,
)

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

WALKS = 12
"""Walks of a picture, the greedy one among them, of which the best counts."""
LEAST_BELIEF = 0.3
"""Belief at which a link is worth as much as no link."""


def first_look(scene: Scene, policy: WalkerPolicy) -> Beliefs:
    """What a policy holds of each link when it looks at each end alone.

    Parameters
    ----------
    scene : Scene
        Any beliefs that it holds already are not looked at.
    policy : WalkerPolicy

    Returns
    -------
    Beliefs
        To be kept in the scene before a walk begins.
    """
    count = len(scene.ends.position)
    ends, fresh = np.arange(count), initial(scene._replace(beliefs=None))
    link = np.full((count, count), DISBELIEF)
    loose = np.zeros(count)
    if count:
        rows = torch.from_numpy(np.stack([observe(put_down(fresh, end)) for end in range(count)]))
        with torch.no_grad():
            logits = only_allowed(policy.first_look(rows)[0], rows)
        table = np.maximum(torch.log_softmax(logits.double(), dim=1).numpy(), DISBELIEF)
        one, slot = np.nonzero(scene.candidates >= 0)
        link[one, scene.candidates[one, slot]] = table[one, slot]
        link[ends, ends ^ 1] = table[:, CLOSE]
        loose = table[:, GIVE_UP]
    return Beliefs(link, 0.5 * (link + link.T), loose)


def action_log_probabilities(policy: WalkerPolicy, states: list[WalkState]) -> Float64:
    """Log-probabilities (B, ACTIONS) of every action in B states; −∞ where not allowed."""
    rows = torch.from_numpy(np.stack([observe(state) for state in states]))
    with torch.no_grad():
        logits, _ = policy(rows)
    return np.asarray(torch.log_softmax(logits.double(), dim=1).numpy())


def walk_scene(
    scene: Scene, policy: WalkerPolicy, rng: np.random.Generator, walks: int = 1
) -> list[Int64]:
    """Walk a picture several times, side by side.

    Parameters
    ----------
    scene : Scene
        With the policy's beliefs, see `first_look`.
    policy : WalkerPolicy
    rng : Generator
        For the sampled walks.
    walks : int
        The first is greedy, the others are sampled.

    Returns
    -------
    list of (E,) int64
        The end that each end is linked to, −1 for none; symmetric.
    """
    states = [initial(scene) for _ in range(walks)]
    while going := [i for i in range(walks) if not finished(states[i])]:
        table = action_log_probabilities(policy, [states[i] for i in going])
        noise = rng.gumbel(size=table.shape)
        for row, i in enumerate(going):
            shaken = table[row] if i == 0 else table[row] + noise[row]
            states[i] = transition(states[i], int(shaken.argmax()))
    return [np.where(state.partner == LOOSE, -1, state.partner) for state in states]


def energy(partner: Int64, belief: Float64) -> float:
    """How little a walk's links are believed in: each adds LEAST_BELIEF less its belief.

    The policy has learned what smooth and visible bridges look like, so its belief takes the
    place of a hand-made cost of bending and of crossing places where a membrane would show.
    """
    linked = np.flatnonzero(partner >= 0)
    return 0.5 * float((LEAST_BELIEF - belief[linked, partner[linked]]).sum())


def link_ends(
    scene: Scene, policy: WalkerPolicy, rng: np.random.Generator, walks: int = WALKS
) -> Int64:
    """Link the ends of a picture: the walk of least energy.

    A link is believed in as far as the walks make it and the first look at both its ends would,
    half and half.

    Parameters
    ----------
    scene : Scene
    policy : WalkerPolicy
    rng : Generator
    walks : int
        How many to try, the greedy one first.

    Returns
    -------
    (E,) int64
        The end that each end is linked to, −1 for none; symmetric.
    """
    if len(scene.ends.position) == 0:
        return np.zeros(0, dtype=np.int64)
    beliefs = first_look(scene, policy)
    found = walk_scene(scene._replace(beliefs=beliefs), policy, rng, walks)
    if walks == 1:
        return found[0]
    share = np.zeros((len(scene.cost), len(scene.cost)))
    for partner in found:
        linked = np.flatnonzero(partner >= 0)
        share[linked, partner[linked]] += 1.0 / walks
    belief = 0.5 * (share + np.exp(beliefs.mutual))
    return min(found, key=lambda partner: energy(partner, belief))
