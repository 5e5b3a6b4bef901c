"""Masked PPO for the segment walker, by sb3-contrib; used by train_walker.py alone."""

from typing import Any

import numpy as np
import torch
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import DummyVecEnv

from rl_agent.observation import ROW
from rl_agent.policy import WalkerPolicy
from rl_agent.segment_env import SegmentWalkEnv
from rl_agent.segment_walk import ACTIONS

ENVIRONMENTS = 64
STEPS_PER_UPDATE = 64
LEARNING_RATE = 5e-4  # at the start; falls linearly to 0


class _Heads(torch.nn.Module):
    """The walker as sb3's extractor: what it calls latent is our logits, and the common part."""

    def __init__(self, walker: WalkerPolicy) -> None:
        super().__init__()
        self.walker = walker
        self.latent_dim_pi = ACTIONS
        self.latent_dim_vf = walker.value[0].in_features

    def forward(self, flat: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        logits, common = self.walker.walk(flat.view(-1, ACTIONS, ROW))
        return logits, common

    def forward_actor(self, flat: torch.Tensor) -> torch.Tensor:
        return self.forward(flat)[0]

    def forward_critic(self, flat: torch.Tensor) -> torch.Tensor:
        return self.forward(flat)[1]


class WalkerActorCritic(MaskableActorCriticPolicy):
    """sb3's policy around a `WalkerPolicy`, which it trains in place."""

    def __init__(self, *args: Any, walker: WalkerPolicy, **more: Any) -> None:
        self._walker = [walker]  # in a list, as no module may be set before Module.__init__
        super().__init__(*args, **more)

    def _build_mlp_extractor(self) -> None:
        self.mlp_extractor = _Heads(self._walker[0])

    def _build(self, lr_schedule: Any) -> None:
        walker = self._walker[0]
        kept = {name: value.clone() for name, value in walker.state_dict().items()}
        super()._build(lr_schedule)  # initialises all layers anew
        walker.load_state_dict(kept)
        self.action_net = torch.nn.Identity()
        self.value_net = walker.value
        learning = [*walker.walk.parameters(), *walker.value.parameters()]
        self.optimizer = torch.optim.Adam(learning, lr=lr_schedule(1), eps=1e-5)


class _Progress(BaseCallback):
    """Mean reward per action of every update, for the log."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[tuple[int, float]] = []

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        buffer = self.model.rollout_buffer
        self.rows.append((self.num_timesteps, float(np.mean(buffer.rewards))))


def improve(
    walker: WalkerPolicy, pictures: list, steps: int, seed: int, discount: float
) -> list[tuple[int, float]]:
    """Train a walker in place on pictures with known links.

    Parameters
    ----------
    walker : WalkerPolicy
    pictures : list of (Scene, (E,) int64)
    steps : int
        Actions to be taken in all.
    seed : int
    discount : float

    Returns
    -------
    list of (int, float)
        Actions taken, and mean reward per action, at every update.

    References
    ----------
    Schulman et al. 2017, arXiv:1707.06347; Huang and Ontañón 2022 (invalid action masking),
    doi:10.32473/flairs.v35i.130584.
    """
    environment = DummyVecEnv([lambda: SegmentWalkEnv(pictures)] * ENVIRONMENTS)
    model = MaskablePPO(
        WalkerActorCritic,
        environment,
        learning_rate=lambda left: LEARNING_RATE * left,
        n_steps=STEPS_PER_UPDATE,
        batch_size=512,
        n_epochs=4,
        gamma=discount,
        gae_lambda=0.9,
        clip_range=0.2,
        ent_coef=0.002,
        vf_coef=0.25,
        target_kl=0.03,
        seed=seed,
        device="cpu",
        policy_kwargs={"walker": walker},
    )
    progress = _Progress()
    model.learn(steps, callback=progress)
    return progress.rows
