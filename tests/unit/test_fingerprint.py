"""Identity of descriptions: the same in every process, other when the content is other."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from isp import read_profile
from isp.fingerprint import canonical, fingerprint
from isp.profile.fingerprint import profile_fingerprint


@dataclass(frozen=True)
class _Thing:
    number: float
    note: str = field(default="", compare=False)


def test_canonical_text_by_hand():
    value = {"b": (1, 2.5), "a": np.array([[1, 2]]), 3: None, "p": Path("x/y"), "t": _Thing(0.1, "not compared")}
    assert canonical(value) == '{"3 ":null,"a":[[1,2]],"b":[1,2.5],"p":"x/y","t":{"number":0.1}}'
    assert fingerprint("a") == hashlib.sha256(b'"a"').hexdigest()


def test_order_of_keys_does_not_count_and_kinds_do():
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    assert fingerprint([1, 2]) != fingerprint([2, 1])
    assert fingerprint({1: 0}) != fingerprint({"1": 0})
    assert fingerprint(_Thing(1, "a")) == fingerprint(_Thing(1, "b")) != fingerprint(_Thing(2))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_are_finite(value):
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical(value)


def test_what_has_no_identity_is_refused():
    with pytest.raises(TypeError, match="function has no identity"):
        canonical(lambda: 0)


@pytest.mark.parametrize("name", ["natural", "reference"])
def test_shipped_profiles_have_one_in_every_process(name):
    code = (
        "from isp import read_profile; from isp.profile.fingerprint import profile_fingerprint as f; "
        f"print(f(read_profile({name!r})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == profile_fingerprint(read_profile(name))


def test_a_profile_is_what_it_does(tmp_path):
    np.save(tmp_path / "mesh.npy", np.ones((3, 3, 4)))
    text = (
        "version: 1\nname: {}\noutput: {{format: jpeg}}\n"
        "stages: [black_level, {{lens_shading: {{mesh: {{file: mesh.npy}}, placement: []}}}}, "
        "white_balance, demosaic, ccm, encode]\n"
    )

    def of(name: str, *settings: str) -> str:
        path = tmp_path / "mine.yaml"
        path.write_text(text.format(name))
        return profile_fingerprint(read_profile(path).with_settings(settings))

    first = of("one")
    assert of("other name") == first
    assert of("one", "lens_shading.enabled=false") != first
    assert of("one", "output.quality=80") != first
    np.save(tmp_path / "mesh.npy", np.full((3, 3, 4), 2.0))
    assert of("one") != first
