"""Behind a stage that changed the CFA coordinates start elsewhere; what depends on the place in the frame stays."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.stage_runner import around, run_stage


@pytest.mark.parametrize(
    ("name", "domain", "params"),
    [
        ("distortion", "camera", {"radial": [0.05, 0.0, 0.0]}),
        ("chromatic_aberration", "mosaic", {"red": [0.02], "blue": [-0.02]}),
        ("defect_correction", "mosaic", {"map": [[7, 9], [30, 11]]}),
        ("vignette", "camera", {"amount": 1.0}),
    ],
)
def test_the_result_does_not_depend_on_where_coordinates_start(name, domain, params):
    shape = (60, 80) if domain == "mosaic" else (60, 80, 3)
    data = np.random.Generator(np.random.Philox(5)).random(shape, np.float32)
    context = around(data)
    plain = run_stage(name, data, context, domain, **params)
    assert not np.array_equal(plain, data)
    np.testing.assert_allclose(run_stage(name, data, context.but(place=(6, 4)), domain, **params), plain, atol=1e-5)
