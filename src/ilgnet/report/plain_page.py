"""What the plain pages of figures look like alike: an evaluation's, a filtering's."""

from __future__ import annotations

from importlib.resources import files


def plain_style() -> str:
    """The style sheet that their own ones go on from."""
    return files("ilgnet.report").joinpath("plain_page.css").read_text(encoding="utf-8")
