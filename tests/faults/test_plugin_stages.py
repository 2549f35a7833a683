"""A stage of another package that misbehaves fails the profiles that name it, in one line, and nothing else."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import halide as hl
import numpy as np
import pytest

import isp.stages as registry
from isp import RawFrame
from isp.errors import InputError, NumericError, ProfileError
from isp.parameters import Param
from isp.pipeline import Pipeline, apply
from isp.profile import Profile
from isp.stage import Stage
from isp.values import Picture
from tuning.fitting.walk import Walk


class Guest(Stage):
    name, takes, kind = "guest", ("mosaic",), "numpy"

    def apply(self, value, values, context):
        return self.act(value)


class Mutates(Guest):
    def act(self, value):
        value.data[0, 0] = 5
        return value


class Doubles(Guest):
    def act(self, value):
        return value.data.astype(np.float64)


class Crops(Guest):
    def act(self, value):
        return value.data[1:, 1:]


class Nans(Guest):
    def act(self, value):
        data = value.data.copy()
        data[3, 4] = np.nan
        return data


class Raises(Guest):
    def act(self, value):
        raise KeyError("nothing here")


class BadDefinition(Stage):
    name, takes = "guest", ("mosaic",)

    def define(self, graph, image, arrays, structure):
        return graph.plane("x", image[graph.x, graph.y] * arrays["missing"][0])


class BadPrepare(Stage):
    name, takes = "guest", ("mosaic",)
    parameters = (Param("gain", 1.0, "Gain", lower=0, upper=2),)

    def prepare(self, values, context):
        raise ValueError("no numbers")

    def define(self, graph, image, arrays, structure):
        return image


class Smooth(Guest):
    """A good one: a mean of three rows, on strips."""

    halo = 1

    def act(self, value):
        data = np.pad(value.data, ((1, 1), (0, 0)), mode="edge")
        return ((data[:-2] + data[1:-1] + data[2:]) / np.float32(3)).astype(np.float32)


class Warm(Stage):
    name, takes = "guest", ("camera",)

    def define(self, graph, image, arrays, structure):
        return graph.rgb("warm", [image[graph.x, graph.y, c] * hl.f32(k) for c, k in enumerate((1.1, 1.0, 0.9))])


class Masked(Guest):
    needs = ("mask",)


class Deep(Guest):
    needs = ("depth", "focus")


class Quads(Guest):
    cfas = ("quad",)


class Early(Guest):
    takes = ("raw",)

    def wants_statistics(self, values, context):
        return True


NotAStage = dict


@pytest.fixture
def guest(monkeypatch):
    """Registers classes of this module under the name `guest`."""

    def register(*names):
        points = [EntryPoint("guest", f"{__name__}:{n}", "isp.stages") for n in names]
        monkeypatch.setattr(registry, "entry_points", lambda group: points)
        registry.find_stage.cache_clear()

    yield register
    registry.find_stage.cache_clear()


def frame(shape=(40, 50)):
    rng = np.random.Generator(np.random.Philox(1))
    return RawFrame.from_array(rng.integers(64, 1000, shape).astype(np.uint16), "RGGB", 64, 1023)


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("Mutates", ProfileError, "failed: ValueError: assignment destination is read-only"),
        ("Doubles", ProfileError, "returned float64; it must return float32"),
        ("Crops", ProfileError, "returned shape (39, 49); it must return (40, 50)"),
        ("Nans", NumericError, "output of stage 'guest' holds 1 values that are not finite"),
        ("Raises", ProfileError, "failed: KeyError: 'nothing here'"),
        ("BadDefinition", ProfileError, "failed: KeyError: 'missing'"),
        ("BadPrepare", ProfileError, "failed: ValueError: no numbers"),
        ("Missing", ProfileError, "cannot be loaded: AttributeError"),
        ("NotAStage", ProfileError, "is not a stage: its class must derive from isp.stage.Stage"),
    ],
)
def test_a_bad_stage_is_named_and_others_go_on(guest, name, error, words):
    guest(name)
    with pytest.raises(error) as caught:
        apply("guest", frame())
    message = str(caught.value)
    assert words in message
    assert "\n" not in message
    assert "guest" in message
    assert isinstance(apply("demosaic", frame(), method="bilinear"), Picture)


@pytest.mark.parametrize("fitted", [False, True], ids=["run", "fit"])
@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        (
            "Masked", InputError,
            "stage 'guest' needs 'mask', which was not given (in Python, Companions({'mask': plane}))",
        ),
        ("Deep", InputError, "stage 'guest' needs 'depth', which was not given (--depth FILE)"),
        ("Quads", InputError, "CFA RGGB (bayer) not supported by stage 'guest'; supported: quad"),
        (
            "Early", ProfileError,
            "stage 'guest' needs statistics, which are measured on a linear mosaic before white_balance; put it behind "
            "black_level (here it follows mosaic of digital numbers [DN])",
        ),
    ],
)  # fmt: skip
def test_a_stage_that_cannot_be_where_it_is_says_so_in_a_run_and_in_a_fit(guest, name, error, words, fitted):
    guest(name)
    profile = Profile.from_stages(["guest"] if name == "Early" else ["black_level", "guest"])
    with pytest.raises(error) as caught:
        Walk(profile, frame()).stops({}) if fitted else Pipeline(profile).run(frame())
    assert str(caught.value) == words


def test_two_of_one_name_are_refused(guest):
    guest("Smooth", "Doubles")
    with pytest.raises(ProfileError, match="registered twice"):
        apply("guest", frame())


def test_a_host_stage_between_segments_sees_what_it_should(guest):
    guest("Smooth")
    shape = (700, 40)
    stages = ["black_level", "guest", ("demosaic", {"method": "bilinear"})]
    whole = Pipeline(Profile.from_stages(stages)).run(frame(shape))
    assert len(whole.segments) == 2
    linear = apply("black_level", frame(shape)).data
    above, below = np.vstack([linear[1:2], linear[:-1]]), np.vstack([linear[1:], linear[-2:-1]])
    expected = (above + linear + below) / 3
    tapped = Pipeline(Profile.from_stages(stages)).run(frame(shape), tap="guest").value
    assert np.abs(tapped.data - expected).max() < 1e-6
    assert np.abs(whole.value.data[1::2, 1::2, 2] - tapped.data[1::2, 1::2]).max() == 0


def test_a_definition_of_ones_own_fuses(guest):
    guest("Warm")
    stages = ["black_level", ("demosaic", {"method": "bilinear"})]
    plain = Pipeline(Profile.from_stages(stages)).run(frame()).value.data
    run = Pipeline(Profile.from_stages([*stages, "guest"])).run(frame())
    assert len(run.segments) == 1
    assert np.allclose(run.value.data, plain * np.array([1.1, 1.0, 0.9], np.float32), atol=1e-6)
