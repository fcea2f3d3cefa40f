"""Changing properties of an XMP packet by replacing bytes, so that all else stays as it was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ilgnet.errors import LibraryError
from ilgnet.library.sidecar.packet import RDF, Name, Packet, Property, Span

_IN_TEXT: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_QUOTES: Final = {'"': "&quot;", "'": "&apos;", "\n": "&#10;", "\t": "&#9;", "\r": "&#13;"}
_TEXT: Final = str.maketrans(_IN_TEXT)
_ATTRIBUTE: Final = str.maketrans({**_IN_TEXT, **_QUOTES})

_Change = tuple[Span, bytes]


def set_properties(
    packet: Packet, values: Mapping[Name, str], prefixes: Mapping[str, str]
) -> bytes:
    """Set simple properties of a packet.

    A property that is there keeps its place and form (attribute or element) wherever it stands;
    a new one becomes an attribute of the first description in which its namespace has a prefix,
    else of the first one, with the prefix that the packet has for the namespace anywhere: other
    programs read no packet with two prefixes for one namespace.

    Args:
        packet: the packet.
        values: what to set.
        prefixes: namespace -> the prefix to use where the packet has none for it.

    Returns:
        The packet's bytes with these values; the same bytes when it held them already.

    Raises:
        LibraryError: one of the properties has structure inside.
    """
    changes: list[_Change] = []
    missing: dict[Name, str] = {}
    for name, value in values.items():
        places = packet.find(name)
        changes += [_replacement(packet, place, value) for place in places if place.value != value]
        if not places:
            missing[name] = value
    if missing:
        changes += _additions(packet, missing, prefixes)
    return packet.encode(_splice(packet.text, changes)) if changes else packet.data


def _splice(text: bytes, changes: list[_Change]) -> bytes:
    for span, replacement in sorted(changes, key=lambda change: change[0].start, reverse=True):
        text = text[: span.start] + replacement + text[span.end :]
    return text


def _replacement(packet: Packet, place: Property, value: str) -> _Change:
    if place.value is None:
        raise LibraryError(
            f"{packet.where} was not touched: its {place.name.local} is not a simple value "
            "but has structure inside, which this program does not edit"
        )
    if place.tag is None:
        return place.content, value.translate(_ATTRIBUTE).encode()
    text = value.translate(_TEXT).encode()
    if not place.empty:
        return place.content, text
    return _opened(packet, place.tag, text)


def _opened(packet: Packet, tag: Span, content: bytes) -> _Change:
    """`<a/>` becomes `<a>content</a>`."""
    slash = Span(tag.end - 2, tag.end)
    return slash, b">" + content + b"</" + packet.tag_name(tag) + b">"


def _additions(
    packet: Packet, values: Mapping[Name, str], prefixes: Mapping[str, str]
) -> list[_Change]:
    if not packet.descriptions:
        return [_new_description(packet, values, prefixes)]
    places: dict[int, dict[Name, str]] = {}
    for name, value in values.items():
        at = (n for n, found in enumerate(packet.descriptions) if _prefix(found.scope, name))
        places.setdefault(next(at, 0), {})[name] = value
    changes = []
    for number, wanted in places.items():
        found = packet.descriptions[number]
        attributes = _attributes(packet, found.scope, found.gap, wanted, prefixes)
        changes.append((Span(found.attributes_end, found.attributes_end), attributes))
    return changes


def _new_description(
    packet: Packet, values: Mapping[Name, str], prefixes: Mapping[str, str]
) -> _Change:
    about = {Name(RDF, "about"): "", **values}
    # Inside rdf:RDF, which may itself have bound the namespace without a prefix.
    attributes = _attributes(packet, packet.scope, b" ", about, {RDF: "rdf", **prefixes})
    name = packet.tag_name(packet.rdf)[: -len(b"RDF")] + b"Description"
    element = b"<" + name + attributes + b"/>"
    if packet.rdf_empty:
        return _opened(packet, packet.rdf, element)
    return Span(packet.rdf.end, packet.rdf.end), element


def _attributes(
    packet: Packet,
    scope: Mapping[str, str],
    gap: bytes,
    values: Mapping[Name, str],
    prefixes: Mapping[str, str],
) -> bytes:
    """Attributes, each after `gap`, with declarations of the prefixes that are not in force."""
    in_force = dict(scope)
    parts: list[bytes] = []
    for name, value in values.items():
        prefix = _prefix(in_force, name)
        if prefix is None:
            prefix = _prefix_to_declare(packet, in_force, name, prefixes[name.namespace])
            in_force[prefix] = name.namespace
            parts.append(f'xmlns:{prefix}="{name.namespace}"'.encode())
        parts.append(f'{prefix}:{name.local}="{value.translate(_ATTRIBUTE)}"'.encode())
    return b"".join(gap + part for part in parts)


def _prefix(scope: Mapping[str, str], name: Name) -> str | None:
    return next((prefix for prefix, uri in scope.items() if prefix and uri == name.namespace), None)


def _prefix_to_declare(packet: Packet, scope: Mapping[str, str], name: Name, wanted: str) -> str:
    """The one that the packet has elsewhere, else one that it has nowhere."""
    elsewhere = _prefix(packet.prefixes, name)
    if elsewhere is not None and elsewhere not in scope:
        return elsewhere
    taken = {*scope, *packet.prefixes}
    candidates = (wanted, *(f"{wanted}{number}" for number in range(1, len(taken) + 2)))
    return next(prefix for prefix in candidates if prefix not in taken)
