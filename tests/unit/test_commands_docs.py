"""What the pages show works as shown."""

from __future__ import annotations

import re
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


def test_every_option_on_the_page_exists(capsys):
    page = (ROOT / "docs" / "command.md").read_text(encoding="utf-8")
    assert main(["run", "--help"]) == 0
    shown = capsys.readouterr().out
    options = set(re.findall(r"`(--[a-z-]+)", page.partition("## The others")[0]))
    assert len(options) >= 9
    for option in options:
        assert option in shown
