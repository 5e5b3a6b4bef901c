import math
import warnings

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from rl_agent.pixel_env import ILLEGAL_REWARD, PixelWalkEnv
from rl_agent.pixel_walk import MOVES, finished, initial, legal_actions, reward, transition
from rl_agent.straight_ahead import walk


def image(*rows):
    return np.array([[c == "#" for c in row] for row in rows])


CROSS = image(
    "....#....",
    "....#....",
    "....#....",
    "....#....",
    "#########",
    "....#....",
    "....#....",
    "....#....",
    "....#....",
)


def test_eight_moves_are_the_eight_neighbours():
    assert sorted(MOVES) == sorted(
        (y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if (y, x) != (0, 0)
    )


def test_legal_actions_are_labelled_unvisited_neighbours():
    state = initial(CROSS, (4, 4))
    assert [MOVES[a] for a in legal_actions(state)] == [(-1, 0), (1, 0), (0, -1), (0, 1)]
    moved = transition(state, 3)
    assert {MOVES[a] for a in legal_actions(moved)} == {(0, 1), (-1, -1), (1, -1)}


def test_no_pixel_is_visited_twice():
    rng = np.random.default_rng(0)
    state = initial(np.ones((6, 6), bool), (2, 2))
    while not finished(state):
        state = transition(state, int(rng.choice(legal_actions(state))))
    assert len(set(state.path)) == len(state.path) > 10
    with pytest.raises(ValueError, match="is not one of"):
        transition(state, 0)


def test_transition_leaves_the_state_it_came_from_alone():
    state = initial(CROSS, (4, 0))
    transition(state, 3)
    assert state.path == ((4, 0),)


def test_reward_is_one_straight_on_and_half_at_a_right_angle():
    state = initial(CROSS, (4, 0))
    for _ in range(4):
        state = transition(state, 3)
    assert reward(state, 3) == pytest.approx(1.0)
    assert reward(state, 0) == pytest.approx(0.5)
    assert reward(state, 7) == pytest.approx(0.75)


def test_walker_goes_straight_through_a_crossing_from_every_arm():
    for start, end in (((4, 0), (4, 8)), ((0, 4), (8, 4)), ((8, 4), (0, 4)), ((4, 8), (4, 0))):
        path = walk(initial(CROSS, start)).path
        assert path[-1] == end
        assert len(path) == 9


def test_walker_on_the_bar_of_a_t_goes_on_and_on_its_stem_stops():
    tee = CROSS.copy()
    tee[:4, 4] = False
    assert walk(initial(tee, (4, 0))).path[-1] == (4, 8)
    assert abs(walk(initial(tee, (8, 4))).path[-1][1] - 4) <= 1


def test_walker_rounds_a_circle_whole():
    angle = np.linspace(0, 2 * math.pi, 400)
    ring = np.zeros((41, 41), bool)
    ring[
        np.round(20 + 15 * np.sin(angle)).astype(int), np.round(20 + 15 * np.cos(angle)).astype(int)
    ] = True
    path = walk(initial(ring, (20, 35))).path
    assert max(abs(path[-1][0] - 20), abs(path[-1][1] - 35)) <= 1
    assert len(path) == pytest.approx(8 * 15 / math.sqrt(2), abs=5)  # 8-connected circle


def test_environment_passes_the_checker_without_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(PixelWalkEnv(CROSS), skip_render_check=True)


def test_environment_pays_what_the_rules_say():
    env = PixelWalkEnv(CROSS)
    _, info = env.reset(options={"start_yx": (4, 0)})
    assert info["action_mask"].tolist() == [0, 0, 0, 1, 0, 0, 0, 0]
    total = 0.0
    for _ in range(8):
        _, earned, done, truncated, info = env.step(np.int64(3))
        total += earned
    assert (total, done, truncated) == (pytest.approx(8.0), True, False)
    assert env.step(np.int64(3))[1:3] == (ILLEGAL_REWARD, True)


def test_equal_seeds_start_equal_walks():
    starts = [PixelWalkEnv(CROSS).reset(seed=s)[1]["path_yx"] for s in (5, 5, 6, 7, 8)]
    assert starts[0] == starts[1]
    assert len(set(starts)) > 1
