"""The slice browser of the page: one picture, one probability layer and one drawing per level."""

from __future__ import annotations

import base64
import html

import cv2
import numpy as np
import numpy.typing as npt

from membraneseg.colours import PROBABILITY, css, inferred_colour, membrane_colour
from membraneseg.errors import MembraneSegError
from membraneseg.report.content import Meshes, ReportConfig, ReportContent
from membraneseg.report.contours import plane_contours
from membraneseg.report.slices import Grid, Plane, grey_range, probability_opacity, to_grey
from membraneseg.types import Float64

_PATH_TOLERANCE_PX = 0.1


def level_planes(depth: int, levels: int) -> list[Plane]:
    """XY planes spread evenly over `depth` slices, at most `levels` of them."""
    count = min(depth, levels)
    return [Plane(0, int((2 * k + 1) * depth / (2 * count))) for k in range(count)]


def browser_levels(content: ReportContent, config: ReportConfig) -> list[str]:
    """HTML of each level: a JPEG, a PNG of the probability, and an SVG of the contours.

    Parameters
    ----------
    content : ReportContent
    config : ReportConfig

    Returns
    -------
    list of str
        One ``<div class="level">`` per plane of `level_planes`.
    """
    grid = Grid(content.voxels.shape, content.voxel_size_A, content.origin_zyx_A)
    limits = grey_range(content.voxels)
    size = picture_size_px(grid, config.widest_image_px)
    levels = []
    for plane in level_planes(grid.shape[0], config.z_levels):
        grey = to_grey(_resized(plane.cut(content.voxels), size), limits)
        parts = [_image(grey, ".jpg", config.jpeg_quality, "tomogram")]
        if content.probability is not None:
            opacity = probability_opacity(_resized(plane.cut(content.probability), size))
            parts.append(_image(_coloured(opacity), ".png", 6, "probability"))
        parts.append(contour_svg(content.meshes, grid, plane, size))
        levels.append(f'<div class="level">{"".join(parts)}</div>')
    return levels


def picture_size_px(grid: Grid, widest_px: int) -> tuple[int, int]:
    """Width and height of an XY picture: one pixel per voxel, or fewer."""
    _, height, width = grid.shape
    share = min(1.0, widest_px / max(width, height))
    return max(1, round(width * share)), max(1, round(height * share))


def contour_svg(meshes: Meshes, grid: Grid, plane: Plane, size_px: tuple[int, int]) -> str:
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
            name = html.escape(f"membrane {label}")
            groups.append(f'<g data-label="{label}"><title>{name}</title>{"".join(drawn)}</g>')
    return f'<svg viewBox="0 0 {size_px[0]} {size_px[1]}">{"".join(groups)}</svg>'


def _to_pixels(flat_nm: Float64, plane: Plane, grid: Grid, size_px: tuple[int, int]) -> Float64:
    left, right, bottom, top = plane.extent_nm(grid)
    across = (flat_nm[:, 0] - left) / (right - left) * size_px[0]
    down = (top - flat_nm[:, 1]) / (top - bottom) * size_px[1]
    return np.stack([across, down], axis=1)


def _path(pixels: Float64) -> str:
    """Write a path, without the points that a line within a tenth of a pixel does not need."""
    kept = cv2.approxPolyDP(pixels.astype(np.float32)[:, None], _PATH_TOLERANCE_PX, closed=False)
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in kept.reshape(-1, 2).tolist())


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


def _image(pixels: npt.NDArray[np.uint8], kind: str, quality: int, name: str) -> str:
    flag = cv2.IMWRITE_JPEG_QUALITY if kind == ".jpg" else cv2.IMWRITE_PNG_COMPRESSION
    done, encoded = cv2.imencode(kind, pixels, [flag, quality])
    if not done:
        raise MembraneSegError(
            f"OpenCV could not write a {kind} picture of {pixels.shape} pixels for the report; "
            "lower report.widest_image_px."
        )
    return f'<img class="{name}" alt="" src="{data_address(encoded.tobytes(), kind[1:])}">'


def data_address(picture: bytes, kind: str) -> str:
    """Give the ``data:`` address of a PNG ("png") or JPEG ("jpg"), the picture itself."""
    media = {"png": "image/png", "jpg": "image/jpeg"}[kind]
    return f"data:{media};base64,{base64.b64encode(picture).decode('ascii')}"
