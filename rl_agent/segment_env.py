"""The walk from fragment to fragment as a Gymnasium environment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from rl_agent.observation import ROW, observe
from rl_agent.scene import Scene
from rl_agent.segment_walk import (
    ACTIONS,
    WRONG_LINK,
    WalkState,
    finished,
    initial,
    legal_actions,
    reward,
    transition,
)

Int64 = npt.NDArray[np.int64]

FORBIDDEN_REWARD = WRONG_LINK
"""Reward of an action that the rules forbid; it also ends the episode."""


class SegmentWalkEnv(gymnasium.Env[npt.NDArray[np.float32], np.int64]):  # type: ignore[misc]
    """Walk a picture's fragments until all their ends are decided; see `segment_walk`.

    Parameters
    ----------
    scenes : sequence of (Scene, (E,) int64)
        Pictures with at least one fragment each, and the end that each end is truly linked to.
        Give them the beliefs of the policy first (`rollout.first_look`).

    Notes
    -----
    One episode is one picture, drawn at random in `reset`, or ``options["scene"]``. Observation:
    (ACTIONS, ROW) float32, see `observation.observe`. ``info["action_mask"]`` is (ACTIONS,)
    int8, 1 where an action is allowed; `action_masks` gives the same as bool.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 (Gymnasium's contract)

    def __init__(self, scenes: Sequence[tuple[Scene, Int64]]) -> None:
        if not scenes or any(len(truth) == 0 for _, truth in scenes):
            raise ValueError("scenes must hold at least one picture, each with a fragment")
        self._scenes = scenes
        self._state: WalkState | None = None
        self._legal = np.zeros(ACTIONS, dtype=bool)
        self._truth = scenes[0][1]
        self.action_space = gymnasium.spaces.Discrete(ACTIONS)
        self.observation_space = gymnasium.spaces.Box(-5.0, 5.0, (ACTIONS, ROW), np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[npt.NDArray[np.float32], dict[str, Any]]:
        """Begin a picture: ``options["scene"]`` (an index), or one drawn at random."""
        super().reset(seed=seed)
        chosen = (options or {}).get("scene")
        if chosen is None:
            chosen = self.np_random.integers(len(self._scenes))
        scene, self._truth = self._scenes[int(chosen)]
        return self._stand(initial(scene))

    def step(
        self, action: np.int64
    ) -> tuple[npt.NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Take one action: observation, reward, terminated, truncated (never), info."""
        if self._state is None:
            raise ValueError("reset() must be called before step()")
        state, chosen = self._state, int(action)
        if not self._legal[chosen]:
            rows, info = self._stand(state)
            return rows, FORBIDDEN_REWARD, True, False, info
        earned = reward(state, chosen, self._truth)
        rows, info = self._stand(transition(state, chosen))
        return rows, earned, finished(self._state), False, info

    def action_masks(self) -> npt.NDArray[np.bool_]:
        """(ACTIONS,) which actions are allowed now, as masked policies ask for it."""
        if self._state is None:
            raise ValueError("reset() must be called before action_masks()")
        return self._legal.copy()

    def _stand(self, state: WalkState) -> tuple[npt.NDArray[np.float32], dict[str, Any]]:
        """Keep a state and what is allowed in it: observation and info."""
        self._state, self._legal = state, legal_actions(state)
        info = {"action_mask": self._legal.astype(np.int8), "partner": state.partner.copy()}
        return observe(state), info
