"""`isp lens`: lenses of the catalogue or of a file, and what each does to light."""

from __future__ import annotations

import math
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isp.commands import options
from isp.commands.console import emit, emit_json, one_line, progress, table
from isp.errors import UsageError

if TYPE_CHECKING:
    from isp.lenses import Lens

app = typer.Typer(help="List lenses, show what one does to light, and prepare its spread functions.")

LINES_PER_MM = (10.0, 20.0, 40.0)
"""Of the contrasts shown [cycles/mm]."""
Name = Annotated[str, typer.Argument(metavar="NAME", help="Of a lens, as isp lens list prints it.")]
From = Annotated[
    Path | None, typer.Option("--file", metavar="FILE", help="A lens file of yours, instead of the catalogue.")
]
Stop = Annotated[float | None, typer.Option("-f", "--f-number", metavar="N", help="Default wide open.")]


@app.command("list")
def list_lenses(file: From = None, as_json: options.Json = False) -> None:
    """List the lenses of the catalogue, or of a file."""
    from isp.lenses import Lens, lens_names, load_lens
    from isp.lenses.reader import read_lenses

    if file is None:
        lenses = [load_lens(name=name) for name in lens_names()]
    else:
        lenses = [Lens(prescription) for prescription in read_lenses(file).values()]
    if as_json:
        emit_json([_summary(lens) for lens in lenses])
        return
    table(
        ("lens", "focal length", "f/", "surfaces", "aspheric", "patent"),
        [
            (
                lens.name, f"{lens.focal_length:.2f} mm", f"{lens.f_number:.2f}", str(len(lens.prescription.surfaces)),
                str(sum(s.aspheric for s in lens.prescription.surfaces)), lens.prescription.patent,
            )
            for lens in lenses
        ],
        right=(1, 2, 3, 4),
    )


@app.command()
def show(
    name: Name,
    file: From = None,
    f_number: Stop = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="OUT", help="Draw it as well, to a .svg or .png file.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that exists.")] = False,
    as_json: options.Json = False,
) -> None:
    """Print what a lens does to light, over its field."""
    from isp.io.atomic import atomic_write, check_writable
    from isp.lenses import load_lens
    from isp.lenses.drawing import FORMATS, draw

    form = plot.suffix.lower().removeprefix(".") if plot else ""
    if plot is not None:
        if form not in FORMATS:
            raise UsageError(f"--plot {one_line(str(plot))}: allowed: .{', .'.join(FORMATS)}")
        check_writable(plot, overwrite)
    lens = load_lens(file, name)
    with progress() as bar:
        bar.start(name)
        rows = _over_field(lens, f_number)
        drawn = draw(lens, form, f_number) if plot else b""
    if plot is not None:
        with atomic_write(plot, overwrite) as out:
            out.write(drawn)
    if as_json:
        emit_json(_summary(lens) | {"used_f_number": f_number or lens.f_number, "field": rows})
        return
    _words(lens, f_number)
    _field_table(rows)
    if plot is not None:
        emit(one_line(str(plot)))


@app.command("prepare")
def prepare_lens(
    name: Name, file: From = None, f_number: Stop = None, as_json: options.Json = False,
) -> None:
    """Compute the spread functions of a lens at one aperture, or find them in the cache."""
    from isp.lenses import load_lens, prepare

    lens = load_lens(file, name)
    with progress() as bar:
        bar.start(name)
        made = prepare(lens, f_number, progress=bar)
    counts = {"fields": len(made.fields_deg), "planes": len(made.defocus_mm), "wavelengths": len(made.wavelengths_nm)}
    if as_json:
        emit_json({"name": lens.name, "f_number": f_number or lens.f_number, "size": made.psfs.shape[-1], **counts})
        return
    emit(f"{name}: " + ", ".join(f"{n} {what}" for what, n in counts.items()))


def _summary(lens: Lens) -> dict[str, Any]:
    return {
        "name": lens.name,
        "patent": lens.prescription.patent,
        "note": lens.prescription.note,
        "focal_length_mm": lens.focal_length,
        "back_focus_mm": lens.back_focus,
        "best_focus_mm": lens.best_focus(),
        "f_number": lens.f_number,
        "entrance_pupil": lens.entrance_pupil,
        "exit_pupil": lens.exit_pupil,
        "length_mm": lens.prescription.length,
        "reference_nm": lens.reference_nm,
        "field_deg": lens.covered_field,
        "longitudinal_color_mm": {"450": lens.longitudinal_color(450), "640": lens.longitudinal_color(640)},
    }


def _words(lens: Lens, f_number: float | None) -> None:
    first = lens.prescription
    emit(f"{lens.name}: {len(first.surfaces)} surfaces, {first.patent or 'no patent named'}")
    if first.note:
        emit(first.note)
    rows = [
        ("focal length", f"{lens.focal_length:.3f} mm"),
        ("back focus, paraxial", f"{lens.back_focus:.3f} mm"),
        ("best focus", f"{lens.best_focus(f_number):.3f} mm at f/{f_number or lens.f_number:.2f}"),
        ("widest", f"f/{lens.f_number:.2f}"),
        ("entrance pupil", f"{lens.entrance_pupil.position:.2f} mm behind the front, "
                           f"{lens.entrance_pupil.diameter:.2f} mm wide"),
        ("exit pupil", f"{lens.exit_pupil.position:.2f} mm behind the back, {lens.exit_pupil.diameter:.2f} mm wide"),
        ("450 nm focuses", f"{lens.longitudinal_color(450):+.3f} mm behind {lens.reference_nm:.0f} nm"),
        ("640 nm focuses", f"{lens.longitudinal_color(640):+.3f} mm behind {lens.reference_nm:.0f} nm"),
    ]
    table(("quantity", "value"), rows)


def _over_field(lens: Lens, f_number: float | None) -> list[dict[str, Any]]:
    from isp.errors import NumericError
    from isp.lenses.drawing import field_angles

    rows = []
    for angle in field_angles(lens):
        row: dict[str, Any] = {
            "angle_deg": angle,
            "image_height_mm": float(lens.image_height(angle, None, f_number)),
            "illumination": float(lens.relative_illumination(angle, f_number)),
            "cats_eye": float(lens.cats_eye(angle, f_number)),
            "distortion": float(lens.distortion(angle)) if angle else 0.0,
            "lateral_color_um": 1e3 * float(lens.lateral_color(angle, 450.0) - lens.lateral_color(angle, 640.0)),
        }
        row |= dict.fromkeys(
            ("spot_um", "mtf_tangential", "mtf_sagittal", "mtf_limit_tangential", "mtf_limit_sagittal", "mtf_method",
             "wavefront_rms_waves", "strehl_ratio")
        )
        # dark: the cells stay empty
        with suppress(NumericError):
            row["spot_um"] = lens.spot_radius(angle, 0.0, None, f_number)
            limit = lens.diffraction_limit(angle, LINES_PER_MM, None, f_number)
            row["mtf_limit_tangential"], row["mtf_limit_sagittal"] = limit
            row["mtf_tangential"], row["mtf_sagittal"] = lens.mtf(angle, LINES_PER_MM, 0.0, None, f_number)
            # where its directions fold back there is no wavefront
            row["mtf_method"] = "rays"
            wave = lens.wavefront(angle, 0.0, None, f_number)
            strehl = None if math.isnan(wave.strehl) else wave.strehl
            row |= {"mtf_method": "waves", "wavefront_rms_waves": wave.rms_waves, "strehl_ratio": strehl}
        row |= lens.field_curvature(angle, f_number)._asdict()
        rows.append(row)
    return rows


def _field_table(rows: list[dict[str, Any]]) -> None:
    def cells(row: dict[str, Any]) -> tuple[str, ...]:
        spot, dark = row["spot_um"], row["spot_um"] is None
        contrast, rays = "", row["mtf_method"] == "rays"
        if row["mtf_method"]:
            contrast = f"{row['mtf_tangential'][1]:.2f} / {row['mtf_sagittal'][1]:.2f}{'*' * rays}"
        return (
            f"{row['angle_deg']:.1f}°", f"{row['image_height_mm']:.2f} mm", f"{row['illumination']:.2f}",
            "" if dark else f"{row['cats_eye']:.2f}", "" if dark else f"{spot:.1f} µm", contrast,
            f"{100 * row['distortion']:+.2f} %", f"{row['lateral_color_um']:+.1f} µm",
            f"{row['tangential']:+.2f} / {row['sagittal']:+.2f} mm",
        )

    table(
        ("angle", "height", "light", "cat's eye", "spot", "MTF20 tan / sag", "distortion", "450-640 nm",
         "foci tan / sag"),
        [cells(row) for row in rows],
        right=range(9),
    )
    if any(row["mtf_method"] == "rays" for row in rows):
        emit("* directions fold back: contrast of the rays, times that of the opening")
