"""`isp simulate`: photograph a scene with a sensor of the catalogue."""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isp.commands import options
from isp.commands.console import emit, emit_json, progress
from isp.errors import OutputError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from isp.values import RawFrame
    from sensors.plan import Plan

SCENES = (
    "uniform, dark, chart, grey-steps, slanted-edge, siemens, dead-leaves, composed, photo:FILE, hdr:FILE, "
    "spectral:FILE, rgbd:FILE,DEPTH"
)


def simulate(
    sensor: Annotated[
        str, typer.Option("--sensor", metavar="NAME", help="A sensor or a phone's camera; isp sensors lists them.")
    ],
    scene: Annotated[str, typer.Option("--scene", metavar="SCENE", help=f"{SCENES}; options after '?'.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="OUT.dng", help="The raw frame; with --hdr, OUT-1.dng and so on.")
    ],
    mode: Annotated[str, typer.Option("--mode", help="full, bin2, bin4: what the sensor reads out.")] = "full",
    iso: Annotated[float | None, typer.Option("--iso", help="Analogue gain; the sensor's lowest by default.")] = None,
    exposure: Annotated[
        float | None, typer.Option("--exposure", metavar="S", help="Seconds; automatic by default.")
    ] = None,
    lux: Annotated[float, typer.Option("--lux", help="Illuminance on the scene.")] = 200.0,
    illuminant: Annotated[
        str, typer.Option("--illuminant", help="A CIE illuminant (D65, A, FL11), 2856K, or daylight:5200.")
    ] = "D65",
    size: Annotated[
        str | None, typer.Option("--size", metavar="WxH", help="A smaller sensor of the same photosites.")
    ] = None,
    crop: Annotated[
        str | None, typer.Option("--crop", metavar="X,Y,W,H", help="Only this part of the frame [output pixels].")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of photon and read noise.")] = 0,
    truth: Annotated[
        Path | None, typer.Option("--truth", metavar="DIR", help="Write the answers too: electrons, ideal picture, ...")
    ] = None,
    hdr: Annotated[str | None, typer.Option("--hdr", help="staggered or dual_gain: several frames.")] = None,
    f_number: Annotated[float | None, typer.Option("--f-number", help="Instead of the lens's own.")] = None,
    sensitivity: Annotated[
        str | None,
        typer.Option("--sensitivity", metavar="FILE", help="Measured curves (rawtoaces JSON) or camera:NAME."),
    ] = None,
    temperature: Annotated[float, typer.Option("--temperature", help="Of the sensor [C].")] = 25.0,
    unit: Annotated[int, typer.Option("--unit", help="Which specimen of the sensor: its fixed pattern.")] = 0,
    target: Annotated[
        float, typer.Option("--target", help="Of automatic exposure: mean of the brightest colour, of saturation.")
    ] = 0.18,
    threads: options.Threads = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
    as_json: options.Json = False,
) -> None:
    """Photograph a scene with a sensor of the catalogue; writes a DNG, and with --truth the answers beside it.

    Prints the name of each frame on stdout.
    """
    from isp.io import check_writable, write_dng
    from isp.values import RawFrame
    from sensors.photograph import expose, plan_capture
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
    targets = _targets(output, len(plan.readings))
    for path in targets:
        check_writable(path, overwrite)
    with ExitStack() as stack:
        if truth is not None:
            _prepare(truth, overwrite)
        bar = stack.enter_context(progress())
        bar.start(f"{plan.scene.name} on {plan.camera.name}")
        allocate = None if truth is None else _on_disk(truth, plan, stack)
        result: Any = expose(plan, truth=truth is not None, progress=bar, threads=threads, allocate=allocate)
        frames, answers = result if truth is not None else (result, None)
        written: list[RawFrame] = [frames] if isinstance(frames, RawFrame) else list(frames)
        bar.start("writing")
        about = f"simulated {plan.scene.name}, seed {plan.seed}"
        for frame, path in zip(written, targets, strict=True):
            write_dng(frame, path, overwrite=overwrite, description=about)
        if answers is not None and truth is not None:
            from sensors.truth import save_truth

            save_truth(answers, truth, overwrite)
    if as_json:
        seconds = time.perf_counter() - began
        emit_json({"frames": targets, "truth": truth, "settings": describe(plan), "seconds": seconds})
    else:
        emit("\n".join(str(path) for path in targets))


def _targets(output: Path, count: int) -> list[Path]:
    if output.suffix.lower() != ".dng":
        raise UsageError(f"-o {output}: frames are written as DNG; name it OUT.dng")
    if count == 1:
        return [output]
    return [output.with_name(f"{output.stem}-{i + 1}{output.suffix}") for i in range(count)]


def _prepare(folder: Path, overwrite: bool) -> None:
    from isp.io import check_writable

    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: folder cannot be made: {error.strerror}") from None
    check_writable(folder / "truth.json", overwrite)


def _on_disk(folder: Path, plan: Plan, stack: ExitStack) -> Any:
    """Arrays of a large truth live in nameless files, so that memory holds only what is being computed."""
    import numpy as np

    def allocate(name: str, shape: tuple[int, ...], dtype: Any) -> NDArray[np.generic]:
        if name == "codes" or plan.region[2] * plan.region[3] < 1 << 24:
            return np.empty(shape, dtype)
        try:
            file = stack.enter_context(tempfile.TemporaryFile(dir=folder))  # noqa: SIM115  (the stack closes it)
            return np.memmap(file, dtype=dtype, mode="w+", shape=shape)
        except OSError as error:
            raise OutputError(f"{folder}: {name} cannot be kept there: {error.strerror or error}") from None

    return allocate


def _pair(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    width, cross, height = text.lower().partition("x")
    if not (cross and width.isdecimal() and height.isdecimal()):
        raise UsageError(f"--size {text!r} is not a size; write it as 4096x3072")
    return int(width), int(height)


def _region(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    parts = text.split(",")
    if len(parts) != 4 or not all(part.strip().isdecimal() for part in parts):
        raise UsageError(f"--crop {text!r} is not a region; write it as X,Y,WIDTH,HEIGHT")
    return tuple(int(part) for part in parts)
