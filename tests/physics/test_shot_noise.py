"""Shot noise against SciPy's Poisson distribution, and the random numbers against published test vectors."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from sensors import capture
from tests.physics.sensor_fakes import sensor
from tests.physics.test_photon_transfer import FLAT, electrons_per_second


@pytest.mark.parametrize("mean", [0.1, 1.0, 10.0, 10.4, 10.6, 30.0, 300.0])
def test_counts_follow_poisson(mean: float) -> None:
    part = sensor(gain=1.0, pre_e=0.0, full_well_e=3000.0)
    rate = electrons_per_second(part)
    counts = capture(FLAT, part, exposure=mean / rate, seed=5).data.astype(np.int64).ravel() - 64
    assert counts.min() >= 0
    # classes of at least 10 expected counts
    low, high = stats.poisson.ppf([1e-5, 1 - 1e-5], mean)
    edges = np.arange(low, high + 2)
    observed = np.histogram(counts, np.concatenate([[-0.5], edges + 0.5, [1e9]]))[0]
    cdf = stats.poisson.cdf(edges, mean)
    expected = np.diff(np.concatenate([[0.0], cdf, [1.0]])) * counts.size
    keep = expected >= 10
    observed = np.append(observed[keep], observed[~keep].sum())
    expected = np.append(expected[keep], expected[~keep].sum())
    keep = expected > 0
    assert stats.chisquare(observed[keep], expected[keep], sum_check=False).pvalue > 1e-3


def test_neighbouring_photosites_are_independent() -> None:
    part = sensor(gain=1.0, pre_e=0.0)
    rate = electrons_per_second(part)
    data = capture(FLAT, part, exposure=100 / rate).data.astype(np.float64) - 164
    for shifted in (np.roll(data, 1, 0), np.roll(data, 1, 1), np.roll(data, 7, 1)):
        # 1 / sqrt(N) is 1e-3 for a million
        assert abs((data * shifted).mean() / data.var()) < 4e-3


def test_exposures_with_different_seeds_are_independent() -> None:
    part = sensor(gain=1.0, pre_e=3.0)
    rate = electrons_per_second(part)
    a, b = (capture(FLAT, part, exposure=100 / rate, seed=s).data.astype(np.float64).ravel() for s in (1, 2**40 + 1))
    assert abs(np.corrcoef(a, b)[0, 1]) < 4e-3
