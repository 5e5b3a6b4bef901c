"""The training loop: it learns, it resumes exactly, and its loss is what it says."""

import numpy as np
import pytest
import torch

from membraneseg.segment.scores import DECIDES, Standing, after_checkpoint, is_over
from membraneseg.segment.train import (
    Examples,
    MixedDataset,
    TrainConfig,
    learning_rate,
    segmentation_loss,
    train,
)
from membraneseg.segment.unet import UNetConfig, load_weights
from synth2d.config import SliceConfig

SLICES = SliceConfig(size_px=32, globules_per_um2=(10.0, 20.0))


def config(steps, **changes):
    values = {"steps": steps, "batch": 2, "workers": 0, "validation_slices": 2, "seed": 3}
    return TrainConfig(**(values | {"checkpoint_every": 2} | changes))


def test_a_perfect_answer_costs_next_to_nothing_and_a_wrong_one_a_lot():
    labels = torch.randint(0, 3, (2, 16, 16), generator=torch.Generator().manual_seed(0))
    sure = 20.0 * torch.nn.functional.one_hot(labels, 3).permute(0, 3, 1, 2).float()
    assert float(segmentation_loss(sure, labels)) < 1e-3
    assert float(segmentation_loss(-sure, labels)) > 5.0


def test_ignored_pixels_have_no_gradient():
    logits = torch.zeros(1, 3, 4, 4, requires_grad=True)
    labels = torch.full((1, 4, 4), 2)
    labels[0, 0] = 255
    segmentation_loss(logits, labels).backward()
    assert not logits.grad[0, :, 0].any()
    assert logits.grad[0, :, 1].any()


def test_slice_number_i_is_the_same_whoever_draws_it():
    later = MixedDataset(Examples(SLICES), 7, range(5, 8))[0]
    longer = MixedDataset(Examples(SLICES), 7, range(8))[5]
    assert torch.equal(later[0], longer[0])
    assert torch.equal(later[1], longer[1])


def test_the_learning_rate_rises_and_falls():
    plan = config(1000)
    rates = np.array([learning_rate(s, plan) for s in range(1000)])
    assert rates.argmax() == pytest.approx(60, abs=2)
    assert rates.max() == pytest.approx(plan.learning_rate, rel=0.02)
    assert rates[-1] < 0.02 * rates.max()


class Killed(Exception):
    pass


def killed_at(step):
    def report(done):
        if done == step:
            raise Killed

    return report


def test_an_interrupted_training_ends_with_the_same_weights(tmp_path):
    torch.use_deterministic_algorithms(True)
    parts = tmp_path / "parts"
    try:
        train(tmp_path / "whole", UNetConfig(), Examples(SLICES), config(4))
        with pytest.raises(Killed):
            train(parts, UNetConfig(), Examples(SLICES), config(4), report=killed_at(3))
        train(parts, UNetConfig(), Examples(SLICES), config(4))
    finally:
        torch.use_deterministic_algorithms(False)
    whole, parts = (
        load_weights(tmp_path / f / "slice_unet.safetensors")[0].state_dict()
        for f in ("whole", "parts")
    )
    for name, value in whole.items():
        torch.testing.assert_close(parts[name], value, rtol=1e-3, atol=1e-4)


def judged(dices, patience):
    """Follow a training with these scores; return what is kept, and after how many checkpoints."""
    standing = Standing()
    for number, dice in enumerate(dices, start=1):
        standing = after_checkpoint(standing, {DECIDES: dice}, patience)
        if is_over(standing, patience):
            return standing.scores[DECIDES], number
    return standing.scores[DECIDES], len(dices)


def test_patience_keeps_the_best_checkpoint_and_stops_after_it():
    dices = [0.5, 0.7, 0.6, 0.7, 0.65, 0.9]
    assert judged(dices, 0) == (0.9, 6)  # off: the latest
    assert judged(dices, 2) == (0.7, 4)
    assert judged(dices, 3) == (0.7, 5)
    assert judged(dices, 4) == (0.9, 6)


def scored(monkeypatch, dices):
    """Give the held-out slices these scores, one per checkpoint."""
    left = iter(dices)
    monkeypatch.setattr(
        "membraneseg.segment.train.membrane_scores", lambda *_: {DECIDES: next(left)}
    )


def test_an_early_stop_keeps_the_best_weights_and_is_the_same_when_resumed(tmp_path, monkeypatch):
    dices = [0.1, 0.4, 0.3, 0.2, 0.9]
    plan = config(5, checkpoint_every=1, patience=2)
    scored(monkeypatch, dices)
    assert train(tmp_path / "whole", UNetConfig(), Examples(SLICES), plan) == {DECIDES: 0.4}
    parts = tmp_path / "parts"
    scored(monkeypatch, dices)
    with pytest.raises(Killed):
        train(parts, UNetConfig(), Examples(SLICES), plan, report=killed_at(3))
    assert train(parts, UNetConfig(), Examples(SLICES), plan) == {DECIDES: 0.4}
    assert train(parts, UNetConfig(), Examples(SLICES), plan) == {DECIDES: 0.4}  # it is over
    for folder in ("whole", "parts"):
        saved = torch.load(tmp_path / folder / "checkpoint.pt", weights_only=True)
        assert (saved["done"], saved["waited"]) == (4, 2)
        kept = load_weights(tmp_path / folder / "slice_unet.safetensors")[0].state_dict()
        scored(monkeypatch, dices[:2])
        two = tmp_path / f"{folder}_two"
        with pytest.raises(Killed):
            train(two, UNetConfig(), Examples(SLICES), plan, report=killed_at(2))
        best = load_weights(two / "slice_unet.safetensors")[0].state_dict()
        for name, value in best.items():
            torch.testing.assert_close(kept[name], value, rtol=1e-3, atol=1e-4)
