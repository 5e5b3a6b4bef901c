"""How far can a segment walker get? Candidate set, a walk that knows the truth, and the policy.

    python scripts/walker_limits.py [--slices 450] [--seed 21] [--policy FILE]

Development slices, a third of them at each gap fraction. Link F1 and mean reward of one walk per
slice: with the truth, the policy's greedy walk, the same with the logit of giving up raised or
lowered (which shows whether the reward and F1 agree on when to give up), and a sampled walk.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from link_scores import link_counts, ratios
from train_walker import HELD_OUT_FRACTIONS, Pictures, looked_at, make_pictures

from rl_agent.oracle import right_action
from rl_agent.policy import DEFAULT_POLICY, load_policy
from rl_agent.rollout import action_log_probabilities
from rl_agent.segment_walk import GIVE_UP, WalkState, finished, initial, reward, transition

EACH = len(HELD_OUT_FRACTIONS)
Chooser = Callable[[list[WalkState], list[int]], np.ndarray]
"""Actions of walkers in some states of the pictures with these numbers."""


def candidate_recall(pictures: Pictures) -> list[float]:
    """Share of true links that a walker at one of their ends may choose, per gap fraction."""
    found = []
    for k in range(EACH):
        there, count = 0, 0
        for scene, truth in pictures[k::EACH]:
            ends = np.flatnonzero(truth >= 0)
            chosen = np.zeros(len(truth), dtype=bool)
            chosen[ends] = (scene.candidates[ends] == truth[ends, None]).any(axis=1)
            there += int((chosen[ends] | chosen[truth[ends]]).sum())
            count += len(ends)
        found.append(there / count)
    return found


def walk_all(pictures: Pictures, choose: Chooser) -> tuple[list[float], float]:
    """Link F1 per gap fraction, and mean reward per picture, of one walk each."""
    states = [initial(scene) for scene, _ in pictures]
    earned = 0.0
    while going := [i for i, state in enumerate(states) if not finished(state)]:
        for i, action in zip(going, choose([states[i] for i in going], going), strict=True):
            earned += reward(states[i], int(action), pictures[i][1])
            states[i] = transition(states[i], int(action))
    counts = [link_counts(s.partner, t) for s, (_, t) in zip(states, pictures, strict=True)]
    return [ratios(sum(counts[k::EACH]))[2] for k in range(EACH)], earned / len(pictures)


def main() -> None:
    """Print one row per kind of walk."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slices", type=int, default=450)
    parser.add_argument("--seed", type=int, default=21)
    parser.add_argument("--policy", type=Path, default=DEFAULT_POLICY)
    options = parser.parse_args()
    policy, rng = load_policy(options.policy), np.random.default_rng(0)
    pictures = make_pictures(options.seed, range(options.slices), HELD_OUT_FRACTIONS)
    pictures = looked_at(pictures, policy)

    def greedy(shift: float) -> Chooser:
        def choose(states: list[WalkState], numbers: list[int]) -> np.ndarray:
            del numbers
            logits = action_log_probabilities(policy, states)
            logits[:, GIVE_UP] += shift
            return logits.argmax(axis=1)

        return choose

    def sampled(states: list[WalkState], numbers: list[int]) -> np.ndarray:
        del numbers
        logits = action_log_probabilities(policy, states)
        return (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)

    def true(states: list[WalkState], numbers: list[int]) -> np.ndarray:
        pairs = zip(states, numbers, strict=True)
        return np.array([right_action(state, pictures[i][1]) for state, i in pairs])

    columns = " ".join(f"{f:8.0%}" for f in HELD_OUT_FRACTIONS)
    print(f"{'':34s}{columns}   reward per slice")
    print(
        f"{'true links among the candidates':34s}",
        *(f"{r:8.4f}" for r in candidate_recall(pictures)),
    )
    rows = {"a walk that knows the truth": true, "greedy": greedy(0.0), "sampled": sampled}
    rows |= {f"greedy, giving up {s:+g}": greedy(s) for s in (-0.75, 0.75)}
    for name, choose in rows.items():
        scores, earned = walk_all(pictures, choose)
        print(f"{name:34s}", *(f"{s:8.4f}" for s in scores), f"{earned:12.3f}", flush=True)


if __name__ == "__main__":
    main()
