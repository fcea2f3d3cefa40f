"""Changing properties of an XMP packet by replacing bytes, so that all else stays as it was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from xml.sax.saxutils import escape

from ilgnet.errors import LibraryError
from ilgnet.library.sidecar.packet import (
    RDF,
    Name,
    Packet,
    Property,
    Span,
    parse_packet,
)

_IN_QUOTES: Final = {'"': "&quot;", "'": "&apos;", "\n": "&#10;", "\t": "&#9;", "\r": "&#13;"}

_Change = tuple[Span, bytes]


def set_properties(
    data: bytes, values: Mapping[Name, str], prefixes: Mapping[str, str], where: str
) -> bytes:
    """Set simple properties of a packet.

    A property that is there keeps its place and form (attribute or element) wherever it stands;
    a new one becomes an attribute of the first description.

    Args:
        data: the packet.
        values: what to set.
        prefixes: namespace -> the prefix to use where the packet has none for it.
        where: how errors call the packet.

    Returns:
        The packet with these values; the same bytes when it held them already.

    Raises:
        LibraryError: damaged, not XMP, or one of the properties has structure inside.
    """
    packet = parse_packet(data, where)
    changes: list[_Change] = []
    missing: dict[Name, str] = {}
    for name, value in values.items():
        places = packet.find(name)
        for place in places:
            if place.value != value:
                changes.append(_replacement(packet, place, value, where))
        if not places:
            missing[name] = value
    if missing:
        changes.append(_addition(packet, missing, prefixes))
    return packet.encode(_splice(packet.text, changes)) if changes else data


def _splice(text: bytes, changes: list[_Change]) -> bytes:
    for span, replacement in sorted(changes, key=lambda change: change[0].start, reverse=True):
        text = text[: span.start] + replacement + text[span.end :]
    return text


def _replacement(packet: Packet, place: Property, value: str, where: str) -> _Change:
    if place.value is None:
        raise LibraryError(
            f"{where} was not touched: its {place.name.local} is not a simple value "
            "but has structure inside, which this program does not edit"
        )
    if place.tag is None:
        return place.content, escape(value, _IN_QUOTES).encode()
    text = escape(value).encode()
    if not place.empty:
        return place.content, text
    return _opened(packet, place.tag, text)


def _opened(packet: Packet, tag: Span, content: bytes) -> _Change:
    """`<a/>` becomes `<a>content</a>`."""
    slash = Span(tag.end - 2, tag.end)
    return slash, b">" + content + b"</" + packet.tag_name(tag) + b">"


def _addition(packet: Packet, values: Mapping[Name, str], prefixes: Mapping[str, str]) -> _Change:
    if packet.descriptions:
        first = packet.descriptions[0]
        place = Span(first.attributes_end, first.attributes_end)
        return place, _attributes(first.scope, first.gap, values, prefixes)
    about = {Name(RDF, "about"): "", **values}
    # Inside rdf:RDF, which may itself have bound the namespace without a prefix.
    attributes = _attributes(packet.scope, b" ", about, {RDF: "rdf", **prefixes})
    name = packet.tag_name(packet.rdf)[: -len(b"RDF")] + b"Description"
    element = b"<" + name + attributes + b"/>"
    if packet.rdf_empty:
        return _opened(packet, packet.rdf, element)
    return Span(packet.rdf.end, packet.rdf.end), element


def _attributes(
    scope: Mapping[str, str],
    gap: bytes,
    values: Mapping[Name, str],
    prefixes: Mapping[str, str],
) -> bytes:
    """Attributes, each after `gap`, with declarations of the prefixes that are not in force."""
    in_force = dict(scope)
    parts: list[bytes] = []
    for name, value in values.items():
        prefix = next((p for p, uri in in_force.items() if p and uri == name.namespace), None)
        if prefix is None:
            prefix = _free_prefix(prefixes[name.namespace], in_force)
            in_force[prefix] = name.namespace
            parts.append(f'xmlns:{prefix}="{name.namespace}"'.encode())
        parts.append(f'{prefix}:{name.local}="{escape(value, _IN_QUOTES)}"'.encode())
    return b"".join(gap + part for part in parts)


def _free_prefix(wanted: str, taken: Mapping[str, str]) -> str:
    candidates = (wanted, *(f"{wanted}{number}" for number in range(1, len(taken) + 2)))
    return next(prefix for prefix in candidates if prefix not in taken)
