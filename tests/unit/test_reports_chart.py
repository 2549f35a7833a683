"""The 24-patch chart: found in painted pictures, refused where it is not, read, drawn."""

from __future__ import annotations

import io

import numpy as np
import pytest

from isp.errors import UsageError
from isp.values import Picture
from reports.charts import (
    PATCHES,
    NotFound,
    chart_from_corners,
    chart_from_truth,
    draw_found,
    find_color_chart,
    read_patches,
    reference_lab,
)  # fmt: skip
from reports.metrics import patch_errors
from reports.source import Source
from tests.chart_pictures import COLORS, HALF, linear_picture, off, paint, rendered, through, view

SIZE = (640, 480)
CAMERA = np.array([[0.6, 0.35, 0.05], [0.2, 0.7, 0.1], [0.05, 0.35, 0.6]]) * [[0.5], [1.0], [0.4]]
"""Camera RGB before white balance: desaturated, green."""


def found(picture):
    return find_color_chart(Source(picture))


class TestFind:
    @pytest.mark.parametrize(
        ("pose", "turn"),
        [
            ({}, 0),
            ({"angle": 15}, 0),
            ({"angle": -15, "pan": 25, "tilt": -20, "width": 0.6}, 0),
            ({"angle": 98, "pan": 15, "tilt": 25, "width": 0.5}, 90),
            ({"angle": 180, "pan": 30, "width": 0.6}, 180),
            ({"angle": -80, "width": 0.5, "at": (0.4, 0.5)}, 270),
            ({"width": 0.15, "angle": 10, "at": (0.2, 0.7)}, 0),
        ],
    )
    def test_in_any_position(self, pose, turn):
        matrix = view(SIZE, **pose)
        chart = found(linear_picture(paint(matrix, SIZE)))
        assert off(chart, matrix) < 0.05
        assert (chart.orientation, chart.how) == (turn, "found")
        rim = through(matrix, [(-HALF, -HALF), (5 + HALF, -HALF), (5 + HALF, 3 + HALF), (-HALF, 3 + HALF)])
        np.testing.assert_allclose(chart.corners, rim, atol=0.1 * np.linalg.norm(rim[1] - rim[0]) / 6)

    @pytest.mark.parametrize("board", [0.015, 0.06])
    @pytest.mark.parametrize("look", ["camera", "dark", "rendered", "contrasty", "glare", "noisy"])
    def test_in_any_rendering(self, look, board):
        matrix = view(SIZE, angle=187, pan=10, tilt=15, width=0.5, at=(0.55, 0.45))
        light = paint(matrix, SIZE, board=board)
        random = np.random.Generator(np.random.Philox(1))
        if look == "camera":
            picture = linear_picture(light @ CAMERA.T, "camera")
        elif look == "dark":
            picture = linear_picture(light * 0.004 + random.normal(0, 5e-5, light.shape))
        elif look == "rendered":
            picture = rendered(light)
        elif look == "contrasty":
            grey = light.mean(-1, keepdims=True)
            picture = rendered(np.clip((grey + 1.5 * (light - grey)) * 1.4, 0, 1) ** 1.3)
        elif look == "glare":
            picture = linear_picture(light @ CAMERA.T + 0.05 * light.mean())
        else:
            noise = np.sqrt(light * 0.002 + 1e-4) * random.standard_normal(light.shape)
            picture = linear_picture(light + noise)
        assert off(found(picture), matrix) < 0.05

    def test_reduced_and_turned_for_viewing(self):
        matrix = view((2000, 1500), width=0.4, angle=5)
        light = paint(matrix, (2000, 1500), fine=1)
        picture = linear_picture(np.rot90(light))
        turned = Picture(picture.pixels, "srgb", "linear", "scene", orientation=6)
        assert off(found(turned), matrix) < 0.05

    @pytest.mark.parametrize(
        ("at", "words"), [((0.1, 0.5), "out of the picture"), ((0.5, 0.1), "out of the picture"), ((0.5, 0.5), None)]
    )
    def test_not_if_part_of_it_is_missing(self, at, words):
        chart = found(linear_picture(paint(view(SIZE, width=0.5, at=at), SIZE)))
        assert bool(chart) is (words is None)
        assert chart or words in chart.reason

    def test_not_if_mirrored(self):
        chart = found(linear_picture(paint(view(SIZE), SIZE)[:, ::-1]))
        assert chart == NotFound("the chart is mirrored")

    @pytest.mark.parametrize("count", [2, pytest.param(30, marks=pytest.mark.full)])
    def test_not_among_other_colours(self, count):
        random = np.random.Generator(np.random.Philox(2))
        size, grids = (400, 300), [np.repeat(COLORS.mean(-1, keepdims=True), 3, 1)]
        for _ in range(count):
            grids += [random.uniform(0.02, 0.9, (24, 3)), 10 ** random.uniform(-1.7, 0, (24, 3))]
            grids += [COLORS[random.permutation(24)]]
        for colors in grids:
            chart = found(linear_picture(paint(view(size), size, colors=colors, fine=1)))
            assert not chart
            assert chart.reason == "no 24 patches of its colours in rows of six"

    def test_not_in_checkerboards_and_empty_pictures(self):
        y, x = np.mgrid[:300, :400]
        board = np.where((x // 40 + y // 40) % 2, 0.8, 0.05)[..., None] * np.ones(3)
        noise = np.random.Generator(np.random.Philox(3)).uniform(0, 1, (300, 400, 3))
        for light in (board + 0.02 * noise, np.zeros((40, 50, 3)), np.ones((1, 1, 3)), -noise[:30]):
            assert not found(linear_picture(light))

    def test_not_in_photographs(self, shared_data):
        from imagecodecs import imread

        for path in sorted((shared_data / "rgb_kodak").glob("*.png"))[::6]:
            assert not found(Picture.from_array(imread(path)))

    @pytest.mark.full
    def test_not_in_any_photograph(self, shared_data):
        from imagecodecs import imread

        paths = sorted((shared_data / "rgb_kodak").glob("*.png"))
        assert len(paths) == 24
        assert not any(found(Picture.from_array(imread(path))) for path in paths)

    @pytest.mark.full
    def test_before_photographs(self, shared_data):
        from imagecodecs import imread

        random = np.random.Generator(np.random.Philox(4))
        paths = sorted((shared_data / "rgb_kodak").glob("*.png"))
        errors = []
        for number in range(100):
            back = (imread(paths[number % len(paths)]) / 255.0) ** 2.2
            size = back.shape[1::-1]
            matrix = view(
                size, 90 * (number % 4) + random.uniform(-15, 15), *random.uniform(-30, 30, 2),
                np.exp(random.uniform(np.log(0.15), np.log(0.45))), random.uniform(0.35, 0.65, 2),
            )  # fmt: skip
            light = paint(matrix, size, back)
            picture = rendered(light) if number % 2 else linear_picture(light @ CAMERA.T, "camera")
            rim = through(matrix, [(-HALF, -HALF), (5 + HALF, -HALF), (5 + HALF, 3 + HALF), (-HALF, 3 + HALF)])
            if (rim > 0).all() and (rim < size).all():
                errors.append(off(found(picture), matrix))
        assert len(errors) > 60
        assert np.mean(np.isfinite(errors)) >= 0.95
        assert max(e for e in errors if np.isfinite(e)) < 0.25


class TestGiven:
    def test_corners_by_hand(self):
        matrix = view(SIZE, angle=100, pan=20, tilt=10, width=0.5)
        rim = through(matrix, [(-HALF, -HALF), (5 + HALF, -HALF), (5 + HALF, 3 + HALF), (-HALF, 3 + HALF)])
        chart = chart_from_corners(rim)
        assert off(chart, matrix) < 0.005
        assert (chart.orientation, chart.confidence, chart.how) == (90, 1.0, "by hand")

    @pytest.mark.parametrize(
        ("corners", "words"),
        [
            ([[0, 0], [0, 10], [10, 10], [10, 0]], "must go clockwise"),
            ([[0, 0], [10, 0], [2, 2], [0, 10]], "must go clockwise"),
            ([[0, 0], [10, 0], [10, 10]], "must be 4 finite points"),
            ([[0, 0], [10, 0], [10, np.nan], [0, 10]], "must be 4 finite points"),
        ],
    )
    def test_wrong_corners(self, corners, words):
        with pytest.raises(UsageError, match=words):
            chart_from_corners(corners)

    def test_truth_of_another_scene(self):
        with pytest.raises(UsageError, match="the 1 patches of this truth are not those of the 24-patch chart"):
            chart_from_truth([{"name": "step 0", "kind": "patch"}, {"name": "edge", "kind": "edge"}])


class TestRead:
    matrix = view(SIZE, angle=12, pan=15, width=0.6)
    light = paint(matrix, SIZE, fine=4)
    chart = chart_from_corners(
        through(matrix, [(-HALF, -HALF), (5 + HALF, -HALF), (5 + HALF, 3 + HALF), (-HALF, 3 + HALF)])
    )

    def test_means_and_noise(self):
        random = np.random.Generator(np.random.Philox(5))
        noisy = self.light + random.normal(0, 0.01, self.light.shape)
        read = read_patches(Source(linear_picture(noisy)), self.chart)
        error = 0.01 / np.sqrt(read.count)[:, None]
        assert np.abs((read.rgb - COLORS) / error).max() < 4.5
        np.testing.assert_allclose(read.std, 0.01, rtol=0.15)
        assert not read.unusable.any()
        assert read.notes == ()
        assert patch_errors(read.rgb, reference_lab("iso"), names=PATCHES).mean < 0.5

    def test_dust_is_left_out(self):
        dusty = self.light.copy()
        random = np.random.Generator(np.random.Philox(6))
        specks = random.random(SIZE[::-1]) < 0.02
        dusty[specks] = 0.0
        read = read_patches(Source(linear_picture(dusty)), self.chart)
        np.testing.assert_allclose(read.rgb, COLORS, atol=1e-6)
        assert dusty.mean() < self.light.mean() * 0.99

    def test_clipped_patches_are_told(self):
        picture = rendered(self.light * 1.3)
        read = read_patches(Source(picture), self.chart)
        clipped = (COLORS * 1.3 >= 1).any(1)
        assert "white" in np.array(PATCHES)[clipped]
        np.testing.assert_array_equal(read.clipped, clipped)
        assert read.notes[0].startswith("clipped: ")
        result = patch_errors(read.rgb, reference_lab("iso"), names=PATCHES, exclude=read.unusable)
        assert np.isnan(result.de00[clipped]).all()
        assert result.exposure == pytest.approx(1 / 1.3, rel=0.01)

    def test_patches_out_of_the_picture_are_not_read(self):
        shifted = chart_from_corners(self.chart.corners - (200, 0))
        read = read_patches(Source(linear_picture(self.light)), shifted)
        lost = (shifted.patches < 0).any((1, 2))
        assert lost.any()
        np.testing.assert_array_equal(read.count == 0, lost)
        assert np.isnan(read.rgb[lost]).all()
        assert "too small, or out of the picture" in read.notes[0]


class TestDraw:
    def test_lines_lie_where_they_should_and_show_on_anything(self):
        from PIL import Image

        outline = np.array([[20, 30], [120, 30], [120, 90], [20, 90]])
        for grey in (0.0, 0.2, 1.0):
            image = draw_found(Source(linear_picture(np.full((120, 160, 3), grey))), [("thing", outline)])
            assert image.size == (160, 120)
            codes = np.asarray(Image.open(io.BytesIO(image.data))).astype(int)
            assert np.ptp(codes[60, 17:24].max(-1)) > 80
            assert np.ptp(codes[60, 60:100].sum(-1)) < 30

    def test_large_pictures_are_reduced_and_results_named(self):
        chart = TestRead.chart
        image = draw_found(Source(linear_picture(np.full((1000, 3000, 3), 0.5))), [chart, ("mark", [[5, 5]])])
        assert image.mime == "image/jpeg"
        assert image.size == (1200, 400)
        assert chart.outlines()[0][0] == "colour chart"
        assert len(chart.outlines()) == 25


class TestFigures:
    @pytest.mark.parametrize("name", ["chart_map", "ab_errors", "white_points", "patch_bars"])
    def test_are_repeatable_and_say_what_they_show(self, name):
        from reports.figures import color

        random = np.random.Generator(np.random.Philox(7))
        results = {
            label: patch_errors(np.abs(COLORS + random.normal(0, 0.03, (24, 3))), reference_lab("iso"), names=PATCHES)
            for label in "AB"
        }
        results["C"] = patch_errors(np.zeros((24, 3)), reference_lab("iso"), names=PATCHES)
        draw = getattr(color, name)
        one, two = draw(results), draw(results)
        assert one.image.data == two.image.data
        assert one.image.data.startswith(b"<svg")
        assert len(one.image.data) < 200_000
        assert len(one.alt) > 40
        with pytest.raises(UsageError, match="at least one picture"):
            draw({})
