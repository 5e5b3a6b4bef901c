"""The energy that what was not seen adds to a star-shaped fit; see `wedge_evidence`."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from gp_fit.arrays import Float64
from gp_fit.coverage import DetectionProbability
from gp_fit.star_fit import StarState

_TURN_RAD = 0.02
_LEAST_PROBABILITY = 1e-4


@dataclass(frozen=True)
class EvidenceConfig:
    """Options of the negative evidence."""

    patch_area_px2: float = field(default=12.0, metadata={"help": "area per direction aimed at"})
    most_patches: int = field(default=1500, metadata={"help": "directions at most"})
    trial_area_px2: float = field(
        default=45.0, metadata={"help": "area on which the network's misses are independent"}
    )
    unexplained: float = field(
        default=0.1, metadata={"help": "share of gaps that the wedge does not explain"}
    )
    sharpness: float = field(default=3.0, metadata={"help": "M; 1 if only the wedge makes gaps"})
    reach_px: float = field(default=3.0, metadata={"help": "points this near count as found"})
    well_seen: float = field(
        default=0.88, metadata={"help": "share of the best probability that tells the density"}
    )
    steps: int = field(default=10, metadata={"help": "scoring steps per count"})

    def __post_init__(self) -> None:
        if not 0.0 < self.unexplained < 1.0:
            raise ValueError(f"unexplained is {self.unexplained}, expected a share in (0, 1)")
        for name in ("patch_area_px2", "trial_area_px2", "sharpness", "reach_px"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} is {getattr(self, name)}, expected a positive number")


@dataclass(frozen=True, eq=False)
class Patches:
    """Directions with everything that is linear in the coefficients."""

    directions: Float64  # (J, 3) in the scaled frame
    basis: Float64  # (J, K)
    constant: Float64  # (J, 3) normal, not of unit length, of the ellipsoid
    linear: Float64  # (J, 3, K) its change with the coefficients

    def normals(self, coefficients: Float64) -> Float64:
        """Return the normals (J, 3) zyx, not of unit length."""
        return np.asarray(self.constant + self.linear @ coefficients)


@dataclass(frozen=True, eq=False)
class Findings:
    """What was found on each patch."""

    found: Float64  # (J,) share of the expected points, 0 to 1
    trials: Float64  # (J,) independent trials; 0 outside the volume


class Energy:
    """E(c) with its gradient and Fisher information."""

    def __init__(
        self,
        plain: StarState,
        precision: Float64,
        patches: Patches,
        findings: Findings,
        detection_probability: DetectionProbability,
        options: EvidenceConfig,
    ) -> None:
        self.mean, self.precision = plain.coefficients, precision
        self.patches, self.findings = patches, findings
        self.probability_of, self.options = detection_probability, options
        self.best = self._entropy(findings.found)

    def value(self, coefficients: Float64) -> float:
        """Return E for coefficients (K,)."""
        away = coefficients - self.mean
        gain = self._log_mixture(self._probability(self.patches.normals(coefficients)))[0]
        return float(0.5 * away @ self.precision @ away - self.findings.trials @ gain)

    def slope(self, coefficients: Float64) -> tuple[Float64, Float64]:
        """Return the gradient (K,) of E and its Fisher information (K, K)."""
        normals = self.patches.normals(coefficients)
        length = np.linalg.norm(normals, axis=1, keepdims=True)
        unit = normals / length
        p = self._probability(normals)
        trust = self._log_mixture(p)[1] * self.findings.trials
        turn = self._turning(unit) / length  # (J, 3): change of p with the unscaled normal
        rows = np.einsum("nd,ndk->nk", turn, self.patches.linear, optimize=True)
        found = self.findings.found
        pull = trust * (found / p - (1.0 - found) / (1.0 - p))
        gradient = self.precision @ (coefficients - self.mean) - pull @ rows
        weighted = rows * (trust / (p * (1.0 - p)))[:, None]
        return gradient, self.precision + weighted.T @ rows

    def searched(
        self, coefficients: Float64, step: Float64, current: float
    ) -> tuple[Float64, float]:
        """Halve the step until the energy falls; gain 0 if it never does."""
        for halving in range(6):
            candidate = coefficients + step / 2.0**halving
            gain = current - self.value(candidate)
            if gain > 0.0:
                return candidate, gain
        return coefficients, 0.0

    def _probability(self, normals: Float64) -> Float64:
        unit = normals / np.linalg.norm(normals, axis=1, keepdims=True)
        return np.clip(self.probability_of(unit), _LEAST_PROBABILITY, 1.0 - _LEAST_PROBABILITY)

    def _turning(self, unit: Float64) -> Float64:
        """Tangential gradient (J, 3) of p, by central differences over two small turns."""
        helper = np.where(np.abs(unit[:, :1]) < 0.7, [[1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]])
        first = np.cross(unit, helper)
        first /= np.linalg.norm(first, axis=1, keepdims=True)
        slopes = np.zeros_like(unit)
        for tangent in (first, np.cross(unit, first)):
            ahead = self._probability(unit + _TURN_RAD * tangent)
            behind = self._probability(unit - _TURN_RAD * tangent)
            slopes += ((ahead - behind) / (2.0 * _TURN_RAD))[:, None] * tangent
        return slopes

    def _log_mixture(self, p: Float64) -> tuple[Float64, Float64]:
        """Log of the mixture over M, and the share of each patch that the wedge explains."""
        found, sharp = self.findings.found, self.options.sharpness
        likelihood = found * np.log(p) + (1.0 - found) * np.log(1.0 - p) - self.best
        good = (1.0 - self.options.unexplained) * np.exp(sharp * likelihood)
        total = good + self.options.unexplained
        return np.log(total) / sharp, good / total

    @staticmethod
    def _entropy(found: Float64) -> Float64:
        q = np.clip(found, _LEAST_PROBABILITY, 1.0 - _LEAST_PROBABILITY)
        return np.asarray(found * np.log(q) + (1.0 - found) * np.log(1.0 - q))
