"""Exit codes, the same for every command."""

from typing import Final

EXIT_OK: Final = 0
"""Everything was done."""
EXIT_FAILURE: Final = 1
"""The command failed; the message on stderr says why."""
EXIT_USAGE: Final = 2
"""The command line makes no sense (click's own code)."""
EXIT_UNREADABLE: Final = 3
"""Finished, with pictures that could not be read."""
EXIT_NOTHING: Final = 4
"""No picture was found."""
EXIT_INTERRUPTED: Final = 130
"""Stopped by Ctrl+C."""
