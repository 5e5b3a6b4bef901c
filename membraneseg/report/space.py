"""The meshes as the 3-D view of the page wants them: few bytes per vertex, ranges for colours."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from membraneseg.colours import DIVERGING, SEQUENTIAL, css, inferred_colour, membrane_colour
from membraneseg.coords import zyx_to_xyz
from membraneseg.report.content import ReportConfig, ReportContent
from membraneseg.report.slices import Grid
from membraneseg.report.subjects import Shade
from membraneseg.report.triangles import Values, cell_for, coarser, encloses
from membraneseg.types import Float64, Mesh

_STEPS = 65535
_UNKNOWN = 0
_HIGHEST_PERCENTILE = 97.0


def space_data(content: ReportContent, grid: Grid, config: ReportConfig) -> dict[str, Any]:
    """Collect what the 3-D view draws, ready for JSON.

    Parameters
    ----------
    content : ReportContent
    grid : Grid
        The tomogram's box.
    config : ReportConfig
        `triangles`: above this many, all meshes become coarser.

    Returns
    -------
    dict
        `box` in nm (xyz), `shades` with range and palette, `meshes`: coordinates as 16-bit steps
        between the corners of the mesh's own box, values per vertex as bytes (0: unknown, 1–255
        over the range of the shade), all in base64, little-endian.
    """
    all_shades = content.subject.shades
    cell_A = cell_for([mesh for _, mesh in content.meshes], config.triangles)
    drawn: list[tuple[int, Mesh, Values]] = []
    for label, mesh in content.meshes:
        values = {**content.vertex_values.get(label, {}), "sigma_A": mesh.sigma_A}
        names = [name for name in all_shades if name in values]
        known = {name: np.asarray(values[name], np.float64) for name in names}
        drawn.append((label, *(coarser(mesh, known, cell_A) if cell_A else (mesh, known))))
    own = [values for _, _, values in drawn]
    ranges = {name: _range(name, shade, own) for name, shade in all_shades.items()}
    used = {name: limits for name, limits in ranges.items() if limits is not None}
    glass = _enclosing(content)
    return {
        "box": [[grid.bounds_nm(axis)[side] for axis in (2, 1, 0)] for side in (0, 1)],
        "shades": {name: _shade(all_shades[name], limits) for name, limits in used.items()},
        "meshes": [
            _mesh(label, mesh, {name: values[name] for name in used if name in values}, used)
            | {"glass": label in glass}
            for label, mesh, values in drawn
        ],
    }


def _enclosing(content: ReportContent) -> set[int]:
    """Labels of closed membranes that hold another one."""
    closed = {int(row["id"]) for row in content.rows if row.get("closed", "").lower() == "true"}
    return {
        label
        for label, outer in content.meshes
        if label in closed
        and any(encloses(outer, inner) for other, inner in content.meshes if other != label)
    }


def _range(name: str, shade: Shade, values: list[Values]) -> tuple[float, float] | None:
    """Range of a shade over all membranes, without the few most extreme values; None if unknown."""
    parts = [own[name] for own in values if name in own]
    joined = np.concatenate(parts) if parts else np.zeros(0)
    joined = joined[np.isfinite(joined)]
    if not len(joined):
        return None
    if shade.about_zero:
        high = float(np.percentile(np.abs(joined), _HIGHEST_PERCENTILE)) or 1.0
        return -high, high
    low, high = np.percentile(joined, [100.0 - _HIGHEST_PERCENTILE, _HIGHEST_PERCENTILE]).tolist()
    low = 0.0 if shade.from_zero else low
    return low, high if high > low else low + 1.0


def _shade(shade: Shade, limits: tuple[float, float]) -> dict[str, Any]:
    low, high = (float(f"{value:.3g}") for value in limits)
    palette = DIVERGING if shade.about_zero else SEQUENTIAL
    return {
        "title": shade.title, "unit": shade.unit, "low": low, "high": high, "palette": palette,
    }  # fmt: skip


def _mesh(
    label: int, mesh: Mesh, values: Values, ranges: Mapping[str, tuple[float, float]]
) -> dict[str, Any]:
    """Pack one mesh; faces take two bytes per corner where that is enough."""
    points_nm = zyx_to_xyz(mesh.vertices_zyx_A) / 10.0
    low = points_nm.min(axis=0) if len(points_nm) else np.zeros(3)
    span = np.ptp(points_nm, axis=0) if len(points_nm) else np.zeros(3)
    step = np.maximum(span, 1e-6) / _STEPS
    wide = len(points_nm) > _STEPS
    colour = membrane_colour(label)
    return {
        "label": label,
        "colour": css(colour),
        "pale": css(inferred_colour(colour)),
        "low": low.tolist(),
        "step": step.tolist(),
        "points": _text(np.round((points_nm - low) / step).astype("<u2")),
        "wide": wide,
        "faces": _text(mesh.faces.astype("<u4" if wide else "<u2")),
        "seen": _text(mesh.observed.astype(np.uint8)),
        "values": {name: _text(_as_bytes(own, *ranges[name])) for name, own in values.items()},
    }


def _as_bytes(values: Float64, low: float, high: float) -> npt.NDArray[np.uint8]:
    """1 to 255 from `low` to `high`, what lies beyond at the end of the range; unknown 0."""
    share = np.clip((values - low) / (high - low), 0.0, 1.0)
    found: npt.NDArray[np.uint8] = np.where(
        np.isfinite(values), 1.0 + np.round(254.0 * np.nan_to_num(share)), _UNKNOWN
    ).astype(np.uint8)
    return found


def _text(array: npt.NDArray[Any]) -> str:
    return base64.b64encode(array.tobytes()).decode("ascii")
