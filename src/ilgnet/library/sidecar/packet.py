"""Where things are in an XMP packet: its properties with their places in the bytes.

XMP is a subset of RDF in XML (ISO 16684-1, "XMP Specification Part 1"). A property of a picture is
an attribute or a child element of a top-level `rdf:Description`. Other programs' packets are edited
by replacing the bytes of one value, so parsing keeps offsets; expat reports them, lxml does not.

A document type declaration has no place in XMP and is refused: no entity is ever expanded and no
file or address is ever opened on a packet's behalf.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final, NamedTuple
from xml.parsers import expat

from ilgnet.errors import LibraryError, in_words

RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
XML: Final = "http://www.w3.org/XML/1998/namespace"

MAX_BYTES: Final = 64 * 2**20
"""A larger packet is refused; develop histories with drawn masks reach a few MiB."""

_PACKET_END: Final = "<?xpacket end"
_PADDING: Final = b"\0 \t\r\n"

_TAG_NAME = re.compile(rb"<([^\s/>]+)")
_ATTRIBUTE = re.compile(rb"(\s+)([^\s=]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_DECLARED = re.compile(rb"<\?xml[^>]*?\sencoding\s*=\s*[\"']([A-Za-z][\w.:-]*)[\"']")
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)


class Name(NamedTuple):
    """A qualified name."""

    namespace: str
    local: str


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open range of bytes."""

    start: int
    end: int


@dataclass(slots=True)
class Property:
    """One property of a top-level description.

    Attributes:
        name: namespace and local name.
        value: text of a simple property; None for one that has structure.
        items: texts of the items of an `rdf:Seq`, `rdf:Bag` or `rdf:Alt`.
        content: the bytes of the value: between an attribute's quotes or an element's tags.
        tag: an element's start tag; None for an attribute.
        empty: an element written `<a/>`.
    """

    name: Name
    value: str | None
    content: Span
    items: list[str] = field(default_factory=list)
    tag: Span | None = None
    empty: bool = False


@dataclass(slots=True)
class Description:
    """One top-level `rdf:Description`.

    Attributes:
        attributes_end: where the last attribute ends: the place for one more.
        gap: the white space in front of the last attribute, as bytes.
        scope: prefix -> namespace, as in force inside the start tag.
    """

    attributes_end: int
    gap: bytes
    scope: dict[str, str]


@dataclass(slots=True)
class Packet:
    """A parsed packet.

    Attributes:
        where: how errors call it.
        data: the original bytes.
        text: the packet in UTF-8, without a byte order mark and the tail; all offsets are into
            this.
        encoding: of the original bytes.
        head: the padding and the byte order mark that the original began with.
        tail: what follows the packet, as bytes: padding with NULs, or rests of a longer packet.
        rdf: the start tag of `rdf:RDF`; `rdf_empty` when it was written `<rdf:RDF/>`.
        scope: prefix -> namespace, as in force inside `rdf:RDF`.
        prefixes: prefix -> namespace, of every declaration in the packet, wherever it stands.
    """

    where: str
    data: bytes
    text: bytes
    encoding: str
    head: bytes
    tail: bytes = b""
    rdf: Span = Span(0, 0)
    rdf_empty: bool = False
    scope: dict[str, str] = field(default_factory=dict)
    prefixes: dict[str, str] = field(default_factory=dict)
    descriptions: list[Description] = field(default_factory=list)
    properties: list[Property] = field(default_factory=list)

    def find(self, name: Name) -> list[Property]:
        """Every place where a property stands, in document order."""
        return [entry for entry in self.properties if entry.name == name]

    def forget_all_but(self, names: Collection[Name]) -> None:
        """Forget where other properties are: packets of a whole library may be held at once."""
        self.properties = [entry for entry in self.properties if entry.name in names]

    def tag_name(self, tag: Span) -> bytes:
        """The name of a start tag as it is written, with its prefix."""
        match = _TAG_NAME.match(self.text, tag.start)
        assert match is not None
        return match.group(1)

    def encode(self, text: bytes) -> bytes:
        """Put edited UTF-8 text back into the original's encoding and byte order mark."""
        if self.encoding == "utf-8":
            return self.head + text + self.tail
        encoded = text.decode("utf-8").encode(self.encoding, "xmlcharrefreplace")
        return self.head + encoded + self.tail


def parse_packet(data: bytes, where: str) -> Packet:
    """Parse a packet.

    Args:
        data: the bytes of a sidecar, or of the packet inside a picture.
        where: how errors call it, a path.

    Raises:
        LibraryError: not well-formed, not XMP, too large, or with a document type declaration.
    """
    packet = _decode(data, where)
    reader = _Reader(packet)
    try:
        reader.parse()
    except expat.ExpatError as error:
        raise LibraryError(
            f"unreadable XMP: {where} was not touched: {expat.ErrorString(error.code)} "
            f"(line {error.lineno}, column {error.offset + 1}). "
            "Restore it from a backup, or let the program that wrote it write it again."
        ) from error
    except _NotXmpError as error:
        raise LibraryError(f"unreadable XMP: {where} was not touched: {error}") from error
    return packet


def _decode(data: bytes, where: str) -> Packet:
    if len(data) > MAX_BYTES:
        raise LibraryError(f"{where} was not touched: {len(data)} bytes are too many for XMP")
    if not data.strip(_PADDING):
        raise LibraryError(f"{where} is empty and was not touched. Delete it if it is not wanted.")
    head, rest = _without_head(data)
    mark, encoding = next(
        (entry for entry in _BOMS if rest.startswith(entry[0])), (b"", _declared(rest))
    )
    bom = b"" if mark[:1] in (b"<", b"\0") else mark
    body, tail = _without_tail(rest[len(bom) :], encoding)
    try:
        text = body.decode(encoding)
        faithful = text.encode(encoding) == body
    except (LookupError, UnicodeError) as error:
        raise LibraryError(
            f"unreadable XMP: {where} was not touched: it is no text in {encoding.upper()}: "
            f"{in_words(error)}"
        ) from error
    if not faithful or encoding == "utf-32":
        raise LibraryError(f"{where} was not touched: its encoding, {encoding}, is not supported")
    utf8 = body if encoding == "utf-8" else text.encode("utf-8")
    return Packet(where, data, utf8, encoding, head + bom, tail)


def _without_tail(data: bytes, encoding: str) -> tuple[bytes, bytes]:
    """Split off what follows a packet: cameras and phones pad with NULs, and leave rests of longer
    packets there, neither of which XML allows.
    """
    wide = encoding.startswith("utf-16")
    unit, letters = (2, encoding) if wide else (1, "ascii")
    start = data.rfind(_PACKET_END.encode(letters))
    end = -1 if start < 0 else data.find("?>".encode(letters), start)
    if end >= 0:
        end += 2 * unit
    else:
        padded = len(data) - len(data.rstrip(_PADDING))
        end = len(data) - padded // unit * unit
    return data[:end], data[end:]


def _without_head(data: bytes) -> tuple[bytes, bytes]:
    """Split off padding in front of a packet; in UTF-16 a NUL there may be half of a letter."""
    body = data.lstrip(_PADDING)
    is_text = body.startswith(codecs.BOM_UTF8) or (body[:1] == b"<" and body[1:2] != b"\0")
    return (data[: len(data) - len(body)], body) if is_text else (b"", data)


def _declared(data: bytes) -> str:
    match = _DECLARED.match(data)
    return match.group(1).decode("ascii").lower() if match else "utf-8"


class _NotXmpError(Exception):
    """Well-formed, but not what XMP looks like."""


@dataclass(slots=True)
class _Element:
    """An open element."""

    name: Name
    tag: Span
    empty: bool
    scope: dict[str, str]
    entry: Property | None = None
    has_children: bool = False


class _Reader:
    """Fills a Packet from expat's events."""

    def __init__(self, packet: Packet) -> None:
        self.packet = packet
        self.open: list[_Element] = []
        self.texts: list[list[str]] = []
        self.found_rdf = False
        self.parser = expat.ParserCreate("utf-8")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.StartDoctypeDeclHandler = self._refuse_doctype

    def parse(self) -> None:
        """Read the whole packet."""
        self.parser.Parse(self.packet.text, True)
        if not self.found_rdf:
            raise _NotXmpError("it is XML without rdf:RDF, so it is not XMP")

    def _refuse_doctype(self, *_: object) -> None:
        raise _NotXmpError("it has a document type declaration, which XMP does not allow")

    def _start(self, raw_name: str, attributes: dict[str, str]) -> None:
        start = self.parser.CurrentByteIndex
        scope = self._scope(attributes)
        name = _resolve(raw_name, scope, element=True)
        end, places = _scan_tag(self.packet.text, start)
        empty = self.packet.text[end - 2 : end] == b"/>"
        element = _Element(name, Span(start, end), empty, scope)
        if name == (RDF, "RDF"):
            self._enter_rdf(element)
        elif name == (RDF, "Description") and self._parent_is(RDF, "RDF"):
            self._enter_description(element, attributes, places)
        elif self._parent_is_top_description():
            element.entry = Property(name, None, Span(end, end), tag=element.tag, empty=empty)
            self.packet.properties.append(element.entry)
        if self.open:
            self.open[-1].has_children = True
        self.open.append(element)
        self.texts.append([])

    def _scope(self, attributes: dict[str, str]) -> dict[str, str]:
        outer = self.open[-1].scope if self.open else {"xml": XML}
        declared = {
            name.partition(":")[2]: value
            for name, value in attributes.items()
            if name == "xmlns" or name.startswith("xmlns:")
        }
        for prefix, namespace in declared.items():
            self.packet.prefixes.setdefault(prefix, namespace)
        return {**outer, **declared} if declared else outer

    def _parent_is(self, namespace: str, local: str) -> bool:
        return bool(self.open) and self.open[-1].name == (namespace, local)

    def _parent_is_top_description(self) -> bool:
        return self._parent_is(RDF, "Description") and (
            len(self.open) > 1 and self.open[-2].name == (RDF, "RDF")
        )

    def _enter_rdf(self, element: _Element) -> None:
        if self.found_rdf:
            raise _NotXmpError("it has more than one rdf:RDF")
        self.found_rdf = True
        self.packet.rdf, self.packet.rdf_empty = element.tag, element.empty
        self.packet.scope = element.scope

    def _enter_description(
        self, element: _Element, attributes: dict[str, str], places: list[_Attribute]
    ) -> None:
        last = places[-1] if places else None
        name_end = element.tag.start + 1 + len(self.packet.tag_name(element.tag))
        self.packet.descriptions.append(
            Description(
                attributes_end=last.end if last else name_end,
                gap=last.gap if last else b" ",
                scope=element.scope,
            )
        )
        for place in places:
            name = _resolve(place.name, element.scope, element=False)
            if name.namespace not in ("", RDF, XML, "xmlns"):
                value = attributes[place.name]
                self.packet.properties.append(Property(name, value, place.content))

    def _characters(self, data: str) -> None:
        if self.texts:
            self.texts[-1].append(data)

    def _end(self, _: str) -> None:
        element, text = self.open.pop(), "".join(self.texts.pop())
        entry = element.entry
        if entry is not None:
            end = element.tag.end if element.empty else self.parser.CurrentByteIndex
            entry.content = Span(element.tag.end, end)
            if not element.has_children:
                entry.value = text.strip()  # plain, in a CDATA section, or around a comment
        elif element.name == (RDF, "li") and len(self.open) > 1:
            owner = self.open[-2].entry
            if owner is not None:
                owner.items.append(text.strip())


class _Attribute(NamedTuple):
    """Where an attribute stands."""

    name: str
    gap: bytes
    content: Span
    end: int


def _scan_tag(text: bytes, start: int) -> tuple[int, list[_Attribute]]:
    """The end of the start tag at `start`, and its attributes; expat has checked the syntax."""
    name = _TAG_NAME.match(text, start)
    assert name is not None
    position, places = name.end(), []
    while match := _ATTRIBUTE.match(text, position):
        group = 3 if match.group(3) is not None else 4
        content = Span(match.start(group), match.end(group))
        places.append(_Attribute(match.group(2).decode(), match.group(1), content, match.end()))
        position = match.end()
    return text.index(b">", position) + 1, places


def _resolve(raw: str, scope: dict[str, str], *, element: bool) -> Name:
    """Qualified name of a raw one; an attribute without a prefix is in no namespace."""
    prefix, colon, local = raw.rpartition(":")
    if prefix == "xmlns" or raw == "xmlns":
        return Name("xmlns", local)
    if not colon:
        return Name(scope.get("", "") if element else "", local)
    if prefix not in scope:
        raise _NotXmpError(f"the prefix {prefix!r} is used without xmlns:{prefix}")
    return Name(scope[prefix], local)
