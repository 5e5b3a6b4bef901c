"""The energy that what was not seen adds to a star-shaped fit; see `wedge_evidence`."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from gp_fit.arrays import Bool, Float64
from gp_fit.coverage import DetectionProbability
from gp_fit.points import tangent_pairs
from gp_fit.star_fit import StarState

_TURN_RAD = 0.02
_LEAST_PROBABILITY = 1e-4
_LEAST_INFORMATION = 1e-6


@dataclass(frozen=True)
class EvidenceConfig:
    """Options of the negative evidence."""

    patch_area_px2: float = field(default=12.0, metadata={"help": "area per direction aimed at"})
    most_patches: int = field(default=1500, metadata={"help": "directions at most"})
    trial_area_px2: float = field(
        default=30.0, metadata={"help": "area on which the network's misses are independent"}
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


def findings_of(
    counts: Float64, areas: Float64, probability: Float64, inside: Bool, options: EvidenceConfig
) -> Findings | None:
    """Compare the points on each patch with those on patches that all see.

    Parameters
    ----------
    counts, areas, probability : (J,) float64
        Points found, voxels², and the probability that the patch is seen.
    inside : (J,) bool
        Whether the patch lies in the volume.
    options : EvidenceConfig

    Returns
    -------
    Findings or None
        None if too little is well seen to tell how many points to expect.
    """
    best = float(probability.max())
    density = _density(counts / areas, inside & (probability > options.well_seen * best))
    if not density > 0.0:
        return None
    found = np.clip(best * counts / (density * areas), 0.0, 1.0)
    return Findings(found, np.where(inside, areas / options.trial_area_px2, 0.0))


def _density(ratios: Float64, well_seen: Bool) -> float:
    """Points per area where all should be seen; a side missed altogether does not lower it."""
    if well_seen.sum() < 10:
        return 0.0
    everywhere = float(np.median(ratios[well_seen]))
    hit = ratios[well_seen & (ratios > 0.0)]
    if len(hit) < 10:
        return 0.0
    return max(everywhere, 0.7 * float(np.median(hit)))


class PatchLikelihood:
    """What the patches say about their normals: log likelihood, score and Fisher information.

    Parameters
    ----------
    findings : Findings
    detection_probability : callable
    options : EvidenceConfig
    """

    def __init__(
        self,
        findings: Findings,
        detection_probability: DetectionProbability,
        options: EvidenceConfig,
    ) -> None:
        self.findings, self.options = findings, options
        self.probability_of = detection_probability
        self.best = self._entropy(findings.found)

    def value(self, unit: Float64) -> float:
        """Return the log likelihood of unit normals (J, 3), up to a constant."""
        return float(self.findings.trials @ self._log_mixture(self._probability(unit))[0])

    def pull(self, unit: Float64) -> tuple[Float64, Float64, Float64]:
        """Return how p turns with the normals (J, 3), the score (J,) and the information (J,).

        Score and information are those of p; times the turning they are those of the normals.
        """
        p = self._probability(unit)
        trust = self._log_mixture(p)[1] * self.findings.trials
        found = self.findings.found
        score = trust * (found / p - (1.0 - found) / (1.0 - p))
        return self._turning(unit), score, trust / (p * (1.0 - p))

    def _probability(self, unit: Float64) -> Float64:
        return np.clip(self.probability_of(unit), _LEAST_PROBABILITY, 1.0 - _LEAST_PROBABILITY)

    def _turning(self, unit: Float64) -> Float64:
        """Tangential gradient (J, 3) of p, by central differences over two small turns."""
        slopes = np.zeros_like(unit)
        for tangent in tangent_pairs(unit):
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


class Energy:
    """E(c) of a star-shaped surface with its gradient and Fisher information."""

    def __init__(
        self, plain: StarState, precision: Float64, patches: Patches, likelihood: PatchLikelihood
    ) -> None:
        self.mean, self.precision = plain.coefficients, precision
        self.patches, self.likelihood = patches, likelihood

    def value(self, coefficients: Float64) -> float:
        """Return E for coefficients (K,)."""
        away = coefficients - self.mean
        normals = self.patches.normals(coefficients)
        unit = normals / np.linalg.norm(normals, axis=1, keepdims=True)
        return float(0.5 * away @ self.precision @ away - self.likelihood.value(unit))

    def slope(self, coefficients: Float64) -> tuple[Float64, Float64]:
        """Return the gradient (K,) of E and its Fisher information (K, K)."""
        normals = self.patches.normals(coefficients)
        length = np.linalg.norm(normals, axis=1, keepdims=True)
        turning, score, information = self.likelihood.pull(normals / length)
        telling = information * np.sum(turning**2, axis=1) > _LEAST_INFORMATION
        turn = (turning / length)[telling]  # (J, 3): change of p with the unscaled normal
        rows = np.einsum("nd,ndk->nk", turn, self.patches.linear[telling], optimize=True)
        gradient = self.precision @ (coefficients - self.mean) - score[telling] @ rows
        weighted = rows * information[telling, None]
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
