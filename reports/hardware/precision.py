"""What fixed point does to the picture: a profile at every width of its datapath, against floating point."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from isp.errors import ProfileError, UsageError
from isp.values import Float64, Picture
from reports.estimate import Estimate
from reports.model import Quantity, Report, Section, Verdict

if TYPE_CHECKING:
    from isp.pipeline import StageCost
    from isp.profile import Profile
    from isp.values import RawFrame
    from sensors.sensor import Camera

WIDTHS = (8, 20)
"""Fewest and most bits of a sweep."""
SHARE = 0.99
"""Of the pixels that must be within the limit: a few at an edge may tip over where nobody sees it."""
LIMIT = 1.0
"""CIEDE2000 that is just noticed side by side."""
SIZE = (512, 384)
"""Of the simulated frame [px]."""
SCENE = "composed"


@dataclass(frozen=True)
class Precision:
    """A sweep over the width of the datapath.

    Parameters
    ----------
    profile, frame : what was rendered, and from what
    bits : widths, ascending
    headroom, rounding : of the datapath
    stages : for each stage, the RMS error of what it gives [dB, 0 is white] at each width; -inf where there is none
    mean, high, largest : CIEDE2000 of the pictures at each width: mean, `SHARE` quantile, of all pixels
    limit : CIEDE2000 that `high` is to keep
    proposed : the smallest width from which on it does; None if no width does
    """

    profile: str
    frame: str
    bits: tuple[int, ...]
    headroom: int
    rounding: str
    stages: Mapping[str, tuple[float, ...]]
    mean: tuple[float, ...]
    high: tuple[float, ...]
    largest: tuple[float, ...]
    limit: float
    proposed: int | None

    @property
    def sentence(self) -> str:
        """The verdict."""
        of = f"{100 * SHARE:g} % of the pixels of {self.profile} within CIEDE2000 {self.limit:g}"
        if self.proposed is None:
            return f"No datapath of up to {self.bits[-1]} bits keeps {of} (widest: {self.high[-1]:.2g})."
        at = self.high[self.bits.index(self.proposed)]
        return f"A datapath of {self.proposed} bits keeps {of} (there: {at:.2g})."


def precision_sweep(
    profile: Profile,
    frame: RawFrame,
    *,
    limit: float = LIMIT,
    widths: tuple[int, int] = WIDTHS,
    progress: Callable[[int, int], None] | None = None,
) -> Precision:
    """Render a frame with every width of the datapath and in floating point.

    Headroom and rounding are the profile's own `datapath`'s, or its defaults. What the profile takes from the frame (an
    exposure, say) is decided once, in floating point: another choice is no error of arithmetic. Every stage is compiled
    once, alone; all widths run the same programs.

    Parameters
    ----------
    profile : Profile
        Must end in a picture.
    frame : RawFrame
        Small: everything is kept.
    limit : CIEDE2000
    widths : fewest and most bits, 4..24
    progress : callable, optional
        Called with (renderings done, in all).

    Raises
    ------
    UsageError
        A limit that is not above 0, or widths that cannot be.
    ProfileError
        The profile ends in no picture, or its headroom leaves no bits.
    """
    first, last = widths
    if not 4 <= first <= last <= 24:
        raise UsageError(f"widths {first}..{last} bits must be within 4..24")
    if not 0 < limit < 100:
        raise UsageError(f"CIEDE2000 limit {limit:g} must be above 0 and below 100")
    if not profile.complete:
        raise ProfileError("a precision sweep needs a profile that ends in a picture")
    # finer than the datapath, so that only the datapath rounds
    fine = _decided(profile.with_settings(["output.format=png", "output.bits=16"]), frame)
    path = profile.datapath
    headroom, rounding = (2, "nearest") if path is None else (path.headroom, path.rounding)
    bits = tuple(range(first, last + 1))
    done = 0

    def rendered(width: int | None) -> tuple[StageCost, ...]:
        nonlocal done
        words = [f"datapath.bits={width}", f"datapath.headroom={headroom}", f"datapath.rounding={rounding}"]
        found = _stages(fine if width is None else fine.with_settings(words), frame)
        done += 1
        if progress is not None:
            progress(done, len(bits) + 1)
        return found

    exact = rendered(None)
    wanted = _lab(exact)
    errors: dict[str, list[float]] = {s.name: [] for s in exact}
    differences = []
    for width in bits:
        found = rendered(width)
        for stage, reference in zip(found, exact, strict=True):
            errors[stage.name].append(_decibels(stage.value.data, reference.value.data))
        differences.append(_difference(found, wanted))
    mean, high, largest = (tuple(float(d[i]) for d in differences) for i in range(3))
    return Precision(
        profile=profile.name,
        frame=frame.origin.name,
        bits=bits,
        headroom=headroom,
        rounding=rounding,
        stages={name: tuple(values) for name, values in errors.items()},
        mean=mean,
        high=high,
        largest=largest,
        limit=limit,
        proposed=smallest(bits, high, limit),
    )


def smallest(bits: Sequence[int], errors: Sequence[float], limit: float) -> int | None:
    """The smallest of `bits` (ascending) from which on no error exceeds `limit`."""
    good = None
    for width, error in zip(reversed(bits), reversed(errors), strict=True):
        if not error <= limit:
            break
        good = width
    return good


def sample_frame(
    camera: str | Camera, mode: str | None = None, iso: float | None = None, scene: str = SCENE
) -> RawFrame:
    """A small simulated frame of a camera of the catalogue, noise included. Errors as `sensors.capture`."""
    from isp.values import RawFrame
    from sensors import capture, load_camera

    found = load_camera(camera) if isinstance(camera, str) else camera
    used = found.sensor.mode(mode or found.sensor.default_mode)
    size = (SIZE[0] * used.bin, SIZE[1] * used.bin)
    frame = capture(scene, found, mode=used.name, iso=iso, size=size, seed=0)
    if not isinstance(frame, RawFrame):
        raise UsageError(f"{found.name}: a single frame is needed")
    return frame


def _decided(profile: Profile, frame: RawFrame) -> Profile:
    """The profile without a datapath, and with every value written out that it takes from the frame."""
    from isp import Pipeline
    from isp.profile import freeze
    from isp.profile.resolve import ResolvedStage

    plain = replace(profile, datapath=None)
    found = Pipeline(plain).run(frame).stages
    return freeze(plain, {s.name: ResolvedStage(s.values, s.origins) for s in found})


def _stages(profile: Profile, frame: RawFrame) -> tuple[StageCost, ...]:
    from isp import Pipeline

    height, width = frame.shape
    return Pipeline(profile).costs(frame, (0, 0, width, height), repeats=1)


def _lab(stages: Sequence[StageCost]) -> Float64:
    from reports.light import light_of, to_lab

    picture = stages[-1].value
    if not isinstance(picture, Picture):
        raise ProfileError("a precision sweep needs a profile that ends in a picture")
    return to_lab(light_of(picture), picture.space)


def _difference(stages: Sequence[StageCost], wanted: Float64) -> tuple[float, float, float]:
    from reports.metrics.color_difference import delta_e_2000

    found = delta_e_2000(_lab(stages), wanted)
    return float(found.mean()), float(np.quantile(found, SHARE)), float(found.max())


def _decibels(values: Any, reference: Any) -> float:
    error = float(np.sqrt(np.mean((values.astype(np.float64) - reference) ** 2)))
    return 20 * float(np.log10(error)) if error > 0 else -np.inf


# -- as data, and as a page --------------------------------------------------------------------------------------------


def precision_plain(found: Precision) -> dict[str, Any]:
    """For `--json`, where a stage without error has null."""
    return {
        "profile": found.profile,
        "frame": found.frame,
        "datapath": {"headroom": found.headroom, "rounding": found.rounding},
        "limit_de00": found.limit,
        "share": SHARE,
        "proposed_bits": found.proposed,
        "widths": [
            {"bits": b, "mean_de00": found.mean[i], "high_de00": found.high[i], "largest_de00": found.largest[i]}
            for i, b in enumerate(found.bits)
        ],
        "bits": list(found.bits),
        "stages_rms_db": found.stages,
    }


def precision_report(found: Precision) -> Report:
    """The page of a sweep."""
    from reports.figures.hardware import difference_over_bits, error_map

    quantities = [
        Quantity(f"overall.bits_{b}", f"{b} bits", "overall", (Estimate(found.high[i]),), "lower",
                 note=f"mean {found.mean[i]:.3g}, largest {found.largest[i]:.3g}"
                      + (", the smallest that keeps the limit" if b == found.proposed else ""))
        for i, b in enumerate(found.bits)
    ]  # fmt: skip
    within = f"CIEDE2000 against floating point that {100 * SHARE:g} % of the pixels stay within."
    overall = Section(
        "overall", "The picture", (within,),
        (difference_over_bits(found.bits, found.mean, found.high, found.largest, found.limit, found.proposed),),
    )  # fmt: skip
    piled = "Errors pile up: each stage has those of all before it, as far as it keeps them."
    stages = Section(
        "stages", "Stage by stage", (piled,),
        (error_map(found.bits, found.stages),),
    )  # fmt: skip
    return Report(
        title=f"Precision of {found.profile}",
        inputs=(),
        verdict=Verdict(found.sentence),
        quantities=tuple(quantities),
        sections=(overall, stages),
        notes=(
            f"{found.frame}; {found.headroom} bits of headroom above white and a sign, rounding {found.rounding}. The "
            "picture is compared before its container rounds it to 8 bits.",
        ),
    )
