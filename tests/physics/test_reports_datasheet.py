"""The datasheet: what its bench finds in frames of catalogued sensors against their files, edges against optics."""

from __future__ import annotations

from dataclasses import replace
from html import unescape

import numpy as np
import pytest

from reports.compare.conditions import failures, parse
from reports.datasheet import datasheet
from reports.datasheet.bench import ANGLE, Bench
from reports.datasheet.ideal import ideal_response
from reports.datasheet.stated import Stated, stated
from reports.estimate import Estimate
from reports.page import render
from sensors import Lens
from sensors.catalog import load_sensor
from sensors.sensor import Camera, Sensor
from tests.physics.sensor_fakes import sensor

SECTIONS = ["emva", "iso", "spectral", "mtf", "color", "modes", "file"]


def bench(part: Sensor, mode: str = "full") -> Bench:
    return Bench(Camera(part.name, part), part.mode(mode))


@pytest.mark.parametrize(("name", "mode", "iso"), [("imx363", "full", 110), ("imx586", "bin2", 1600),
                                                   ("isocell_gn2", "bin2", 3200)])  # fmt: skip
def test_a_catalogued_sensor_is_what_its_file_says(name: str, mode: str, iso: float) -> None:
    # without defective photosites, which PRNU and DSNU count and the file's values do not
    part = replace(load_sensor(name), hot_fraction=0.0, dead_fraction=0.0)
    found = bench(part, mode).transfer(iso)
    judged = 0
    for key, value in stated(part, part.mode(mode), iso).items():
        estimate = getattr(found, key)
        if not estimate.known:
            assert "too small" in estimate.reason or "hidden by rounding" in estimate.reason, (key, estimate)
            continue
        low, high = estimate.interval
        # many intervals of 95 %: none may miss by more than half of its width
        assert low - (high - low) / 2 <= value.value <= high + (high - low) / 2, (key, value, estimate)
        judged += 1
    assert judged >= 5


def test_agreement_is_judged_for_all_values_at_once() -> None:
    found = Estimate.normal(10.0, 1.0)
    # Bonferroni for 7 values: 2.69 standard deviations
    assert Stated(12.6, False).agrees(found)
    assert Stated(12.8, False).agrees(found) is False
    assert Stated(12.0, True).agrees(Estimate.missing("no")) is None
    assert Stated(12_345.6, True).beside(found) == "the file says 12346, an estimate: differs by more than chance"


def test_colours_with_photosites_for_focusing_are_avoided() -> None:
    assert bench(load_sensor("imx586"), "bin2").plane_name == "R"
    assert bench(load_sensor("imx363")).plane_name == "Gr"
    assert bench(sensor()).plane_name == "Y"


EDGES = [("Y", "full", 1.8), ("RGGB", "full", 2.8), ("RGGB", "bin2", 1.8)]


@pytest.mark.parametrize(("cfa", "mode", "f_number"), EDGES)
def test_edges_have_the_response_of_diffraction_and_pixels(cfa: str, mode: str, f_number: float) -> None:
    part = sensor(cfa=cfa, gain=0.15, full_well_e=25000.0, pitch_um=1.4)
    camera = Camera("c", part, {"f_number": f_number})
    edge = Bench(camera, part.mode(mode)).edge()
    ideal = ideal_response(part, Lens(f_number=f_number), part.mode(mode), edge.frequency, ANGLE)
    inside = (edge.frequency > 0.03) & (edge.frequency < 0.5)
    assert np.abs(edge.sfr - ideal)[inside].max() < 0.025
    at_half = np.interp(float(edge.mtf50), edge.frequency, ideal)
    assert at_half == pytest.approx(0.5, abs=0.02)


def test_a_pixel_alone_is_a_sinc() -> None:
    part, f = sensor(), np.linspace(0, 1, 11)
    for mode in ("full", "bin2"):
        found = ideal_response(part, Lens(diffraction=False), part.mode(mode), f)
        assert found == pytest.approx(np.sinc(f))


def test_the_sheet_of_a_colour_sensor() -> None:
    part = sensor(cfa="RGGB", gain=0.2, pre_e=4.0, full_well_e=15000.0, prnu=0.01, iso_max=200.0)
    report = datasheet(part)
    assert [s.key for s in report.sections] == SECTIONS
    assert not report.inputs
    assert {q.group for q in report.quantities} <= set(SECTIONS)
    assert all(len(q.estimates) == 1 for q in report.quantities)
    assert len({q.key for q in report.quantities}) == len(report.quantities)
    assert all(e.known or e.reason for q in report.quantities for e in q.estimates)
    assert all(f.image.data.startswith(b"<svg") and f.alt for s in report.sections for f in s.figures)
    gain = next(q for q in report.quantities if q.key == "emva.gain_dn_per_e")
    assert gain.estimates[0] == pytest.approx(0.2, rel=0.02)
    assert gain.note == "the file says 0.2: agrees"
    assert "mode full, ISO 100" in report.verdict.sentence
    page = unescape(render(report))
    assert all(section.title in page for section in report.sections)
    assert page.count('<th scope="col" class="num">Value</th>') == len({q.group for q in report.quantities})


def test_the_sheet_of_a_mono_sensor_has_no_colour() -> None:
    report = datasheet(sensor(gain=0.2, full_well_e=15000.0, iso_max=200.0))
    (held,) = failures([parse("emva.gain_dn_per_e>0.1")], report)
    assert held.startswith("emva.gain_dn_per_e>0.1: Datasheet of fake has")
    smi = next(q for q in report.quantities if q.key == "color.smi_d65").estimates[0]
    assert str(smi) == "n.a.: colours cannot be told by 1 kinds of photosites; three are needed"
