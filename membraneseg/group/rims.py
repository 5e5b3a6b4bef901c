"""Where the seen part of a membrane ends, and how it would go on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from membraneseg.group.surface_patches import Patches, near_pairs
from membraneseg.types import Float64, Int64

_AROUND_PX = 11.0  # patches within this distance show whether a patch lies at a rim
_LEAST_PULL = 0.15  # distance of their centre of mass, of that radius; half a disc has 0.42
_PARALLEL = 0.7  # cosine from which on a near patch is the same stretch of membrane
_AHEAD_PX = 8.0  # a rim nearer to the volume's border than this is the border's
_LEAST_POINTS = 4


@dataclass(frozen=True)
class Rims:
    """Patches at the rim of what is seen.

    Parameters
    ----------
    place, normal, outward : (M, 3) float64
        zyx in voxels; unit normal (either direction); unit vector along the membrane, out of it.
    region : (M,) int64
        The region that each bounds.
    """

    place: Float64
    normal: Float64
    outward: Float64
    region: Int64

    def __len__(self) -> int:
        """Return the number of rim patches."""
        return len(self.region)


def find_rims(patches: Patches, region: Int64, shape: tuple[int, ...]) -> Rims:
    """Find the patches that have neighbours on one side only.

    Parameters
    ----------
    patches : Patches
    region : (K,) int64
        Region of each patch; −1 for patches that do not count.
    shape : (int, int, int)
        Of the volume; where a membrane leaves it, there is no rim.

    Returns
    -------
    Rims
    """
    one, two = near_pairs(patches, region, _AROUND_PX).T
    same = np.abs((patches.normal[one] * patches.normal[two]).sum(axis=1)) > _PARALLEL
    one, two = one[same], two[same]
    apart = patches.centre[two] - patches.centre[one]
    count = len(patches)
    mass = patches.size + np.bincount(one, patches.size[two], count)
    mass = mass + np.bincount(two, patches.size[one], count)
    pull = np.column_stack(
        [
            np.bincount(one, along * patches.size[two], count)
            - np.bincount(two, along * patches.size[one], count)
            for along in apart.T
        ]
    )
    pull /= mass[:, None]
    pull -= (pull * patches.normal).sum(axis=1, keepdims=True) * patches.normal
    length = np.linalg.norm(pull, axis=1)
    outward = -pull / np.maximum(length, 1e-9)[:, None]
    ahead = patches.centre + _AHEAD_PX * outward
    inside = ((ahead > 2) & (ahead < np.array(shape) - 3)).all(axis=1)
    chosen = (length > _LEAST_PULL * _AROUND_PX) & (patches.size >= _LEAST_POINTS) & inside
    index = np.flatnonzero(chosen & (region >= 0))
    return Rims(patches.centre[index], patches.normal[index], outward[index], region[index])
