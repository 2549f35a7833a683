"""Do hidden parameters come back? A changed `natural` renders three raws; the fit begins at `natural`.

    .venv/bin/python benchmarks/tuning_recovery.py [--pictures FOLDER] [--size 1216x832] [--cold]

Prints every parameter with its error, the picture held back, and the wall time with and without compiling.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

# the package called reports, not the benchmark beside this file
sys.path = [p for p in sys.path if Path(p).resolve() != Path(__file__).resolve().parent]

HIDDEN = (
    "ccm.matrix=[[1.75,-0.55,-0.2],[-0.3,1.55,-0.25],[0.02,-0.5,1.48]]",
    "exposure.ev=0.35",
    "vignette.amount=0.5", "vignette.roundness=0.7",
    "tone_curve.contrast=1.55", "tone_curve.toe=2.5", "tone_curve.black=0.003", "tone_curve.white=2.4",
    "tone_curve.shoulder=1.8", "tone_curve.grey=0.2", "tone_curve.hue=0.3",
    "saturation.amount=1.25", "saturation.vibrance=0.1",
    "sharpen.amount=0.9", "sharpen.radius=1.2", "sharpen.coring=0.012", "sharpen.overshoot=0.05",
)  # fmt: skip
FREE = "ccm,exposure,vignette,tone_curve,saturation,sharpen"


def start():
    """`natural` with the stage vignette, which changes nothing by default."""
    from isp.profile import Profile, read_profile

    natural = read_profile("natural")
    vignette = Profile.from_stages(["vignette"], start="scene").stages[0]
    at = [e.name for e in natural.stages].index("exposure")
    return natural.with_stages([*natural.stages[:at], vignette, *natural.stages[at:]])


def frames(count: int, size: tuple[int, int], pictures: str | None):
    """Simulated raws of different scenes."""
    from sensors import capture

    if pictures:
        names = sorted(Path(pictures).glob("*.png"))[4 : 4 + count]
        scenes = [f"photo:{name}" for name in names]
    else:
        scenes = [f"composed?seed={i}" for i in range(count)]
    return [
        capture(scene, "one_inch_20mp", size=size, seed=i, illuminant=light, lux=1000)
        for i, (scene, light) in enumerate(zip(scenes, ("D65", "D65", "D55", "D65"), strict=False))
    ]


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures")
    parser.add_argument("--size", default="1216x832")
    parser.add_argument("--cold", action="store_true", help="with an empty cache of compiled programs")
    given = parser.parse_args()
    if given.cold:
        os.environ["MOBILE_ISP_CACHE"] = tempfile.mkdtemp(prefix="isp-cache-")
    width, height = (int(v) for v in given.size.split("x"))
    import numpy as np

    import tuning
    from isp.pipeline import Pipeline

    raws = frames(4, (width, height), given.pictures)
    profile = start()
    hidden = profile.with_settings(HIDDEN)
    pairs = [(raw, replace(Pipeline(hidden)(raw))) for raw in raws]
    began, busy = time.perf_counter(), time.process_time()

    def tell(now) -> None:
        print(f"  {time.perf_counter() - began:6.1f} s  {now.evaluations:3d}  loss {now.loss:.3e}", flush=True)

    result = tuning.fit(profile, pairs[:3], params=FREE, validate=pairs[3:], register=True, tell=tell)
    print(f"{time.perf_counter() - began:.1f} s wall, {time.process_time() - busy:.1f} s of processor time, "
          f"{len(result.history)} evaluations, {result.reason}")
    found = {p.label: p for p in result.parameters}
    errors = []
    for label, parameter in found.items():
        stage, _, rest = label.partition(".")
        name, _, index = rest.partition("[")
        true = np.asarray(hidden.entry(stage).values[name])
        place = tuple(int(v) for v in index.rstrip("]").split(",")) if index else ()
        wanted = float(true[place])
        error = float(parameter.value) / wanted - 1
        errors.append(abs(error) if parameter.identified else 0.0)
        print(f"{label:24s} {parameter.before:9.4f} {float(parameter.value):9.4f} {wanted:9.4f} {100 * error:+8.2f} %  "
              + ("" if parameter.identified else "not identified"))
    unknown = f"{len(result.unidentified)} of {len(found)} not identified"
    print(f"worst identified error {100 * max(errors):.2f} %; {unknown}")
    scale = [float(found[f"ccm.matrix[{i},{j}]"].value) for i in range(3) for j in range(3)]
    true = np.ravel(hidden.entry("ccm").values["matrix"])
    ratio = float(np.dot(scale, true) / np.dot(true, true))
    ev = float(found["exposure.ev"].value) + np.log2(ratio)
    off = np.max(np.abs(np.array(scale) / ratio - true)) / np.abs(true).max()
    print(f"matrix up to its scale: {100 * off:.2f} % of its largest; exposure with it {ev:.4f} EV (0.3500)")
    for p in result.pictures:
        print(f"{p.name}: {p.before:.2f} dB before, {p.after:.2f} dB after{' (held back)' if p.held_back else ''}")


if __name__ == "__main__":
    main()
