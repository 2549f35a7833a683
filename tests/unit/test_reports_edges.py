"""Edges found in a picture, measured, summed up and drawn."""

import sys
import time
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from isp.values import Picture
from reports.charts.edge_sharpness import measure_edge, summarize
from reports.charts.edges import Edge, edge_in, find_edges
from reports.compare.chapters.sharpness import sharpness
from reports.compare.subject import Subject
from reports.figures.sharpness import channel_curves, edge_spreads, mtf_curves, sharpness_map
from reports.metrics import slanted_edge
from reports.metrics.sfr import SlantedEdge
from reports.source import Source
from tests.slanted_edges import gaussian_edge

SIGMA = 0.9
EXPECTED = 0.2036
"""MTF50 of a Gaussian of 0.9 px alone (the squares below are sampled, not averaged over pixels)."""


def squares(shape=(900, 1200), pitch=300, side=150, tilt=6.0, blur=SIGMA, noise=0.003, seed=0):
    """Dark tilted squares on light, an erf along each of the four edges; returns (h, w) light."""
    from scipy.special import ndtr

    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float64)
    c, s = np.cos(np.radians(tilt)), np.sin(np.radians(tilt))
    light = np.full(shape, 0.7)
    for cy in range(pitch // 2, shape[0], pitch):
        for cx in range(pitch // 2, shape[1], pitch):
            u, v = (x - cx) * c + (y - cy) * s, -(x - cx) * s + (y - cy) * c
            inside = [ndtr((side / 2 - np.abs(w)) / blur) for w in (u, v)]
            light -= 0.5 * inside[0] * inside[1]
    return light + noise * np.random.Generator(np.random.Philox(seed)).standard_normal(shape)


def source(light, **settings):
    return Source(Picture(np.repeat(light[..., None], 3, axis=2).astype(np.float32), "srgb", **settings))


def test_squares():
    place = source(squares())
    found = find_edges(place, most=30)
    assert len(found) >= 24
    assert {e.horizontal for e in found} == {True, False}
    assert {e.zone for e in found} >= {"centre", "middle"}
    for edge in found:
        assert abs(edge.angle) == pytest.approx(6.0, abs=0.5)
        assert edge.corners.shape == (4, 2)
        assert ((edge.corners >= 0) & (edge.corners <= (1200, 900))).all()
    assert [name for name, _ in found.outlines()] == [str(i + 1) for i in range(len(found))]
    measured = [measure_edge(place, edge) for edge in found]
    assert all(m.channels == () for m in measured)  # a grey picture has one response
    known = [m.luminance.mtf50 for m in measured if m.luminance.mtf50.known]
    assert len(known) == len(measured)
    assert np.median(known) == pytest.approx(np.sqrt(np.log(2) / 2) / np.pi / SIGMA, rel=0.01)
    inside = [m.interval[0] <= EXPECTED * 1.025 and m.interval[1] >= EXPECTED for m in known]
    assert np.mean(inside) > 0.8
    whole = summarize(measured)
    assert whole == np.median(known)
    assert whole.interval[0] <= whole <= whole.interval[1]
    np.testing.assert_array_equal(whole.items, known)
    parts = [summarize(measured, zone="centre", direction=d) for d in ("vertical", "horizontal")]
    assert all(min(known) <= p <= max(known) for p in parts)
    assert summarize(measured[:2]).interval == (
        min(m.interval[0] for m in known[:2]), max(m.interval[1] for m in known[:2])
    )  # fmt: skip
    assert summarize([]).reason == "no edge there"


def test_large_pictures_are_read_in_parts(monkeypatch):
    import reports.source

    monkeypatch.setattr(reports.source, "IN_MEMORY", 100_000)
    light = squares((900, 1350), 300, 150)
    asked = []
    place = source(light)
    read = place.codes
    monkeypatch.setattr(place, "codes", lambda *box: asked.append(box[2] * box[3]) or read(*box))
    assert len(find_edges(place, most=10)) == 10
    assert max(asked) <= 256 * 1350
    place._file.close()


def test_codes_are_decoded():
    light = squares(noise=0.002)
    codes = np.round(255 * (1.055 * light ** (1 / 2.4) - 0.055))
    place = Source(Picture(np.repeat(codes[..., None], 3, axis=2).astype(np.uint8), "srgb", "srgb", "display"))
    edges = find_edges(place, most=6)
    assert len(edges) == 6
    for edge in edges:
        found = measure_edge(place, edge).luminance
        assert found.mtf50 == pytest.approx(EXPECTED * 1.02, rel=0.05)
        assert found.contrast == pytest.approx(0.5 / 0.9, abs=0.005)
    wrong = measure_edge(place, edges.found[0], encoding="linear").luminance
    # codes of light 0.2 and 0.7 are 0.48 and 0.85
    assert wrong.contrast == pytest.approx((0.854 - 0.485) / (0.854 + 0.485), abs=0.005)


def test_every_channel_has_its_own_blur():
    blurs = (1.2, 0.9, 1.5)
    light = np.stack([squares((600, 900), blur=b, noise=0.002, seed=i) for i, b in enumerate(blurs)], axis=2)
    place = Source(Picture(light.astype(np.float32), "srgb"))
    measured = [measure_edge(place, edge) for edge in find_edges(place, most=8)]
    for i, blur in enumerate(blurs):
        found = summarize(measured, lambda e, i=i: e.channels[i].mtf50)
        assert found == pytest.approx(np.sqrt(np.log(2) / 2) / np.pi / blur, rel=0.01)
    whole = summarize(measured)
    assert min(0.156, 0.125) < whole < 0.208
    assert measure_edge(place, measured[0].edge, channels=False).channels == ()


def test_an_edge_that_a_scene_knows():
    light = gaussian_edge((400, 500), 0.3, 5.0)
    found = edge_in(source(light), [[150, 100], [350, 100], [350, 300], [150, 300]])
    assert found.box == (120, 170, 160, 160)
    assert (found.direction, found.zone) == ("vertical", "centre")
    assert found.angle == pytest.approx(5.0, abs=0.1)
    assert edge_in(source(light), [[0, 0], [100, 0], [100, 100], [0, 100]]) is None
    assert edge_in(source(light), [[450, 100], [550, 100], [550, 300], [450, 300]]) is None


def test_overlap():
    def at(x, y):
        corners = np.array([[x, y], [x + 40, y], [x + 40, y + 60], [x, y + 60]], float)
        return Edge(corners, 5.0, False, "centre", 0.5)

    assert at(0, 0).overlaps(at(20, 20))
    assert not at(0, 0).overlaps(at(35, 0))
    assert not at(0, 0).overlaps(at(100, 0))


@pytest.mark.parametrize("light", [
    np.full((400, 600), 0.3),
    0.3 + 0.05 * np.random.default_rng(1).standard_normal((400, 600)),
    gaussian_filter(np.random.default_rng(2).random((400, 600)), 3),
    np.zeros((400, 600)),
    np.zeros((10, 12)),
])  # fmt: skip
def test_nothing_to_find(light):
    found = find_edges(source(np.clip(light, 0, 1)))
    assert len(found) == 0
    assert "no straight, isolated edge" in found.reason


def test_aligned_edges_are_left():
    assert len(find_edges(source(squares(tilt=0.0)))) == 0


@pytest.mark.full
def test_twelve_megapixels_take_seconds():
    place = source(squares((3000, 4000), 500, 250))
    start = time.perf_counter()
    assert len(find_edges(place)) == 40
    print(f"{time.perf_counter() - start:.2f} s")


def edges_of(mtf50s):
    light = {f"input {i}": gaussian_edge((60, 40), m, 5.0) for i, m in enumerate(mtf50s)}
    noise = 0.004 * np.random.default_rng(1).standard_normal((60, 40))
    return {label: slanted_edge(edge + noise) for label, edge in light.items()}


@pytest.mark.parametrize("draw", [mtf_curves, edge_spreads])
def test_plots(draw):
    figure = draw(edges_of((0.15, 0.3)))
    text = figure.image.data.decode()
    ElementTree.fromstring(text)
    for word in ("input 0", "input 1", "px]" if draw is edge_spreads else "cycles/pixel]"):
        assert word in text
    assert "input 1" in figure.alt


def test_plot_of_channels():
    inks = dict(zip(("red", "green", "blue"), edges_of((0.2, 0.3, 0.25)).values(), strict=True))
    inks["blue"] = SlantedEdge.missing("the blue side is clipped")
    figure = channel_curves({label: inks for label in "ABCD"})
    text = figure.image.data.decode()
    ElementTree.fromstring(text)
    assert all(f">{word}<" in text for word in ("A", "B", "C", "D", "red", "green"))
    assert ">blue<" not in text
    assert figure.wide
    assert "blue n.a.: the blue side is clipped" in figure.alt


def test_map():
    place = source(squares())
    measured = [measure_edge(place, edge, channels=False) for edge in find_edges(place, most=8)]
    figure = sharpness_map({"first": (measured, place.shape), "second": ((), (900, 1200))})
    text = figure.image.data.decode()
    ElementTree.fromstring(text)
    assert all(word in text for word in ("first", "n.a.", "MTF50 [cycles/pixel]"))
    assert all(word in figure.alt for word in ("8 edges", "second: n.a."))


def colored(blurs, seed=0):
    light = np.stack([squares((600, 900), blur=b, noise=0.002, seed=seed + i) for i, b in enumerate(blurs)], axis=2)
    return Source(Picture(light.astype(np.float32), "srgb"))


def test_the_chapter_of_a_report(monkeypatch):
    # the package's name `sharpness` is the chapter, not its module
    monkeypatch.setattr(sys.modules["reports.compare.chapters.sharpness"], "MOST", 8)
    subject = Subject(("A", "B"), (colored((1.2, 0.9, 1.5)), colored((1.5, 1.3, 1.5), 3)), ())
    chapter = sharpness(subject)
    found = {q.key.removeprefix("sharpness."): q.estimates for q in chapter.quantities}
    zones = {key for key in found if key in ("mtf50.centre", "mtf50.middle", "mtf50.corner")}
    assert {"mtf50", "acutance", "mtf50.red", "mtf50.green", "mtf50.blue", "mtf50.vertical"} <= set(found)
    assert len(zones) > 1
    for name, blurs in (("red", (1.2, 1.5)), ("green", (0.9, 1.3)), ("blue", (1.5, 1.5))):
        for estimate, blur in zip(found[f"mtf50.{name}"], blurs, strict=True):
            assert estimate == pytest.approx(np.sqrt(np.log(2) / 2) / np.pi / blur, rel=0.02)
    assert len(found["mtf50"][0].items) == len(found["mtf50"][1].items)
    titles = [f.title for f in chapter.section.figures]
    assert titles == [
        "Spatial frequency response", "Edge spread", "Response of the channels", "Sharpness over the picture",
        "Edges in A",
    ]  # fmt: skip


def test_the_chapter_without_edges():
    chapter = sharpness(Subject(("A",), (source(np.full((300, 400), 0.3)),), ()))
    assert chapter.quantities == ()
    assert "no straight slanted edge" in chapter.section.notes[0]


def test_an_edge_made_by_hand():
    light = np.full((200, 200), 0.7)
    light[60:120, 80:120] = gaussian_edge((60, 40), 0.3, 5.0)
    corners = np.array([[80, 60], [120, 60], [120, 120], [80, 120]], float)
    one = measure_edge(source(light), Edge(corners, 5.0, False, "centre", 0.5))
    assert one.luminance.mtf50 == pytest.approx(0.3, rel=1e-3)
