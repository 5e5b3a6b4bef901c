"""The 3-D view of all membranes, drawn on the CPU: shaded triangles, farthest first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure

from membraneseg.colours import inferred_colour, membrane_colour
from membraneseg.coords import zyx_to_xyz
from membraneseg.report.content import Meshes
from membraneseg.report.drawing import FAINT_INK
from membraneseg.report.slices import Grid
from membraneseg.report.triangles import cell_for, coarser, encloses, smooth_normals_xyz
from membraneseg.types import Float64, Mesh

_LIGHT = np.array([-0.45, 0.65, 0.61])  # right, up, toward the viewer; from the upper left
_ENCLOSING_OPACITY = 0.42
_SUPERSAMPLING = 2


@dataclass(frozen=True)
class Camera:
    """Where one looks from: degrees from +x toward +y, and degrees above the xy plane."""

    azimuth_deg: float = -62.0
    elevation_deg: float = 34.0

    def axes_xyz(self) -> Float64:
        """Rows: right, up and toward the viewer, as unit vectors in xyz."""
        azimuth, elevation = np.deg2rad([self.azimuth_deg, self.elevation_deg])
        ca, sa, ce, se = np.cos(azimuth), np.sin(azimuth), np.cos(elevation), np.sin(elevation)
        return np.array([[-sa, ca, 0.0], [-se * ca, -se * sa, ce], [ce * ca, ce * sa, se]])


@dataclass(frozen=True)
class _Triangles:
    corners_nm: Float64  # (F, 3, 3): right, up, toward the viewer
    rgb: Float64  # (F, 3), 0–1
    toward: Float64  # (F,): cosine between the outward normal and the direction to the viewer
    opacity: float


def draw_scene(
    axes: Axes,
    meshes: Meshes,
    grid: Grid,
    camera: Camera,
    triangles: int = 40_000,
) -> None:
    """Draw all meshes in the tomogram's box; the axes then count in nm of the picture's plane.

    Parameters
    ----------
    axes : Axes
    meshes : tuple of (label, Mesh)
        A membrane that encloses another one is drawn as glass.
    grid : Grid
        Shape and place of the tomogram, for the box.
    camera : Camera
    triangles : int
        Above this many the meshes are drawn coarser.

    Notes
    -----
    Orthographic. Triangles are sorted by the depth of their centroid (painter's algorithm),
    drawn without anti-aliasing at twice the resolution, and averaged, which leaves no seams.
    """
    low, high = _frame_nm(meshes, grid, camera)
    box = _box_corners_nm(grid) @ camera.axes_xyz().T  # (8, 3)
    back = _edges_at(int(np.argmin(box[:, 2])))
    _draw_edges(axes, box, back, zorder=1.0)
    if meshes:
        cell_A = cell_for([mesh for _, mesh in meshes], triangles)
        if cell_A is not None:
            meshes = tuple((label, coarser(mesh, {}, cell_A)[0]) for label, mesh in meshes)
        layers = _layers(meshes, camera)
        image = _painted(layers, low, high, _width_px(axes))
        extent = (low[0], high[0], low[1], high[1])
        axes.imshow(image, extent=extent, zorder=2, interpolation="antialiased")
    _draw_edges(axes, box, [e for e in _all_edges() if e not in back], zorder=3.0)
    _name_edges(axes, box, grid)
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
    axes.set_axis_off()


def scene_size_nm(meshes: Meshes, grid: Grid, camera: Camera) -> tuple[float, float]:
    """Width and height of the picture that `draw_scene` makes, margins included."""
    low, high = _frame_nm(meshes, grid, camera)
    width, height = (high - low).tolist()
    return width, height


def _frame_nm(meshes: Meshes, grid: Grid, camera: Camera) -> tuple[Float64, Float64]:
    """Lower left and upper right corner of what is drawn, with room for the names."""
    points = [_box_corners_nm(grid), *(zyx_to_xyz(m.vertices_zyx_A) / 10 for _, m in meshes)]
    flat = np.concatenate(points) @ camera.axes_xyz()[:2].T
    low, high = flat.min(axis=0), flat.max(axis=0)
    width = float(high[0] - low[0])
    return low - np.array([0.02, 0.03]) * width, high + np.array([0.14, 0.02]) * width


def _layers(meshes: Meshes, camera: Camera) -> list[_Triangles]:
    """Farthest first: each glass membrane alone, all opaque ones between two of them together.

    What a glass membrane encloses comes before it.
    """
    inside = [
        [encloses(outer, inner) for k, inner in meshes if k != label] for label, outer in meshes
    ]
    toward = camera.axes_xyz()[2]
    depth = [float((zyx_to_xyz(m.vertices_zyx_A) @ toward).mean()) for _, m in meshes]
    glass = [any(row) for row in inside]
    for n, row in enumerate(inside):
        others = [k for k in range(len(meshes)) if k != n]
        for k, enclosed in zip(others, row, strict=True):
            depth[k] = min(depth[k], depth[n] - 1e-3) if enclosed else depth[k]
    layers: list[_Triangles] = []
    pending: list[_Triangles] = []
    for n in np.argsort(depth).tolist():
        label, mesh = meshes[n]
        pending.append(_shade(mesh, label, camera))
        if glass[n]:
            layers += [_sorted(pending[:-1]), _as_glass(pending[-1])]
            pending = []
    layers.append(_sorted(pending))
    return [layer for layer in layers if len(layer.rgb)]


def _sorted(parts: list[_Triangles]) -> _Triangles:
    """Join triangles, farthest centroid first."""
    if not parts:
        return _Triangles(np.zeros((0, 3, 3)), np.zeros((0, 3)), np.zeros(0), 1.0)
    corners = np.concatenate([part.corners_nm for part in parts])
    order = np.argsort(corners[..., 2].mean(axis=1), kind="stable")
    rgb = np.concatenate([part.rgb for part in parts])
    toward = np.concatenate([part.toward for part in parts])
    return _Triangles(corners[order], rgb[order], toward[order], 1.0)


def _as_glass(part: _Triangles) -> _Triangles:
    """Keep the triangles that face the viewer, to be drawn see-through."""
    whole = _sorted([part])
    kept = whole.toward >= 0
    return _Triangles(
        whole.corners_nm[kept], whole.rgb[kept], whole.toward[kept], _ENCLOSING_OPACITY
    )


def _shade(mesh: Mesh, label: int, camera: Camera) -> _Triangles:
    """Colour each triangle: ambient, diffuse light from the upper left, and a soft highlight."""
    corners = (zyx_to_xyz(mesh.vertices_zyx_A) / 10 @ camera.axes_xyz().T)[mesh.faces]
    normals = smooth_normals_xyz(mesh) @ camera.axes_xyz().T
    toward = normals[:, 2]
    normals = np.where(toward[:, None] < 0, -normals, normals)
    light = _LIGHT / np.linalg.norm(_LIGHT)
    half = light + np.array([0.0, 0.0, 1.0])
    diffuse = np.clip(normals @ light, 0.0, 1.0)
    highlight = np.clip(normals @ (half / np.linalg.norm(half)), 0.0, 1.0) ** 24
    colour = membrane_colour(label)
    seen = mesh.observed[mesh.faces].mean(axis=1, keepdims=True)  # softens the border's teeth
    base = (seen * colour + (1 - seen) * np.array(inferred_colour(colour))) / 255
    rgb = base * (0.52 + 0.56 * diffuse)[:, None] + 0.14 * highlight[:, None]
    return _Triangles(corners, np.clip(rgb, 0.0, 1.0), toward, 1.0)


def _painted(
    layers: list[_Triangles], low: Float64, high: Float64, width_px: int
) -> npt.NDArray[np.float32]:
    """Lay the layers over each other on a transparent ground: (H, W, 4), 0–1, row 0 on top."""
    # Colours already multiplied by their cover.
    summed: npt.NDArray[np.float32] = np.zeros((1, 1, 4), dtype=np.float32)
    for layer in layers:
        image = _rasterised(layer, low, high, width_px).astype(np.float32) / 255
        image[..., 3] *= layer.opacity
        image[..., :3] *= image[..., 3:]
        summed = np.asarray(image + summed * (1 - image[..., 3:]), dtype=np.float32)
    n = _SUPERSAMPLING
    rows, columns = summed.shape[0] // n, summed.shape[1] // n
    blocks = summed[: rows * n, : columns * n].reshape(rows, n, columns, n, 4)
    small: npt.NDArray[np.float32] = blocks.mean(axis=(1, 3))
    small[..., :3] /= np.maximum(small[..., 3:], 1e-6)
    return np.clip(small, 0.0, 1.0)


def _rasterised(
    layer: _Triangles, low: Float64, high: Float64, width_px: int
) -> npt.NDArray[np.uint8]:
    """Paint the triangles in order, each fully opaque: (H, W, 4), row 0 at the top."""
    width, height = (high - low).tolist()
    fine = width_px * _SUPERSAMPLING
    figure = Figure(figsize=(fine / 100, fine * height / width / 100), dpi=100)
    figure.patch.set_alpha(0.0)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_axis_off()
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    triangles = PolyCollection(
        list(layer.corners_nm[..., :2]), facecolors=layer.rgb, linewidths=0, antialiaseds=False
    )
    axes.add_collection(triangles, autolim=False)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba()).copy()


def _width_px(axes: Axes) -> int:
    return max(64, round(axes.get_window_extent().width / axes.figure.dpi * 150))


def _box_corners_nm(grid: Grid) -> Float64:
    """Corners in xyz; corner number = 4·(x high) + 2·(y high) + (z high)."""
    x, y, z = (grid.bounds_nm(axis) for axis in (2, 1, 0))
    return np.array([[a, b, c] for a in x for b in y for c in z])


def _all_edges() -> list[tuple[int, int]]:
    return [(a, a | bit) for a in range(8) for bit in (4, 2, 1) if not a & bit]


def _edges_at(corner: int) -> list[tuple[int, int]]:
    return [edge for edge in _all_edges() if corner in edge]


def _draw_edges(axes: Axes, box: Float64, edges: list[tuple[int, int]], zorder: float) -> None:
    lines = [box[list(edge), :2] for edge in edges]
    axes.add_collection(
        LineCollection(lines, colors="#aab3bd", linewidths=0.7, zorder=zorder), autolim=False
    )


def _name_edges(axes: Axes, box: Float64, grid: Grid) -> None:
    """Write axis and length beside one outer edge of the box per axis."""
    middle = box[:, :2].mean(axis=0)
    for bit, name, axis in ((4, "x", 2), (2, "y", 1), (1, "z", 0)):
        candidates = np.array([edge for edge in _all_edges() if edge[0] ^ edge[1] == bit])
        mids = box[candidates, :2].mean(axis=1)
        score = mids[:, 0] - 0.01 * mids[:, 1] if name == "z" else -mids[:, 1]
        best = int(np.argmax(score))
        along = np.subtract(*box[candidates[best], :2])
        outward = np.array([-along[1], along[0]]) / float(np.hypot(*along))
        outward *= np.sign(outward @ (mids[best] - middle)) or 1.0
        place = mids[best] + outward * 0.02 * np.ptp(box[:, 0])
        first, last = grid.bounds_nm(axis)
        axes.text(
            float(place[0]),
            float(place[1]),
            f"{name}\n{last - first:.0f} nm" if name == "z" else f"{name}  {last - first:.0f} nm",
            color=FAINT_INK,
            fontsize=8,
            ha="left" if outward[0] > 0.3 else "right" if outward[0] < -0.3 else "center",
            va="top" if outward[1] < -0.3 else "center",
            zorder=4,
        )
