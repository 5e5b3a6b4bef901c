"""How the value of each stage becomes arrays for its stage file, and comes back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from gp_fit.fitted import FittedSurface
from membraneseg.io.stages import SliceStream, pack, unpack
from membraneseg.segment.predict import Segmentation
from membraneseg.segment.rescale import Prediction
from membraneseg.surface.fit import FittedMembrane
from membraneseg.surface.neighbours import Separated
from membraneseg.surface.refined import MembraneProfile, RefinedMembrane
from membraneseg.types import MembraneGroup, Mesh, SliceFragments

Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class FitResult:
    """The surfaces, and in words why other groups have none."""

    membranes: tuple[FittedMembrane, ...]
    failures: tuple[str, ...]


def segmentation_to_slices(shape: tuple[int, ...], planes: Iterable[Prediction]) -> SliceStream:
    """Store predicted slices as they come; half precision is kept: 0.1 % of a probability."""
    return SliceStream(
        shape[0],
        ({"membrane": found.astype(np.float16), "protein": protein} for found, protein in planes),
    )


def segmentation_from_arrays(arrays: Arrays) -> Segmentation:
    """Undo `segmentation_to_slices`; the volumes stay memory maps."""
    return Segmentation(arrays["membrane"], arrays["protein"])


def fragments_to_arrays(value: Sequence[SliceFragments]) -> dict[str, npt.NDArray[Any]]:
    """All curves end to end, with the slice of each."""
    curves = [curve for one in value for curve in one.curves_yx_px]
    joined, offsets = pack(curves)
    return {
        "z_px": np.array([one.z_px for one in value], dtype=np.int64),
        "curve_count": np.array([len(one.curves_yx_px) for one in value], dtype=np.int64),
        "points_yx_px": joined,
        "offsets": offsets,
        "closed": np.array([flag for one in value for flag in one.closed], dtype=np.bool_),
    }


def fragments_from_arrays(arrays: Arrays) -> list[SliceFragments]:
    """Undo `fragments_to_arrays`."""
    curves = unpack(arrays["points_yx_px"], arrays["offsets"])
    ends = np.cumsum(arrays["curve_count"])
    return [
        SliceFragments(int(z), tuple(curves[end - n : end]), arrays["closed"][end - n : end])
        for z, n, end in zip(arrays["z_px"], arrays["curve_count"], ends, strict=True)
    ]


def groups_to_arrays(value: Sequence[MembraneGroup]) -> dict[str, npt.NDArray[Any]]:
    """Points and fragment ids of all groups end to end."""
    points, point_offsets = pack([group.points_zyx_A for group in value])
    ids, id_offsets = pack([group.fragment_ids for group in value])
    return {
        "label": np.array([group.label for group in value], dtype=np.int64),
        "closed": np.array([group.closed for group in value], dtype=np.bool_),
        "points_zyx_A": points,
        "point_offsets": point_offsets,
        "fragment_ids": ids,
        "id_offsets": id_offsets,
    }


def groups_from_arrays(arrays: Arrays) -> list[MembraneGroup]:
    """Undo `groups_to_arrays`."""
    points = unpack(arrays["points_zyx_A"], arrays["point_offsets"])
    ids = unpack(arrays["fragment_ids"], arrays["id_offsets"])
    return [
        MembraneGroup(int(label), own_ids, own_points, bool(closed))
        for label, own_ids, own_points, closed in zip(
            arrays["label"], ids, points, arrays["closed"], strict=True
        )
    ]


def fit_to_arrays(value: FitResult) -> dict[str, npt.NDArray[Any]]:
    """Every surface under its number; see `FittedSurface.to_arrays` for its parts."""
    points, offsets = pack([m.points_zyx_A for m in value.membranes])
    out: dict[str, npt.NDArray[Any]] = {
        "label": np.array([m.label for m in value.membranes], dtype=np.int64),
        "points_zyx_A": points,
        "offsets": offsets,
        "failures": _strings(value.failures),
    }
    for number, membrane in enumerate(value.membranes):
        assert isinstance(membrane.surface, FittedSurface)
        out[f"{number}/warnings"] = _strings(membrane.warnings)
        for name, array in membrane.surface.to_arrays().items():
            out[f"{number}/surface/{name}"] = array
    return out


def fit_from_arrays(arrays: Arrays) -> FitResult:
    """Undo `fit_to_arrays`."""
    points = unpack(arrays["points_zyx_A"], arrays["offsets"])
    membranes = []
    for number, label in enumerate(arrays["label"]):
        surface = FittedSurface.from_arrays(_under(arrays, f"{number}/surface/"))
        warnings = tuple(str(text) for text in arrays[f"{number}/warnings"])
        membranes.append(FittedMembrane(int(label), points[number], surface, warnings))
    return FitResult(tuple(membranes), tuple(str(text) for text in arrays["failures"]))


def refined_to_arrays(value: Sequence[RefinedMembrane]) -> dict[str, npt.NDArray[Any]]:
    """The fits, and beside each its profile (NaN for a thickness that is unknown)."""
    out = fit_to_arrays(FitResult(tuple(one.membrane for one in value), ()))
    for number, one in enumerate(value):
        for item in fields(MembraneProfile):
            content = getattr(one.profile, item.name)
            out[f"{number}/profile/{item.name}"] = np.array(np.nan if content is None else content)
    return out


def refined_from_arrays(arrays: Arrays) -> list[RefinedMembrane]:
    """Undo `refined_to_arrays`."""
    out = []
    for number, membrane in enumerate(fit_from_arrays(arrays).membranes):
        parts: dict[str, Any] = {
            name: array if array.ndim else array.item()
            for name, array in _under(arrays, f"{number}/profile/").items()
        }
        if np.isnan(parts["thickness_nm"]):
            parts["thickness_nm"] = None
        out.append(RefinedMembrane(membrane, MembraneProfile(**parts)))
    return out


def meshes_to_arrays(value: Separated) -> dict[str, npt.NDArray[Any]]:
    """Vertices and faces of all meshes end to end."""
    labels = np.array([label for label, _ in value.meshes], dtype=np.int64)
    counts = np.array([value.crossings_before, value.crossings_after], dtype=np.int64)
    out: dict[str, npt.NDArray[Any]] = {"label": labels, "crossings": counts}
    for item in fields(Mesh):
        joined, offsets = pack([getattr(mesh, item.name) for _, mesh in value.meshes])
        out[item.name], out[f"{item.name}_offsets"] = joined, offsets
    return out


def meshes_from_arrays(arrays: Arrays) -> Separated:
    """Undo `meshes_to_arrays`."""
    parts = [unpack(arrays[f.name], arrays[f"{f.name}_offsets"]) for f in fields(Mesh)]
    meshes = [(int(label), Mesh(*own)) for label, *own in zip(arrays["label"], *parts, strict=True)]
    before, after = (int(count) for count in arrays["crossings"])
    return Separated(meshes, before, after)


def _strings(texts: Sequence[str]) -> npt.NDArray[np.str_]:
    return np.array(list(texts), dtype=np.str_) if texts else np.zeros(0, dtype="U1")


def _under(arrays: Arrays, prefix: str) -> dict[str, npt.NDArray[Any]]:
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
