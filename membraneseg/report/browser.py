"""The slice browser of the page: of each slice two pictures and three drawings."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from membraneseg.colours import PROBABILITY, css, inferred_colour, membrane_colour
from membraneseg.coords import index_to_angstrom
from membraneseg.errors import MembraneSegError
from membraneseg.report.content import Meshes, ReportConfig, ReportContent
from membraneseg.report.contours import plane_contours
from membraneseg.report.slices import Grid, Plane, grey_range, probability_opacity, to_grey
from membraneseg.types import Float64, MembraneGroup, SliceFragments

_PATH_TOLERANCE_PX = 0.1
_DOTS_PER_PX = 2
_INK = "#f4f6f8"


def planes_through(axis: int, length: int, most: int) -> list[Plane]:
    """Planes spread evenly over `length` slices along an axis, at most `most` of them."""
    count = min(length, most)
    return [Plane(axis, int((2 * k + 1) * length / (2 * count))) for k in range(count)]


def browser_data(content: ReportContent, grid: Grid, config: ReportConfig) -> dict[str, Any]:
    """Collect what the slice browser shows, ready for JSON.

    Parameters
    ----------
    content : ReportContent
    grid : Grid
    config : ReportConfig

    Returns
    -------
    dict
        ``xy`` and ``xz``: size in pixels, extent in nm, and per level its index, its place in
        words and in nm, and its layers: data addresses of pictures, SVG of drawings.
    """
    counts = {"xy": (0, config.z_levels), "xz": (1, config.y_levels)}
    limits = grey_range(content.voxels)
    views = {}
    for name, (axis, most) in counts.items():
        planes = planes_through(axis, grid.shape[axis], most)
        size = picture_size_px(grid, planes[0], config.widest_image_px)
        views[name] = {
            "width": size[0],
            "height": size[1],
            "axis": "zyx"[axis],
            "extent_nm": planes[0].extent_nm(grid),
            "levels": [_level(content, grid, p, size, limits, config) for p in planes],
        }
    return views


def _level(
    content: ReportContent,
    grid: Grid,
    plane: Plane,
    size: tuple[int, int],
    limits: tuple[float, float],
    config: ReportConfig,
) -> dict[str, Any]:
    grey = to_grey(_resized(plane.cut(content.voxels), size), limits)
    place_nm = grid.centre_A(plane.axis, plane.index) / 10
    level = {
        "index": plane.index,
        "place_nm": place_nm,
        "tomogram": _encoded(grey, "jpg", config.jpeg_quality),
        "fragments": fragment_svg(content.fragments, grid, plane, size),
        "groups": group_svg(content.groups, grid, plane, size),
        "contours": contour_svg(content.meshes, grid, plane, size, content.subject.one),
    }
    if content.probability is not None:
        opacity = probability_opacity(_resized(plane.cut(content.probability), size))
        level["probability"] = _encoded(_coloured(opacity), "png", 9)
    return level


def picture_size_px(grid: Grid, plane: Plane, widest_px: int) -> tuple[int, int]:
    """Width and height of a plane's picture: one pixel per voxel, or fewer."""
    width, height = grid.shape[plane.across], grid.shape[plane.up]
    share = min(1.0, widest_px / max(width, height))
    return max(1, round(width * share)), max(1, round(height * share))


def fragment_svg(
    fragments: Iterable[SliceFragments], grid: Grid, plane: Plane, size_px: tuple[int, int]
) -> str:
    """Traced curves: in their own XY slice as lines, a colour each; elsewhere where they cross.

    Parameters
    ----------
    fragments : iterable of SliceFragments
    grid : Grid
    plane : Plane
    size_px : (width, height)
        Of the picture below.

    Returns
    -------
    str
        SVG paths in the pixels of that picture.
    """
    if plane.axis == 0:
        paths = []
        for one in (one for one in fragments if one.z_px == plane.index):
            for number, (curve, closed) in enumerate(
                zip(one.curves_yx_px, one.closed, strict=True), start=1
            ):
                line = _path(_pixels_of(_at_height(curve, one.z_px), grid, plane, size_px))
                colour = css(membrane_colour(number))
                paths.append(f'<path stroke="{colour}" d="{line}{"Z" if closed else ""}"/>')
        return "".join(paths)
    crossings = []
    for one in fragments:
        if one.curves_yx_px:
            points = _at_height(np.concatenate(one.curves_yx_px), one.z_px)
            crossings.append(points[np.abs(points[:, plane.axis] - plane.index) <= 0.5])
    if not sum(map(len, crossings)):
        return ""
    return _dots(_pixels_of(np.concatenate(crossings), grid, plane, size_px), _INK)


def _at_height(curve_yx_px: Float64, z_px: int) -> Float64:
    return np.column_stack([np.full(len(curve_yx_px), float(z_px)), curve_yx_px])


def group_svg(
    groups: Iterable[MembraneGroup], grid: Grid, plane: Plane, size_px: tuple[int, int]
) -> str:
    """Points of each group within half a voxel of a plane, as dots in the group's colour."""
    drawn = []
    for group in groups:
        index = (group.points_zyx_A - grid.origin_zyx_A) / grid.voxel_size_A
        here = index[np.abs(index[:, plane.axis] - plane.index) <= 0.5]
        if len(here):
            dots = _dots(_pixels_of(here, grid, plane, size_px), css(membrane_colour(group.label)))
            drawn.append(f'<g data-label="{group.label}">{dots}</g>')
    return "".join(drawn)


def contour_svg(
    meshes: Meshes, grid: Grid, plane: Plane, size_px: tuple[int, int], noun: str = "membrane"
) -> str:
    """Contours of all meshes in a plane, as SVG in the pixels of a picture of `size_px`.

    Notes
    -----
    Pixel (0, 0) is the upper left corner of the picture; the slice's axes run right and up.
    """
    groups = []
    for label, mesh in meshes:
        paths: dict[bool, list[str]] = {True: [], False: []}
        for contour in plane_contours(mesh, plane.axis, grid.centre_A(plane.axis, plane.index)):
            for points, observed in contour.stretches():
                pixels = _to_pixels(plane.picture_nm(points), plane, grid, size_px)
                paths[observed].append(_path(pixels))
        colour = membrane_colour(label)
        drawn = [
            f'<path class="{name}" stroke="{css(shade)}" d="{"".join(paths[observed])}"/>'
            for observed, name, shade in (
                (False, "inferred", inferred_colour(colour)),
                (True, "seen", colour),
            )
            if paths[observed]
        ]
        if drawn:
            name = html.escape(f"{noun} {label}")
            groups.append(f'<g data-label="{label}"><title>{name}</title>{"".join(drawn)}</g>')
    return "".join(groups)


def _pixels_of(index_zyx: Float64, grid: Grid, plane: Plane, size_px: tuple[int, int]) -> Float64:
    points_A = index_to_angstrom(index_zyx, grid.voxel_size_A, grid.origin_zyx_A)
    return _to_pixels(plane.picture_nm(points_A), plane, grid, size_px)


def _to_pixels(flat_nm: Float64, plane: Plane, grid: Grid, size_px: tuple[int, int]) -> Float64:
    left, right, bottom, top = plane.extent_nm(grid)
    across = (flat_nm[:, 0] - left) / (right - left) * size_px[0]
    down = (top - flat_nm[:, 1]) / (top - bottom) * size_px[1]
    return np.stack([across, down], axis=1)


def _path(pixels: Float64) -> str:
    """Write a path, without the points that a line within a tenth of a pixel does not need."""
    kept = cv2.approxPolyDP(pixels.astype(np.float32)[:, None], _PATH_TOLERANCE_PX, closed=False)
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in kept.reshape(-1, 2).tolist())


def _dots(pixels: Float64, colour: str) -> str:
    """Write dots, at most one per half pixel: strokes of no length with round ends."""
    places = np.unique(np.round(pixels * _DOTS_PER_PX), axis=0) / _DOTS_PER_PX
    line = "".join(f"M{x:g} {y:g}h0" for x, y in places.tolist())
    return f'<path class="dots" stroke="{colour}" d="{line}"/>'


def _resized(image: npt.NDArray[np.float32], size_px: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Bring a slice to the picture's size and turn its rows, so that the lowest comes last."""
    if (image.shape[1], image.shape[0]) != size_px:
        image = np.asarray(cv2.resize(image, size_px, interpolation=cv2.INTER_AREA))
    return np.ascontiguousarray(image[::-1])


def _coloured(opacity: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    layer = np.empty((*opacity.shape, 4), dtype=np.uint8)
    layer[..., :3] = PROBABILITY[::-1]  # OpenCV counts blue, green, red
    layer[..., 3] = opacity
    layer[opacity == 0] = 0
    return layer


def _encoded(pixels: npt.NDArray[np.uint8], kind: str, quality: int) -> str:
    flag = cv2.IMWRITE_JPEG_QUALITY if kind == "jpg" else cv2.IMWRITE_PNG_COMPRESSION
    done, encoded = cv2.imencode(f".{kind}", pixels, [flag, quality])
    if not done:
        raise MembraneSegError(
            f"OpenCV could not write a {kind} picture of {pixels.shape} pixels for the report; "
            "lower report.widest_image_px."
        )
    return data_address(encoded.tobytes(), kind)


def data_address(content: bytes, kind: str) -> str:
    """Give the ``data:`` address that holds a file of its own: "png", "jpg" or "js"."""
    media = {"png": "image/png", "jpg": "image/jpeg", "js": "text/javascript"}[kind]
    return f"data:{media};base64,{base64.b64encode(content).decode('ascii')}"
