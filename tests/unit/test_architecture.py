"""Rules of the house that a machine can check."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("isp", "sensors", "reports", "tuning")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
MAY_USE = {
    "isp": {"isp"},
    "sensors": {"isp", "sensors"},
    "reports": {"isp", "sensors", "reports"},
    "tuning": {"isp", "sensors", "reports", "tuning"},
}
"""The rooms and which rooms each may import."""

FORBIDDEN_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
FORBIDDEN_CALLS = {"eval", "exec"}
LONGEST = 600
"""Lines of the longest file allowed."""
USUAL = 250
"""Lines that nine files of ten stay under."""


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def _imports(tree: ast.Module) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").partition(".")[0])
    return found


def faults(tree: ast.Module) -> list[str]:
    """What in a file breaks the rules on pickle, eval and assert."""
    found = [f"imports {name}" for name in sorted(_imports(tree) & FORBIDDEN_MODULES)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert):
            found.append(f"line {node.lineno}: assert vanishes under -O; raise an error of isp.errors")
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id in FORBIDDEN_CALLS:
                found.append(f"line {node.lineno}: {node.func.id}()")
            found += [
                f"line {node.lineno}: allow_pickle is not False"
                for k in node.keywords
                if k.arg == "allow_pickle" and not (isinstance(k.value, ast.Constant) and k.value.value is False)
            ]
    return found


@pytest.mark.parametrize(
    "code", ["import pickle", "from pickle import loads", "eval('1')", "exec('1')", "assert True",
             "load(f, allow_pickle=True)"],
)
def test_the_checker_sees_each_fault(code):
    assert faults(ast.parse(code))


def test_there_is_something_to_check():
    assert {path.relative_to(ROOT).parts[0] for path in FILES} == set(PACKAGES)


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_no_pickle_no_eval_no_assert(path):
    assert faults(_tree(path)) == []


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_rooms_import_only_downwards(path):
    room = path.relative_to(ROOT).parts[0]
    assert _imports(_tree(path)) & set(PACKAGES) <= MAY_USE[room]


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_no_global_random_state(path):
    text = path.read_text(encoding="utf-8")
    legacy = ("np.random.seed", "np.random.rand", "np.random.normal", "np.random.poisson", "default_rng()")
    assert not [word for word in legacy if word in text]


def test_files_are_small():
    lengths = {_name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert {name: n for name, n in lengths.items() if n > LONGEST} == {}
    assert sum(n > USUAL for n in lengths.values()) <= max(1, len(lengths) // 10)


@pytest.mark.parametrize(
    ("statement", "kept_out"),
    [
        ("import isp", ["numpy", "scipy", "matplotlib", "colour", "halide", "rawpy", "typer", "pydantic", "yaml"]),
        ("import isp; isp.RawFrame", ["scipy", "matplotlib", "colour", "halide", "rawpy", "tifffile", "typer"]),
        ("import isp; isp.read_raw", ["scipy", "matplotlib", "colour", "halide", "rawpy", "typer"]),
        ("import isp; isp.read_profile", ["scipy", "matplotlib", "colour", "halide", "rawpy", "tifffile", "typer"]),
        ("import isp; isp.Pipeline", ["scipy", "matplotlib", "colour", "rawpy", "tifffile", "typer"]),
        (
            "from isp.commands import main; main(['--help'])",
            ["numpy", "scipy", "matplotlib", "colour", "halide", "rawpy", "tifffile", "pydantic", "yaml"],
        ),
    ],
)
def test_imports_are_lazy(statement, kept_out):
    code = f"{statement}\nimport sys\nprint('LOADED', *sorted({kept_out!r} & sys.modules.keys()))"
    code = code.replace(repr(kept_out), repr(set(kept_out)))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1].strip() == "LOADED"


def test_every_public_name_is_there():
    code = "import isp\nprint(len([getattr(isp, n) for n in isp.__all__]), set(isp.__all__) <= set(dir(isp)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == ["10", "True"]


def test_unknown_names_are_refused():
    import isp

    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        isp.nonsense  # noqa: B018
