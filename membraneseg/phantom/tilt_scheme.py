"""Which tilts are recorded, in which order, and how much dose the sample has seen by then."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from membraneseg.errors import MembraneSegError
from membraneseg.types import Float64, Int64

DOSE_SYMMETRIC, LINEAR = "dose-symmetric", "linear"
ORDERS = (DOSE_SYMMETRIC, LINEAR)
LARGEST_TILT_DEG = 80.0


@dataclass(frozen=True)
class TiltScheme:
    """The tilts of a series: start ± whole steps, as far as the range goes."""

    order: str = field(
        default=DOSE_SYMMETRIC,
        metadata={"help": "dose-symmetric: from the start outward; linear: from min to max"},
    )
    min_deg: float = field(default=-60.0, metadata={"help": "lowest tilt"})
    max_deg: float = field(default=60.0, metadata={"help": "highest tilt"})
    step_deg: float = field(default=3.0, metadata={"help": "step between tilts"})
    start_deg: float = field(
        default=0.0, metadata={"help": "the tilt that the steps count from, such as a pre-tilt"}
    )

    def __post_init__(self) -> None:
        if self.order not in ORDERS:
            raise MembraneSegError(
                f"the tilt scheme's order is '{self.order}', expected one of {', '.join(ORDERS)}; "
                "correct order"
            )
        limit = LARGEST_TILT_DEG
        if not -limit <= self.min_deg <= self.start_deg <= self.max_deg <= limit:
            raise MembraneSegError(
                f"the tilts run from min_deg {self.min_deg} over start_deg {self.start_deg} to "
                f"max_deg {self.max_deg}, expected ascending angles from −{limit:g} to {limit:g}; "
                "correct min_deg, start_deg or max_deg"
            )
        if not 0.1 <= self.step_deg <= self.max_deg - self.min_deg:
            raise MembraneSegError(
                f"step_deg is {self.step_deg}, expected 0.1 up to the range of "
                f"{self.max_deg - self.min_deg:g}°; correct step_deg"
            )

    @property
    def angles_deg(self) -> Float64:
        """(T,) float64 tilts in degrees, ascending."""
        below = math.floor((self.start_deg - self.min_deg) / self.step_deg + 1e-9)
        above = math.floor((self.max_deg - self.start_deg) / self.step_deg + 1e-9)
        return self.start_deg + np.arange(-below, above + 1, dtype=np.float64) * self.step_deg

    @property
    def ranks(self) -> Int64:
        """(T,) int64 rank in time of each of `angles_deg`; 0 is recorded first."""
        if self.order == LINEAR:
            return np.arange(len(self.angles_deg), dtype=np.int64)
        return dose_symmetric_order(self.angles_deg, self.start_deg)


def dose_symmetric_order(angles_deg: Float64, start_deg: float = 0.0) -> Int64:
    """Rank in time of each tilt: 0, +1, −1, −2, +2, +3, −3 … steps from the start.

    Parameters
    ----------
    angles_deg : (T,) float64
        Evenly spaced; where one side ends first the other goes on alone.
    start_deg : float
        The tilt recorded first.

    Returns
    -------
    (T,) int64
        0 for the tilt recorded first.

    References
    ----------
    Hagen et al. 2017, doi:10.1016/j.jsb.2016.06.007.
    """
    away = np.asarray(angles_deg, dtype=np.float64) - start_deg
    gaps = np.diff(np.sort(away))
    step = np.rint(np.abs(away) / max(float(gaps.min(initial=np.inf)), 1e-9))
    positive_first = step % 2 == 1
    second = (away > 0) != positive_first
    return np.argsort(np.argsort(2 * step + second, kind="stable"), kind="stable").astype(np.int64)


def dose_windows_e_per_A2(scheme: TiltScheme, total_e_per_A2: float) -> Float64:
    """Accumulated dose when each tilt starts and ends, the dose being shared evenly.

    Parameters
    ----------
    scheme : TiltScheme
    total_e_per_A2 : float
        Dose of the whole series in e/Å².

    Returns
    -------
    (T, 2) float64
        Dose before and after, in e/Å², for each of the scheme's `angles_deg`.
    """
    share = total_e_per_A2 / len(scheme.angles_deg)
    return np.asarray(share * (scheme.ranks[:, None] + np.array([0.0, 1.0])), dtype=np.float64)
