import json

import numpy as np
import pytest
import torch
from ring_pictures import concentric_rings, scene_of, turned

from rl_agent.observation import BELIEFS, ROW, observe
from rl_agent.policy import DEFAULT_POLICY, WalkerPolicy, load_policy, only_allowed, save_policy
from rl_agent.rollout import (
    LEAST_BELIEF,
    action_log_probabilities,
    energy,
    first_look,
    link_ends,
    walk_scene,
)
from rl_agent.scene import DISBELIEF, Beliefs
from rl_agent.segment_walk import (
    ACTIONS,
    CLOSE,
    GIVE_UP,
    LOOSE,
    finished,
    initial,
    legal_actions,
    put_down,
    transition,
)


@pytest.fixture(scope="module")
def shipped():
    return load_policy()


@pytest.fixture(scope="module")
def untrained():
    torch.manual_seed(0)
    return WalkerPolicy().eval()


def test_shipped_walker_solves_two_concentric_rings(shipped):
    curves, truth = concentric_rings()
    assert (link_ends(scene_of(curves), shipped, np.random.default_rng(0)) == truth).all()


@pytest.mark.parametrize("angle_rad", [0.7, 2.0])
def test_shipped_walker_solves_them_turned_and_listed_otherwise(shipped, angle_rad):
    curves, truth = concentric_rings()
    moved = turned(curves, angle_rad)
    order, flipped = [3, 0, 4, 2, 1], (False, True, True, False, True)
    new_of_old = np.empty(10, dtype=int)
    for place, old in enumerate(order):
        ends = [2 * place, 2 * place + 1]
        new_of_old[[2 * old, 2 * old + 1]] = ends[::-1] if flipped[place] else ends
    listed = [moved[i][::-1] if f else moved[i] for i, f in zip(order, flipped, strict=True)]
    found = link_ends(scene_of(listed), shipped, np.random.default_rng(0))
    assert (found[new_of_old] == new_of_old[truth]).all()


def test_listing_actions_in_another_order_lists_the_logits_in_that_order(untrained):
    rows = torch.from_numpy(observe(put_down(initial(scene_of(concentric_rings()[0])), 1)))[None]
    order = torch.randperm(ACTIONS, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        (logits, value), (shuffled, same) = untrained(rows), untrained(rows[:, order])
    assert shuffled[0].numpy() == pytest.approx(logits[0, order].numpy(), abs=1e-5)
    assert same.item() == pytest.approx(value.item(), abs=1e-5)


def test_actions_that_are_not_allowed_have_no_probability_and_are_never_taken(untrained):
    scene = scene_of(concentric_rings()[0])
    rng, state = np.random.default_rng(2), initial(scene)
    while not finished(state):
        table = action_log_probabilities(untrained, [state])[0]
        assert (np.isfinite(table) == legal_actions(state)).all()
        assert np.exp(table).sum() == pytest.approx(1.0)
        state = transition(state, int((table + rng.gumbel(size=ACTIONS)).argmax()))


def test_equal_generators_give_equal_walks(untrained):
    scene = scene_of(concentric_rings()[0])
    one, same, other = (
        walk_scene(scene, untrained, np.random.default_rng(s), 4) for s in (1, 1, 2)
    )
    assert np.array_equal(one, same)
    assert np.array_equal(one[0], other[0])  # the greedy one
    assert not np.array_equal(one, other)


def test_first_look_believes_what_a_walker_put_down_at_each_end_would_do(untrained):
    scene = scene_of(concentric_rings()[0])
    beliefs = first_look(scene, untrained)
    rows = torch.from_numpy(np.stack([observe(put_down(initial(scene), e)) for e in (1, 2)]))
    with torch.no_grad():
        logits = only_allowed(untrained.first_look(rows)[0], rows)
    table = torch.log_softmax(logits, dim=1).numpy()
    there, back = (int(np.flatnonzero(scene.candidates[a] == b)[0]) for a, b in ((1, 2), (2, 1)))
    assert beliefs.link[1, 2] == pytest.approx(table[0, there], abs=1e-5)
    assert beliefs.mutual[1, 2] == pytest.approx((table[0, there] + table[1, back]) / 2, abs=1e-5)
    assert beliefs.link[1, 0] == pytest.approx(table[0, CLOSE], abs=1e-5)
    assert beliefs.loose[2] == pytest.approx(table[1, GIVE_UP], abs=1e-5)
    assert np.array_equal(beliefs.mutual, beliefs.mutual.T)


def test_rows_show_the_strongest_rival_that_is_still_free(untrained):
    scene = scene_of(concentric_rings()[0])
    link = np.full((10, 10), DISBELIEF)
    link[[1, 2], [2, 1]], link[[2, 8], [8, 2]], link[[2, 6], [6, 2]] = -0.4, -1.2, -2.0
    believed = scene._replace(beliefs=Beliefs(link, link, np.full(10, -3.0)))
    state = put_down(initial(believed), 1)
    slot = int(np.flatnonzero(scene.candidates[1] == 2)[0])
    there, back, rival, _, loose, _, lead, own_loose = 4.0 * observe(state)[slot, BELIEFS]
    assert (there, back, rival) == pytest.approx((-0.4, -0.4, -1.2))
    assert (loose, lead, own_loose) == pytest.approx((-3.0, 0.8, -3.0))
    taken = state.partner.copy()
    taken[8] = LOOSE
    assert 4.0 * observe(state._replace(partner=taken))[slot, BELIEFS][2] == pytest.approx(-2.0)


def test_energy_counts_each_link_once():
    belief = np.zeros((6, 6))
    belief[1, 2] = belief[2, 1] = 0.9
    belief[0, 5] = belief[5, 0] = 0.1
    partner = np.array([5, 2, 1, -1, -1, 0])
    assert energy(partner, belief) == pytest.approx(2 * LEAST_BELIEF - 0.9 - 0.1)
    assert energy(np.full(6, -1), belief) == 0.0


def test_a_picture_without_fragments_has_no_links(untrained):
    assert link_ends(scene_of([]), untrained, np.random.default_rng(0)).tolist() == []


def test_a_saved_policy_comes_back(tmp_path, untrained):
    path = tmp_path / "walker.safetensors"
    save_policy(path, untrained, {"seed": 5})
    rows = torch.rand((2, ACTIONS, ROW), generator=torch.Generator().manual_seed(0)).round()
    with torch.no_grad():
        assert torch.equal(load_policy(path)(rows)[0], untrained(rows)[0])
    assert json.loads(path.with_suffix(".json").read_text())["seed"] == 5


def test_a_damaged_missing_or_foreign_policy_is_named(tmp_path, untrained):
    path = tmp_path / "walker.safetensors"
    with pytest.raises(ValueError, match="does not exist"):
        load_policy(path)
    save_policy(path, untrained, {})
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(ValueError, match="does not have the sha256"):
        load_policy(path)
    save_policy(path, WalkerPolicy(width=32), {})
    with pytest.raises(ValueError, match="holds another network"):
        load_policy(path)
    path.with_suffix(".json").write_text("[]")
    with pytest.raises(ValueError, match="does not describe"):
        load_policy(path)


def test_the_shipped_policy_states_its_hash():
    assert (
        DEFAULT_POLICY.with_suffix(".md")
        .read_text()
        .count(json.loads(DEFAULT_POLICY.with_suffix(".json").read_text())["sha256"])
    )
