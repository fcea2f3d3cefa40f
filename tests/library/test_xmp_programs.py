"""exiftool and exiv2 read what we wrote, and everything of other programs as it was before."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ilgnet.library.sidecar.write import merge_notes
from ilgnet.library.sidecar.xmp import Notes, Statement, read_sidecar
from tests.library.programs import exiftool, exiv2, needs_exiftool, needs_exiv2

SAMPLES = sorted((Path(__file__).parent / "sidecars").glob("*.xmp"))
OURS = Notes(6.25, 81.5, "test.model", "2026-05-04T10:00:00+02:00", rating=2, label="Red")
FILE_TAGS = ("SourceFile", "System:", "File:", "ExifTool:")


@pytest.fixture(params=[None, *SAMPLES], ids=["new", *(path.stem for path in SAMPLES)])
def merged(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Path]:
    """(before, after)."""
    before, after = tmp_path / "before.xmp", tmp_path / "after.xmp"
    if request.param:
        before.write_bytes(request.param.read_bytes())
    present = read_sidecar(before) if request.param else Statement(after, None)
    after.write_bytes(merge_notes(present, OURS, overwrite=True).data)
    return before, after


@needs_exiftool
def test_exiftool_agrees(merged: tuple[Path, Path]) -> None:
    before, after = merged
    new = exiftool(after)
    assert new["XMP-xmp:Rating"] == 2
    assert new["XMP-xmp:Label"] == "Red"
    assert new["XMP-ilgnet:Score"] == 6.25
    assert new["XMP-ilgnet:Model"] == "test.model"
    if before.exists():
        changed = ("Rating", "Label", "PickLabel", "ColorLabel")
        for tag, value in exiftool(before).items():
            if not tag.startswith(FILE_TAGS) and not any(name in tag for name in changed):
                assert new[tag] == value, tag


@needs_exiv2
def test_exiv2_agrees(merged: tuple[Path, Path]) -> None:
    before, after = merged
    new = exiv2(after)
    assert new["Xmp.xmp.Rating"] == "2"
    assert new["Xmp.xmp.Label"] == "Red"
    assert new["Xmp.ilgnet.Percentile"] == "81.5"
    if before.exists():
        changed = ("Rating", "rating", "Label")
        for key, value in exiv2(before).items():
            if not key.endswith(changed):
                assert new[key] == value, key


@needs_exiftool
@needs_exiv2
@pytest.mark.parametrize("program", ["exiftool", "exiv2"])
def test_their_edits_of_ours_read_back(tmp_path: Path, program: str) -> None:
    """A person changes the stars with another program; ours sees the person's stars."""
    path = tmp_path / "IMG_1.xmp"
    path.write_bytes(merge_notes(Statement(path, None), OURS).data)
    command = {
        "exiftool": ["exiftool", "-q", "-overwrite_original", "-XMP-xmp:Rating=-1", str(path)],
        "exiv2": ["exiv2", "-M", "set Xmp.xmp.Rating -1", str(path)],
    }[program]
    subprocess.run(command, check=True, capture_output=True)
    sidecar = read_sidecar(path)
    assert (sidecar.persons_rating(), sidecar.notes.score) == (-1, 6.25)
    merged = merge_notes(sidecar, OURS)
    assert merged.kept == ("your own reject",)
