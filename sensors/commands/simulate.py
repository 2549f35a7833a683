"""`isp simulate`: photograph a scene with a sensor of the catalogue."""

from __future__ import annotations

import re
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from isp.commands import options
from isp.commands.batch import folder
from isp.commands.console import emit, emit_json, one_line, progress, table
from isp.errors import UsageError

if TYPE_CHECKING:
    from sensors.plan import Plan

SCENES = (
    "uniform, dark, chart, grey-steps, slanted-edge, siemens, dead-leaves, dots, composed, night-street, portrait, "
    "fence, photo:FILE, hdr:FILE, spectral:FILE, rgbd:FILE,DEPTH"
)


def _list_scenes(wanted: bool) -> None:
    if wanted:
        from sensors.scenes.make import SCENES as RECIPES
        from sensors.scenes.make import usage
        from sensors.scenes.options import OPTIONS

        rows = []
        for name, recipe in RECIPES.items():
            rows.append((usage(name), "", "", recipe.doc))
            rows += [("", option.name, option.allowed, option.doc) for option in OPTIONS.get(name, ())]
        table(("scene", "option", "allowed", "what it is"), rows)
        emit("\nOptions follow the scene: slanted-edge?angle=7&contrast=10 (in quotes, for the shell)")
        raise typer.Exit


def simulate(
    sensor: Annotated[
        str, typer.Option("--sensor", metavar="NAME", help="A sensor or a phone's camera; isp sensors lists them.")
    ],
    scene: Annotated[
        str, typer.Option("--scene", metavar="SCENE", help=f"{SCENES}; options after '?', see --scenes.")
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="OUT.dng", help="The raw frame; with --hdr, OUT-1.dng and so on.")
    ],
    mode: Annotated[
        str,
        typer.Option(
            "--mode", metavar="MODE", help="What the sensor reads out: full, or binned: bin2, bin3, bin4, bin2-charge."
        ),
    ] = "full",
    iso: Annotated[
        float | None, typer.Option("--iso", metavar="ISO", help="Analogue gain; the sensor's lowest by default.")
    ] = None,
    exposure: Annotated[
        float | None, typer.Option("--exposure", metavar="S", help="Seconds, 0..3600; automatic by default.")
    ] = None,
    lux: Annotated[float, typer.Option("--lux", metavar="LUX", help="Illuminance on the scene, 0..200000.")] = 200.0,
    illuminant: Annotated[
        str,
        typer.Option("--illuminant", metavar="NAME", help="A CIE illuminant (D65, A, FL11), 2856K, or daylight:5200."),
    ] = "D65",
    size: Annotated[
        str | None,
        typer.Option("--size", metavar="WxH", help="A smaller sensor of the same photosites, filled by the scene."),
    ] = None,
    crop: Annotated[
        str | None,
        typer.Option("--crop", metavar="X,Y,W,H", help="Only this part of the frame, counted in output pixels."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Of photon and read noise, 0 or more.")] = 0,
    truth: Annotated[
        Path | None,
        typer.Option(
            "--truth",
            metavar="DIR",
            help="Write the answers too: electrons, ideal picture, defects, depth, where what is.",
        ),
    ] = None,
    hdr: Annotated[
        str | None, typer.Option("--hdr", metavar="KIND", help="Several frames: staggered or dual_gain.")
    ] = None,
    f_number: Annotated[
        float | None, typer.Option("--f-number", metavar="N", help="Instead of the lens's own, 0.7..32.")
    ] = None,
    sensitivity: Annotated[
        str | None,
        typer.Option(
            "--sensitivity", metavar="CURVES", help="Measured curves: FILE.json (rawtoaces format) or camera:NAME."
        ),
    ] = None,
    temperature: Annotated[
        float, typer.Option("--temperature", metavar="C", help="Of the sensor, -40..125 degrees Celsius.")
    ] = 25.0,
    unit: Annotated[
        int, typer.Option("--unit", metavar="N", help="Which specimen of the sensor: its fixed pattern and defects.")
    ] = 0,
    target: Annotated[
        float,
        typer.Option(
            "--target", metavar="SHARE", help="Automatic exposure: mean of the brightest colour over saturation."
        ),
    ] = 0.18,
    threads: options.Threads = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
    as_json: options.Json = False,
    scenes: Annotated[
        bool, typer.Option("--scenes", callback=_list_scenes, is_eager=True, help="List the scenes and their options.")
    ] = False,
) -> None:
    """Photograph a scene with a sensor of the catalogue: writes a DNG, and with --truth the answers beside it.

    Prints the name of each frame on stdout.
    """
    from sensors.commands.outputs import check_outputs, frame_paths, photograph
    from sensors.photograph import plan_capture
    from sensors.plan import describe

    began = time.perf_counter()
    plan = plan_capture(
        scene,
        sensor,
        mode=mode,
        iso=iso,
        exposure=exposure,
        lux=lux,
        illuminant=illuminant,
        size=_pair(size),
        crop=_region(crop),
        seed=seed,
        f_number=f_number,
        hdr=hdr,
        sensitivity=sensitivity,
        temperature=temperature,
        unit=unit,
        target=target,
    )
    targets = frame_paths(output, len(plan.readings))
    settings = describe(plan) | {"scene": _written(plan, scene), "hdr": hdr}
    with ExitStack() as stack:
        if truth is not None:
            stack.enter_context(folder(f"{truth}/"))
        check_outputs(plan, targets, truth, overwrite)
        bar = stack.enter_context(progress())
        bar.start(f"{settings['scene']} on {plan.camera.name}")
        photograph(plan, targets, truth, settings, overwrite=overwrite, threads=threads, bar=bar)
    if as_json:
        seconds = time.perf_counter() - began
        emit_json({"frames": targets, "truth": truth, "settings": settings, "seconds": seconds})
    else:
        emit("\n".join(one_line(str(path)) for path in targets))


def _written(plan: Plan, spec: str) -> str:
    """The scene as it was asked for, options included, without the folder of its file."""
    from sensors.scenes.options import split

    text = spec.strip()
    return plan.scene.name + text[len(split(text)[0]) :]


def _pair(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    match = re.fullmatch(r"\s*([0-9]{1,9})\s*[xX]\s*([0-9]{1,9})\s*", text)
    if match is None:
        raise UsageError(f"--size {text[:40]!r} is not a size; write it as 4096x3072")
    return int(match[1]), int(match[2])


def _region(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    parts = text.split(",")
    if len(parts) != 4 or not all(re.fullmatch(r"\s*-?[0-9]{1,9}\s*", part) for part in parts):
        raise UsageError(f"--crop {text[:40]!r} is not a region; write it as X,Y,WIDTH,HEIGHT")
    return tuple(int(part) for part in parts)
