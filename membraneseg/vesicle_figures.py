"""Pictures of how vesicles were measured: radial profiles, and who is unlike the others.

References
----------
After figures 2 and 3 of Khosrozadeh et al. 2024 (CryoVesNet), doi:10.1083/jcb.202402169.
"""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.ndimage import gaussian_filter1d

from membraneseg.report.drawing import FAINT_INK, INK
from membraneseg.report.slices import grey_range, to_grey
from membraneseg.types import Float64, Tomogram
from membraneseg.vesicles.balls import Balls
from membraneseg.vesicles.membership import Judged, features_of
from membraneseg.vesicles.radial import SMOOTHING_A
from membraneseg.vesicles.refinement import Measured

SHOWN = 6
BEFORE, AFTER, BEND = "#c0603a", "#2f7ed8", "#7a5aa6"
DROPPED = "#c0392b"


def profile_figure(before: Measured, judged: Judged, tomogram: Tomogram) -> Figure:
    """Draw radial profiles of some vesicles before and after refinement.

    Parameters
    ----------
    before : Measured
        Spheres as they came from the segments.
    judged : Judged
        The same ones refined.
    tomogram : Tomogram

    Returns
    -------
    Figure
        A row per vesicle: its slice with both outlines, its profiles, and their second derivative.
        Of all vesicles those at even steps of how far refinement moved them.
    """
    after = judged.measured
    voxel_A = tomogram.voxel_size_A
    moved = np.linalg.norm(after.balls.centres_px - before.balls.centres_px, axis=1)
    moved = moved + np.abs(after.balls.radii_px - before.balls.radii_px)
    usable = np.flatnonzero(~judged.dropped)
    order = usable[np.argsort(moved[usable], kind="stable")]
    places = np.unique(np.linspace(0, len(order) - 1, min(SHOWN, len(order))).round().astype(int))
    chosen = order[places] if len(order) else order
    rows = max(1, len(chosen))
    figure = Figure(figsize=(9.0, 2.0 * rows + 0.5), layout="constrained")
    panels = figure.subplots(rows, 3, squeeze=False, width_ratios=(1.0, 2.0, 2.0))
    limits = grey_range(tomogram.voxels)
    for row, index in zip(panels, chosen, strict=False):
        _slice(row[0], tomogram, (before.balls, after.balls), int(index), limits)
        for measured, colour, name in ((before, BEFORE, "before"), (after, AFTER, "after")):
            distances = measured.balls.radii_px[index] * voxel_A + measured.offsets_A
            row[1].plot(distances / 10.0, measured.profiles[index], color=colour, label=name)
            bend = _second_derivative(measured.profiles[index], measured.offsets_A)
            row[2].plot(distances / 10.0, bend, color=colour, label=name)
        radius_nm = after.balls.radii_px[index] * voxel_A / 10.0
        for axes in row[1:]:
            axes.axvline(radius_nm, color=INK, linewidth=0.8, linestyle=(0, (3, 2)))
            axes.tick_params(labelsize=7, colors=FAINT_INK)
        row[0].set_title(f"{radius_nm:.1f} nm", fontsize=8, color=INK)
    panels[0][1].set_title("mean density", fontsize=9)
    panels[0][2].set_title("second derivative", fontsize=9)
    for axes in panels[-1][1:]:
        axes.set_xlabel("distance from the centre, nm", fontsize=8)
    if len(chosen):
        panels[0][1].legend(fontsize=7, frameon=False)
    return figure


def outlier_figure(judged: Judged, voxel_size_A: float) -> Figure:
    """Draw thickness, intensity and radius of all vesicles, by their p values.

    Parameters
    ----------
    judged : Judged
    voxel_size_A : float

    Returns
    -------
    Figure
        Those that were dropped as crosses.
    """
    features = features_of(judged.measured, voxel_size_A)
    radius_nm, thickness_nm, intensity = (
        features[:, 2] / 10.0,
        features[:, 0] / 10.0,
        features[:, 1],
    )
    figure = Figure(figsize=(9.0, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    kept = ~judged.dropped
    p_values = np.nan_to_num(judged.p_values, nan=1.0)
    for axes, values, title in (
        (left, thickness_nm, "membrane thickness, nm"),
        (right, intensity, "membrane intensity"),
    ):
        points = axes.scatter(
            radius_nm[kept], values[kept], c=p_values[kept], s=16, vmin=0.0, vmax=1.0
        )
        axes.scatter(
            radius_nm[~kept], values[~kept], marker="x", color=DROPPED, s=28, label="dropped"
        )
        axes.set_xlabel("radius to the middle of the membrane, nm", fontsize=8)
        axes.set_ylabel(title, fontsize=8)
        axes.tick_params(labelsize=7, colors=FAINT_INK)
    if (~kept).any():
        left.legend(fontsize=7)
    figure.colorbar(points, ax=[left, right], label="p value", shrink=0.9)
    return figure


def _slice(
    axes: Axes,
    tomogram: Tomogram,
    balls: tuple[Balls, Balls],
    index: int,
    limits: tuple[float, float],
) -> None:
    """Draw the xy slice through a vesicle, and where both spheres cut it."""
    voxel_A = tomogram.voxel_size_A
    centre, radius = balls[1].centres_px[index], float(balls[1].radii_px[index])
    z = int(np.clip(np.rint(centre[0]), 0, len(tomogram.voxels) - 1))
    reach = int(np.ceil(1.8 * radius))
    middle = np.rint(centre[1:]).astype(int)
    low = np.maximum(middle - reach, 0)
    part = np.asarray(
        tomogram.voxels[z, low[0] : middle[0] + reach + 1, low[1] : middle[1] + reach + 1],
        dtype=np.float32,
    )
    extent = (-0.5, part.shape[1] - 0.5, -0.5, part.shape[0] - 0.5)
    axes.imshow(to_grey(part, limits), cmap="gray", origin="lower", extent=extent, vmin=0, vmax=255)
    turn = np.linspace(0.0, 2.0 * np.pi, 100)
    for one, colour in zip(balls, (BEFORE, AFTER), strict=True):
        height = abs(float(one.centres_px[index, 0]) - z)
        cut = float(np.sqrt(max(float(one.radii_px[index]) ** 2 - height**2, 0.0)))
        y, x = one.centres_px[index, 1:] - low
        axes.plot(x + cut * np.cos(turn), y + cut * np.sin(turn), color=colour, linewidth=1.0)
    axes.set(xlim=extent[:2], ylim=extent[2:])
    axes.set_axis_off()
    axes.text(0, 0, f"{part.shape[1] * voxel_A / 10.0:.0f} nm", color="white", fontsize=6)


def _second_derivative(profile: Float64, offsets_A: Float64) -> Float64:
    """Of the lightly smoothed profile, per nm²; NaN where that is unknown."""
    step = float(offsets_A[1] - offsets_A[0])
    known = np.isfinite(profile)
    if not known.any():
        return profile
    smooth = gaussian_filter1d(
        np.interp(offsets_A, offsets_A[known], profile[known]), SMOOTHING_A / step, mode="nearest"
    )
    bend = 100.0 * np.gradient(np.gradient(smooth, step), step)
    return np.where(known, bend, np.nan)
