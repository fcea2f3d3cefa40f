"""Whatever call fails, done or not: every content stays on the disk, and undo still works."""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from ilgnet.errors import LibraryError
from ilgnet.library.changes.carry_out import apply_plan, settle_interrupted, undo
from ilgnet.library.changes.journal import list_journals
from ilgnet.library.changes.plan import Edit, Plan, Step, Transfer
from tests.library.faults import Faults, When
from tests.library.folders import tree

OF_A_KIND = 2
"""With 1000, every call: about 7,000 runs, which takes minutes."""

KINDS = ("move", "move across devices", "copy", "hardlink", "symlink", "edit")
PICTURES = {"a.JPG": b"the first picture", "a.xmp": b"<stars/>", "b.JPG": b"the second picture"}


class Scene:
    """Three files in two groups, and a plan for them."""

    def __init__(self, root: Path, into: Path, kind: str) -> None:
        self.root, self.into, self.kind = root, into, kind
        root.mkdir(parents=True)
        for name, data in PICTURES.items():
            (root / name).write_bytes(data)
            os.utime(root / name, ns=(10**18, 10**18 + len(data)))
        self.before = tree(root)

    def plan(self) -> Plan:
        """What is going to be done."""
        if self.kind == "edit":
            new = Edit.between(self.root / "b.xmp", None, b"<new/>", 1)
            old = Edit.between(self.root / "a.xmp", b"<stars/>", b"<more stars/>", 0)
            return Plan("stars", (str(self.root),), (), (old, new))
        how = self.kind.partition(" ")[0]
        steps: tuple[Step, ...] = tuple(
            Transfer(how, str(self.root / name), str(self.into / name), int(name[0] == "b"))  # type: ignore[arg-type]
            for name in PICTURES
        )
        return Plan("cull", (str(self.root), str(self.into)), (str(self.into),), steps)

    def check_nothing_lost(self) -> None:
        """Every picture's content is somewhere, whole."""
        found = {path.read_bytes() for path in self.files()}
        missing = set(PICTURES.values()) - found
        if self.kind == "edit" and b"<more stars/>" in found:
            missing.discard(b"<stars/>")
        assert not missing

    def check_undone(self) -> None:
        """All is as it was; of what failed, empty files may be left over, and second copies."""
        assert tree(self.root).items() >= self.before.items()
        extra = [
            path for path in self.files() if path.relative_to(path.parent).name not in PICTURES
        ]
        assert all(path.read_bytes() == b"" for path in extra)

    def files(self) -> list[Path]:
        """Whatever is in the two folders."""
        folders = [folder for folder in (self.root, self.into) if folder.is_dir()]
        return [path for folder in folders for path in folder.iterdir() if path.is_file()]


def attempt(action: Callable[[], object], faults: Faults) -> None:
    """Carry out with a fault: an error that people can read, or none, and never another."""
    with faults.at_work(), contextlib.suppress(LibraryError):
        action()


def take_back() -> None:
    """Without faults now: what every later command does first, then undo until nothing is left."""
    settle_interrupted()
    for journal in list_journals():
        if not journal.undone:
            undo(journal)


Scenes = Callable[[str, int], Scene]


@pytest.fixture
def scenes(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Scenes:
    """Scenes by kind and number; the target on another device where the kind says so.

    Each has journals of its own, so that all make the same calls in the same order.
    """

    def make(kind: str, number: int) -> Scene:
        place = tmp_path / str(number)
        monkeypatch.setenv("XDG_DATA_HOME", str(place / "data"))
        across = kind == "move across devices"
        other = request.getfixturevalue("other_device") / str(number) if across else place
        other.mkdir(parents=True, exist_ok=True)
        return Scene(place / "root", other / "into", kind)

    return make


def moments(calls: list[str], seed: str) -> list[int]:
    """The numbers of the calls that are made to fail: of each kind of call a seeded few."""
    chance = random.Random(seed)
    numbers = {name: [n for n, call in enumerate(calls, 1) if call == name] for name in set(calls)}
    return sorted(
        number
        for name in sorted(numbers)
        for number in chance.sample(numbers[name], min(len(numbers[name]), OF_A_KIND))
    )


@pytest.mark.parametrize("persistent", [False, True], ids=["once", "from then on"])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kind", KINDS)
def test_while_doing(scenes: Scenes, kind: str, when: When, persistent: bool) -> None:
    rehearsal, counted = scenes(kind, 0), Faults()
    plan = rehearsal.plan()
    attempt(lambda: apply_plan(plan), counted)
    for number in moments(counted.calls, f"{kind} {when} {persistent}"):
        scene = scenes(kind, number)
        plan = scene.plan()
        faults = Faults(number, when, persistent=persistent)
        attempt(lambda plan=plan: apply_plan(plan), faults)  # type: ignore[misc]
        assert faults.calls[number - 1] == counted.calls[number - 1]
        scene.check_nothing_lost()
        take_back()
        scene.check_undone()


@pytest.mark.parametrize("persistent", [False, True], ids=["once", "from then on"])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kind", KINDS)
def test_while_taking_back(scenes: Scenes, kind: str, when: When, persistent: bool) -> None:
    rehearsal, counted = scenes(kind, 0), Faults()
    journal = apply_plan(rehearsal.plan())
    attempt(lambda: undo(journal), counted)
    for number in moments(counted.calls, f"back {kind} {when} {persistent}"):
        scene = scenes(kind, number)
        journal = apply_plan(scene.plan())
        faults = Faults(number, when, persistent=persistent)
        attempt(lambda journal=journal: undo(journal), faults)  # type: ignore[misc]
        assert faults.calls[number - 1] == counted.calls[number - 1]
        scene.check_nothing_lost()
        take_back()
        scene.check_undone()
