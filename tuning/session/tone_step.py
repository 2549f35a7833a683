"""The tone curve of a session, from grey steps and the codes they should have."""

from __future__ import annotations

from typing import Any

import numpy as np

from isp.errors import NumericError
from isp.values import Picture
from reports.charts.color_chart import NotFound
from reports.charts.steps import find_grey_steps, patches_of
from reports.light import luminance
from reports.source import Source
from tuning.calibrate.tone_points import ToneFit, tone_curve
from tuning.session.steps import Work, developing, first_frames


def tone_of(work: Work) -> ToneFit:
    """Fit the tone curve to `targets.tone_codes`, over the light of the steps in front of the stage.

    Raises
    ------
    NumericError
        No steps are found, or not as many as there are codes.
    """
    from isp.color.transfer import decoded
    from isp.pipeline import Pipeline

    codes = np.asarray(work.frames.session.targets.tone_codes, np.float64)
    if not ((codes >= 0) & (codes <= 255)).all():
        raise NumericError("tone curve: targets.tone_codes must be in 0..255")
    frame = first_frames(work, "gray_steps")[0]
    profile = developing(work, {0.0: frame}).with_settings(["exposure.ev=0"])
    names = [step.entry.name for step in profile.steps]
    if "tone_curve" not in names:
        raise NumericError("tone curve: the profile has no tone_curve that runs")
    value: Any = Pipeline(profile).run(frame, tap=names[names.index("tone_curve") - 1]).value
    if not isinstance(value, Picture):
        raise NumericError("tone curve: the stage before it gives no picture")
    source = Source(value)
    steps = find_grey_steps(source)
    if isinstance(steps, NotFound):
        raise NumericError(f"tone curve: {frame.origin.name}: {steps.reason}")
    if len(steps.patches) != len(codes):
        raise NumericError(f"tone curve: {len(steps.patches)} steps found, {len(codes)} codes given")
    light = [float(luminance(patch, source.space).mean()) for patch in patches_of(source, steps.patches)]
    return tone_curve(light, decoded(codes / 255, "srgb"), exposure=True)
