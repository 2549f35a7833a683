"""Spots that are kept between pictures: made once, told apart by all they depend on, bounded, and the same bits."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from isp.lens_look import renderer as rendering
from isp.lens_look.fans import ideal
from isp.lens_look.spots import Optics
from isp.pipeline import Pipeline
from isp.profile import Profile
from isp.values import Companions, Picture

SHAPE = 120, 160
LIGHT = np.random.Generator(np.random.Philox(4)).uniform(0, 1.2, (*SHAPE, 3)).astype(np.float32)
DEPTH = np.repeat(np.geomspace(0.8, 8, SHAPE[1], dtype=np.float32)[None], SHAPE[0], 0)


def seen(**given):
    profile = Profile.from_stages([("lens_look", {"lens": "50mm_f1.4_1971", **given})], start="scene")
    picture = Picture.from_array(LIGHT, "rec2020", "linear", "scene")
    return Pipeline(profile, threads=2).run(picture, companions=Companions({"depth": DEPTH}, 1.5)).value.pixels


@pytest.fixture
def made(monkeypatch):
    """How many tables were made, from none kept."""
    rendering.kept.cache_clear()
    times, table = [], Optics.table

    def counted(self, *arguments):
        times.append(1)
        return table(self, *arguments)

    monkeypatch.setattr(Optics, "table", counted)
    yield times
    rendering.kept.cache_clear()


def test_the_next_picture_by_the_same_lens_finds_its_tables(made):
    first = seen()
    count = len(made)
    assert count > 5
    np.testing.assert_array_equal(seen(), first)
    # what happens to light has no part in where it goes
    assert not np.array_equal(seen(highlights=3.0, vignetting=0.0), first)
    assert len(made) == count


@pytest.mark.parametrize(
    "given", [{"f_number": 4.0}, {"focal_length": 60.0, "phone": [7, 1.8, 8]}, {"lens": "ideal"}],
    ids=["aperture", "focal length", "lens"],
)
def test_another_lens_at_work_has_its_own(made, given):
    fresh = seen(**given)
    seen()
    count = len(made)
    np.testing.assert_array_equal(seen(**given), fresh)
    assert len(made) > count


def test_all_that_spots_depend_on_tells_them_apart():
    optics = Optics(ideal(50.0, 1.4, 0.3), 2.0, 1500.0, 0.02)
    rendering.kept.cache_clear()
    first = rendering.kept(optics, 1.0)
    assert rendering.kept(dataclasses.replace(optics), 1.0) is first
    others = {
        "fans": ideal(51.0, 1.4, 0.3), "f_number": 2.1, "focus": 1501.0, "pitch": 0.021, "strength": 0.9,
        "distortion": 0.1, "blades": 7, "blade_angle": 1.0, "onion": (0.1, 9.0), "block": 64.0,
    }  # fmt: skip
    assert set(others) == {field.name for field in dataclasses.fields(Optics)}
    for name, value in others.items():
        rendering.kept(optics, 1.0).extents[0] = None
        assert not rendering.kept(dataclasses.replace(optics, **{name: value}), 1.0).extents
    rendering.kept(optics, 1.0).extents[0] = None
    assert not rendering.kept(optics, 0.9).extents


def test_what_is_kept_is_bounded(made, monkeypatch):
    monkeypatch.setattr(rendering, "KEPT", 8 << 20)
    held, trim = [], rendering.Kept.trim

    def watched(self, most):
        trim(self, most)
        held.append(sum(table.density.nbytes for table in self.tables.values()))

    monkeypatch.setattr(rendering.Kept, "trim", watched)
    first = seen()
    count = len(made)
    np.testing.assert_array_equal(seen(), first)
    assert 0 < len(made) - count < count
    assert all(0 < size <= 8 << 20 for size in held)
