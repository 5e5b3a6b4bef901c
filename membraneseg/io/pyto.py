"""Vesicles as Pyto reads them: one labels volume, and the parameters that name what is in it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from membraneseg.io.atomic import write_text
from membraneseg.io.mrc import write_volume
from membraneseg.io.placement import MrcHeader
from membraneseg.types import Bool

REGION_ID = 1
FIRST_VESICLE_ID = 10
"""Pyto ids of vesicles are ours plus 9, which leaves 2 to 9 for an active zone and the like."""
LABELS_FILE, PARAMETERS_FILE = "labels.mrc", "tomo_info.py"


def write_pyto(
    folder: Path,
    labels: npt.NDArray[np.integer[Any]],
    region: Bool | None,
    tomogram: Path,
    header: MrcHeader,
) -> None:
    """Write labels.mrc and tomo_info.py.

    Parameters
    ----------
    folder : Path
        Made if missing.
    labels : (Z, Y, X) int
        Vesicle ids from 1, membranes included.
    region : (Z, Y, X) bool or None
        Where connectors and tethers may be; everywhere outside the vesicles if None.
    tomogram : Path
    header : MrcHeader
        Of the tomogram.

    Raises
    ------
    MembraneSegError
        If a file cannot be written.

    References
    ----------
    Lučić et al. 2016 (Pyto), doi:10.1016/j.jsb.2016.10.004. Its scripts `connectors` and `layers`
    take these names from tomo_info.py.
    """
    shift = FIRST_VESICLE_ID - 1
    kind = np.int16 if int(labels.max(initial=0)) + shift <= 32767 else np.uint16
    numbers = np.full(labels.shape, REGION_ID, dtype=kind)
    if region is not None:
        numbers[~region] = 0
    inside = labels > 0
    numbers[inside] = labels[inside].astype(kind) + kind(shift)
    write_volume(folder / LABELS_FILE, numbers, header, "Pyto labels")
    vesicles = (np.unique(labels[inside]) + shift).tolist()
    image = os.path.relpath(tomogram.resolve(), folder.resolve())
    lines = [
        "# Parameters for Pyto's scripts. Vesicle ids are those of vesicles.csv plus "
        f"{FIRST_VESICLE_ID - 1}.",
        "# For tethers draw the active zone into the labels, as 2 say, add 2 to all_ids and",
        "# boundary_ids, and set distance_id = 2.",
        f"image_file_name = {image!r}",
        f"labels_file_name = {LABELS_FILE!r}",
        "labels_data_type = None",
        f"vesicle_ids = {vesicles}",
        "boundary_ids = vesicle_ids",
        f"segmentation_region = {REGION_ID}",
        "all_ids = [segmentation_region] + vesicle_ids",
        "",
    ]
    write_text(folder / PARAMETERS_FILE, "\n".join(lines))
