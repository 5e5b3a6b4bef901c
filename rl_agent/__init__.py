"""Grouping as a walk: environments that know no voxels, files or Å.

Segment walker, from fragments to membranes: the world is a `scene.Scene` (`scene`, from `ends`,
`bridges`, `circles`, `pair_features` and the caller's `cues`); state, actions, transition and
reward are in `segment_walk`; `observation` is what the walker sees, `policy` its network,
`rollout` its use; `segment_env` wraps it for Gymnasium, `oracle` knows the truth, `matching` is
the classical rival, and `chains` turns links into groups.

Pixel walker, from pixels to ordered curves: `pixel_walk` (state, actions, reward), `straight_ahead`
(its policy), `pixel_env`.
"""
