"""The recipe of the shipped segment walker: imitation of the truth, then masked PPO.

    python scripts/train_walker.py FOLDER [--worlds 4000] [--fresh 2000] [--steps 131072] [--seed 1]

Needs sb3-contrib (and with it stable-baselines3), which nothing else here does. Slices come from
`slice_worlds`, drawn from the seed; equal seeds give equal weights on the same machine. Writes
walker.safetensors, walker.json and log.csv into FOLDER; release_walker.py puts them into the
package.
"""

import argparse
import csv
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from link_scores import link_counts, ratios
from slice_worlds import WorldConfig, draw_world, world_cues

from rl_agent.observation import BELIEFS, observe
from rl_agent.oracle import right_action
from rl_agent.policy import WalkerPolicy, only_allowed, save_policy
from rl_agent.rollout import action_log_probabilities, first_look, link_ends
from rl_agent.scene import Scene, build_scene
from rl_agent.segment_walk import finished, initial, put_down, reward, transition

Int64 = npt.NDArray[np.int64]
Pictures = list[tuple[Scene, Int64]]
Network = Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]

DISCOUNT = 0.9
HELD_OUT_SEED = 7
HELD_OUT_FRACTIONS = (0.1, 0.3, 0.5)


@dataclass(frozen=True)
class Recipe:
    """Every number of the training."""

    seed: int = field(default=1, metadata={"help": "of worlds, weights and exploration"})
    worlds: int = field(default=4000, metadata={"help": "slices to imitate the truth on"})
    fresh: int = field(default=2000, metadata={"help": "further slices, for reinforcement"})
    epochs: int = field(default=8, metadata={"help": "passes of imitation"})
    batch: int = field(default=256, metadata={"help": "decisions per step of imitation"})
    learning_rate: float = field(default=2e-3, metadata={"help": "highest, of imitation"})
    wandering: float = field(
        default=0.15, metadata={"help": "share of actions in imitation that are not the truth's"}
    )
    held_out: int = field(default=450, metadata={"help": "slices to choose the policy by"})
    steps: int = field(default=131072, metadata={"help": "actions taken in reinforcement learning"})


def make_pictures(seed: int, numbers: range, fractions: tuple[float, ...] = ()) -> Pictures:
    """Draw worlds of a seed by their numbers and measure them.

    Parameters
    ----------
    seed : int
    numbers : range
    fractions : tuple of float
        Gap fractions to go through in turn; empty: drawn from the whole range.
    """
    pictures = []
    for index in numbers:
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


def first_decisions(pictures: Pictures) -> Decisions:
    """Every end of every picture alone, and what the truth would do there; nothing earned."""
    states = [
        (put_down(initial(scene), end), truth)
        for scene, truth in pictures
        for end in range(len(truth))
    ]
    rows = np.stack([observe(state) for state, _ in states])
    actions = np.array([right_action(*pair) for pair in states])
    return Decisions(*(torch.from_numpy(a) for a in (rows, actions, np.zeros(len(rows), "f4"))))


def decisions(
    pictures: Pictures, policy: WalkerPolicy, wandering: float, rng: np.random.Generator
) -> Decisions:
    """Walk all pictures with the truth, going wrong at times, and write down every situation.

    Parameters
    ----------
    pictures : list of (Scene, (E,) int64)
    policy : WalkerPolicy
        Takes the wrong turns.
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
            logits = action_log_probabilities(policy, [states[k] for k in astray])
            right[astray] = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
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


def imitate(network: Network, learning: list, data: Decisions, recipe: Recipe) -> None:
    """Cross-entropy on the truth's actions and squares on the returns, in place.

    Parameters
    ----------
    network : callable
        Rows to logits and values.
    learning : list of torch.nn.Parameter
        Of the network.
    data : Decisions
    recipe : Recipe
    """
    generator = torch.Generator().manual_seed(recipe.seed)
    optimiser = torch.optim.AdamW(learning, lr=recipe.learning_rate, weight_decay=1e-3)
    count = len(data.rows)
    total = recipe.epochs * (count // recipe.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.learning_rate, max(total, 2))
    for _ in range(recipe.epochs):
        order = torch.randperm(count, generator=generator)
        for first in range(0, count - recipe.batch + 1, recipe.batch):
            chosen = order[first : first + recipe.batch]
            logits, value = network(data.rows[chosen])
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
        partners = [link_ends(s, policy, np.random.default_rng(0), walks=1) for s, _ in chosen]
        counts = sum(link_counts(p, t) for p, (_, t) in zip(partners, chosen, strict=True))
        found.append(ratios(counts)[2])
    return found


def looked_at(pictures: Pictures, policy: WalkerPolicy) -> Pictures:
    """Pictures with the beliefs of the policy's first look."""
    return [(s._replace(beliefs=first_look(s, policy)), truth) for s, truth in pictures]


def imitation(recipe: Recipe) -> WalkerPolicy:
    """Teach the first look, then the walk, which begins as the first look."""
    torch.manual_seed(recipe.seed)
    policy = WalkerPolicy()
    pictures = make_pictures(recipe.seed, range(recipe.worlds))

    def look(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return only_allowed(policy.first_look(rows)[0], rows), torch.zeros(len(rows))

    imitate(look, list(policy.first_look.parameters()), first_decisions(pictures), recipe)
    policy.walk.load_state_dict(policy.first_look.state_dict())
    with torch.no_grad():
        policy.walk.embed[0].weight[:, BELIEFS] = 0.0  # the first look never saw beliefs
    rng = np.random.default_rng([recipe.seed, 0])
    data = decisions(looked_at(pictures, policy), policy, recipe.wandering, rng)
    imitate(policy, [*policy.walk.parameters(), *policy.value.parameters()], data, recipe)
    return policy


def train(recipe: Recipe, folder: Path) -> WalkerPolicy:
    """Imitate, improve, keep the better; the log goes into the folder."""
    from walker_ppo import improve  # sb3-contrib is needed for this step alone

    begun, rows = time.process_time(), []
    held_out = make_pictures(HELD_OUT_SEED, range(recipe.held_out), HELD_OUT_FRACTIONS)

    def note(step: str) -> float:
        scores = greedy_scores(policy, held_out)
        row = [step, round(time.process_time() - begun), *(round(s, 4) for s in scores)]
        rows.append(row)
        print(*row, flush=True)
        return float(np.mean(scores))

    policy = imitation(recipe)
    best = note("imitation")
    kept = {name: value.clone() for name, value in policy.state_dict().items()}
    fresh = range(recipe.worlds, recipe.worlds + recipe.fresh)
    pictures = looked_at(make_pictures(recipe.seed, fresh), policy)
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
    for name in ("seed", "worlds", "fresh", "steps"):
        parser.add_argument(f"--{name}", type=int, default=getattr(Recipe, name))
    options = vars(parser.parse_args())
    folder = options.pop("folder")
    recipe = Recipe(**options)
    folder.mkdir(parents=True, exist_ok=True)
    policy = train(recipe, folder)
    facts = asdict(recipe) | {"config": asdict(WorldConfig())}
    save_policy(folder / "walker.safetensors", policy, {"recipe": facts})


if __name__ == "__main__":
    main()
