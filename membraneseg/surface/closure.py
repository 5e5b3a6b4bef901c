"""Open or closed? Decided by what the missing wedge and the border of the volume explain.

A closed surface through the points is believed if points lie on most of it wherever they should:
inside the volume, and where its normal lies outside the wedge. Then what is not seen is hidden, and
the surface goes on there. If it is not believed, the membrane ends where its points end, except
that it bridges what the wedge hides. What the volume cuts is completed for the fit, then cut off
at the border, and encloses nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import cKDTree

from gp_fit.config import FitConfig
from gp_fit.fitted import FittedSurface
from gp_fit.methods import finished_star, try_star
from gp_fit.scene import Scene
from membraneseg.surface.closure_rules import ClosureRules
from membraneseg.surface.frame import VolumeFrame
from membraneseg.surface.implicit import Surface
from membraneseg.types import Float64
from synth2d.wedge import wedge_depth_deg


@dataclass(frozen=True)
class Showing:
    """What the points show of a closed surface.

    Parameters
    ----------
    seen : float
        Share seen of the area inside the volume and outside the wedge; 0 if there is none.
    one_sided : float
        Length of the mean normal of that seen area: 0 if seen from all sides, 1 from one.
    seen_of_all : float
        Share seen of the whole area.
    unseen_sd : float
        Median standard deviation of the unseen vertices over the radius.
    """

    seen: float
    one_sided: float
    seen_of_all: float
    unseen_sd: float

    def suffices(self, rules: ClosureRules) -> bool:
        """Whether what is missing is explained, so that the surface may be closed."""
        if self.unseen_sd > rules.unseen_sd or self.seen_of_all < rules.seen_of_all:
            return False
        around = self.one_sided <= rules.one_sided and self.seen >= rules.seen_around
        return self.seen >= rules.seen or around


def showing_of(
    surface: Surface, points_px: Float64, frame: VolumeFrame, rules: ClosureRules
) -> Showing:
    """Measure what points (P, 3) in voxels show of a closed surface."""
    vertices, faces = surface.vertices_zyx, surface.faces
    corners = vertices[faces]
    middles = corners.mean(axis=1)
    spanned = -0.5 * np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    areas = np.linalg.norm(spanned, axis=1)
    normals = spanned / np.maximum(areas, 1e-12)[:, None]
    tree = cKDTree(points_px)
    near = tree.query(middles, distance_upper_bound=rules.reach_px)[0] < np.inf
    should = wedge_depth_deg(normals, frame.tilt_range_deg) < rules.hidden_depth_deg
    should &= frame.contains(middles)
    seen = near & should
    total = float(areas[should].sum())
    mean_normal = spanned[seen].sum(axis=0) / max(float(areas[seen].sum()), 1e-12)
    bare = tree.query(vertices, distance_upper_bound=rules.reach_px)[0] == np.inf
    radius = float(np.sqrt(areas.sum() / (4.0 * np.pi)))
    deviation = surface.vertex_sd[bare]
    return Showing(
        seen=float(areas[seen].sum()) / total if total > 0 else 0.0,
        one_sided=float(np.linalg.norm(mean_normal)),
        seen_of_all=float(areas[near].sum() / areas.sum()),
        unseen_sd=float(np.median(deviation)) / radius if len(deviation) else 0.0,
    )


def star_candidate(
    scene: Scene, frame: VolumeFrame, rules: ClosureRules, gp: FitConfig
) -> FittedSurface | None:
    """Fit a closed star-shaped surface, if that is to be believed.

    Parameters
    ----------
    scene : Scene
        Points in voxels.
    frame : VolumeFrame
    rules : ClosureRules
    gp : FitConfig

    Returns
    -------
    FittedSurface or None
        None where rays from the centre leave it too flatly, it misses too many points, or too
        little of it is seen where it should be.

    Raises
    ------
    gp_fit.errors.GeometryError
        If the points determine no shape at all.
    """
    attempt = try_star(scene, gp)
    fair = attempt.steep and attempt.explained >= rules.explained
    if attempt.surface is None or attempt.coverage < rules.seen_of_all:
        return None
    if not fair and rules.closed != "all":
        return None
    # Judged before what was not seen shapes it: that evidence bends any surface until it fits.
    plain = finished_star(replace(scene, detection_probability=None), gp, attempt)
    if not is_believed(plain, scene.raw, frame, rules):
        return None
    return plain if scene.detection_probability is None else finished_star(scene, gp, attempt)


def is_believed(
    surface: FittedSurface, points_px: Float64, frame: VolumeFrame, rules: ClosureRules
) -> bool:
    """Whether a closed surface explains what was not seen."""
    return rules.closed == "all" or showing_of(surface, points_px, frame, rules).suffices(rules)
