"""Curves cut into short pieces, each with a place, a normal and the side it bends to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from membraneseg.types import Float32, Float64, Int64, SliceFragments

_NOISE_PX = 0.3  # scatter of a traced point across its curve
_CORRELATED_POINTS = 3.0  # neighbouring points share their error


@dataclass(frozen=True)
class Pieces:
    """Short stretches of curve.

    Parameters
    ----------
    centre : (N, 3) float64
        Mean of the points, zyx in voxels.
    normal : (N, 3) float64
        Unit normal of the membrane; either of the two directions.
    curvature : (N,) float64
        In-plane curvature, 1/voxel; positive where the curve bends away from the normal, that
        is, where the normal points outward.
    curvature_sd : (N,) float64
        Its standard error.
    fragment : (N, 2) int64
        (index of the slice in the list, index of the curve in the slice).
    points : (P, 3) float64
        All curve points, zyx in voxels.
    piece_of_point : (P,) int64
        The piece that each point belongs to.
    probability : (P,) float64
        Membrane probability at each point.
    """

    centre: Float64
    normal: Float64
    curvature: Float64
    curvature_sd: Float64
    fragment: Int64
    points: Float64
    piece_of_point: Int64
    probability: Float64

    def __len__(self) -> int:
        """Return the number of pieces."""
        return len(self.centre)

    def outward_confidence(self) -> Float64:
        """(N,) curvature over its standard error: large where the outward side is sure."""
        return self.curvature / self.curvature_sd


def cut_pieces(
    fragments: list[SliceFragments], smooth: Float32, length_px: float, bend_reach_px: float
) -> Pieces:
    """Cut all curves into pieces of about equal length.

    Parameters
    ----------
    fragments : list of SliceFragments
        Curves of every slice.
    smooth : (Z, Y, X) float32
        Smoothed probability; its gradients give the tilt of the normals out of the slice.
    length_px : float
        Length of a piece.
    bend_reach_px : float
        Curvature is measured over this length to either side of a piece's centre.

    Returns
    -------
    Pieces
    """
    rows: list[tuple[Float64, Float64]] = []
    fragment: list[tuple[int, int]] = []
    points: list[Float64] = []
    owner: list[Int64] = []
    for index, in_slice in enumerate(fragments):
        for number, curve in enumerate(in_slice.curves_yx_px):
            closed = bool(in_slice.closed[number])
            pieces = max(1, round(len(curve) / length_px))
            member = np.arange(len(curve)) * pieces // len(curve)
            rows += _bends(curve, closed, member, bend_reach_px)
            owner.append(member + len(fragment))
            fragment += [(index, number)] * pieces
            points.append(np.column_stack([np.full(len(curve), float(in_slice.z_px)), curve]))
    if not fragment:
        return _no_pieces()
    all_points, piece_of_point = np.concatenate(points), np.concatenate(owner)
    in_plane = np.array([row[0] for row in rows])
    bend = np.array([row[1] for row in rows])
    slope = _slopes(smooth, all_points, in_plane[piece_of_point], piece_of_point, len(fragment))
    normal = np.column_stack([slope, in_plane])
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    return Pieces(
        centre=_mean_by(all_points, piece_of_point, len(fragment)),
        normal=normal,
        curvature=bend[:, 0],
        curvature_sd=bend[:, 1],
        fragment=np.array(fragment, dtype=np.int64),
        points=all_points,
        piece_of_point=piece_of_point.astype(np.int64),
        probability=ndimage.map_coordinates(smooth, all_points.T, order=1, mode="nearest").astype(
            np.float64
        ),
    )


def _bends(
    curve: Float64, closed: bool, member: Int64, reach: float
) -> list[tuple[Float64, Float64]]:
    """Per piece the in-plane normal (2,), and curvature with its standard error (2,)."""
    count = len(curve)
    out = []
    for piece in range(int(member[-1]) + 1):
        inside = np.flatnonzero(member == piece)
        middle = int(inside[len(inside) // 2])
        half = int(max(reach, len(inside) / 2))
        index = np.arange(middle - half, middle + half + 1)
        index = np.unique(index % count) if closed else index[(index >= 0) & (index < count)]
        own = curve[inside] - curve[inside].mean(axis=0)
        tangent = np.linalg.svd(own, full_matrices=False)[2][0]
        across = np.array([-tangent[1], tangent[0]])
        local = curve[index] - curve[inside].mean(axis=0)
        along, height = local @ tangent, local @ across
        out.append((across, _curvature(along, height)))
    return out


def _curvature(along: Float64, height: Float64) -> Float64:
    """Curvature and standard error of height(along); positive: bends away from the normal."""
    basis = np.column_stack([np.ones_like(along), along, 0.5 * along**2])
    ridge = np.diag([1e-6, 1e-6, 1e-3])
    covariance = np.linalg.inv(basis.T @ basis + ridge)
    solution = covariance @ (basis.T @ height)
    residual = height - basis @ solution
    scatter = np.hypot(_NOISE_PX, residual.std()) * np.sqrt(_CORRELATED_POINTS)
    return np.array([-solution[2], scatter * np.sqrt(covariance[2, 2])])


def _slopes(
    smooth: Float32, points: Float64, in_plane: Float64, owner: Int64, count: int
) -> Float64:
    """Ratio of the normal's z part to its in-plane part, from the gradients' structure tensor."""
    across = np.column_stack([np.zeros(len(points)), in_plane])
    up = np.array([1.0, 0.0, 0.0])
    tensor = np.zeros((count, 3))  # zz, mm, zm with m along the in-plane normal
    for offset in (-1.6, -0.8, 0.8, 1.6):
        place = points + offset * across
        along_z = _sample(smooth, place + up) - _sample(smooth, place - up)
        along_m = _sample(smooth, place + across) - _sample(smooth, place - across)
        products = (along_z**2, along_m**2, along_z * along_m)
        for column, product in enumerate(products):
            tensor[:, column] += np.bincount(owner, product, count)
    angle = 0.5 * np.arctan2(2 * tensor[:, 2], tensor[:, 1] - tensor[:, 0])
    return np.asarray(np.tan(np.clip(angle, -1.25, 1.25)))


def _sample(volume: Float32, points: Float64) -> Float64:
    return np.asarray(ndimage.map_coordinates(volume, points.T, order=1, mode="nearest"), float)


def _mean_by(values: Float64, owner: Int64, count: int) -> Float64:
    number = np.bincount(owner, minlength=count)
    columns = [np.bincount(owner, values[:, k], count) / number for k in range(values.shape[1])]
    return np.column_stack(columns)


def _no_pieces() -> Pieces:
    none, rows = np.zeros(0), np.zeros((0, 3))
    integers = np.zeros(0, dtype=np.int64)
    pairs = np.zeros((0, 2), dtype=np.int64)
    return Pieces(rows, rows, none, none, pairs, rows, integers, none)
