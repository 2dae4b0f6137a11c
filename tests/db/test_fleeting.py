"""Where data that is soon deleted lives."""

import sys
import tempfile
from pathlib import Path

import pytest

from api.db import embedded


def test_it_lives_in_memory_only_where_there_is_plenty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_disk = Path(tempfile.gettempdir()).resolve()
    monkeypatch.setattr(embedded, "MEMORY", tmp_path)
    monkeypatch.setattr(embedded, "ROOMY_BYTES", 2**60)
    assert embedded.fleeting() == on_disk
    monkeypatch.setattr(embedded, "ROOMY_BYTES", 1)
    # Where the kernel does not say how much memory is left, none is taken.
    assert embedded.fleeting() == (tmp_path if sys.platform == "linux" else on_disk)
    monkeypatch.setattr(embedded, "MEMORY", tmp_path / "missing")
    assert embedded.fleeting() == on_disk
