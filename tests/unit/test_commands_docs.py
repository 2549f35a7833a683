"""What the pages show works as shown."""

from __future__ import annotations

import re
import shlex
import sys
import types
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

from isp import Picture, Pipeline, apply, read_profile
from isp import stages as registry
from isp.commands import main
from isp.demo import demo_frame
from isp.errors import ProfileError

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")]
PAGES += sorted((ROOT / "docs").rglob("*.md"))


def _blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / page).read_text(encoding="utf-8"), re.M | re.S)


@pytest.fixture
def documented(monkeypatch):
    """The two stages of the page, registered as another package would."""
    module = types.ModuleType("documented_stages")
    for block in _blocks("docs/your-own-stage.md", "python"):
        exec(compile(block, "your-own-stage.md", "exec"), module.__dict__)
    points = [
        EntryPoint("warm_up", "documented_stages:WarmUp", "isp.stages"),
        EntryPoint("posterize", "documented_stages:Posterize", "isp.stages"),
    ]
    monkeypatch.setitem(sys.modules, "documented_stages", module)
    monkeypatch.setattr(registry, "entry_points", lambda group: [p for p in points if p.group == group])
    registry.find_stage.cache_clear()
    yield
    registry.find_stage.cache_clear()


@pytest.mark.usefixtures("documented")
def test_the_halide_stage():
    scene = Picture.from_array(np.full((16, 24, 3), 0.5, np.float32), "rec2020")
    warmed = apply("warm_up", scene, amount=0.5)
    assert np.allclose(warmed.data, 0.5 * np.array([1.1, 1.0, 0.9]), atol=1e-6)


@pytest.mark.usefixtures("documented")
def test_the_numpy_stage():
    ramp = np.linspace(0, 1, 24, dtype=np.float32)[None, :, None] * np.ones((16, 1, 3), np.float32)
    few = apply("posterize", Picture.from_array(ramp, "srgb"), levels=3)
    assert np.unique(few.data).tolist() == [0.0, 0.5, 1.0]


@pytest.mark.usefixtures("documented")
def test_both_in_one_profile(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        "version: 1\nname: mine\nstages: [black_level, white_balance, demosaic, ccm, "
        "{warm_up: {amount: 0.3}}, encode, {posterize: {levels: 4}}]\noutput: {format: png, bits: 8}\n"
    )
    frame = demo_frame(64, 48)
    picture = Pipeline(read_profile(path))(frame)
    assert set(np.unique(picture.pixels)) <= {0, 85, 170, 255}
    cooler = Pipeline(read_profile(path).with_settings(["warm_up.amount=-0.3", "posterize.enabled=false"]))(frame)
    warmer = Pipeline(read_profile(path).with_settings(["posterize.enabled=false"]))(frame)
    assert warmer.data[..., 0].mean() > cooler.data[..., 0].mean()
    assert warmer.data[..., 2].mean() < cooler.data[..., 2].mean()


@pytest.mark.usefixtures("documented")
def test_the_command_lists_them(capsys):
    assert main(["stages", "warm_up"]) == 0
    assert "Orange above 0, blue below" in capsys.readouterr().out


def test_without_the_package_the_profile_says_so(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("version: 1\nname: mine\nstages: [warm_up]\noutput: {format: png}\n")
    with pytest.raises(ProfileError, match="unknown stage 'warm_up'"):
        read_profile(path)


def test_the_profile_of_the_readme(tmp_path):
    (block,) = _blocks("README.md", "yaml")
    path = tmp_path / "mine.yaml"
    path.write_text(block)
    assert Pipeline(read_profile(path))(demo_frame(64, 48)).pixels.dtype == np.uint8


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        if not target.startswith("https://"):
            assert (page.parent / target).exists(), target


def _options_on_the_page(command: str) -> set[str]:
    page = (ROOT / "docs" / "command.md").read_text(encoding="utf-8")
    section = page.partition(f"\n## isp {command} ")[2] or page.partition(f"\n## isp {command}\n")[2]
    return set(re.findall(r"`(--[a-z-]+)", section.partition("\n## ")[0]))


@pytest.mark.parametrize(("command", "fewest"), [("run", 9), ("simulate", 19)])
def test_every_option_on_the_page_exists(capsys, command, fewest):
    assert main([command, "--help"]) == 0
    shown = capsys.readouterr().out
    options = _options_on_the_page(command)
    assert len(options) >= fewest
    for option in options:
        assert option in shown


def test_every_option_of_simulate_is_on_the_page(capsys):
    assert main(["simulate", "--help"]) == 0
    shown = set(re.findall(r"(?<![\w-])--[a-z-]+", capsys.readouterr().out)) - {"--help", "--output"}
    assert shown <= _options_on_the_page("simulate")


def test_every_scene_and_its_defaults_are_on_the_page():
    import inspect

    from sensors.scenes import make_scene
    from sensors.scenes.make import SCENES, usage
    from sensors.scenes.options import OPTIONS

    page = (ROOT / "docs" / "simulation.md").read_text(encoding="utf-8")
    for name, recipe in SCENES.items():
        (row,) = re.findall(rf"^\| `{re.escape(usage(name))}` \|.*$", page, re.M)
        signature = None if recipe.files else inspect.signature(type(make_scene(name)))
        for option in OPTIONS.get(name, ()):
            default = "" if signature is None else signature.parameters[option.name].default
            assert re.search(rf"`{option.name}` {re.escape(_written(default))}", row), (name, option.name)


def _written(default: object) -> str:
    if isinstance(default, bool):
        return str(int(default))
    return f"{default:g}" if isinstance(default, int | float) else str(default)


def test_the_python_of_the_simulation_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (block,) = _blocks("docs/simulation.md", "python")
    found: dict[str, object] = {}
    exec(compile(block, "simulation.md", "exec"), found)
    # exposed as the scene's mean asks, the patch has the colour it should have but for the exposure
    ratio = found["developed"] / found["wanted"]
    assert np.allclose(ratio / ratio.mean(), 1, atol=0.25)
    assert abs(found["lost"]) < 0.01
    assert (tmp_path / "chart.dng").exists()


def test_the_commands_of_the_simulation_page(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (block,) = _blocks("docs/simulation.md", "sh")
    for line in block.splitlines():
        program, *words = shlex.split(line)
        assert program == "isp"
        assert main([*words, *(["--size", "320x240"] if words[0] == "simulate" else [])]) == 0, line
    assert capsys.readouterr().err == ""
    assert (tmp_path / "chart" / "ideal.png").exists()


def test_the_sensor_of_the_sensors_page(tmp_path, monkeypatch):
    from sensors import load_sensor

    blocks = _blocks("docs/sensors.md", "yaml")
    (tmp_path / "my_sensor.yaml").write_text(blocks[0])
    (tmp_path / "my_phone.yaml").write_text(blocks[1])
    assert load_sensor(tmp_path / "my_sensor.yaml").pixel_rate == 360e6
    monkeypatch.chdir(tmp_path)
    words = ["--scene", "chart", "--mode", "bin2", "--size", "64x64", "-o", "a.dng"]
    assert main(["simulate", "--sensor", "my_phone.yaml", *words]) == 0
