"""Sensors with round numbers for the tests: what is not asked for is switched off."""

from __future__ import annotations

from typing import Any

from sensors.sensor import Conversion, Gain, Mode, ReadNoise, Sensor

GREY = {"parametric": {"Y": [[550.0, 120.0, 0.6]]}}
COLOUR = {"parametric": {"R": [[600.0, 40.0, 0.5]], "G": [[530.0, 45.0, 0.6]], "B": [[460.0, 35.0, 0.5]]}}


def sensor(
    *, gain: float = 0.5, pre_e: float = 2.0, adc_dn: float = 0.0, cfa: str = "Y", block: int = 1, **changes: Any
) -> Sensor:
    """A 12-bit sensor of 2 um pixels, `gain` DN/e- at ISO 100, no faults."""
    modes = {"full": Mode("full")}
    for size in (2, 3, 4):
        if cfa == "Y" or block % size == 0 or size % block == 0:
            modes[f"bin{size}"] = Mode(f"bin{size}", size, "digital")
    values: dict[str, Any] = dict(
        name="fake",
        width=1024,
        height=1024,
        pitch_um=2.0,
        cfa=cfa,
        block=block,
        bits=12,
        pedestal=64.0,
        iso_base=100.0,
        iso_max=102400.0,
        full_well_e=20000.0,
        gain=Gain(gain / 100),
        read_noise=ReadNoise((Conversion("only", 100.0, pre_e, adc_dn),)),
        pixel_rate=1e9,
        sensitivity_spec=GREY if cfa == "Y" else COLOUR,
        modes=modes,
    )
    return Sensor(**(values | changes))
