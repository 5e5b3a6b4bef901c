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
        self._state = initial(scene)
        return observe(self._state), self._info(self._state)

    def step(
        self, action: np.int64
    ) -> tuple[npt.NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Take one action: observation, reward, terminated, truncated (never), info."""
        if self._state is None:
            raise ValueError("reset() must be called before step()")
        state, chosen = self._state, int(action)
        if not legal_actions(state)[chosen]:
            return observe(state), FORBIDDEN_REWARD, True, False, self._info(state)
        earned = reward(state, chosen, self._truth)
        self._state = transition(state, chosen)
        done = finished(self._state)
        return observe(self._state), earned, done, False, self._info(self._state)

    def action_masks(self) -> npt.NDArray[np.bool_]:
        """(ACTIONS,) which actions are allowed now, as masked policies ask for it."""
        if self._state is None:
            raise ValueError("reset() must be called before action_masks()")
        return legal_actions(self._state)

    def _info(self, state: WalkState) -> dict[str, Any]:
        return {
            "action_mask": legal_actions(state).astype(np.int8),
            "partner": state.partner.copy(),
        }
