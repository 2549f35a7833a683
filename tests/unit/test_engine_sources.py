"""What a compiled stage depends on: its own file and what it imports of stages and colour, nothing else."""

from __future__ import annotations

from pathlib import Path

from isp.engine.sources import _reached, source_digest
from isp.stages import find_stage


def names(stage: str) -> set[str]:
    import sys

    return {p.name for p in _reached(Path(sys.modules[type(find_stage(stage)).__module__].__file__))}


def test_a_stage_depends_on_its_own_file_and_its_imports():
    assert {"tone_curve.py", "oklab.py", "spaces.py"} == names("tone_curve")


def test_methods_found_by_name_count():
    assert {"bilinear.py", "menon2007.py", "directions.py"} <= names("demosaic")


def test_other_stages_do_not():
    assert "sharpen.py" not in names("demosaic")
    digests = {source_digest(type(find_stage(n)).__module__) for n in ("sharpen", "glare", "ccm")}
    assert len(digests) == 3
