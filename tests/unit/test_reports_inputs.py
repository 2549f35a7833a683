"""What the words of `isp report` mean."""

from pathlib import Path

import pytest

from isp.errors import UsageError
from reports.compare.inputs import Wanted, understood


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "b.jpg", "one.dng", "two.dng", "mine.yaml", "x:y.dng"):
        Path(name).write_bytes(b"x")
    return tmp_path


def test_pictures_pairs_and_combinations(folder):
    one, two = Path("one.dng"), Path("two.dng")
    assert understood(["a.png", "b.jpg"]) == [Wanted(Path("a.png")), Wanted(Path("b.jpg"))]
    assert understood(["natural:one.dng", "mine.yaml:one.dng"]) == [Wanted(one, "natural"), Wanted(one, "mine.yaml")]
    assert understood(["natural", "vivid", "one.dng"]) == [Wanted(one, "natural"), Wanted(one, "vivid")]
    assert understood(["mine.yaml", "one.dng", "two.dng"]) == [Wanted(one, "mine.yaml"), Wanted(two, "mine.yaml")]
    assert understood(["one.dng", "a.png"]) == [Wanted(Path("a.png")), Wanted(one, "natural")]
    assert understood(["x:y.dng"]) == [Wanted(Path("x:y.dng"), "natural")]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["naturl", "one.dng"], "'naturl' is neither a file nor a profile; did you mean 'natural'?"),
        (["natural"], "profile 'natural' has no raw file"),
        (["naturel:one.dng"], "no profile 'naturel'; did you mean 'natural'?"),
        (["natural:a.png"], "a profile develops raw files; 'a.png' is a picture"),
        (["a.png"] * 13, "13 inputs; a report holds at most 12"),
        ([], "nothing to report on"),
    ],
)
def test_refusals_say_what_and_what_is_allowed(folder, words, said):
    with pytest.raises(UsageError) as refused:
        understood(words)
    assert said in str(refused.value)
