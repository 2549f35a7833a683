"""`isp cost`: what a profile would cost in hardware, and whether it fits a phone's ISP."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isp.commands import options
from isp.commands.console import emit, emit_json, one_line, progress, say, table
from isp.errors import UsageError

if TYPE_CHECKING:
    from reports.hardware.build import HardwareCost
    from reports.hardware.precision import Precision

COLUMNS = ("stage", "ops/px", "accesses/px", "lines KiB", "latency", "tables KiB", "block")


def cost(
    profile: options.ProfileName,
    sensor: Annotated[
        str, typer.Option("--sensor", metavar="NAME", help="A sensor, a phone, or a phone's camera: phone/main.")
    ],
    isp: Annotated[
        str | None,
        typer.Option("--isp", metavar="NAME", help="spectra_680, pisp, ...; by default the phone's, else generic."),
    ] = None,
    mode: Annotated[str | None, typer.Option("--mode", metavar="MODE", help="Of the sensor: full, bin2, ...")] = None,
    iso: Annotated[float | None, typer.Option("--iso", metavar="ISO", help="Of the frames; the lowest.")] = None,
    fps: Annotated[
        float | None, typer.Option("--fps", metavar="RATE", help="Frames per second; default as the sensor reads out.")
    ] = None,
    sweep: Annotated[
        bool, typer.Option("--precision-sweep", help="Render at 8 to 20 bits, and propose the smallest width.")
    ] = False,
    limit: Annotated[
        float | None, typer.Option("--delta-e", metavar="DE00", help="Of the sweep: CIEDE2000 to keep; default 1.")
    ] = None,
    scene: Annotated[
        str | None, typer.Option("--scene", metavar="SCENE", help="Of the sweep: what to render; default composed.")
    ] = None,
    html: Annotated[bool, typer.Option("--html", help="Write a page, by default PROFILE_ISP.html.")] = False,
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="OUT", help="Name of the page.")] = None,
    settings: options.Settings = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """What a profile would cost in hardware, and whether it fits a phone's ISP.

    Counts operations and memory accesses per pixel, line buffers, latency and tables of each stage from its definition,
    and holds the whole against the ISP's limits. With --precision-sweep instead: what fixed point does to the picture.
    """
    from isp.profile import read_profile

    read = read_profile(profile).with_settings(settings or [])
    if sweep and (isp is not None or fps is not None):
        raise UsageError("--isp and --fps do not belong to --precision-sweep, which renders the picture")
    if not sweep and (limit is not None or scene is not None):
        raise UsageError("--delta-e and --scene belong to --precision-sweep")
    page = _page(output, html, f"{read.name}_{'precision' if sweep else Path(isp or sensor).stem}", overwrite)
    with progress() as bar:
        bar.start(read.name)
        found: HardwareCost | Precision
        if sweep:
            from reports.hardware.precision import LIMIT, SCENE, precision_sweep, sample_frame

            frame = sample_frame(sensor, mode, iso, scene or SCENE)
            found = precision_sweep(read, frame, limit=LIMIT if limit is None else limit, progress=bar)
        else:
            from reports.hardware.build import hardware_cost

            found = hardware_cost(read, sensor, isp, mode=mode, iso=iso, fps=fps)
        if page is not None:
            bar.start(page.name)
            _write(found, page, overwrite)
    if as_json:
        emit_json(_plain(found))
    elif page is not None:
        emit(one_line(str(page)))
    else:
        _print(found)
    say(found.sentence)


def _page(output: Path | None, html: bool, name: str, overwrite: bool) -> Path | None:
    """Where the page goes, after a check that it can be written; None without one."""
    from isp.io import check_writable

    if output is None and not html:
        return None
    page = output or Path(f"{re.sub(r'[^A-Za-z0-9._-]', '_', name)}.html")
    if page.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"-o {page}: a page has the suffix .html")
    check_writable(page, overwrite=overwrite)
    return page


def _write(found: HardwareCost | Precision, page: Path, overwrite: bool) -> None:
    from isp.io import atomic_write
    from reports.hardware.build import HardwareCost
    from reports.hardware.precision import precision_report
    from reports.hardware.sheet import as_report
    from reports.page import render

    report = as_report(found) if isinstance(found, HardwareCost) else precision_report(found)
    with atomic_write(page, overwrite) as file:
        file.write(render(report).encode())


def _plain(found: HardwareCost | Precision) -> dict[str, Any]:
    from reports.hardware.build import HardwareCost
    from reports.hardware.plain import as_plain
    from reports.hardware.precision import precision_plain

    return as_plain(found) if isinstance(found, HardwareCost) else precision_plain(found)


def _print(found: HardwareCost | Precision) -> None:
    from reports.hardware.build import HardwareCost
    from reports.hardware.sheet import rows

    if not isinstance(found, HardwareCost):
        numbers = zip(found.bits, found.mean, found.high, found.largest, strict=True)
        table(("bits", "mean", "99 %", "largest CIEDE2000"), [[f"{v:.3g}" for v in each] for each in numbers],
              right=(0, 1, 2, 3))  # fmt: skip
        return
    account = found.account
    table(COLUMNS, rows(found), right=(1, 2, 3, 4, 5))
    emit("")
    emit(f"whole: {account.operations / 1e9:.4g} billion operations a frame, {found.line_bits / 8192:.0f} KiB of lines "
         f"of {found.line_width} px at {account.bits} bits, latency {account.latency} lines")  # fmt: skip
    for check in found.fit.checks:
        emit(f"{'fits' if check.fits else 'DOES NOT FIT'}: {check.note}")
    for name, stream, _ in found.modes:
        emit(f"mode {name}: {stream}, {stream.pixel_rate / 1e9:.3g} Gpx/s")
    if found.energy is not None:
        moved = sum(found.traffic.values())
        emit(f"traffic: {moved / 1e6:.4g} MB a frame ({', '.join(found.traffic)}), {moved * found.fps / 1e9:.3g} GB/s")
        joule = found.energy.total
        emit(f"energy, an estimate: {1000 * joule:.3g} mJ a frame, {joule * found.fps:.3g} W; "
             "constants and sources with --json")  # fmt: skip
