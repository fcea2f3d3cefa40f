"""What programs, cameras and phones put beside a photograph, and how they name it.

A companion is named after a picture's whole name (`IMG_1.CR2.xmp`) or after its stem (`IMG_1.xmp`).
It goes wherever its photograph goes.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from os.path import splitext
from typing import Final, Literal

from ilgnet.images.formats import RAW_EXTENSIONS, VIDEO_EXTENSIONS

SIDECAR_EXTENSION: Final = ".xmp"

NamedAfter = Literal["file", "stem", "either"]


@dataclass(frozen=True, slots=True)
class Companion:
    """A kind of companion.

    Attributes:
        extension: lower case; what follows the name of the picture.
        after: what it is named after.
        of: who writes it, and what it is.
    """

    extension: str
    after: NamedAfter
    of: str


COMPANIONS: Final = (
    Companion(SIDECAR_EXTENSION, "either", "XMP sidecar: Adobe after the stem, darktable the file"),
    Companion(".acr", "either", "Adobe Camera Raw: masks and denoised data beside the XMP"),
    Companion(".on1", "either", "ON1 Photo RAW: edits"),
    Companion(".dop", "either", "DxO PhotoLab: edits"),
    Companion(".pp3", "either", "RawTherapee: processing profile"),
    Companion(".arp", "either", "ART: processing profile"),
    Companion(".rrdata", "either", "RapidRAW: edits"),
    Companion(".ufraw", "either", "UFRaw: edits"),
    Companion(".vrd", "either", "Canon Digital Photo Professional: recipe"),
    Companion(".dr4", "either", "Canon Digital Photo Professional 4: recipe"),
    Companion(".nksc", "either", "Nikon NX Studio: edits"),
    Companion(".spd", "either", "Silkypix: development parameters"),
    Companion(".cos", "either", "Capture One: settings"),
    Companion(".mie", "either", "ExifTool: metadata in a file of its own"),
    Companion(".exv", "either", "Exiv2: metadata in a file of its own"),
    Companion(".thm", "either", "cameras: thumbnail of a RAW or a film"),
    Companion(".wav", "either", "Canon, Nikon, Sony and others: voice memo"),
    Companion(".mp3", "either", "voice memo"),
    Companion(".m4a", "either", "voice memo"),
    Companion(".aae", "stem", "Apple Photos: edits, and IMG_O0001.AAE of the original"),
    Companion(".json", "file", "Google Photos Takeout: NAME.JPG.json"),
    *(Companion(film, "stem", "film of a live photo") for film in sorted(VIDEO_EXTENSIONS)),
)
"""From these programs' and makers' manuals, and from the folders that they leave behind. What looks
alike and is not here stays where it is, and a plan names it."""

_AFTER_FILE: Final = {c.extension for c in COMPANIONS if c.after in ("file", "either")}
_AFTER_STEM: Final = {c.extension for c in COMPANIONS if c.after in ("stem", "either")}

_TAKEOUT: Final = "supplemental-metadata"
"""Between NAME.JPG and .json; Google cuts it off where the name becomes too long."""

_NUMBERED: Final = re.compile(r"(?P<picture>.+)\((?P<number>\d+)\)(?P<json>\.json)", re.IGNORECASE)
"""Google's second IMG_1.JPG is IMG_1(1).JPG, and its JSON IMG_1.JPG(1).json."""

_DEVELOPED: Final = ".out"
"""RawTherapee keeps what it made IMG_1.jpg with in IMG_1.jpg.out.pp3."""

_VERSION: Final = re.compile(r"_\d\d$")
"""darktable names the sidecar of a second version of IMG_1.CR2 IMG_1_01.CR2.xmp."""

_LIVE_FILM: Final = re.compile(r"_hevc$")
"""Apple's IMG_0001_HEVC.MOV is the film of IMG_0001."""

_APPLE_ORIGINAL: Final = re.compile(r"^(?P<start>.*_)o(?P<number>\d.*)$")
"""Apple's IMG_O0001.AAE speaks of the original of IMG_0001."""

_PHONE_PAIR: Final = re.compile(r"\.raw-\d\d(\.mp)?\.(cover|original)$")
"""Google's camera: PXL_1.RAW-01.COVER.jpg (or .MP.COVER) and PXL_1.RAW-02.ORIGINAL.dng."""

_LUMIA: Final = "__highres"
"""Nokia's and Microsoft's: WP_1_Raw.jpg and WP_1_Raw__highres.dng."""


def folded(name: str) -> str:
    """A name as it is compared: in lower case, and its umlauts as one letter each.

    Macs write them as two, and files that belong together come from several systems.
    """
    return name.lower() if name.isascii() else unicodedata.normalize("NFC", name).lower()


def beginning(name: str, common: str) -> str | None:
    """What of a name is `common` when it is compared; None where it begins otherwise."""
    starts = (name[:end] for end in range(len(name) + 1))
    wanted = folded(common)
    return next((start for start in starts if folded(start) == wanted), None)


def pair_name(name: str) -> str:
    """What the files of a RAW and JPEG pair have in common, folded: their stem, mostly."""
    stem, extension = splitext(folded(name))
    if extension in RAW_EXTENSIONS:
        stem = stem.removesuffix(_LUMIA)
    return _PHONE_PAIR.sub("", stem) if ".raw-" in stem else stem


def owners(name: str) -> tuple[set[str], set[str]]:
    """The pictures that a file may be a companion of, folded.

    Returns:
        Whole names of pictures, and stems; both empty for a file that is no companion.
    """
    stem, extension = splitext(folded(_as_its_picture(name)))
    files = {stem} if extension in _AFTER_FILE else set[str]()
    stems = {stem} if extension in _AFTER_STEM else set[str]()
    if extension == ".json":
        picture, _, rest = stem.rpartition(".")
        files |= {picture} if _TAKEOUT.startswith(rest) else set()
    if extension == ".pp3" and stem.endswith(_DEVELOPED):
        files.add(stem.removesuffix(_DEVELOPED))
    if extension == SIDECAR_EXTENSION:
        picture, inner = splitext(stem)
        files.add(_VERSION.sub("", picture) + inner)
    if extension in VIDEO_EXTENSIONS:
        stems.add(_LIVE_FILM.sub("", stem))
    if extension == ".aae" and (match := _APPLE_ORIGINAL.match(stem)):
        stems.add(match["start"] + match["number"])
    if extension == ".mp":
        stems.add(folded(name))  # Google's PXL_1.MP is the film of PXL_1.MP.jpg
    return files, stems


def _as_its_picture(name: str) -> str:
    """The name of a JSON with its number where its picture has it: IMG_1(1).JPG.json."""
    match = _NUMBERED.fullmatch(name)
    if match is None:
        return name
    stem, extension = splitext(match["picture"])
    between = ""
    if len(extension) > 1 and _TAKEOUT.startswith(extension[1:].lower()):
        stem, extension, between = *splitext(stem), extension
    return f"{stem}({match['number']}){extension}{between}{match['json']}" if extension else name


def renamed(name: str, before: str, after: str) -> str:
    """The name of a photograph's file when what its files have in common gets another name.

    Args:
        name: of the file.
        before: what is common now; in any case.
        after: what it becomes.
    """
    name = _as_its_picture(name)
    if (common := beginning(name, before)) is not None:
        return after + name[len(common) :]
    # IMG_O0001.AAE: the letter stays, and what was added to the number is added here too.
    if after.startswith(before):
        stem, extension = splitext(name)
        return stem + after[len(before) :] + extension
    return name
