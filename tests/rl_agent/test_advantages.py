"""The training library's advantages, which ours relies on: scripts/walker_ppo.py."""

import numpy as np
import pytest
import torch

buffers = pytest.importorskip("sb3_contrib.common.maskable.buffers")
spaces = pytest.importorskip("gymnasium.spaces")

DISCOUNT, TRACE = 0.5, 0.9  # gamma, and lambda as walker_ppo sets it


def test_advantages_are_those_by_hand_and_stop_where_an_episode_ends():
    buffer = buffers.MaskableRolloutBuffer(
        3, spaces.Box(-1, 1, (1,)), spaces.Discrete(2), gae_lambda=TRACE, gamma=DISCOUNT
    )
    rewards, values, starts = [1.0, -1.0, 2.0], [0.5, 0.25, 1.0], [1.0, 0.0, 1.0]
    for reward, value, start in zip(rewards, values, starts, strict=True):
        buffer.add(
            np.zeros((1, 1)),
            np.zeros((1, 1)),
            np.array([reward]),
            np.array([start]),
            torch.tensor([value]),
            torch.zeros(1),
            action_masks=np.ones((1, 2)),
        )
    buffer.compute_returns_and_advantage(torch.tensor([4.0]), np.array([0.0]))
    last = 2.0 + DISCOUNT * 4.0 - 1.0  # the second episode goes on after the buffer's end
    second = -1.0 - 0.25  # the first one ends here: no value beyond, no trace back
    first = 1.0 + DISCOUNT * 0.25 - 0.5 + DISCOUNT * TRACE * second
    np.testing.assert_allclose(buffer.advantages.ravel(), [first, second, last], rtol=1e-6)
    np.testing.assert_allclose(
        buffer.returns.ravel(), np.array([first, second, last]) + values, rtol=1e-6
    )
