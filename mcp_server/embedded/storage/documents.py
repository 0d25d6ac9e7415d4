"""Reads the XML and JSON of a provider's answer, and only the document that was expected. Hostile ones are refused.

Nothing is requested here. A DOCTYPE, and with it every entity declaration, ends the reading.
"""

from __future__ import annotations

import json
from typing import Any, cast
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

_WHOLE = True


class NotTheDocument(ValueError):
    """The bytes are not the expected document."""


def _refuse_doctype(*_: object) -> None:
    raise NotTheDocument


def xml(body: bytes, root: str) -> Element:
    """The root element, whose name must be `root`; namespace declarations are attributes.

    Raises NotTheDocument.
    """
    builder = TreeBuilder()
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    try:
        # All at once: in chunks, a tag that fills the body would be scanned again and again.
        parser.Parse(body, _WHOLE)
        document = builder.close()
    except (expat.ExpatError, UnicodeDecodeError):
        raise NotTheDocument from None
    if document.tag != root:
        raise NotTheDocument
    return document


def text_of(element: Element, name: str) -> str:
    """The text of a child that must be there.

    Raises NotTheDocument.
    """
    text = element.findtext(name)
    if text is None:
        raise NotTheDocument
    return text


def json_object(body: bytes) -> dict[str, Any]:
    """The JSON object.

    Raises NotTheDocument.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise NotTheDocument from None
    if not isinstance(document, dict):
        raise NotTheDocument
    return cast("dict[str, Any]", document)
