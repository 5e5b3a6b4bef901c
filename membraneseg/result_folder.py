"""What a finished result's folder holds, read back for the report and for other programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from membraneseg import stage_values
from membraneseg.errors import MembraneSegError
from membraneseg.io.meshes import membrane_label, read_mesh_npz, read_vertex_values
from membraneseg.io.mrc import read_tomogram
from membraneseg.io.placement import MrcHeader
from membraneseg.io.stages import read_stage
from membraneseg.io.tables import read_as_text
from membraneseg.report.content import Meshes, ReportContent, RunFacts, StageCost
from membraneseg.types import Float64, MembraneGroup, SliceFragments, Tomogram


@dataclass(frozen=True)
class ResultFolder:
    """The output folder of `membraneseg run` or `membraneseg close`.

    Parameters
    ----------
    path : Path

    Raises
    ------
    MembraneSegError
        When a file that is asked for is missing or damaged.
    """

    path: Path

    @cached_property
    def facts(self) -> Mapping[str, Any]:
        """Content of run.json."""
        try:
            found: Mapping[str, Any] = json.loads((self.path / "run.json").read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise MembraneSegError(
                f"{self.path} holds no finished run ({error}): give the output folder of "
                "membraneseg run or close."
            ) from error
        return found

    def tomogram(self) -> tuple[Tomogram, MrcHeader]:
        """Read what the surfaces lie on; a mask as dark membranes on light ground."""
        path = Path(self.facts["tomogram"])
        if not path.is_file():
            raise MembraneSegError(
                f"{path}, which {self.path / 'run.json'} names, is not there any more: put it "
                "back, or run again."
            )
        shown, header = read_tomogram(path, float(self.facts["voxel_size_A"]))
        if self.facts.get("density", True):
            return shown, header
        dark = (np.asarray(shown.voxels) == 0).astype(np.int8)
        return Tomogram(dark, shown.voxel_size_A, shown.origin_zyx_A), header

    def rows(self) -> list[dict[str, str]]:
        """Read the lines of membranes.csv as text, whatever columns they have."""
        return read_as_text(self.path / "membranes.csv")

    def mesh_files(self) -> list[tuple[int, Path]]:
        """Label and .npz file of each membrane, by label."""
        found = [(membrane_label(p.stem), p) for p in (self.path / "meshes").glob("*.npz")]
        return sorted(found)

    def meshes(self) -> Meshes:
        """Read all meshes."""
        return tuple((label, read_mesh_npz(path)) for label, path in self.mesh_files())

    def vertex_values(self) -> dict[int, dict[str, Float64]]:
        """Read what else is known per vertex of each mesh."""
        return {label: read_vertex_values(path) for label, path in self.mesh_files()}

    def fragments(self) -> tuple[SliceFragments, ...]:
        """Read the traced curves; none if this run traced none."""
        arrays = self._stage("fragments")
        return () if arrays is None else tuple(stage_values.fragments_from_arrays(arrays))

    def groups(self) -> tuple[MembraneGroup, ...]:
        """Read the points that the surfaces were fitted to, as far as they are stored."""
        arrays = self._stage("selected") or self._stage("groups")
        return () if arrays is None else tuple(stage_values.groups_from_arrays(arrays))

    def _stage(self, name: str) -> dict[str, Any] | None:
        path = self.path / "stages" / f"{name}.npz"
        return read_stage(path) if path.is_file() else None


def result_content(folder: Path) -> ReportContent:
    """Collect what the report of a finished result shows, from its files.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    ReportContent

    Raises
    ------
    MembraneSegError
        If the folder holds no finished run, or its tomogram is gone.
    """
    result = ResultFolder(folder)
    tomogram, _ = result.tomogram()
    probability = folder / "probability.mrc"
    rows = [{k: _rounded(v) for k, v in row.items()} for row in result.rows()]
    facts = result.facts
    return ReportContent(
        name=Path(facts["tomogram"]).name,
        voxels=tomogram.voxels,
        probability=read_tomogram(probability, tomogram.voxel_size_A)[0].voxels
        if probability.is_file()
        else None,
        voxel_size_A=tomogram.voxel_size_A,
        origin_zyx_A=tomogram.origin_zyx_A,
        meshes=result.meshes(),
        rows=tuple(rows),
        warnings=tuple(facts.get("warnings", ())),
        run=RunFacts(
            command=facts["command"],
            versions=facts["versions"],
            seeds=facts.get("seeds", {}),
            stages=tuple(StageCost(**stage) for stage in facts["stages"]),
        ),
        fragments=result.fragments(),
        groups=result.groups(),
        vertex_values=result.vertex_values(),
    )


def _rounded(text: str) -> str:
    """Numbers with four digits that count, as the page shows them."""
    try:
        return text if text.lstrip("-").isdigit() else f"{float(text):.4g}"
    except ValueError:
        return text
