"""Aspheres of high order have sheets far from the axis that no glass has: rays must not find them."""

from __future__ import annotations

import numpy as np
import pytest

from isp.lenses import lens_names, load_lens
from isp.lenses.glass import AIR
from isp.lenses.prescription import Surface
from isp.lenses.trace import _meet

ASPHERES = [
    (name, i) for name in lens_names() for i, s in enumerate(load_lens(name=name).prescription.surfaces) if s.aspheric
]
FOLDED = Surface("folded", -55.796, 1.0, AIR, 16.0, terms=(8e-6, -3.4e-8, 2e-10, -1.2e-12))
"""Its polynomial turns back outside the clear radius, and stands there across rays that pass the glass."""


def _fan(surface: Surface):
    """Rays in a plane: heights of twice the clear radius, slopes of up to 42 degrees."""
    h = np.linspace(-2, 2, 101)[:, None] * surface.semi_diameter
    h, slope = (a.ravel() for a in np.broadcast_arrays(h, np.linspace(-0.9, 0.9, 31)))
    return h, slope / np.hypot(1, slope), 1 / np.hypot(1, slope)


def _naive(surface: Surface, h, dx, dz):
    """Ten Newton steps on the formula, believed: x where the ray is said to meet the surface, and by how much not."""
    step = np.zeros_like(h)
    with np.errstate(all="ignore"):
        for _ in range(10):
            x = h + step * dx
            z, slope = surface._formula(np.abs(x))
            step = step - (step * dz - z) / (dz - slope * np.sign(x) * dx)
        x = h + step * dx
        return x, np.abs(step * dz - surface._formula(np.abs(x))[0])


def _first_crossing(surface: Surface, h, dx, dz):
    """x where each ray first crosses the glass inside the clear radius, from a walk along the ray; else NaN."""
    found = np.full(h.shape, np.nan)
    rim = surface.semi_diameter
    sag = surface._formula(np.linspace(0, rim, 200))[0]
    low, high = sag.min() - 0.01, sag.max() + 0.01
    t = np.linspace(low, high, 1001)[:, None] / dz
    x = h + t * dx
    inside = np.abs(x) <= rim
    ahead = np.where(inside, t * dz - surface._formula(np.minimum(np.abs(x), rim))[0], np.nan)
    with np.errstate(invalid="ignore"):
        crosses = (ahead[:-1] < 0) & (ahead[1:] >= 0)
    hit = crosses.any(axis=0)
    i, j = crosses.argmax(axis=0)[hit], np.flatnonzero(hit)
    a, b = ahead[i, j], ahead[i + 1, j]
    found[hit] = x[i, j] + (x[i + 1, j] - x[i, j]) * a / (a - b)
    return found, crosses.sum(axis=0)


def _ours(surface: Surface, h, dx, dz):
    nothing = np.zeros_like(h)
    x, _, z, _ = _meet(surface, 0.0, h, nothing, nothing, dx, nothing, dz)
    return x, z


@pytest.mark.parametrize(("name", "i"), ASPHERES)
def test_rays_meet_the_glass_where_a_walk_along_them_does(name, i):
    surface = load_lens(name=name).prescription.surfaces[i]
    _holds(surface)


def test_rays_meet_a_surface_whose_polynomial_folds_back():
    _holds(FOLDED)


def _holds(surface: Surface) -> None:
    fan = _fan(surface)
    (x, z), (walked, crossings) = _ours(surface, *fan), _first_crossing(surface, *fan)
    accepted = np.abs(x) < 0.999 * surface.semi_diameter
    assert accepted.sum() > 300
    np.testing.assert_allclose(z[accepted], surface._formula(np.abs(x[accepted]))[0], atol=1e-9)
    np.testing.assert_allclose(x[accepted], walked[accepted], atol=1e-4)
    assert (crossings[accepted] == 1).all()
    # and no ray that crosses the glass is lost
    crosses = np.abs(walked) < 0.999 * surface.semi_diameter
    assert (accepted == crosses).all()


def test_the_trap_is_there():
    """What Newton's method alone says: rays that it puts on the glass although they are not on it, or far from it."""
    believed = elsewhere = 0
    for surface in [load_lens(name=n).prescription.surfaces[i] for n, i in ASPHERES] + [FOLDED]:
        fan = _fan(surface)
        x, miss = _naive(surface, *fan)
        walked, _ = _first_crossing(surface, *fan)
        inside = np.abs(x) < 0.999 * surface.semi_diameter
        with np.errstate(invalid="ignore"):
            believed += int((inside & (miss > 1e-3)).sum())
            elsewhere += int((~inside & (miss < 1e-9) & np.isfinite(walked)).sum())
    assert believed > 10
    assert elsewhere > 0


@pytest.mark.parametrize("name", sorted({name for name, _ in ASPHERES}))
def test_beams_narrow_outwards(name):
    """A false sheet once made a beam 1.6 times as high as wide at 10 degrees, and a spot of 286 µm."""
    lens = load_lens(name=name)
    shapes = lens.cats_eye([0, 5, 10, 15, 20])
    assert (shapes <= 1.01).all()
    assert lens.spot_radius(10) < 70
