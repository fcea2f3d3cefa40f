"""What a run leaves behind for people: JSON Lines, TensorBoard scalars, and words on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path

from rich.console import Console
from torch.utils.tensorboard import SummaryWriter

from ilgnet.atomic import replacing
from ilgnet.training.folder import LOG, TENSORBOARD
from ilgnet.training.trackers import Tracker


def say(text: str) -> None:
    """One line on stderr, above a progress bar if there is one."""
    Console(file=sys.stderr, highlight=False, markup=False).print(text, soft_wrap=True)


class RunLog:
    """The record of a run's scalars.

    Args:
        folder: where the files go.
        step: steps that are done; entries of a killed run beyond it are taken back, as they will
            be written again.
        leads: whether this process writes; the log of others does nothing.
        aloud: whether `say` says anything.
        also: other places for the scalars.
    """

    def __init__(
        self,
        folder: Path,
        step: int,
        *,
        leads: bool,
        aloud: bool,
        also: Sequence[Tracker] = (),
    ) -> None:
        self.also = tuple(also)
        self.path = folder / LOG
        self.aloud = leads and aloud
        self._board: SummaryWriter | None = None
        if leads:
            _take_back(self.path, step)
            self._board = SummaryWriter(str(folder / TENSORBOARD), purge_step=step)

    def __enter__(self) -> RunLog:
        return self

    def __exit__(self, *_: object) -> None:
        for tracker in self.also:
            tracker.close()
        if self._board is not None:
            self._board.close()

    def write(self, step: int, scalars: Mapping[str, float]) -> None:
        """Add scalars of a step; those that are not numbers are left out."""
        if self._board is None:
            return
        scalars = {name: value for name, value in scalars.items() if isfinite(value)}
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps({"step": step, **scalars}) + "\n")
        for name, value in scalars.items():
            self._board.add_scalar(name, value, step)
        for tracker in self.also:
            tracker.write(step, scalars)

    def say(self, text: str) -> None:
        """Tell the user, once for all processes."""
        if self.aloud:
            say(text)


def _take_back(path: Path, step: int) -> None:
    """Keep the entries up to a step; the last line of a killed run may be torn."""
    if not path.is_file():
        return
    kept = []
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
        try:
            if json.loads(line)["step"] <= step and line.endswith("\n"):
                kept.append(line)
        except ValueError:
            continue
    with replacing(path) as partial:
        partial.write_text("".join(kept), encoding="utf-8")
