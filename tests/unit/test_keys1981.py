"""Keys's cubic convolution against the kernel as published, and what it is exact for."""

import halide as hl
import numpy as np

from isp.engine.keys1981 import cubic_weights


def published(s, a=-0.5):
    """The paper's interpolation kernel u(s), of which `a` is free."""
    s = np.abs(s)
    near, far = (a + 2) * s**3 - (a + 3) * s**2 + 1, a * s**3 - 5 * a * s**2 + 8 * a * s - 4 * a
    return np.where(s < 1, near, np.where(s < 2, far, 0))


def test_the_weights_are_those_of_the_paper_and_exact_for_parabolas():
    f = np.linspace(0, 1, 65, dtype=np.float32)
    given, x = hl.ImageParam(hl.Float(32), 1), hl.Var()
    given.set(hl.Buffer(f))
    found = []
    for weight in cubic_weights(given[x]):
        output = hl.Func()
        output[x] = weight
        found.append(np.array(output.realize([len(f)])))
    taps = np.array([-1, 0, 1, 2])
    np.testing.assert_allclose(found, published(f[None] - taps[:, None]), atol=3e-7)
    parabola = np.polynomial.Polynomial([0.3, -0.7, 0.9])
    np.testing.assert_allclose(parabola(taps) @ np.array(found, np.float64), parabola(f), atol=1e-6)
