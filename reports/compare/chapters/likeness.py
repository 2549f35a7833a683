"""How like a reference the pictures are, pixel by pixel: needs a reference of the same size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isp.errors import IspError
from reports.compare.subject import Asked, Chapter, Subject
from reports.compare.views import screen
from reports.estimate import Estimate
from reports.model import Section
from reports.source import STRIP, Source

GROUP = "likeness"
MIDDLE = (1024, 768)
"""Most of a picture's width and height that the slower metrics see [px]."""
_BORDER = 10
"""Rows that strips share, for SSIM's windows [px]."""

_PSNR = Asked("likeness.psnr", "PSNR", "higher", 0.2, "of display-encoded values")
_SSIM = Asked("likeness.ssim", "SSIM", "higher", 0.003, "of luma, Wang 2004")
_MS_SSIM = Asked("likeness.ms_ssim", "MS-SSIM", "higher", 0.003, "of luma in the middle, Wang 2003")
_FLIP = Asked("likeness.flip", "FLIP", "lower", 0.005, "mean, at 67 pixels per degree")
_ZIPPER = Asked("likeness.zipper", "Zipper", "lower", 0.2, "pixels, in the middle, Lu and Tan 2003")
_FALSE = Asked("likeness.false_color", "False colour", "lower", 0.2, "a*b* error at edges, in the middle")


def likeness(subject: Subject) -> Chapter:
    """PSNR, SSIM, MS-SSIM, FLIP, zipper and false colour against the reference."""
    if subject.reference is None:
        note = "No reference was given (--reference FILE): nothing is compared with what the picture should be."
        return Chapter(Section(GROUP, "Likeness to a reference", (note,)))
    reference = subject.reference
    found: list[dict[str, Estimate]] = []
    for source in subject.sources:
        if source.shape != reference.shape:
            found.append({})
        else:
            found.append({**_whole(source, reference), **_middle(source, reference)})
    quantities = []
    for asked in (_PSNR, _SSIM, _MS_SSIM, _FLIP, _ZIPPER, _FALSE):
        missing = Estimate.missing("not of the reference's size")
        quantities.append(asked.of(GROUP, [each.get(asked.key, missing) for each in found]))
    note = (
        "Any difference counts, wanted or not: exposure, a shift of half a pixel and noise lower these figures as "
        f"faults do. The middle is at most {MIDDLE[0]} x {MIDDLE[1]} pixels."
    )
    return Chapter(Section(GROUP, "Likeness to a reference", (note,)), tuple(quantities))


def _whole(source: Source, reference: Source) -> dict[str, Estimate]:
    """PSNR and SSIM, strip by strip."""
    from reports.metrics.similarity import psnr_of, squared_error_tiles, ssim_of, ssim_tiles

    height = source.shape[0]
    errors, likes = [], []
    for top in range(0, height, STRIP):
        count = min(STRIP, height - top)
        errors.append(squared_error_tiles(_shown(source, top, count), _shown(reference, top, count)))
        rows = min(count + _BORDER, height - top)
        if rows > _BORDER and source.shape[1] > _BORDER:
            likes.append(ssim_tiles(_shown(source, top, rows), _shown(reference, top, rows)))
    return {
        _PSNR.key: psnr_of(errors),
        _SSIM.key: ssim_of(likes) if likes else Estimate.missing("smaller than SSIM's window"),
    }


def _middle(source: Source, reference: Source) -> dict[str, Estimate]:
    from reports.metrics import false_color, flip, ms_ssim, zipper

    height, width = source.shape
    w, h = min(MIDDLE[0], width), min(MIDDLE[1], height)
    place = ((height - h) // 2, (width - w) // 2, h, w)
    pair = tuple(screen(s, *place) for s in (source, reference))
    lights = tuple(s.light(*place) for s in (source, reference))
    return {
        _MS_SSIM.key: _asked(lambda: ms_ssim(*pair)),
        _FLIP.key: _asked(lambda: flip(*pair)),
        _ZIPPER.key: _asked(lambda: zipper(*lights, space=source.space).grown),
        _FALSE.key: _asked(lambda: false_color(*lights, space=source.space).chroma_error),
    }


def _asked(metric: Callable[[], Any]) -> Estimate:
    """What a metric gives, or why not."""
    try:
        found: Estimate = metric()
    except IspError as error:
        return Estimate.missing(str(error))
    return found


def _shown(source: Source, top: int, rows: int) -> NDArray[np.uint8]:
    return screen(source, top, 0, rows, source.shape[1])

