"""What `isp demo` shows of this package: two profiles on one capture, compared on a page."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from isp.demo.show import Shown, Wanted

CAMERA, MODE = "imx586", "bin2"
PROFILES = ("natural", "vivid")
ISO = 400.0
SIZE = (4000, 3000)
"""Of the capture [px]: twelve megapixels, what phones save; no wider than the rest of the demo."""


def report(wanted: Wanted) -> Iterator[Shown]:
    """Photograph the composed scene with a 12 MP camera, develop it twice, and compare the pictures."""
    if wanted.look:
        return
    from isp.errors import InputError
    from isp.io import atomic_write, check_writable, write_dng
    from isp.values import RawFrame
    from reports.compare.build import Options, build
    from reports.compare.inputs import Wanted as Asked
    from reports.compare.inputs import take
    from reports.page import render
    from sensors import capture

    raw, page = wanted.folder / "phone.dng", wanted.folder / "report.html"
    for path in (raw, page):
        check_writable(path, overwrite=wanted.overwrite)
    began = time.perf_counter()
    size = (min(SIZE[0], wanted.width), min(SIZE[1], wanted.height))
    made: Any = capture(
        f"composed?seed={wanted.seed}", CAMERA, mode=MODE, iso=ISO, size=(2 * size[0], 2 * size[1]), seed=wanted.seed,
        lux=500.0, illuminant="daylight:5200", truth=True,
    )  # fmt: skip
    frame, truth = made
    if not isinstance(frame, RawFrame):
        raise InputError("the demo's capture is not one frame")
    regions = truth.regions
    del truth
    write_dng(frame, raw, overwrite=wanted.overwrite)
    taken_by = time.perf_counter()
    yield Shown(
        f"photographed the same scene as a phone saves it: {CAMERA}, {frame.shape[1]} x {frame.shape[0]}, ISO {ISO:g}",
        raw, {"simulate": taken_by - began},
    )  # fmt: skip
    del frame
    began = time.perf_counter()
    taken = take([Asked(raw, profile) for profile in PROFILES], threads=wanted.threads)
    developed = time.perf_counter()
    command = f"isp report {' '.join(PROFILES)} {raw.name} -o {page.name}"
    page_data = build(taken, Options(f"{PROFILES[0]} against {PROFILES[1]}", regions, command=command))
    with atomic_write(page, wanted.overwrite) as file:
        file.write(render(page_data).encode())
    yield Shown(
        f"compared {' and '.join(repr(p) for p in PROFILES)} on a page: {page_data.verdict.sentence}",
        page,
        {"develop": developed - began, "report": time.perf_counter() - developed},
        ("isp report natural mine.yaml YOUR.dng -o report.html", f"isp report --sensor {CAMERA} -o {CAMERA}.html"),
    )
