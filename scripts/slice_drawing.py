"""What the slice viewers share: reading a result folder, drawing on a slice, window or file.

A viewer draws one slice; `run_viewer` does the rest:

    python scripts/view_groups.py OUT            a window with a slider over z
    python scripts/view_groups.py OUT --z 90     the same, beginning at slice 90
    python scripts/view_groups.py OUT --z 90 --save groups.png     no display needed
    python scripts/view_groups.py OUT --save groups.gif            all slices, as a film
"""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from membraneseg import stage_values
from membraneseg.colours import PROBABILITY, inferred_colour, membrane_colour
from membraneseg.coords import angstrom_to_index
from membraneseg.errors import MembraneSegError
from membraneseg.io.mrc import read_tomogram
from membraneseg.io.stages import read_stage
from membraneseg.report.contours import plane_contours
from membraneseg.report.slices import Grid, Plane, grey_range, probability_opacity, to_grey
from membraneseg.screen import check_screen
from membraneseg.surface.fit import FittedMembrane
from membraneseg.types import Float64, MembraneGroup, Mesh, SliceFragments, Tomogram

Picture = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]
Painter = Callable[..., None]
"""Takes a canvas and the index of a slice, and draws on it."""
PICTURE_ENDINGS = (".png", ".jpg")
_WITHOUT_WINDOW = "use --save FILE.png"
FILM_FRAMES = 60
PLACE_GREY = (210, 210, 210)
PIXEL_FRACTION_BITS = 4  # OpenCV draws with sixteenths of a pixel


@dataclass(frozen=True)
class ResultFolder:
    """An output folder of `membraneseg run`, also of one that is not finished.

    Parameters
    ----------
    path : Path
    tomogram_path : Path or None
        Default: the one that run.json names.
    """

    path: Path
    tomogram_path: Path | None = None

    @cached_property
    def tomogram(self) -> Tomogram:
        """The volume to draw on."""
        if self.tomogram_path is not None:
            return read_tomogram(self.tomogram_path)[0]
        facts_path = self.path / "run.json"
        if not facts_path.is_file():
            raise MembraneSegError(
                f"{facts_path} is not there, as the run has not finished: name the tomogram with "
                "--tomogram, or finish the run with --resume."
            )
        facts = json.loads(facts_path.read_text(encoding="utf-8"))
        return read_tomogram(Path(facts["tomogram"]), float(facts["voxel_size_A"]))[0]

    @property
    def grid(self) -> Grid:
        """Shape and place of the tomogram."""
        tomogram = self.tomogram
        return Grid(tomogram.voxels.shape, tomogram.voxel_size_A, tomogram.origin_zyx_A)

    def stage(self, name: str) -> dict[str, npt.NDArray[Any]]:
        """Arrays of one stage file, whatever settings it was made with."""
        path = self.path / "stages" / f"{name}.npz"
        if not path.is_file():
            raise MembraneSegError(
                f"{path} is not there: give the output folder of a run that came as far as "
                f"'{name}'."
            )
        return read_stage(path)


def read_probability(result: ResultFolder) -> npt.NDArray[np.floating[Any]]:
    """Membrane probability, (Z, Y, X)."""
    return stage_values.segmentation_from_arrays(result.stage("segment")).membrane


def read_fragments(result: ResultFolder) -> dict[int, SliceFragments]:
    """Curves of each slice, by its index."""
    found = stage_values.fragments_from_arrays(result.stage("fragments"))
    return {one.z_px: one for one in found}


def read_groups(result: ResultFolder) -> list[MembraneGroup]:
    """Read the groups as they were put together."""
    return stage_values.groups_from_arrays(result.stage("groups"))


def read_selected(result: ResultFolder) -> list[MembraneGroup]:
    """Read the groups without their outliers."""
    return stage_values.groups_from_arrays(result.stage("selected"))


def read_surfaces(result: ResultFolder) -> list[FittedMembrane]:
    """Read the fitted surfaces, after they were moved onto the density."""
    found = stage_values.refined_from_arrays(result.stage("refined"))
    return [one.membrane for one in found]


def read_meshes(result: ResultFolder) -> list[tuple[int, Mesh]]:
    """Read the final surfaces."""
    return stage_values.meshes_from_arrays(result.stage("meshes")).meshes


@dataclass(frozen=True)
class SliceCanvas:
    """A picture of one XY slice, y upward, enlarged, that can be drawn on.

    Parameters
    ----------
    pixels : (H, W, 3) uint8
        Blue, green, red; drawing changes it.
    scale : int
        Pixels per voxel.
    """

    pixels: Picture
    scale: int

    def lines(self, curve_yx_px: Float64, colour: Colour, closed: bool, width: int = 2) -> None:
        """Draw a curve given in voxels."""
        points = self._sub_pixels(curve_yx_px)[:, None]
        cv2.polylines(
            self.pixels, [points], closed, colour[::-1], width, cv2.LINE_AA, PIXEL_FRACTION_BITS
        )

    def dots(self, points_yx_px: Float64, colour: Colour, radius: float = 2.0) -> None:
        """Draw points given in voxels."""
        size = round(radius * 2**PIXEL_FRACTION_BITS)
        for x, y in self._sub_pixels(points_yx_px).tolist():
            cv2.circle(
                self.pixels, (x, y), size, colour[::-1], -1, cv2.LINE_AA, PIXEL_FRACTION_BITS
            )

    def number(self, number: int, at_yx_px: Float64, colour: Colour) -> None:
        """Write a number beside a point given in voxels."""
        x, y = (self._sub_pixels(at_yx_px[None])[0] >> PIXEL_FRACTION_BITS).tolist()
        self.text(str(number), (x + 4, y - 4), colour)

    def text(self, text: str, at_px: tuple[int, int], colour: Colour) -> None:
        """Write with a dark edge; the place is the lower left corner, x right and y down."""
        font = cv2.FONT_HERSHEY_SIMPLEX
        for shade, width in (((20, 20, 20), 3), (colour[::-1], 1)):
            cv2.putText(self.pixels, text, at_px, font, 0.45, shade, width, cv2.LINE_AA)

    def _sub_pixels(self, points_yx_px: Float64) -> npt.NDArray[np.int32]:
        """Where the centre of voxel (y, x) lies: x right, y down from the upper left corner."""
        centres = (np.asarray(points_yx_px) + 0.5) * self.scale - 0.5
        down = self.pixels.shape[0] - 1 - centres[:, 0]
        sixteenths = np.stack([centres[:, 1], down], axis=1) * 2**PIXEL_FRACTION_BITS
        whole: npt.NDArray[np.int32] = np.round(sixteenths).astype(np.int32)
        return whole


def slice_canvas(result: ResultFolder, z_px: int, limits: tuple[float, float]) -> SliceCanvas:
    """Draw one slice of the tomogram in dimmed grey, about 900 pixels wide."""
    grey = to_grey(Plane(0, z_px).cut(result.tomogram.voxels), limits)[::-1]
    scale = max(1, round(900 / grey.shape[1]))
    large = np.kron(grey, np.ones((scale, scale), dtype=np.uint8))
    dimmed = np.round(14 + 0.62 * large).astype(np.uint8)
    canvas = SliceCanvas(np.repeat(dimmed[..., None], 3, axis=2), scale)
    canvas.text(f"z = {z_px}", (10, 24), PLACE_GREY)
    return canvas


def lay_probability(canvas: SliceCanvas, probability: npt.NDArray[np.floating[Any]]) -> None:
    """Lay a slice of the membrane probability over the picture."""
    opacity = probability_opacity(probability)[::-1] / 255.0
    share = np.kron(opacity, np.ones((canvas.scale, canvas.scale)))[..., None]
    mixed = canvas.pixels * (1 - share) + share * np.array(PROBABILITY[::-1])
    canvas.pixels[...] = np.round(mixed)


def points_in_slice(group: MembraneGroup, grid: Grid, z_px: int) -> Float64:
    """(N, 2) y and x in voxels of the group's points within half a voxel of a slice."""
    index = angstrom_to_index(group.points_zyx_A, grid.voxel_size_A, grid.origin_zyx_A)
    return np.ascontiguousarray(index[np.abs(index[:, 0] - z_px) <= 0.5, 1:])


def draw_group(canvas: SliceCanvas, group: MembraneGroup, grid: Grid, z_px: int) -> None:
    """Draw the points of a group that lie in a slice, and its number."""
    here = points_in_slice(group, grid, z_px)
    if len(here):
        colour = membrane_colour(group.label)
        canvas.dots(here, colour)
        canvas.number(group.label, here[int(np.argmax(here[:, 0]))], inferred_colour(colour))


def draw_contours(
    canvas: SliceCanvas, label: int, mesh: Mesh, grid: Grid, z_px: int, black: bool = False
) -> None:
    """Draw where a slice cuts a mesh: seen in its colour, inferred pale and thin; or all black."""
    colour = membrane_colour(label)
    for contour in plane_contours(mesh, 0, grid.centre_A(0, z_px)):
        for points, observed in contour.stretches():
            index = angstrom_to_index(points, grid.voxel_size_A, grid.origin_zyx_A)
            shade = colour if observed else inferred_colour(colour)
            width = 2 if observed and not black else 1
            canvas.lines(index[:, 1:], (0, 0, 0) if black else shade, closed=False, width=width)


def run_viewer(description: str, prepare: Callable[[ResultFolder], Painter]) -> None:
    """Read the command line, then show a window with a slider, or save one slice.

    Parameters
    ----------
    description : str
    prepare : callable
        Takes the result, reads its stages, and returns ``draw(canvas, z_px)``.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("result", type=Path, help="output folder of membraneseg run")
    parser.add_argument("--z", type=int, help="slice to begin with, counted from 0")
    parser.add_argument(
        "--save", type=Path, help="write this picture, or all slices as a .gif; opens no window"
    )
    parser.add_argument("--tomogram", type=Path, help="the tomogram, if it was moved")
    options = parser.parse_args()
    try:
        _show(options, prepare)
    except MembraneSegError as error:
        parser.exit(2, f"{error}\n")


def _show(options: argparse.Namespace, prepare: Callable[[ResultFolder], Painter]) -> None:
    """Open the window, or write the picture or film."""
    result = ResultFolder(options.result, options.tomogram)
    if options.save is None:  # before the stages are read, which may take a while
        check_screen(_WITHOUT_WINDOW)
    draw, limits = prepare(result), grey_range(result.tomogram.voxels)
    depth = result.grid.shape[0]
    first = min(max(depth // 2 if options.z is None else options.z, 0), depth - 1)

    def paint(z_px: int) -> Picture:
        canvas = slice_canvas(result, z_px, limits)
        draw(canvas, z_px)
        return canvas.pixels

    if options.save is None:
        _open_window(f"{Path(sys.argv[0]).stem}: {result.path.name}", paint, first, depth)
    elif options.save.suffix.lower() == ".gif":
        _save_film(options.save, paint, depth)
    elif not _written(options.save, paint(first)):
        raise MembraneSegError(
            f"{options.save} cannot be written: give a name that ends in .png, .jpg or .gif in a "
            "writable folder."
        )


def _written(path: Path, picture: Picture) -> bool:
    """Write a picture; false if its ending or its folder does not do."""
    return path.suffix.lower() in PICTURE_ENDINGS and cv2.imwrite(str(path), picture)


def _save_film(path: Path, paint: Callable[[int], Picture], depth: int) -> None:
    """Write at most `FILM_FRAMES` slices, evenly spread, half as large, as an animated GIF."""
    levels = np.unique(np.linspace(0, depth - 1, min(depth, FILM_FRAMES)).round().astype(int))
    frames = []
    for z_px in levels.tolist():
        small = cv2.resize(paint(z_px), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        frames.append(Image.fromarray(small[..., ::-1]))
    first, *others = frames
    first.save(path, save_all=True, append_images=others, duration=120, loop=0)


def _open_window(title: str, paint: Callable[[int], Picture], first: int, depth: int) -> None:
    try:
        cv2.namedWindow(title)
        cv2.createTrackbar("z", title, first, depth - 1, lambda z: cv2.imshow(title, paint(z)))
        cv2.imshow(title, paint(first))
    except cv2.error as error:
        raise MembraneSegError(
            "this OpenCV cannot open windows (the package opencv-python-headless never can): "
            f"{_WITHOUT_WINDOW}, or install opencv-python in its place."
        ) from error
    while cv2.waitKey(50) not in (27, ord("q")):
        if cv2.getWindowProperty(title, cv2.WND_PROP_VISIBLE) < 1:
            return
