"""What is believed without a dark line, and what is not."""

from types import SimpleNamespace

import pytest

from membraneseg.surface.refined import RefineConfig, reason_to_drop


def membrane(whole, coverage, z_score):
    surface = SimpleNamespace(method="star" if whole else "sheet", coverage=coverage)
    profile = SimpleNamespace(z_score=z_score, doubtful=z_score < RefineConfig().doubtful_z)
    return SimpleNamespace(membrane=SimpleNamespace(surface=surface), profile=profile)


@pytest.mark.parametrize(
    ("whole", "coverage", "z_score", "kept"),
    [
        (True, 0.6, 3.0, True),  # a well covered whole shape is evidence of its own
        (True, 0.1, 3.0, False),  # a cap that closes by guess is not
        (False, 1.0, 3.0, False),  # nor is a patch
        (False, 1.0, 7.0, True),
        (True, 0.1, 7.0, True),
        (True, 0.6, 1.0, False),
    ],
)
def test_a_faint_membrane_stays_only_if_its_whole_shape_speaks_for_it(
    whole, coverage, z_score, kept
):
    reason = reason_to_drop(membrane(whole, coverage, z_score), 0.5, RefineConfig())
    assert (reason == "") is kept


def test_a_surface_of_which_next_to_nothing_was_seen_is_not_believed():
    assert "1.0%" in reason_to_drop(membrane(True, 0.9, 20.0), 0.01, RefineConfig())


def test_strict_drops_what_is_doubtful_and_nothing_else():
    strict = RefineConfig(strict=True)
    assert "doubtful" in reason_to_drop(membrane(True, 0.9, 5.9), 0.5, strict)
    assert reason_to_drop(membrane(True, 0.9, 5.9), 0.5, RefineConfig()) == ""
    assert reason_to_drop(membrane(True, 0.9, 6.1), 0.5, strict) == ""
