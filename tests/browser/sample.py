"""Reports made of small synthetic arrays, with everything that a page may have to show."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from reports.estimate import Estimate, difference
from reports.figures.style import DASHES, SERIES, plot
from reports.model import (
    Crop,
    Figure,
    Finding,
    Image,
    Input,
    ParameterRow,
    Quantity,
    Report,
    Section,
    Stages,
    Tap,
    Verdict,
)

Pixels = NDArray[np.uint8]
HOSTILE = "<script>document.title='broken'</script>&\"'.png"
LONG = "IMG_20260114_183022_an-exceptionally-long-name-without-any-space-that-somebody-typed-once-and-kept.dng"


def scene(width: int = 480, height: int = 320, noise: float = 0.02, blur: int = 1, seed: int = 1) -> Pixels:
    """(height, width, 3) uint8: a sky, stripes that get finer, a disc, noise."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    sky = np.stack([0.35 + 0.3 * y / height, 0.5 + 0.2 * y / height, 0.8 - 0.2 * y / height], -1)
    stripes = 0.5 + 0.4 * np.sign(np.sin(x * x / width * 0.6))
    sky[height // 2 :] = stripes[height // 2 :, :, None] * [0.9, 0.8, 0.6]
    disc = (x - width * 0.7) ** 2 + (y - height * 0.3) ** 2 < (height * 0.18) ** 2
    sky[disc] = [0.85, 0.3, 0.2]
    for axis in (0, 1):
        sky = np.mean([np.roll(sky, shift, axis) for shift in range(-(blur // 2), blur // 2 + 1)], 0)
    random = np.random.Generator(np.random.Philox(seed))
    sky += random.normal(0, noise, sky.shape)
    return np.asarray(np.clip(sky * 255 + 0.5, 0, 255), np.uint8)


def encoded(pixels: Pixels, kind: str = "png") -> Image:
    """A PNG or JPEG."""
    buffer = io.BytesIO()
    Pillow.fromarray(pixels).save(buffer, kind, **({"quality": 92} if kind == "jpeg" else {}))
    return Image(buffer.getvalue(), f"image/{kind}", (pixels.shape[1], pixels.shape[0]))


def an_input(label: str, name: str, pixels: Pixels, scale: int = 1) -> Input:
    """An input that shows `pixels`, `scale` times reduced."""
    height, width = pixels.shape[:2]
    about = (("Camera", "simulated imx586, bin2"), ("Exposure", f"ISO 800, 1/30 s {label}"), ("Profile", "natural"))
    return Input(
        label, name, "developed", (width * scale, height * scale), "9f" * 32, about[: 3 if label != "C" else 1],
        encoded(pixels, "jpeg"), scale,
    )  # fmt: skip


def curves(labels: Sequence[str], title: str, wide: bool = False) -> Figure:
    """A plot of one line for each label."""
    frequency = np.linspace(0, 0.5, 60)

    def draw(axes):
        for index, label in enumerate(labels):
            response = np.exp(-((frequency / (0.22 + 0.06 * index)) ** 2))
            color, dash = SERIES[index % 6], DASHES[index % 6]
            axes.plot(frequency, response, color=color, linestyle=dash, label=label, clip_on=True)
        axes.set(xlabel="Spatial frequency [cycles/pixel]", ylabel="SFR", ylim=(0, 1.1))
        axes.legend()

    return plot(
        title, draw, caption="Median of the edges found, with the finite difference corrected; 1 is contrast kept.",
        alt="Contrast over frequency: B keeps more above 0.2 cycles/pixel.", wide=wide,
        size=(9.4, 3.0) if wide else (4.6, 3.0),
    )  # fmt: skip


def quantities(count: int) -> tuple[Quantity, ...]:
    """Measured numbers of `count` inputs."""

    def each(*pairs: tuple[float, float], unit: str = "") -> tuple[Estimate, ...]:
        return tuple(Estimate.normal(v, s, unit) for v, s in pairs[:count])

    no_chart = Estimate.missing("no colour chart found: 3 of 24 patches fit", "ΔE00")
    few = Estimate(0.042, unit="px", reason="no interval from 2 items")
    return (
        Quantity("sharpness.mtf50", "MTF50, whole picture", "sharpness",
                 each((0.214, 0.003), (0.268, 0.004), (0.251, 0.02), unit="cycles/pixel"), "higher", 0.01),
        Quantity("sharpness.overshoot", "Overshoot of edges", "sharpness",
                 each((4.1, 0.4), (11.8, 0.6), (6.0, 0.9), unit="%"), "zero", 2),
        Quantity("sharpness.ca", "Lateral chromatic aberration", "sharpness", (few,) * count, "lower"),
        Quantity("sharpness.acutance", "Acutance, seen on a phone", "sharpness",
                 each((0.871, 0.006), (0.874, 0.006), (0.86, 0.01)), "higher", 0.02, "IEEE 1858, 29 cm away"),
        Quantity("noise.snr", "SNR at mid grey", "noise",
                 each((31.24, 0.11), (27.91, 0.09), (30.0, 0.4), unit="dB"), "higher", 0.5),
        Quantity("noise.visual", "Visual noise", "noise",
                 each((1.92, 0.05), (2.71, 0.06), (2.2, 0.1), unit="L*u*v*"), "lower", 0.1),
        Quantity("noise.dark", "Noise in the dark", "noise",
                 each((3.1e-6, 1e-7), (3.05e-6, 1e-7), (3.2e-6, 2e-7)), "lower"),
        Quantity("color.delta", "Colour error, mean of 24 patches", "color", (no_chart,) * count, "lower", 0.5),
        Quantity("color.saturation", "Mean chroma against the reference", "color",
                 each((104.2, 0.6), (112.9, 0.7), (100.0, 3.0), unit="%"), "", 1),
        Quantity("color.white", "Error of the white point", "color",
                 (*each((0.0021, 0.0003), (0.0034, 0.0002), unit="Δu'v'")[:1],
                  *(Estimate.missing("no grey surface found", "Δu'v'"),) * (count - 1)), "lower"),
    )  # fmt: skip


def findings(measured: Sequence[Quantity], count: int) -> tuple[Finding, ...]:
    """What differs, by the intervals."""
    found = []
    for quantity in measured:
        for first in range(count):
            for second in range(first + 1, count):
                gap = difference(quantity.estimates[first], quantity.estimates[second])
                if not gap.sure or gap.interval[0] <= 0 <= gap.interval[1]:
                    continue
                up = {"higher": gap > 0, "lower": gap < 0, "zero": gap < 0}.get(quantity.better)
                better = None if up is None else second if up else first
                p = min(0.04, 10 ** -(abs(gap) / (gap.interval[1] - gap.interval[0])))
                found.append(Finding(quantity, (first, second), gap, p, better))
    return tuple(found)


def stages(pixels: Pixels, index: int) -> Stages:
    """Five taps, one without picture."""
    crop = encoded(np.ascontiguousarray(pixels[100:196, 200:328]))
    names = ("black_level", "white_balance", "demosaic", "noise_reduction_bisquare", "tone_curve")
    taps = [
        Tap(name, crop, Estimate.normal(0.6 + 2.1 * i, 0.05, "ms/MP"), Estimate(4.0 + 6 * i, unit="B/px"),
            "mosaic shown as grey" if i < 2 else "")
        for i, name in enumerate(names)
    ]  # fmt: skip
    taps.append(Tap("encode", None, Estimate.missing("compiled with the stage before it"), Estimate(3.0), "no tap"))
    return Stages(index, tuple(taps), "Crop at x 200, y 100 of the developed frame.")


def report(count: int = 2, scale: int = 1, pictures: Sequence[Pixels] = (), names: Sequence[str] = ()) -> Report:
    """A report of `count` inputs and, if there are three, a reference; with names that are long or mean harm."""
    given = list(pictures) or [scene(noise=0.02 + 0.02 * i, blur=5 - 2 * i, seed=i) for i in range(count)]
    called = list(names) or ["natural: IMG_1.dng", HOSTILE, LONG]
    labels = "ABC"[:count]
    inputs = tuple(an_input(label, name, p, scale) for label, name, p in zip(labels, called, given, strict=False))
    measured = quantities(count)
    found = findings(measured, count)
    height, width = given[0].shape[:2]

    def cut(x: int, y: int) -> tuple[Image, ...]:
        return tuple(encoded(np.ascontiguousarray(p[y : y + 72, x : x + 96])) for p in given)

    crops = tuple(
        Crop((x * scale, y * scale, 96, 72), cut(x, y), why)
        for x, y, why in ((width // 8, height // 2 + 8, "largest difference"), (width * 3 // 5, height // 4, "edge"),
                          (width // 3, height // 6, "flat, dark"), (width * 3 // 4, height * 2 // 3, "fine texture"))
    )  # fmt: skip
    gap = np.abs(given[0].astype(int) - given[-1]).mean(-1)
    heat = np.stack([np.clip(gap * 4, 0, 255), np.clip(gap * 2, 0, 255), np.clip(60 - gap, 0, 255)], -1)
    maps = (
        Figure(encoded(heat.astype(np.uint8)), "FLIP, A against B", "Bright where an observer would see a difference.",
               "Map of visible differences: most of them in the striped half."),
        Figure(encoded(heat.astype(np.uint8)[..., ::-1].copy()), "Difference of lightness", "Per pixel, L*.", "Map."),
    ) if count > 1 else ()  # fmt: skip
    sections = (
        Section("sharpness", "Sharpness", ("Edges found: 14 in A, 15 in B.", "All at 5 to 10 degrees."),
                (curves(labels, "SFR, horizontal"), curves(labels, "SFR, vertical"),
                 curves(labels, "SFR over the field", True))),
        Section("noise", "Noise", (), (curves(labels, "Noise over lightness"),)),
        Section("color", "Colour", ("No colour chart was found, so that errors of colour are n.a.",)),
    )  # fmt: skip
    sentence = {
        1: "One picture, measured: sharp to 0.21 cycles/pixel, SNR 31.2 dB; no colour chart was found.",
        2: "A is better in noise and overshoot, B is sharper: 5 of 8 quantities differ.",
    }.get(count, "B is sharpest, A has the least noise; C lies between.")
    command = (
        "isp report 'a folder/IMG_1.dng' --profiles natural vivid --reference truth/ideal.png --seed 0 -o report.html"
    )
    return Report(
        "natural and vivid on IMG_1.dng", inputs, Verdict(sentence, found, 8), measured, maps, crops, sections,
        (stages(given[0], 0),),
        (ParameterRow("tone_curve", "contrast", ("1.0", "1.25", "1.1")[:count], "x"),
         ParameterRow("local_tone", "strength", (None, "0.4", None)[:count])) if count > 1 else (),
        (("Command", command), ("Versions", "mobile-isp 0.1.0, numpy 2.4.6, halide 21.0.0"), ("Seeds", "0")),
        ("The pictures differ in size by a column: A is 4000 wide, B 3999; metrics used the common part.",),
        an_input("Ref", "truth/ideal.png", scene(noise=0), scale) if count > 2 else None,
    )  # fmt: skip


def same() -> Report:
    """Two inputs that do not differ."""
    full = report(2)
    verdict = Verdict("No difference: 8 quantities compared, none differs by more than chance.", (), 8)
    return Report(full.title, full.inputs, verdict, full.quantities, sections=full.sections)


def sizes() -> Report:
    """Two inputs, the second twice as wide and high as the first."""
    full = report(2)
    return replace(full, inputs=(full.inputs[0], an_input("B", "large.png", scene(960, 640))))


def many(count: int) -> Report:
    """More inputs than anybody should compare."""
    full = report(3)
    labels = "ABCDEFGH"[:count]
    measured = tuple(replace(q, estimates=(q.estimates * count)[:count]) for q in full.quantities)
    inputs = tuple(replace(full.inputs[i % 3], label=label) for i, label in enumerate(labels))
    crops = tuple(replace(c, images=(c.images * count)[:count]) for c in full.crops)
    verdict = Verdict("B is sharpest.", findings(measured, count), 8)
    return replace(full, inputs=inputs, quantities=measured, crops=crops, verdict=verdict, parameters=())
