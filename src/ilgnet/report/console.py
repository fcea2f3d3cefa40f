"""The console that writes data: one that leaves it to the command when its reader has left."""

from __future__ import annotations

from rich.console import Console


class DataConsole(Console):
    """A rich console for standard output."""

    def on_broken_pipe(self) -> None:
        """Say so, as any other writing would; rich would end the program here."""
        raise BrokenPipeError
