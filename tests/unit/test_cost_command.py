"""`isp cost` from the command line: what it prints, writes and refuses."""

from __future__ import annotations

import json

import numpy as np
import pytest

from isp import read_profile
from isp.commands import main
from isp.commands.app import BUILT_IN, app
from isp.cost import account
from reports.hardware.frame import even_frame


@pytest.fixture(autouse=True)
def _registered(monkeypatch):
    """There with the package's entry points or without."""
    monkeypatch.setitem(BUILT_IN, "cost", "reports.commands.cost:cost")
    assert app.registered_callback is not None


def asked(capsys, *words):
    code = main(["cost", *map(str, words)])
    out, err = capsys.readouterr()
    return code, out, err


def test_natural_on_a_phone_of_the_catalogue(capsys):
    code, out, err = asked(capsys, "natural", "--sensor", "xiaomi_12t_pro/main")
    assert code == 0
    assert "mode bin4: 4096 x 3072 at 120/s, 1.51 Gpx/s" in out
    assert out.count("1.51 Gpx/s") == 4
    row = next(line.split() for line in out.splitlines() if line.startswith("demosaic"))
    assert (row[1], row[4], row[-1]) == ("413.5", "19", "DEMOSAIC")
    assert err.strip() == (
        "natural on 4096 x 3072 at 120/s (xiaomi_12t_pro/main, bin4) fits spectra_680, while it streams."
    )


def test_json_adds_up_and_names_its_sources(capsys):
    code, out, _ = asked(capsys, "reference", "--sensor", "leitz_phone_2/main", "--json")
    assert code == 0
    found = json.loads(out)
    assert (found["isp"], found["fits"], found["bits"]) == ("spectra_680", True, 18)
    pixels = found["raw"]["width"] * found["raw"]["height"]
    stages = {s["stage"]: s for s in found["stages"]}
    assert stages["ccm"]["operations_per_pixel"]["multiply"] == 9
    total = sum(s["operations_per_pixel"]["total"] for s in found["stages"])
    assert found["whole"]["operations_per_frame"] == pytest.approx(total * pixels)
    # Malvar: four rows beside the one that arrives, of 18 bits and as wide as a strip
    assert stages["demosaic"]["line_buffer_bytes"] == 4 * found["strips"]["width"] * 18 / 8
    energy = sum(s["energy_j_per_frame"] for s in found["stages"])
    traffic = sum(found["traffic_bytes_per_frame"].values()) * 8 * 5e-12
    assert found["whole"]["energy_j_per_frame"] == pytest.approx(energy + traffic)
    assert all(c["source"] for c in found["constants"].values())
    assert found["constants"]["energy_scale"]["estimated"] is True


def test_200_megapixels_do_not_fit_and_why(capsys):
    code, out, err = asked(capsys, "reference", "--sensor", "xiaomi_12t_pro/main", "--mode", "full", "--fps", "30",
                          "--set", "remosaic.method=nearest")  # fmt: skip
    assert code == 0
    assert "DOES NOT FIT: 16384 x 12288 at 30/s: 6.04 Gpx/s, more than the 3.24 of spectra_680" in out
    assert "DOES NOT FIT: remosaic of 16384 x 12288 (201 MP)" in out
    assert "does not fit spectra_680" in err


def test_tiles_from_memory(capsys):
    _, out, _ = asked(capsys, "reference", "--sensor", "pi_camera_3", "--mode", "bin2", "--json")
    found = json.loads(out)
    assert (found["isp"], found["streamed"], found["strips"]["width"]) == ("pisp", False, 640)
    assert found["traffic_bytes_per_frame"]["raw read"] > found["traffic_bytes_per_frame"]["raw written"]


def test_a_sensor_alone_is_on_no_particular_isp(capsys):
    _, out, _ = asked(capsys, "reference", "--sensor", "imx586", "--json")
    assert json.loads(out)["isp"] == "generic"


def test_the_page_is_one_file(tmp_path, capsys):
    page = tmp_path / "cost.html"
    words = ("reference", "--sensor", "imx586", "--isp", "spectra_580", "-o", page)
    code, out, _ = asked(capsys, *words)
    assert (code, out) == (0, f"{page}\n")
    text = page.read_text(encoding="utf-8")
    for heading in ("Operations and memory accesses", "Line buffers, latency, tables", "Traffic and energy",
                    "What the ISP&#39;s file says"):  # fmt: skip
        assert heading in text
    assert "Horowitz" in text
    assert "http://" not in text.replace("http://www.w3.org", "")
    code, out, err = asked(capsys, *words)
    assert (code, out) == (6, "")
    assert "exists" in err
    assert asked(capsys, *words, "--overwrite")[0] == 0


def test_the_page_has_a_name_of_its_own(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, _ = asked(capsys, "reference", "--sensor", "imx586", "--html")
    assert (code, out.strip()) == (0, "reference_imx586.html")
    assert (tmp_path / "reference_imx586.html").is_file()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--isp", "spectra_68"), 2, "no ISP 'spectra_68'; did you mean 'spectra_680'? allowed: generic, pisp"),
        (("--sensor", "imx999"), 2, "no sensor 'imx999'"),
        (("--mode", "bin9"), 2, "has no mode 'bin9'"),
        (("--fps", "0"), 2, "at 0/s is not possible"),
        (("--iso", "1"), 2, "ISO 1 is not possible"),
        (("--delta-e", "1"), 2, "--delta-e and --scene belong to --precision-sweep"),
        (("--precision-sweep", "--fps", "3"), 2, "--isp and --fps do not belong to --precision-sweep"),
        (("--precision-sweep", "--delta-e", "0"), 2, "CIEDE2000 limit 0 must be above 0"),
        (("-o", "cost.pdf"), 2, "a page has the suffix .html"),
        (("--set", "nothing.a=1"), 3, "no stage 'nothing'"),
    ],
)
def test_bad_usage_is_one_line(capsys, words, code, message):
    given, out, err = asked(capsys, "reference", "--sensor", "imx586", *words)
    assert (given, out) == (code, "")
    assert message in err
    assert len(err.strip().splitlines()) == 1


def test_an_unknown_profile(capsys):
    code, _, err = asked(capsys, "naturall", "--sensor", "imx586")
    assert code == 3
    assert "natural" in err


def test_a_profile_that_cannot_take_the_frames(capsys):
    """Without a way from same-colour blocks to pictures there is nothing to account."""
    words = ("natural", "--sensor", "imx586", "--mode", "full", "--set", "remosaic.enabled=false")
    code, _, err = asked(capsys, *words)
    assert code == 4
    assert "not supported by stage 'green_equalization'" in err


def test_an_even_frame_takes_no_memory_and_says_what_a_file_would():
    frame = even_frame("isocell_hp1", "full")
    assert frame.shape == (12288, 16384)
    assert frame.data.strides == (0, 0)
    assert np.ptp(frame.data[:1, :1]) == 0
    assert frame.info.noise is not None
    assert frame.info.neutral is not None


def test_the_datapath_of_the_profile_comes_first():
    profile = read_profile("reference").with_settings(["datapath.bits=12"])
    assert account(profile, even_frame("imx586"), raw_bits=10, bits=18).bits == 12
    assert account(read_profile("reference"), even_frame("imx586"), raw_bits=10, bits=18).bits == 18
