"""What `isp demo` shows of this package: a 200 MP phone sensor photographs a scene, and all of it is developed."""

from __future__ import annotations

import time
from collections.abc import Iterator

from isp.demo.show import NATURAL, REFERENCE, Shown, Wanted, Way, check_targets, developed

CAMERA = "quad_200mp"
LUX, ILLUMINANT = 500.0, "daylight:5200"
IDEAL_MODE = "bin4"
"""The ideal picture is drawn at this mode's size."""
BINNED = Way(
    "binned.jpg", "natural", "each block of one colour averaged to a pixel: fewer pixels, less noise",
    ("binning.enabled=true",),
)  # fmt: skip
WAYS = (REFERENCE, NATURAL, BINNED)


def simulate(wanted: Wanted) -> Iterator[Shown]:
    """Photograph the composed scene with `wanted.width` x `wanted.height` photosites, and develop all of them.

    Or, if `wanted.look`, what `sensors.look_demo.looks` does.
    """
    if wanted.look:
        from sensors.look_demo import looks

        yield from looks(wanted)
        return
    from isp.errors import InputError
    from isp.io import check_writable, write_dng, write_picture
    from isp.values import RawFrame
    from sensors.photograph import expose, plan_capture
    from sensors.truth import ideal_picture, srgb_picture

    raw, ideal = wanted.folder / "capture.dng", wanted.folder / "ideal.png"
    for path in (raw, ideal):
        check_writable(path, overwrite=wanted.overwrite)
    check_targets(wanted, WAYS)
    plan, small = (
        plan_capture(
            f"composed?seed={wanted.seed}", CAMERA, mode=mode, iso=wanted.iso, size=(wanted.width, wanted.height),
            lux=LUX, illuminant=ILLUMINANT, seed=wanted.seed,
        )
        for mode in ("full", IDEAL_MODE)
    )  # fmt: skip
    began = time.perf_counter()
    frame = expose(plan, progress=wanted.progress, threads=wanted.threads)
    if not isinstance(frame, RawFrame):
        raise InputError("the demo's capture is not one frame")
    exposed = time.perf_counter()
    write_dng(frame, raw, overwrite=wanted.overwrite)
    photosites, sensor = plan.size[0] * plan.size[1] / 1e6, plan.sensor
    yield Shown(
        f"simulated {photosites:.{0 if photosites >= 10 else 2}f} million photosites of {sensor.pitch_um:g} um "
        f"({CAMERA}, blocks of {sensor.block}x{sensor.block} of one colour) before a lit still life ({LUX:g} lx): "
        f"{plan.readings[0].exposure * 1000:.2g} ms, ISO {wanted.iso:g}, seed {wanted.seed}",
        raw,
        {"simulate": exposed - began, "write": time.perf_counter() - exposed},
        (
            f"isp sensors {CAMERA}",
            "isp simulate --scenes",
            "isp simulate --sensor imx586 --scene chart --illuminant A -o chart.dng --truth chart",
        ),
    )
    began = time.perf_counter()
    picture = srgb_picture(ideal_picture(small))
    drawn = time.perf_counter()
    write_picture(picture, ideal, overwrite=wanted.overwrite)
    yield Shown(
        "drew what a perfect camera would have seen of it: compare the pictures with this one",
        ideal,
        {"draw": drawn - began, "write": time.perf_counter() - drawn},
    )
    yield from developed(frame, wanted, WAYS)
