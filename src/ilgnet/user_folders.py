"""Where this program keeps things for a user, by the platform's custom.

On Linux `$XDG_DATA_HOME/ilgnet` and `$XDG_CACHE_HOME/ilgnet`, usually in `~/.local/share` and
`~/.cache`; on macOS in `~/Library`; on Windows in `%LOCALAPPDATA%`. Nothing is made before it is
written to.
"""

from __future__ import annotations

from pathlib import Path

import platformdirs


def user_data_folder() -> Path:
    """For what cannot be made again: journals, catalogues."""
    return platformdirs.user_data_path("ilgnet", appauthor=False)


def user_cache_folder() -> Path:
    """For what can be made again."""
    return platformdirs.user_cache_path("ilgnet", appauthor=False)
