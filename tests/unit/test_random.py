"""The counter-based generator against the vectors its authors published, and the quantiles against SciPy."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from scipy import special, stats

from isp.engine.programs import obtain
from isp.engine.runtime import buffer_of
from sensors.pixel import random

SOURCE = hashlib.sha256(Path(random.__file__).read_bytes()).hexdigest()
ANSWERS = {
    (0,) * 6: "5f6fb709 0d893f64 4f121f81 4f730a48",
    (0xFFFFFFFF,) * 6: "5207ddc2 45165e59 4d8ee751 8c52f662",
    (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344, 0xA4093822, 0x299F31D0): "4dfccaba 190a87f0 c47362ba b6b5242a",
}
"""Counter and key to the four words of Philox4x32-7: known answers of Random123 (Salmon et al. 2011)."""


def run(name: str, words: np.ndarray, mean: float = 0.0) -> np.ndarray:
    import halide as hl

    source, number = hl.ImageParam(hl.UInt(32), 1, "words"), hl.ImageParam(hl.Float(32), 1, "number")
    x = hl.Var("x")
    result = hl.Func("result")
    value = {
        "normal": lambda: random.normal(source[x]),
        "poisson": lambda: random.poisson(number[0], source[x]),
        "exponential": lambda: random.exponential(source[x]),
    }[name]()
    result[x] = value + 0 * number[0]
    result.vectorize(x, 8, hl.TailStrategy.GuardWithIf)
    program = obtain(f"test {name} {SOURCE}", 3, name, lambda: (result, [source, number]))
    out = np.empty(words.size, np.float32)
    program(buffer_of(words), buffer_of(np.array([mean], np.float32)), buffer_of(out))
    return out


def test_philox_gives_the_published_words() -> None:
    import halide as hl

    key = hl.ImageParam(hl.UInt(32), 1, "key")
    x = hl.Var("x")
    result = hl.Func("result")
    words = random.philox((key[0], key[1], key[2], key[3]), (key[4], key[5]))
    result[x] = hl.mux(x, list(words))
    result.compute_root()
    program = obtain(f"test philox {SOURCE}", 2, "philox", lambda: (result, [key]))
    for given, expected in ANSWERS.items():
        out = np.empty(4, np.uint32)
        program(buffer_of(np.array(given, np.uint32)), buffer_of(out))
        assert " ".join(f"{v:08x}" for v in out) == expected


WORDS = np.concatenate(
    [np.linspace(0, 2**32 - 1, 100_001).astype(np.uint64), np.arange(64), 2**32 - 1 - np.arange(64)]
).astype(np.uint32)


def test_normal_is_the_quantile_of_its_word() -> None:
    expected = special.ndtri((WORDS.astype(np.float64) + 0.5) / 2**32)
    assert run("normal", WORDS) == pytest.approx(expected, abs=2e-6, rel=2e-6)


@pytest.mark.parametrize("mean", [0.0, 0.01, 1.0, 10.0, 10.49])
def test_small_poisson_is_the_quantile_of_its_word(mean: float) -> None:
    u = (WORDS.astype(np.float64) + 0.5) / 2**32
    expected = np.maximum(stats.poisson.ppf(u, mean), 0) if mean else np.zeros(u.size)
    found = run("poisson", WORDS, mean)
    # float32 places the last steps of the far tail a few 1e-7 off
    assert (found != expected).mean() < 1e-4
    assert np.abs(found - expected)[(u > 1e-6) & (u < 1 - 1e-6)].max() <= 1


@pytest.mark.parametrize("mean", [10.5, 100.0, 10_000.0])
def test_large_poisson_is_the_quantile_of_its_word(mean: float) -> None:
    u = (WORDS.astype(np.float64) + 0.5) / 2**32
    found, expected = run("poisson", WORDS, mean), stats.poisson.ppf(u, mean)
    assert np.abs(found - expected).max() <= 1
    assert (found != expected).mean() < 0.01


def test_exponential_has_mean_one() -> None:
    u = (WORDS.astype(np.float64) + 0.5) / 2**32
    assert run("exponential", WORDS) == pytest.approx(-np.log(u), abs=1e-5, rel=1e-5)
