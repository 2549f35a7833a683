"""How well a profile renders: pictures of simulated scenes against what a colorimetric camera would have seen.

A profile's taste cannot be compared with truth, so scenes are developed up to the tone curve: everything that is
calibrated, nothing that is chosen. The exposure, one factor, is that which fits best. Colours are compared as means of
squares of linear light, in which noise, demosaicing and a pixel of misregistration average out; squares that hold a
saturated pixel are left out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from isp.color.spaces import conversion
from isp.errors import NumericError
from isp.profile import Profile
from isp.values import Float64, Picture, RawFrame, frozen
from reports.estimate import Estimate, Measured, mean_of
from reports.light import to_lab
from reports.metrics import delta_e_2000
from reports.source import averaged

ACROSS = 64
"""Squares along the longer side."""
SMALLEST = 16
"""Side of a square at least: what edges and noise need to average out [px]."""


@dataclass(frozen=True)
class Judged(Measured):
    """A scene against truth.

    Parameters
    ----------
    scene : what it is called
    mean, p95 : Estimate
        CIEDE2000 of the squares.
    compared : Estimate [%]
        Share of the squares that were compared; the others are saturated.
    exposure : factor between the picture and the truth
    errors : (rows, columns) float64
        CIEDE2000; NaN where it was not compared.
    """

    scene: str
    mean: Estimate
    p95: Estimate
    compared: Estimate
    exposure: float
    errors: Float64 = field(repr=False)


def judge(profile: Profile, frame: RawFrame, ideal: Picture, cct: float | None, scene: str) -> Judged:
    """Develop a frame and compare it with the truth.

    Parameters
    ----------
    profile : Profile
    frame : RawFrame
    ideal : Picture
        `sensors.Truth.ideal` of the same size.
    cct : float or None
        Colour temperature of the light [K], as a meter would tell it, for profiles with a white-balance curve; None
        takes the white balance that the profile has.
    scene : str
        For the result.

    Raises
    ------
    NumericError
        The profile has no scene-referred picture, or everything is saturated.
    """
    picture = developed(profile, frame, cct)
    if picture.shape != ideal.shape:
        raise NumericError(f"{scene}: a picture of {picture.shape[::-1]} cannot be compared with {ideal.shape[::-1]}")
    side = max(SMALLEST, max(picture.shape) // ACROSS)
    rows, columns = (n // side * side for n in picture.shape)

    def squares(values: Any) -> Float64:
        return averaged(np.asarray(values[:rows, :columns], np.float64), side)

    got = squares(picture.data) @ conversion("rec2020", "srgb").T
    want = squares(ideal.data)
    clear = squares((frame.data >= frame.white).astype(np.float64)) == 0
    # a lamp beside a square shines into it through the lens
    clear &= want.max(-1) < 1
    if clear.mean() < 0.1:
        raise NumericError(f"{scene}: {100 * clear.mean():.0f} % of the picture is not saturated")
    luma = np.array([0.2126, 0.7152, 0.0722])
    light = want[clear] @ luma
    factor = float(np.sum(light * light) / np.sum(light * (got[clear] @ luma)))
    errors = np.full(clear.shape, np.nan)
    errors[clear] = delta_e_2000(to_lab(got[clear] * factor), to_lab(want[clear]))
    found = errors[clear]
    return Judged(
        scene, mean_of(found), Estimate(float(np.quantile(found, 0.95)), reason="no interval"),
        Estimate(100 * float(clear.mean()), unit="%"), factor, frozen(errors),
    )  # fmt: skip


def developed(profile: Profile, frame: RawFrame, cct: float | None) -> Picture:
    """The scene-referred picture in front of the tone curve, linear Rec.2020, in the geometry of the scene."""
    from isp.pipeline import Pipeline

    names = {entry.name for entry in profile.stages}
    settings = [s for s in ("exposure.ev=0", "distortion.frame=keep", "saturation.enabled=false")
                if s.partition(".")[0] in names]  # fmt: skip
    if cct is not None:
        settings += ["white_balance.mode=temperature", f"white_balance.temperature={cct:.1f}"]
    neutral = profile.with_settings(settings)
    last = [step.entry.name for step in neutral.steps if step.gives == "scene"]
    if not last:
        raise NumericError("the profile gives no scene-referred picture")
    value: Any = Pipeline(neutral).run(frame, tap=last[-1]).value
    return value  # type: ignore[no-any-return]
