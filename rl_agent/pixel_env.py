"""The pixel walk as a Gymnasium environment."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from rl_agent.pixel_walk import (
    MOVES,
    WalkState,
    finished,
    initial,
    legal_actions,
    reward,
    transition,
)

ILLEGAL_REWARD = -1.0
"""Reward of a move that the rules forbid; it also ends the episode."""


class PixelWalkEnv(gymnasium.Env[npt.NDArray[np.uint8], np.int64]):  # type: ignore[misc]
    """Walk along labelled pixels of one image; see `rl_agent.pixel_walk` for the rules.

    Parameters
    ----------
    labelled : (H, W) bool
        Pixels that may be walked on; at least one.
    view_px : int
        Half the edge of the square that the walker sees.

    Notes
    -----
    Observation: (2, V, V) uint8 with V = 2·view_px + 1, labelled pixels and visited pixels
    around the walker, 0 or 255. ``info["action_mask"]`` is (8,) int8, 1 where a move is legal.
    A forbidden move costs `ILLEGAL_REWARD` and ends the episode where the walker stands.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 (Gymnasium's contract)

    def __init__(self, labelled: npt.NDArray[np.bool_], view_px: int = 5) -> None:
        if labelled.ndim != 2 or not labelled.any():
            raise ValueError(f"labelled must be (H, W) with a pixel set, got {labelled.shape}")
        if view_px < 1:
            raise ValueError(f"view_px must be at least 1, got {view_px}")
        self._labelled = np.array(labelled, dtype=bool)
        self._labelled.setflags(write=False)
        self._pixels = np.argwhere(self._labelled)
        self._view_px = view_px
        self._state: WalkState | None = None
        width = 2 * view_px + 1
        self.action_space = gymnasium.spaces.Discrete(len(MOVES))
        self.observation_space = gymnasium.spaces.Box(0, 255, (2, width, width), np.uint8)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[npt.NDArray[np.uint8], dict[str, Any]]:
        """Put the walker on ``options["start_yx"]``, or on a labelled pixel drawn at random."""
        super().reset(seed=seed)
        start = (options or {}).get("start_yx")
        if start is None:
            start = self._pixels[self.np_random.integers(len(self._pixels))]
        self._state = initial(self._labelled, (int(start[0]), int(start[1])))
        return self._observe(self._state), self._info(self._state)

    def step(
        self, action: np.int64
    ) -> tuple[npt.NDArray[np.uint8], float, bool, bool, dict[str, Any]]:
        """Make one move: observation, reward, terminated, truncated (never), info."""
        if self._state is None:
            raise ValueError("reset() must be called before step()")
        state, chosen = self._state, int(action)
        if chosen not in legal_actions(state):
            return self._observe(state), ILLEGAL_REWARD, True, False, self._info(state)
        earned = reward(state, chosen)
        self._state = transition(state, chosen)
        done = finished(self._state)
        return self._observe(self._state), earned, done, False, self._info(self._state)

    def _observe(self, state: WalkState) -> npt.NDArray[np.uint8]:
        half = self._view_px
        visited = np.zeros_like(self._labelled)
        visited[tuple(np.transpose(state.path))] = True
        y, x = state.path[-1]
        layers = np.pad(np.stack([state.labelled, visited]), ((0, 0), (half, half), (half, half)))
        view = layers[:, y : y + 2 * half + 1, x : x + 2 * half + 1]
        return view.astype(np.uint8) * np.uint8(255)

    def _info(self, state: WalkState) -> dict[str, Any]:
        mask = np.zeros(len(MOVES), dtype=np.int8)
        mask[list(legal_actions(state))] = 1
        return {"action_mask": mask, "path_yx": state.path}
