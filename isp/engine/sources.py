"""Which source files a stage's definition depends on: a changed file recompiles what uses it and nothing else."""

from __future__ import annotations

import hashlib
import re
import sys
import uuid
from functools import cache
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_IMPORT = re.compile(rb"^[ \t]*from (isp\.(?:stages|color)[\w.]*) import (\([^)]*\)|[^\n#]+)", re.MULTILINE)
_REGISTRY = _ROOT / "isp/stages/__init__.py"


@cache
def source_digest(module: str) -> str:
    """Digest of the file that `module` stands in; for built-in stages, of the files it imports too.

    A stage without a file (typed into a session) is never taken from the cache.
    """
    file = getattr(sys.modules[module], "__file__", None)
    if file is None:
        return str(uuid.uuid4())
    digest = hashlib.sha256()
    for path in sorted(_reached(Path(file)) if module.startswith("isp.") else [Path(file)]):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _reached(start: Path) -> set[Path]:
    """`start` and what it imports of `isp.stages` and `isp.color`, directly or not; a package counts whole."""
    found: set[Path] = set()
    waiting = [start]
    while waiting:
        path = waiting.pop()
        if path in found or path == _REGISTRY:
            continue
        found.add(path)
        if path.name == "__init__.py":
            waiting += path.parent.glob("*.py")
        for package, names in _IMPORT.findall(path.read_bytes()):
            waiting += _files(package.decode(), names.decode())
    return found


def _files(package: str, names: str) -> list[Path]:
    """The files that `from package import names` may load."""
    base = _ROOT.joinpath(*package.split("."))
    words = re.findall(r"\w+", names)
    candidates = [base.with_suffix(".py"), base / "__init__.py", *(base / f"{word}.py" for word in words)]
    return [path for path in candidates if path.is_file()]
