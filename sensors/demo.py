"""What `isp demo` shows of this package: a 200 MP phone sensor photographs a scene, and the frame is developed."""

from __future__ import annotations

import time
from collections.abc import Iterator

from isp.demo.show import Shown, Wanted, check_targets, developed

CAMERA, MODE, BINNING = "xiaomi_12t_pro/main", "bin4", 4
LUX, ILLUMINANT = 500.0, "daylight:5200"


def simulate(wanted: Wanted) -> Iterator[Shown]:
    """Photograph the composed scene with every photosite of the sensor, binned to Bayer, and develop it.

    `wanted.width` x `wanted.height` are binned pixels; 4096 x 3072 are the sensor's 200 million photosites.
    """
    from isp.errors import InputError
    from isp.io import check_writable, write_dng, write_picture
    from isp.values import RawFrame
    from sensors.photograph import expose, plan_capture
    from sensors.truth import ideal_picture, srgb_picture

    raw, ideal = wanted.folder / "capture.dng", wanted.folder / "ideal.png"
    for path in (raw, ideal):
        check_writable(path, overwrite=wanted.overwrite)
    check_targets(wanted)
    plan = plan_capture(
        f"composed?seed={wanted.seed}",
        CAMERA,
        mode=MODE,
        iso=wanted.iso,
        size=(wanted.width * BINNING, wanted.height * BINNING),
        lux=LUX,
        illuminant=ILLUMINANT,
        seed=wanted.seed,
    )
    began = time.perf_counter()
    frame = expose(plan, progress=wanted.progress, threads=wanted.threads)
    if not isinstance(frame, RawFrame):
        raise InputError("the demo's capture is not one frame")
    exposed = time.perf_counter()
    write_dng(frame, raw, overwrite=wanted.overwrite)
    photosites, sensor = plan.size[0] * plan.size[1] / 1e6, plan.sensor
    yield Shown(
        f"simulated {photosites:.{0 if photosites >= 10 else 2}f} million photosites of {sensor.pitch_um:g} um "
        f"({CAMERA}) before a lit still life ({LUX:g} lx): {plan.readings[0].exposure * 1000:.2g} ms, "
        f"ISO {wanted.iso:g}, seed {wanted.seed}, read out {BINNING}x{BINNING} binned as "
        f"{wanted.width} x {wanted.height} {frame.cfa}",
        raw,
        {"simulate": exposed - began, "write": time.perf_counter() - exposed},
        (
            f"isp sensors {CAMERA}",
            "isp simulate --scenes",
            "isp simulate --sensor imx586 --mode bin2 --scene chart --illuminant A -o chart.dng --truth chart",
        ),
    )
    began = time.perf_counter()
    picture = srgb_picture(ideal_picture(plan))
    drawn = time.perf_counter()
    write_picture(picture, ideal, overwrite=wanted.overwrite)
    yield Shown(
        "drew what a perfect camera would have seen of it: compare the pictures with this one",
        ideal,
        {"draw": drawn - began, "write": time.perf_counter() - drawn},
    )
    yield from developed(frame, wanted)
    yield Shown(
        f"not shown: all {photosites:.0f} megapixels. Their {sensor.block}x{sensor.block} blocks of one colour need a "
        "remosaic stage, which arrives later; until then isp run takes the binned Bayer modes"
    )
