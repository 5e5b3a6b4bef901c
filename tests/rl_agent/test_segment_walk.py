import warnings

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from ring_pictures import arc, concentric_rings, scene_of

from rl_agent.chains import chain_labels
from rl_agent.observation import ROW, observe
from rl_agent.oracle import right_action
from rl_agent.segment_env import FORBIDDEN_REWARD, SegmentWalkEnv
from rl_agent.segment_walk import (
    ACTIONS,
    BACKTRACK,
    CLOSE,
    FREE,
    GIVE_UP,
    LOOSE,
    MOST_BACKTRACKS,
    finished,
    initial,
    legal_actions,
    put_down,
    reward,
    transition,
)


@pytest.fixture(scope="module")
def rings():
    curves, truth = concentric_rings()
    return scene_of(curves), truth


def slot_of(state, end):
    return int(np.flatnonzero(state.scene.candidates[state.here] == end)[0])


def random_walk(scene, seed, allowed=lambda legal: legal):
    rng, state, taken = np.random.default_rng(seed), initial(scene), []
    while not finished(state):
        taken.append(int(rng.choice(np.flatnonzero(allowed(legal_actions(state))))))
        state = transition(state, taken[-1])
    return state, taken


def test_a_scripted_walk_earns_what_the_rules_say(rings):
    scene, truth = rings
    state = put_down(initial(scene), 1)  # leaves the first piece of the outer ring at its end
    crossing = -0.1 if scene.crossing[1, slot_of(state, 8)] else 0.0
    wrong = -0.85 - 2.0 + crossing  # itself, and the true links of both its ends
    script = [
        (lambda s: slot_of(s, 8), wrong),  # on to the inner ring
        (lambda _: BACKTRACK, -wrong - 0.05),  # taken back
        (lambda s: slot_of(s, 2), 0.0),
        (lambda s: slot_of(s, 4), 0.0),
        (lambda _: CLOSE, 0.1),
        (lambda _: GIVE_UP, -1.0),  # on the inner ring, whose partner is there
        (lambda _: GIVE_UP, -1.0),
        (lambda _: GIVE_UP, 0.0),  # its last piece: nothing is left
        (lambda _: GIVE_UP, 0.0),
    ]
    for choose, earned in script:
        action = choose(state)
        assert reward(state, action, truth) == pytest.approx(earned)
        state = transition(state, action)
    assert finished(state)
    assert state.partner.tolist() == [5, 2, 1, 4, 3, 0, LOOSE, LOOSE, LOOSE, LOOSE]


def test_a_closure_behind_a_wrong_link_earns_no_bonus():
    scene = scene_of([arc(30, 0, 150), arc(30, 180, 330)])
    truth = np.array([3, -1, -1, 0])  # only the closing link is true
    state = put_down(initial(scene), 1)
    assert reward(state, slot_of(state, 2), truth) == pytest.approx(-0.85)
    state = transition(state, slot_of(state, 2))
    assert reward(state, CLOSE, truth) == 0.0


@pytest.mark.parametrize("seed", range(8))
def test_rewards_add_up_to_right_links_less_085_wrong_ones(rings, seed):
    scene, truth = rings
    rng, state, total = np.random.default_rng(seed), initial(scene), 0.0
    while not finished(state):
        action = int(rng.choice(np.flatnonzero(legal_actions(state))))
        earned = reward(state, action, truth)
        extras = 0.05 if action == BACKTRACK else 0.0  # neither bridge nor closure earns more here
        total += earned + extras
        state = transition(state, action)
    right = ((state.partner >= 0) & (state.partner == truth)).sum() / 2
    wrong = (state.partner >= 0).sum() / 2 - right
    crossings = (total - (right - 0.85 * wrong - 5)) / 0.1  # and closures, by 0.1 each
    assert crossings == pytest.approx(round(crossings), abs=1e-6)
    assert abs(crossings) <= (state.partner >= 0).sum() / 2 + 1e-6


def test_a_walk_that_knows_the_truth_finds_it_and_earns_most(rings):
    scene, truth = rings
    state, total = initial(scene), 0.0
    while not finished(state):
        action = right_action(state, truth)
        total += reward(state, action, truth)
        state = transition(state, action)
    assert (state.partner == truth).all()
    assert total == pytest.approx(2 * 0.1)  # no link lost, two closures
    assert state.trips == 2


def test_a_walk_that_knows_the_truth_goes_back_after_a_wrong_link(rings):
    scene, truth = rings
    state = put_down(initial(scene), 1)
    state = transition(state, slot_of(state, 8))
    assert right_action(state, truth) == BACKTRACK


@pytest.mark.parametrize("seed", range(8))
def test_every_random_walk_ends_with_every_end_decided_and_links_both_ways(rings, seed):
    state, taken = random_walk(rings[0], seed)
    linked = np.flatnonzero(state.partner >= 0)
    assert (state.partner != FREE).all()
    assert (state.partner[state.partner[linked]] == linked).all()
    assert taken.count(BACKTRACK) <= MOST_BACKTRACKS * state.trips


def test_backtracking_restores_the_walker_and_bars_the_link(rings):
    before = put_down(initial(rings[0]), 1)
    slot = slot_of(before, 2)
    after = transition(transition(before, slot), BACKTRACK)
    assert (after.here, after.start, after.trail) == (1, 0, ())
    assert (after.partner == before.partner).all()
    assert after.turning == pytest.approx(before.turning)
    assert after.length == pytest.approx(before.length)
    assert legal_actions(before)[slot]
    assert not legal_actions(after)[slot]


def test_transition_leaves_the_state_it_came_from_alone(rings):
    state = put_down(initial(rings[0]), 1)
    transition(state, slot_of(state, 2))
    assert (state.partner == FREE).all()


def test_an_open_chain_is_walked_from_both_its_ends(rings):
    state = put_down(initial(rings[0]), 1)
    state = transition(transition(state, slot_of(state, 2)), GIVE_UP)
    assert (state.here, state.second_way) == (0, True)
    assert not legal_actions(state)[[CLOSE, BACKTRACK]].any()


def test_turning_of_a_chain_is_that_of_its_ring(rings):
    state = put_down(initial(rings[0]), 1)
    state = transition(state, slot_of(state, 2))
    assert abs(state.turning) == pytest.approx(np.deg2rad(220), abs=0.1)


def test_what_is_not_allowed_is_refused(rings):
    state = put_down(initial(rings[0]), 1)
    with pytest.raises(ValueError, match="is not allowed here"):
        transition(state, BACKTRACK)


def test_rows_of_what_is_not_allowed_are_empty(rings):
    state = put_down(initial(rings[0]), 1)
    rows, legal = observe(state), legal_actions(state)
    assert rows.shape == (ACTIONS, ROW)
    assert (rows[legal, 0] == 1).all()
    assert not rows[~legal].any()


def test_environment_passes_the_checker_without_warnings(rings):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(SegmentWalkEnv([rings]), skip_render_check=True)


def test_environment_forbids_what_the_rules_forbid(rings):
    env = SegmentWalkEnv([rings])
    _, info = env.reset(options={"scene": 0})
    assert info["action_mask"].tolist() == env.action_masks().astype(int).tolist()
    assert info["action_mask"][BACKTRACK] == 0
    assert env.step(np.int64(BACKTRACK))[1:3] == (FORBIDDEN_REWARD, True)


def test_equal_seeds_give_equal_episodes(rings):
    other = (scene_of([arc(20, 0, 200), arc(20, 220, 340)]), np.array([3, 2, 1, 0]))

    def episode(seed):
        env = SegmentWalkEnv([rings, other])
        rows, info = env.reset(seed=seed)
        found = [rows]
        done = False
        while not done:
            action = env.np_random.choice(np.flatnonzero(info["action_mask"]))
            rows, earned, done, _, info = env.step(action)
            found += [rows, np.array([earned])]
        return np.concatenate([f.ravel() for f in found])

    assert np.array_equal(episode(3), episode(3))
    assert any(not np.array_equal(episode(3), episode(seed)) for seed in (4, 5, 6))


def test_chains_are_numbered_in_order_of_their_first_fragment():
    assert chain_labels(np.array([5, 2, 1, 4, 3, 0, -1, -1, 11, -1, -1, 8])).tolist() == [
        *(0, 0, 0),
        *(1, 2, 2),
    ]
    assert chain_labels(np.zeros(0, dtype=np.int64)).tolist() == []
