"""The walker's network: one small perceptron scores every action, another the state."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from rl_agent.observation import ROW
from rl_agent.segment_walk import ACTIONS

DEFAULT_POLICY = Path(__file__).parent / "weights" / "segment_walker_v2.safetensors"
WIDTH = 64


class ActionScorer(torch.nn.Module):
    """Scores of the actions from their rows.

    Each action's row goes through the same layers; what all rows have in common (mean and
    maximum over the allowed ones) joins each row before it is scored. Listing the candidates in
    another order therefore lists the scores in that order.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.embed = torch.nn.Sequential(
            torch.nn.Linear(ROW, width),
            torch.nn.ReLU(),
            torch.nn.Linear(width, width),
            torch.nn.ReLU(),
        )
        self.score = torch.nn.Sequential(
            torch.nn.Linear(3 * width, width), torch.nn.ReLU(), torch.nn.Linear(width, 1)
        )

    def forward(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Scores (B, ACTIONS) and the common part (B, 2 · width) of rows (B, ACTIONS, ROW)."""
        allowed = (rows[..., :1] > 0.5).float()
        embedded = self.embed(rows) * allowed  # at least 0, so that 0 is a neutral maximum
        mean = embedded.sum(dim=-2) / allowed.sum(dim=-2).clamp(min=1.0)
        common = torch.cat([mean, embedded.amax(dim=-2)], dim=-1)
        spread = common[..., None, :].expand(*common.shape[:-1], ACTIONS, common.shape[-1])
        return self.score(torch.cat([embedded, spread], dim=-1))[..., 0], common


class WalkerPolicy(torch.nn.Module):
    """First look at every end alone, then the walk, which knows what the first look believes."""

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        self.first_look = ActionScorer(width)
        self.walk = ActionScorer(width)
        self.value = torch.nn.Sequential(
            torch.nn.Linear(2 * width, width), torch.nn.ReLU(), torch.nn.Linear(width, 1)
        )

    def forward(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits of the walk (B, ACTIONS), −∞ where not allowed, and values of the states (B,)."""
        logits, common = self.walk(rows)
        return only_allowed(logits, rows), self.value(common)[..., 0]


def only_allowed(logits: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Logits (B, ACTIONS), −∞ where the rows (B, ACTIONS, ROW) are of actions not allowed."""
    return logits.masked_fill(rows[..., 0] < 0.5, -torch.inf)


def save_policy(path: Path, policy: WalkerPolicy, facts: dict[str, object]) -> None:
    """Write the weights (float32 safetensors), and facts with the file's hash as JSON beside."""
    state = {name: value.detach().cpu().contiguous() for name, value in policy.state_dict().items()}
    save_file(state, path)
    card = {"row": ROW, "actions": ACTIONS, "sha256": _sha256(path), **facts}
    path.with_suffix(".json").write_text(json.dumps(card, indent=2) + "\n")


def load_policy(path: Path = DEFAULT_POLICY) -> WalkerPolicy:
    """Read a policy.

    Parameters
    ----------
    path : Path
        A `.safetensors` file with its `.json` beside it.

    Returns
    -------
    WalkerPolicy
        In evaluation mode, on the CPU.

    Raises
    ------
    ValueError
        If a file is missing, damaged, or belongs to another walker.
    """
    described = path.with_suffix(".json")
    for needed in (path, described):
        if not needed.is_file():
            raise ValueError(
                f"The policy file {needed} does not exist: give a .safetensors file with its "
                ".json beside it."
            )
    try:
        card = json.loads(described.read_text())
        expected, shape = card["sha256"], (card["row"], card["actions"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{described} does not describe a walker's policy ({error}): use the .json that was "
            "written together with the weights."
        ) from error
    if _sha256(path) != expected:
        raise ValueError(
            f"{path} does not have the sha256 that {described.name} states: the file is damaged "
            "or belongs to another description; fetch both again."
        )
    policy = WalkerPolicy()
    try:
        policy.load_state_dict(load_file(path))
    except (RuntimeError, SafetensorError) as error:
        raise ValueError(
            f"{path} holds another network than this walker's (rows and actions {shape}, expected "
            f"{(ROW, ACTIONS)}): use the policy that came with this version."
        ) from error
    return policy.eval()


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
