"""How many electrons a scene gives: absolute radiometry, computed here from colour-science's tables, and linearity."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sensors import capture
from sensors.optics import Lens, Seidel
from sensors.sensor import Sensor
from tests.physics.sensor_fakes import sensor

SIZE = (64, 48)
BLUR = Lens(f_number=4.0, aberrations=Seidel(w131=0.4, w040=0.2))


def electrons(scene: str, part: Sensor, size: tuple[int, int] = SIZE, **settings: Any) -> np.ndarray:
    """Mean electrons of each photosite, from the truth."""
    settings = {"lens": Lens(diffraction=False), "exposure": 0.01, "size": size, **settings}
    return np.asarray(capture(scene, part, truth=True, **settings)[1].electrons, np.float64)


def expected(part: Sensor, light: str, lux: float, f_number: float, transmission: float, exposure: float) -> np.ndarray:
    """Electrons of a perfect diffuser in each colour: the integral over 1 nm steps of the radiometric chain."""
    import colour

    shape = colour.SpectralShape(380, 780, 1)
    at = shape.wavelengths
    power = colour.SDS_ILLUMINANTS[light].copy().align(shape).values
    vision = colour.SDS_LEFS["CIE 1924 Photopic Standard Observer"].copy().align(shape).values
    irradiance = power * lux / (683.0 * np.trapezoid(power * vision, at))  # W m^-2 nm^-1 on the scene
    radiance = irradiance / np.pi
    on_sensor = radiance * np.pi * transmission / (4 * f_number**2)
    photons = on_sensor * at * 1e-9 / (6.62607015e-34 * 299792458.0)
    area = (part.pitch_um * 1e-6) ** 2
    curves = [np.interp(at, np.arange(380, 781, 5), curve) for curve in part.sensitivity().curves]
    return np.array([np.trapezoid(photons * curve, at) * area * exposure for curve in curves])


@pytest.mark.parametrize(
    ("light", "lux", "f_number", "transmission", "exposure"),
    [("D65", 100.0, 1.8, 1.0, 0.01), ("A", 1000.0, 2.8, 0.85, 0.002), ("LED-B3", 20.0, 5.6, 0.5, 0.25)],
)
def test_electrons_of_a_diffuser_are_the_integral_over_wavelength(
    light: str, lux: float, f_number: float, transmission: float, exposure: float
) -> None:
    part = sensor(cfa="RGGB", full_well_e=1e6, bits=16, gain=0.05)
    lens = Lens(diffraction=False, transmission=transmission, f_number=f_number)
    found = electrons("uniform?reflectance=1", part, illuminant=light, lux=lux, lens=lens, exposure=exposure)
    red, green, blue = expected(part, light, lux, f_number, transmission, exposure)
    # 5 nm sums against 1 nm integrals
    for (j, i), value in {(0, 0): red, (0, 1): green, (1, 0): green, (1, 1): blue}.items():
        assert found[j::2, i::2] == pytest.approx(value, rel=4e-3)


def test_catalogued_sensor_and_reflectance() -> None:
    from sensors.catalog import load_sensor

    part = load_sensor("imx363")
    found = electrons("uniform?reflectance=0.18", part, lux=50.0, exposure=0.02)
    red, green, blue = expected(part, "D65", 50.0, 1.8, 1.0, 0.02) * 0.18
    # crosstalk mixes the colours, the sum over the pattern stays
    assert part.crosstalk > 0
    assert found[2:-2, 2:-2].mean() == pytest.approx((red + 2 * green + blue) / 4, rel=4e-3)


@pytest.mark.parametrize("factor", [0.01, 3.0, 50.0])
def test_light_and_time_are_proportional_to_electrons(factor: float) -> None:
    part = sensor(cfa="RGGB")
    base = electrons("chart", part, lux=100.0)
    assert electrons("chart", part, lux=100.0 * factor) == pytest.approx(base * factor, rel=1e-5)
    assert electrons("chart", part, lux=100.0, exposure=0.01 * factor) == pytest.approx(base * factor, rel=1e-5)


def test_electrons_fall_with_the_square_of_the_f_number() -> None:
    part = sensor(cfa="RGGB")
    wide, narrow = (electrons("uniform", part, lens=Lens(diffraction=False, f_number=n)) for n in (1.4, 5.6))
    assert wide / narrow == pytest.approx(16.0, rel=1e-5)
    by_setting = electrons("uniform", part, lens=Lens(diffraction=False, f_number=1.4), f_number=5.6)
    np.testing.assert_array_equal(by_setting, narrow)


def test_electrons_grow_with_the_area_of_the_photosite() -> None:
    small, large = (electrons("uniform", sensor(pitch_um=p)).mean() for p in (1.0, 3.0))
    assert large / small == pytest.approx(9.0, rel=1e-5)


@pytest.mark.parametrize("mode", ["bin2-digital", "bin2-charge"])
def test_bins_sum_their_photosites(mode: str) -> None:
    part = sensor(cfa="RGGB", block=2)
    full, binned = electrons("chart", part), electrons("chart", part, mode=mode)
    summed = full.reshape(SIZE[1] // 2, 2, SIZE[0] // 2, 2).sum(axis=(1, 3))
    assert binned == pytest.approx(summed, rel=1e-5)


@pytest.mark.parametrize("lens", [Lens(f_number=4.0), BLUR], ids=["diffraction", "aberrations"])
def test_the_lens_moves_light_and_loses_none(lens: Lens) -> None:
    part = sensor(cfa="Y")
    sharp = electrons("chart?wall=0.05", part, (200, 150), lens=Lens(diffraction=False, f_number=4.0))
    soft = electrons("chart?wall=0.05", part, (200, 150), lens=lens)
    assert np.abs(soft - sharp).max() > 0.05 * sharp.max()
    # nothing but the even wall at the border: what leaves there comes in as well
    assert soft.sum() == pytest.approx(sharp.sum(), rel=1e-4)
