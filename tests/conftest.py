"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real raw files; tests that need it are skipped where it is not there."""
    root = Path(__file__).resolve().parents[1]
    folder = Path(os.environ.get("ISP_TEST_DATA", root.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("no real data here; set ISP_TEST_DATA to its folder")
    return folder
