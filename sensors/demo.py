"""What `isp demo` shows of this package: a 200 MP phone sensor photographs a scene, and the frame is developed."""

from __future__ import annotations

import time
from collections.abc import Iterator

from isp.demo.show import Shown, Wanted, check_targets, developed

CAMERA, MODE, BINNING = "xiaomi_12t_pro/main", "bin4", 4


def simulate(wanted: Wanted) -> Iterator[Shown]:
    """Photograph the composed scene with every photosite of the sensor, binned to Bayer, and develop it.

    `wanted.width` x `wanted.height` are binned pixels; 4096 x 3072 are the sensor's 200 million photosites.
    """
    from isp.errors import InputError
    from isp.io import check_writable, write_dng, write_picture
    from isp.values import RawFrame
    from sensors.photograph import expose, plan_capture
    from sensors.truth import Truth

    raw, ideal = wanted.folder / "capture.dng", wanted.folder / "ideal.png"
    for path in (raw, ideal):
        check_writable(path, overwrite=wanted.overwrite)
    check_targets(wanted)
    size = (wanted.width * BINNING, wanted.height * BINNING)
    plan = plan_capture(
        "composed", CAMERA, mode=MODE, iso=wanted.iso, size=size, lux=500, illuminant="daylight:5200", seed=wanted.seed
    )
    began = time.perf_counter()
    result = expose(plan, truth=True, progress=wanted.progress, threads=wanted.threads)
    frame, truth = result if isinstance(result, tuple) else (result, None)
    took = {"simulate": time.perf_counter() - began}
    if not (isinstance(frame, RawFrame) and isinstance(truth, Truth)):
        raise InputError("the demo's capture is not one frame")
    began = time.perf_counter()
    write_dng(frame, raw, overwrite=wanted.overwrite)
    write_picture(truth.srgb, ideal, overwrite=wanted.overwrite)
    took["write"] = time.perf_counter() - began
    sensor = plan.sensor
    yield Shown(
        f"simulated {size[0] * size[1] / 1e6:.0f} million photosites of {sensor.pitch_um:g} um ({CAMERA}), read out "
        f"binned {BINNING}x{BINNING} as {wanted.width} x {wanted.height} {frame.cfa}: ISO {wanted.iso:g}, "
        f"{plan.readings[0].exposure * 1000:.2g} ms, seed {wanted.seed}. Profiles take Bayer frames; the full "
        "resolution awaits a remosaic stage",
        raw,
        took,
        (
            f"isp sensors {CAMERA}",
            "isp simulate --sensor imx586 --mode bin2 --scene chart --illuminant A -o chart.dng --truth chart",
        ),
    )
    yield Shown("what a perfect colorimetric camera would have seen", ideal)
    yield from developed(frame, wanted)
