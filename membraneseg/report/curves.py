"""Learning curves: loss and scores against the steps of a training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

SCORES = {
    "membrane_dice": "membrane Dice",
    "membrane_precision": "membrane precision",
    "membrane_recall": "membrane recall",
    "protein_dice": "protein Dice",
    "accuracy": "pixel accuracy",
}


def curves_figure(rows: Sequence[Mapping[str, float]]) -> Figure:
    """Draw the loss of a training and its scores on held-out synthetic slices.

    Parameters
    ----------
    rows : sequence of mapping
        Rows of curve.csv: step, loss and the scores.

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(9.0, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    steps = [row["step"] for row in rows]
    left.plot(steps, [row["loss"] for row in rows], marker=".", color="#1d2733")
    left.set(xlabel="step", ylabel="training loss")
    for name, title in SCORES.items():
        right.plot(steps, [row[name] for row in rows], marker=".", label=title)
    right.set(xlabel="step", ylabel="held-out synthetic slices", ylim=(0.0, 1.0))
    right.legend(fontsize=8)
    return figure
