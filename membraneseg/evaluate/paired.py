"""Paired tests between steps over a set of tomograms, corrected for their number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.stats import ttest_rel, wilcoxon

from membraneseg.errors import MembraneSegError
from membraneseg.types import Float64

FEWEST_TOMOGRAMS = 3


@dataclass(frozen=True)
class PairedTest:
    """Two steps compared.

    Parameters
    ----------
    first, second : str
    mean_change : float
        Second minus first.
    wilcoxon_p, t_p : float
        Of the signed-rank test and of the paired t test, corrected.
    """

    first: str
    second: str
    mean_change: float
    wilcoxon_p: float
    t_p: float


def benjamini_hochberg(p_values: Float64) -> Float64:
    """Correct p values for their number, controlling the false discovery rate.

    Parameters
    ----------
    p_values : (N,) float64

    Returns
    -------
    (N,) float64
        p_(i) N / i of the i-th smallest, made monotonous from the largest down, at most 1.

    References
    ----------
    Benjamini and Hochberg 1995, doi:10.1111/j.2517-6161.1995.tb02031.x; Yekutieli and Benjamini
    1999, doi:10.1016/s0378-3758(99)00041-5.
    """
    order = np.argsort(p_values)
    count = len(p_values)
    raised = p_values[order] * count / np.arange(1, count + 1)
    corrected = np.empty(count)
    corrected[order] = np.minimum(np.minimum.accumulate(raised[::-1])[::-1], 1.0)
    return corrected


def paired_tests(values: Mapping[str, Sequence[float]]) -> list[PairedTest]:
    """Test every pair of steps.

    Parameters
    ----------
    values : mapping of str to sequence of float
        A measure after each step, over the same tomograms in the same order.

    Returns
    -------
    list of PairedTest

    Raises
    ------
    MembraneSegError
        For fewer than three tomograms.

    Notes
    -----
    Steps that agree on every tomogram have p = 1. The paper compares the steps by analysis of
    variance, as if each had its own tomograms; they share them, so the tests here are paired.
    """
    counts = {len(column) for column in values.values()}
    if counts and min(counts) < FEWEST_TOMOGRAMS:
        raise MembraneSegError(
            f"{min(counts)} tomograms are too few for a test, expected {FEWEST_TOMOGRAMS} or more: "
            "give more results."
        )
    pairs = list(combinations(values, 2))
    changes = [np.asarray(values[b], float) - np.asarray(values[a], float) for a, b in pairs]
    ranked = benjamini_hochberg(np.array([_wilcoxon_p(change) for change in changes]))
    by_t = benjamini_hochberg(np.array([_t_p(change) for change in changes]))
    return [
        PairedTest(a, b, float(change.mean()), float(p), float(q))
        for (a, b), change, p, q in zip(pairs, changes, ranked, by_t, strict=True)
    ]


def _wilcoxon_p(change: Float64) -> float:
    return 1.0 if not change.any() else float(wilcoxon(change).pvalue)


def _t_p(change: Float64) -> float:
    if np.ptp(change) <= 1e-12 * np.abs(change).max(initial=0.0):
        return 1.0 if not change.any() else 0.0
    return float(ttest_rel(change, np.zeros_like(change)).pvalue)
