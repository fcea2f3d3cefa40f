"""Full disks and read-only folders, by means that bind every user: nothing is lost."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ilgnet.errors import LibraryError
from ilgnet.library.changes.carry_out import apply_plan, undo
from ilgnet.library.changes.journal import find_journal
from tests.library.folders import edit_plan, make_shooting, transfer_plan, tree

ROOT = Path(__file__).parents[2]

SCRIPT = """
import json, sys
from pathlib import Path
from ilgnet.errors import LibraryError
from ilgnet.library.changes.carry_out import apply_plan
from tests.library.folders import edit_plan, transfer_plan, tree
kind, root, into = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
plan = edit_plan(root) if kind == "edit" else transfer_plan(root, into, kind)
try:
    apply_plan(plan)
    message = "done"
except LibraryError as error:
    message = str(error)
print(json.dumps([message, tree(root), tree(into)]))
"""

Mounted = Callable[[str, str, Path, Path], tuple[str, dict[str, str], dict[str, str]]]


def _may_mount(prefix: list[str]) -> bool:
    trial = [*prefix, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    found = shutil.which("unshare") is not None
    return found and subprocess.run(trial, check=False, capture_output=True).returncode == 0


@pytest.fixture
def mounted() -> Mounted:
    """Runs the script in a mount namespace of its own, after a mount command."""
    prefixes = (["unshare", "--mount"], ["unshare", "--mount", "--user", "--map-root-user"])
    prefix = next(filter(_may_mount, prefixes), None)
    if prefix is None:
        pytest.skip("needs mount namespaces: apt-get install util-linux; run with CAP_SYS_ADMIN")

    def run(
        mount: str, kind: str, root: Path, into: Path
    ) -> tuple[str, dict[str, str], dict[str, str]]:
        command = f'{mount} && exec "$0" -c "$1" {kind} "{root}" "{into}"'
        done = subprocess.run(
            [*prefix, "sh", "-c", command, sys.executable, SCRIPT],
            cwd=ROOT,
            capture_output=True,
            check=False,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        message, there, here = json.loads(done.stdout)
        return message, there, here

    return run


@pytest.mark.parametrize("kind", ["copy", "move"])
def test_a_full_disk(tmp_path: Path, mounted: Mounted, kind: str) -> None:
    root, target = make_shooting(tmp_path / "root", largest=200_000), tmp_path / "target"
    target.mkdir()
    before = tree(root)
    into = target / "into"
    mount = f"mount -t tmpfs -o size=600k tmpfs {target}"
    message, there, here = mounted(mount, kind, root, into)
    assert "No space left on device" in message
    assert "ilgnet undo" in message
    assert 0 < len(here) < len(before)
    assert set(before.values()) == set(there.values()) | set(here.values())
    assert not [name for name in here if "partial" in name]
    if kind == "copy":
        assert there == before
    else:
        assert sorted([*there.values(), *here.values()]) == sorted(before.values())
    for number in range(5):
        assert len([name for name in here if f"IMG_{number}" in name]) in (0, 3)


@pytest.mark.parametrize("kind", ["copy", "move", "hardlink", "symlink"])
def test_a_read_only_target(tmp_path: Path, mounted: Mounted, kind: str) -> None:
    root, target = make_shooting(tmp_path / "root"), tmp_path / "target"
    target.mkdir()
    before = tree(root)
    mount = f"mount -t tmpfs -o ro tmpfs {target}"
    message, there, here = mounted(mount, kind, root, target / "into")
    assert "Read-only file system" in message
    assert (there, here) == (before, {})


@pytest.mark.parametrize("kind", ["move", "edit"])
def test_a_read_only_source(tmp_path: Path, mounted: Mounted, kind: str) -> None:
    root, into = make_shooting(tmp_path / "root"), tmp_path / "into"
    before = tree(root)
    mount = f"mount --bind {root} {root} && mount -o remount,bind,ro {root}"
    message, there, here = mounted(mount, kind, root, into)
    assert "Read-only file system" in message
    assert (there, here) == (before, {})


def test_a_limit_on_file_sizes(tmp_path: Path, other_device: Path) -> None:
    """Without any right to mount: files may not grow beyond a limit (EFBIG)."""
    root = make_shooting(tmp_path / "root", pictures=5, largest=60_000)
    before = tree(root)
    limit = 50_000
    big = {Path(n).stem for n in before if (tmp_path / n).stat().st_size > limit}
    assert 0 < len(big) < 5
    into = other_device / "into"
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, "move", str(root), str(into)],
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert done.returncode == 0, done.stderr
    _, there, here = json.loads(done.stdout)
    assert sorted([*there.values(), *here.values()]) == sorted(before.values())
    assert {Path(name).stem for name in there} == big
    journal = find_journal(None)
    assert {p.why for p in journal.outcomes if p.state == "failed"} >= {"File too large"}
    undo(journal)
    assert tree(root) == before


def test_a_full_disk_for_the_journal(tmp_path: Path, data_folder: Path) -> None:
    root = make_shooting(tmp_path / "root")
    before = tree(root)
    (data_folder / "ilgnet").mkdir()
    (data_folder / "ilgnet" / "journals").symlink_to("/dev/full")
    with pytest.raises(LibraryError, match="nothing was done"):
        apply_plan(edit_plan(root))
    assert tree(root) == before
    assert transfer_plan(root, tmp_path / "into", "copy").steps
