"""Paired tests and their correction, against closed forms and independent implementations."""

import numpy as np
import pytest
from scipy.stats import false_discovery_control, ttest_rel

from membraneseg.errors import MembraneSegError
from membraneseg.evaluate.paired import benjamini_hochberg, paired_tests


def test_the_correction_agrees_with_scipy_and_never_lowers_a_p_value():
    p_values = np.random.default_rng(0).random(40) ** 3
    corrected = benjamini_hochberg(p_values)
    np.testing.assert_allclose(corrected, false_discovery_control(p_values, method="bh"))
    assert (corrected >= p_values).all()


def test_one_p_value_stays_and_equal_ones_stay_equal():
    assert benjamini_hochberg(np.array([0.03])).tolist() == [0.03]
    np.testing.assert_allclose(benjamini_hochberg(np.full(5, 0.2)), 0.2)


def test_steps_that_agree_everywhere_have_p_1_and_a_constant_gain_is_certain():
    rng = np.random.default_rng(1)
    first = rng.random(8)
    values = {"a": first, "b": first, "c": first + 0.1}
    same, gain, _ = paired_tests(values)
    assert (same.first, same.second, same.mean_change) == ("a", "b", 0.0)
    assert same.wilcoxon_p == 1.0
    assert same.t_p == 1.0
    assert gain.mean_change == pytest.approx(0.1)
    # All eight changes have one sign: 2/2^8, corrected for two of three equal ones.
    assert gain.wilcoxon_p == pytest.approx(2 / 2**8 * 3 / 2)


def test_a_single_pair_has_the_p_value_of_the_paired_t_test():
    rng = np.random.default_rng(2)
    first, second = rng.random(9), rng.random(9)
    (test,) = paired_tests({"a": first, "b": second})
    assert test.t_p == pytest.approx(ttest_rel(first, second).pvalue)


def test_two_tomograms_are_too_few():
    with pytest.raises(MembraneSegError, match="too few"):
        paired_tests({"a": [0.1, 0.2], "b": [0.3, 0.4]})
