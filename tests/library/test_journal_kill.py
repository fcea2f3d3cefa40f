"""kill -9 at any line of the code that touches files, doing and undoing: nothing is ever lost.

A forked child counts the lines that it executes in `ilgnet.library` and kills itself at a given
one. The moments are drawn with a seed from all of them.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from ilgnet.library.changes.carry_out import apply_plan, settle_interrupted, undo
from ilgnet.library.changes.journal import list_journals
from ilgnet.library.changes.plan import Plan
from tests.library.folders import Tree, edit_plan, make_shooting, times, transfer_plan, tree

MOMENTS = 20
LARGEST = 1_500_000
"""Bytes: a copy takes several pieces, between which the child may die."""


def kill() -> None:
    """What kill -9, the out-of-memory killer and a power cut do."""
    os.kill(os.getpid(), signal.SIGKILL)


def interrupt() -> None:
    """What Ctrl+C does."""
    sys.settrace(None)
    raise KeyboardInterrupt


def run_and_die(work: Callable[[], object], line: int, die: Callable[[], None] = kill) -> bool:
    """Run in a child that kills itself at its n-th line; whether it lived to the end."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # fork beside threads: none here
        child = os.fork()
    if child == 0:
        count = 0

        def trace(frame: FrameType, event: str, _: Any) -> Any:
            nonlocal count
            if "/ilgnet/library/" not in frame.f_code.co_filename:
                return None
            count += event == "line"
            if count >= line:
                die()
            return trace

        sys.settrace(trace)
        try:
            work()
        except KeyboardInterrupt:
            kill()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return False
    assert os.waitstatus_to_exitcode(status) == 0
    return True


def lines_of(work: Callable[[], object]) -> int:
    """How many lines the whole work takes; it is done afterwards."""
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        if "/ilgnet/library/" not in frame.f_code.co_filename:
            return None
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


KINDS = ["move", "move across devices", "copy", "hardlink", "symlink", "edit"]


@pytest.fixture
def other(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    across = "across" in request.node.name
    return request.getfixturevalue("other_device") if across else tmp_path


class Scene:
    """A shooting and a plan for it, made anew for every moment."""

    def __init__(self, base: Path, other: Path, kind: str) -> None:
        size = LARGEST if kind in ("move across devices", "copy") else 500
        self.root, self.into = base / "root", other / "into"
        make_shooting(self.root, pictures=2, largest=size)
        self.kind = kind
        self.before, self.times = tree(self.root), times(self.root)

    def plan(self) -> Plan:
        if self.kind == "edit":
            return edit_plan(self.root)
        return transfer_plan(self.root, self.into, self.kind.split()[0])  # type: ignore[arg-type]

    def now(self) -> Tree:
        return {**tree(self.root), **tree(self.into)}

    def check_nothing_lost(self) -> None:
        if self.kind != "edit":
            assert set(self.before.values()) <= set(self.now().values())

    def check_tidy(self) -> None:
        """Every file exists exactly once, whole, together with what belongs to it."""
        names = self.now()
        assert not [name for name in names if "partial" in name]
        if self.kind.startswith("move"):
            assert sorted(names.values()) == sorted(self.before.values())
            for number in range(2):
                assert len({n.split("/")[0] for n in names if f"IMG_{number}" in n}) == 1
        elif self.kind == "edit":
            after = {Path(s.path).name: s.after for s in self.steps}  # type: ignore[union-attr]
            for name, digest in names.items():
                known = {self.before.get(name), after.get(Path(name).name)}
                assert digest in known
        else:
            assert {n: d for n, d in names.items() if n in self.before} == self.before

    def check_as_before(self) -> None:
        assert self.now() == self.before
        assert times(self.root) == self.times if self.kind != "edit" else True

    def undo_all(self) -> None:
        for journal in list_journals():
            if not journal.undone:
                undone = undo(journal)
                assert not undone.count("kept"), [p.why for p in undone.outcomes]


def scenes(tmp_path: Path, other: Path, kind: str, stage: str) -> list[tuple[Scene, int]]:
    """A fresh scene for each moment, with the line to die at."""
    rehearsal = Scene(tmp_path / "rehearsal", other / "rehearsal", kind)
    (other / "rehearsal").mkdir(exist_ok=True)
    plan = rehearsal.plan()
    doing = lines_of(lambda: apply_plan(plan))
    undoing = lines_of(lambda: undo(list_journals()[0]))
    rehearsal.check_as_before()
    moments = random.Random(f"{kind} {stage}").sample(
        range(1, doing if stage == "doing" else undoing), MOMENTS
    )
    made = []
    for moment in sorted(moments):
        (other / str(moment)).mkdir(exist_ok=True)
        made.append((Scene(tmp_path / str(moment), other / str(moment), kind), moment))
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_killed_while_doing(tmp_path: Path, other: Path, kind: str) -> None:
    died = 0
    for scene, moment in scenes(tmp_path, other, kind, "doing"):
        plan = scene.plan()
        scene.steps = plan.steps
        died += not run_and_die(lambda plan=plan: apply_plan(plan), moment)
        scene.check_nothing_lost()
        settle_interrupted()
        scene.check_tidy()
        assert not settle_interrupted()
        scene.undo_all()
        scene.check_as_before()
    assert died > MOMENTS * 0.8


@pytest.mark.parametrize("kind", ["move", "move across devices", "edit"])
def test_interrupted_while_doing(tmp_path: Path, other: Path, kind: str) -> None:
    """Ctrl+C tidies up by itself."""
    died = 0
    for scene, moment in scenes(tmp_path, other, kind, "doing"):
        plan = scene.plan()
        scene.steps = plan.steps
        died += not run_and_die(lambda plan=plan: apply_plan(plan), moment, interrupt)
        scene.check_tidy()
        scene.undo_all()
        scene.check_as_before()
    assert died > MOMENTS * 0.8


@pytest.mark.parametrize("kind", KINDS)
def test_killed_while_taking_back(tmp_path: Path, other: Path, kind: str) -> None:
    died = 0
    for scene, moment in scenes(tmp_path, other, kind, "undoing"):
        plan = scene.plan()
        scene.steps = plan.steps
        journal = apply_plan(plan)
        died += not run_and_die(lambda journal=journal: undo(journal), moment)
        scene.check_nothing_lost()
        settle_interrupted()
        if scene.kind.startswith("move"):
            assert sorted(scene.now().values()) == sorted(scene.before.values())
        scene.undo_all()
        scene.check_as_before()
    assert died > MOMENTS * 0.8
