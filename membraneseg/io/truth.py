"""What the truth.toml of a phantom says."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from membraneseg.errors import MembraneSegError

TRUTH_FILE = "truth.toml"


def read_truth(folder: Path) -> dict[str, Any]:
    """Read truth.toml in a phantom's folder.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    dict

    Raises
    ------
    MembraneSegError
        If it is missing or not TOML.
    """
    path = folder / TRUTH_FILE
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MembraneSegError(
            f"{path} cannot be read ({error}), expected the truth.toml of a phantom: give a "
            "folder that `membraneseg simulate` wrote."
        ) from error
