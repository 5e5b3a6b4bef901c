"""The recipe of the shipped segment walker: imitation of the truth, then masked PPO.

    python scripts/train_walker.py FOLDER [--worlds 1500] [--steps 50000] [--seed 1]

Needs sb3-contrib (and with it stable-baselines3), which nothing else here does. Slices come from
`slice_worlds`, drawn from the seed; equal seeds give equal weights on the same machine. Writes
walker.safetensors, walker.json and log.csv into FOLDER; release_walker.py puts them into the
package.
"""

import argparse
import csv
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from link_scores import link_counts, ratios
from slice_worlds import WorldConfig, draw_world, world_cues

from rl_agent.observation import observe
from rl_agent.oracle import right_action
from rl_agent.policy import WalkerPolicy, save_policy
from rl_agent.rollout import action_log_probabilities, walk_scene
from rl_agent.scene import CANDIDATES, Scene, build_scene
from rl_agent.segment_walk import finished, initial, legal_actions, reward, transition

Int64 = npt.NDArray[np.int64]
Pictures = list[tuple[Scene, Int64]]

DISCOUNT = 0.9
HELD_OUT_SEED = 7
HELD_OUT_FRACTIONS = (0.1, 0.3, 0.5)


@dataclass(frozen=True)
class Recipe:
    """Every number of the training."""

    seed: int = field(default=1, metadata={"help": "of worlds, weights and exploration"})
    worlds: int = field(default=1500, metadata={"help": "slices to learn from"})
    epochs: int = field(default=6, metadata={"help": "passes of imitation, each round"})
    batch: int = field(default=256, metadata={"help": "decisions per step of imitation"})
    learning_rate: float = field(default=2e-3, metadata={"help": "highest, of imitation"})
    wandering: float = field(
        default=0.15, metadata={"help": "share of actions in imitation that are not the truth's"}
    )
    held_out: int = field(default=120, metadata={"help": "slices to choose the policy by"})
    steps: int = field(default=50000, metadata={"help": "actions taken in reinforcement learning"})


def make_pictures(seed: int, count: int, fractions: tuple[float, ...] = ()) -> Pictures:
    """Draw worlds number 0 … count − 1 of a seed and measure them.

    Parameters
    ----------
    seed, count : int
    fractions : tuple of float
        Gap fractions to go through in turn; empty: drawn from the whole range.
    """
    pictures = []
    for index in range(count):
        config = WorldConfig()
        if fractions:
            fraction = fractions[index % len(fractions)]
            config = WorldConfig(gap_fraction=(fraction, fraction))
        world = draw_world(np.random.default_rng([seed, index]), config)
        pictures.append((build_scene(world.curves_yx_px, world_cues(world)), world.truth))
    return pictures


class Decisions(NamedTuple):
    """Situations, what the truth would do in them, and what was earned from there on."""

    rows: torch.Tensor  # (N, ACTIONS, ROW) float32
    actions: torch.Tensor  # (N,) int64
    returns: torch.Tensor  # (N,) float32


def decisions(
    pictures: Pictures, policy: WalkerPolicy | None, wandering: float, rng: np.random.Generator
) -> Decisions:
    """Walk all pictures with the truth, going wrong at times, and write down every situation.

    Parameters
    ----------
    pictures : list of (Scene, (E,) int64)
    policy : WalkerPolicy or None
        Takes the wrong turns; None: a cheap candidate, or giving up, at random.
    wandering : float
        Share of the actions that are not the truth's.
    rng : Generator
    """
    rows, actions, rewards, steps = [], [], [], []
    walking = {i: initial(scene) for i, (scene, _) in enumerate(pictures)}
    while walking := {i: state for i, state in walking.items() if not finished(state)}:
        right = np.array([right_action(state, pictures[i][1]) for i, state in walking.items()])
        rows += [observe(state) for state in walking.values()]
        actions += right.tolist()
        astray = np.flatnonzero(rng.random(len(right)) < wandering)
        if len(astray):
            states = list(walking.values())
            right[astray] = _wrong_turns([states[k] for k in astray], policy, rng)
        taken = dict(zip(walking, right.tolist(), strict=True))
        steps += list(walking)
        rewards += [reward(state, taken[i], pictures[i][1]) for i, state in walking.items()]
        walking = {i: transition(state, taken[i]) for i, state in walking.items()}
    returns, later = np.zeros(len(rewards), dtype=np.float32), dict.fromkeys(steps, 0.0)
    for k in range(len(rewards) - 1, -1, -1):
        returns[k] = later[steps[k]] = rewards[k] + DISCOUNT * later[steps[k]]
    return Decisions(
        torch.from_numpy(np.stack(rows)),
        torch.from_numpy(np.array(actions, dtype=np.int64)),
        torch.from_numpy(returns),
    )


def _wrong_turns(
    states: list, policy: WalkerPolicy | None, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    legal = np.stack([legal_actions(state) for state in states])
    if policy is None:
        logits = np.zeros(legal.shape)
        logits[:, :CANDIDATES] = -0.7 * np.arange(CANDIDATES)
        logits[~legal] = -np.inf
    else:
        logits = action_log_probabilities(policy, states)
    return np.asarray((logits + rng.gumbel(size=logits.shape)).argmax(axis=1))


def imitate(policy: WalkerPolicy, data: Decisions, recipe: Recipe) -> None:
    """Cross-entropy on the truth's actions and squares on the returns, in place."""
    generator = torch.Generator().manual_seed(recipe.seed)
    optimiser = torch.optim.AdamW(policy.parameters(), lr=recipe.learning_rate, weight_decay=1e-3)
    count = len(data.rows)
    total = recipe.epochs * (count // recipe.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.learning_rate, max(total, 2))
    for _ in range(recipe.epochs):
        order = torch.randperm(count, generator=generator)
        for first in range(0, count - recipe.batch + 1, recipe.batch):
            chosen = order[first : first + recipe.batch]
            logits, value = policy(data.rows[chosen])
            loss = torch.nn.functional.cross_entropy(logits, data.actions[chosen])
            loss = loss + 0.02 * torch.nn.functional.mse_loss(value, data.returns[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()


def greedy_scores(policy: WalkerPolicy, pictures: Pictures) -> list[float]:
    """Link F1 of greedy walks, at each of the held-out gap fractions."""
    found = []
    for k in range(len(HELD_OUT_FRACTIONS)):
        chosen = pictures[k :: len(HELD_OUT_FRACTIONS)]
        partners = [walk_scene(s, policy, np.random.default_rng(0))[0] for s, _ in chosen]
        counts = sum(link_counts(p, t) for p, (_, t) in zip(partners, chosen, strict=True))
        found.append(ratios(counts)[2])
    return found


def train(recipe: Recipe, folder: Path) -> WalkerPolicy:
    """Imitate, improve, keep the better; the log goes into the folder."""
    from walker_ppo import improve  # sb3-contrib is needed for this step alone

    torch.manual_seed(recipe.seed)
    begun, rows = time.process_time(), []
    held_out = make_pictures(HELD_OUT_SEED, recipe.held_out, HELD_OUT_FRACTIONS)

    def note(step: str) -> float:
        scores = greedy_scores(policy, held_out)
        row = [step, round(time.process_time() - begun), *(round(s, 4) for s in scores)]
        rows.append(row)
        print(*row, flush=True)
        return float(np.mean(scores))

    rng = np.random.default_rng([recipe.seed, 0])
    policy = WalkerPolicy()
    pictures = make_pictures(recipe.seed, recipe.worlds)
    data = decisions(pictures, None, recipe.wandering, rng)
    imitate(policy, data, recipe)
    note("imitation of the truth")
    more = decisions(pictures, policy, recipe.wandering, rng)
    imitate(policy, Decisions(*(torch.cat(pair) for pair in zip(data, more, strict=True))), recipe)
    best = note("imitation where the walker errs")
    kept = {name: value.clone() for name, value in policy.state_dict().items()}
    earned = improve(policy, pictures, recipe.steps, recipe.seed, DISCOUNT)
    if note("masked PPO") < best:
        policy.load_state_dict(kept)
    with (folder / "log.csv").open("w", newline="") as file:
        columns = ["step", "cpu_s", *(f"link_f1_at_{f:g}" for f in HELD_OUT_FRACTIONS)]
        csv.writer(file).writerows([columns, *rows, ["actions", "mean_reward"], *earned])
    return policy


def main() -> None:
    """Train and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    for name in ("seed", "worlds", "steps"):
        parser.add_argument(f"--{name}", type=int, default=getattr(Recipe, name))
    options = parser.parse_args()
    recipe = Recipe(seed=options.seed, worlds=options.worlds, steps=options.steps)
    options.folder.mkdir(parents=True, exist_ok=True)
    policy = train(recipe, options.folder)
    facts = asdict(recipe) | {"config": asdict(WorldConfig())}
    save_policy(options.folder / "walker.safetensors", policy, {"recipe": facts})


if __name__ == "__main__":
    main()
