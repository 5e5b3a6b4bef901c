"""Put a trained walker into the package, with its model card.

python scripts/benchmark_slice_grouping.py --policy FOLDER/walker.safetensors --json SCORES.json
python scripts/release_walker.py FOLDER SCORES.json
"""

import argparse
import csv
import json
from pathlib import Path

from rl_agent.policy import DEFAULT_POLICY, load_policy, save_policy

CARD = """# {name}

Segment walker of `membraneseg`: scores what a walker at the end of a membrane fragment can do next
(link to one of {candidates} candidate ends, close, give up, go back).

- **Architecture**: two perceptrons of width {width}, each the same for all actions, {row} numbers
  per action, mean and maximum over the actions as context. The first looks at every end alone;
  the second walks, and knows what the first believes of each link and of its rivals.
  {parameters} weights, float32 safetensors, no pickle.
- **Data**: {worlds} + {fresh} synthetic slices of {size}² pixels (`scripts/slice_worlds.py`):
  outlines of `synth2d` bodies cut by the missing wedge and at random, {low:.0%} to {high:.0%} of
  them missing, false fragments, scattered points; no real tomogram.
- **Training**: `scripts/train_walker.py`, seed {seed}: imitation of the truth on the first
  {worlds} slices, then masked PPO (sb3-contrib) on the {fresh} others, {steps} actions;
  {seconds} s of processor time, one core.
- **Input**: lengths in units of one voxel; nothing changes when the slice is turned or mirrored.
- **sha256**: `{sha256}`

Link F1 of single greedy walks on {held_out} held-out slices, after each step of the training. The
step with the higher mean is kept, here `{kept}`:

| step | {fractions} |
|---|{rules}
{log}

Evaluation slices (`scripts/benchmark_slice_grouping.py`, {slices} per gap fraction, seeds from
{first_seed} on, never trained or tuned on):

| missing | method | link precision | recall | F1 | adjusted Rand index |
|---|---|---|---|---|---|
{scores}
"""


def log_values(rows: list[list[str]]) -> dict[str, object]:
    """What the card says of the training's log: scores after each step, seconds, the step kept."""
    steps = rows[1 : next(i for i, row in enumerate(rows) if row[0] == "actions")]
    scores = rows[0][2:]
    return {
        "seconds": steps[-1][1],
        "kept": max(steps, key=lambda row: sum(map(float, row[2:])))[0],
        "fractions": " | ".join(f"{float(c.split('_')[-1]):.0%} missing" for c in scores),
        "rules": "---|" * len(scores),
        "log": "\n".join(f"| {row[0]} | " + " | ".join(row[2:]) + " |" for row in steps),
    }


def score_rows(scores: dict[str, dict[str, dict[str, float]]]) -> str:
    """Rows of the card's table: one per gap fraction and method."""
    return "\n".join(
        f"| {float(fraction):.0%} | {name} | "
        + " | ".join(f"{row[key]:.3f}" for key in ("precision", "recall", "F1", "Rand"))
        + " |"
        for fraction, table in scores.items()
        for name, row in table.items()
    )


def main() -> None:
    """Copy the weights and write the card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of the training")
    parser.add_argument("scores", type=Path, help="JSON of the benchmark")
    options = parser.parse_args()
    source = options.folder / "walker.safetensors"
    recipe = json.loads(source.with_suffix(".json").read_text())["recipe"]
    bench = json.loads(options.scores.read_text())
    policy = load_policy(source)
    DEFAULT_POLICY.parent.mkdir(exist_ok=True)
    save_policy(DEFAULT_POLICY, policy, {"recipe": recipe, "scores": bench["scores"]})
    card = json.loads(DEFAULT_POLICY.with_suffix(".json").read_text())
    with (options.folder / "log.csv").open(newline="") as file:
        values = log_values(list(csv.reader(file)))
    text = CARD.format(
        name=DEFAULT_POLICY.stem,
        candidates=card["actions"] - 3,
        row=card["row"],
        width=policy.walk.embed[0].out_features,
        parameters=sum(p.numel() for p in policy.parameters()),
        size=recipe["config"]["slices"]["size_px"],
        low=recipe["config"]["gap_fraction"][0],
        high=recipe["config"]["gap_fraction"][1],
        sha256=card["sha256"],
        slices=bench["slices"],
        first_seed=bench["first_seed"],
        scores=score_rows(bench["scores"]),
        **{key: recipe[key] for key in ("worlds", "fresh", "seed", "steps", "held_out")},
        **values,
    )
    DEFAULT_POLICY.with_suffix(".md").write_text(text)


if __name__ == "__main__":
    main()
