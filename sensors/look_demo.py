"""What `isp demo --look` shows: scenes of known depth, photographed by a simulated phone, through other lenses."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from isp.demo.show import Shown, Wanted

CAMERA, MODE = "xiaomi_12s_ultra", "bin4"
WIDEST = 8192
"""Photosites across a frame, at most."""
PROFILE = "portrait_50mm"
SHARP = "natural"
LENSES = ("50mm_f1.2_1966", "58mm_f1.4_1927")


@dataclass(frozen=True)
class Subject:
    """A scene: the distance in focus [m], illuminance [lx], and mean level that the exposure aims at [of white]."""

    scene: str
    focus: float
    lux: float
    target: float


SUBJECTS = (
    Subject("night-street", 1.49, 20.0, 0.02),
    Subject("portrait", 1.2, 800.0, 0.12),
    Subject("fence", 2.0, 800.0, 0.12),
)


def looks(wanted: Wanted) -> Iterator[Shown]:
    """Photograph each of `SUBJECTS`, and develop it as it is and through each of `LENSES`.

    Frames have no more than `WIDEST` photosites across, of which blocks become one pixel.
    """
    from isp.io import check_writable, write_picture
    from isp.pipeline import Pipeline
    from isp.profile import read_profile
    from isp.values import Companions, Picture, RawFrame
    from sensors.photograph import expose, plan_capture
    from sensors.truth import depth_map

    small = min(1.0, WIDEST / wanted.width)
    size = tuple(max(16, int(n * small) // 16 * 16) for n in (wanted.width, wanted.height))
    ways = [(SHARP, ()), *((PROFILE, (f"lens_look.lens={lens}", "lens_look.f_number=0")) for lens in LENSES)]
    names = ["sharp", *LENSES]
    for subject in SUBJECTS:
        for name in names:
            check_writable(wanted.folder / f"{subject.scene}-{name}.jpg", overwrite=wanted.overwrite)
    for subject in SUBJECTS:
        began = time.perf_counter()
        plan = plan_capture(
            f"{subject.scene}?seed={wanted.seed}", CAMERA, mode=MODE, iso=wanted.iso, size=(size[0], size[1]),
            lux=subject.lux, target=subject.target, seed=wanted.seed,
        )  # fmt: skip
        frame, depth = expose(plan, progress=wanted.progress, threads=wanted.threads), depth_map(plan, seen=True)
        if not isinstance(frame, RawFrame) or depth is None:
            raise RuntimeError(f"scene {subject.scene}: not one frame with its depth")
        yield Shown(
            f"photographed {subject.scene} with {CAMERA}: {frame.shape[1]} x {frame.shape[0]}, ISO {wanted.iso:g}, and "
            f"took its depth from the simulator",
            seconds={"simulate": time.perf_counter() - began},
        )
        for name, (profile, settings) in zip(names, ways, strict=True):
            chosen = read_profile(profile).with_settings(["output.format=jpeg", "output.bits=8", *settings])
            run = Pipeline(chosen, threads=wanted.threads).run(
                frame, progress=wanted.progress, companions=Companions({"depth": depth}, subject.focus)
            )
            began = time.perf_counter()
            target = wanted.folder / f"{subject.scene}-{name}.jpg"
            if not isinstance(run.value, Picture):
                raise RuntimeError(f"profile {profile!r} does not end in a picture")
            write_picture(run.value, target, overwrite=wanted.overwrite)
            through = f"through {name} wide open, focused at {subject.focus:g} m"
            yield Shown(
                f"developed it {'as the phone took it' if name == 'sharp' else through}", target,
                {**run.seconds, "write": time.perf_counter() - began},
                () if name != LENSES[0] else (
                    f"isp run {PROFILE} YOUR.dng --depth DEPTH.npy --focus 1.5 -o portrait.jpg",
                    f"isp run {PROFILE} YOUR.dng --depth DEPTH.npy --focus 1.5 -o f2.jpg --set lens_look.f_number=2",
                    f"isp lens show {name} --plot lens.png",
                ),
            )
