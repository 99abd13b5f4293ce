"""SVG made fit to stand in a page: nothing from outside, no style sheet, identifiers of its own."""

from __future__ import annotations

import html
import re

#: Colours of what is not a method: text and axes, paper, the band of the reference, the grid, notes.
INK, PAPER, BAND, GRID, FAINT = "#1a1b1d", "#ffffff", "#d3d5d8", "#e9eaec", "#6b6f76"

#: matplotlib says it for all elements of a document; in a page that would be the page's elements too.
_STYLE = re.compile(r"\s*<defs>\s*<style[^>]*>\*\{(?P<rules>[^}]*)\}</style>\s*</defs>")


def stripped(svg: str) -> str:
    """`svg` (of matplotlib) without its document type, comments, metadata and style sheet.

    The first and third name outside addresses and the time; comments repeat the labels.
    """
    svg = re.sub(r"<!DOCTYPE.*?>\s*", "", svg, count=1, flags=re.DOTALL)
    svg = re.sub(r"\s*<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"[ \t]*<!--.*?-->\n?", "", svg, flags=re.DOTALL)
    style = _STYLE.search(svg)
    if style:
        svg = svg.replace(style[0], "", 1).replace("<svg ", f'<svg style="{style["rules"]}" ', 1)
    return "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"


def inline(svg: str, prefix: str, label: str) -> str:
    """`svg` (from `stripped`) as an element of an HTML page.

    Parameters
    ----------
    svg
        A whole document.
    prefix
        Put before every identifier, so that several figures share a page.
    label
        Read aloud in place of the picture.
    """
    svg = svg[svg.index("<svg"):]
    svg = re.sub(r'\bid="', f'id="{prefix}-', svg)
    svg = re.sub(r'\b(xlink:href|href)="#', rf'\1="#{prefix}-', svg)
    svg = svg.replace("url(#", f"url(#{prefix}-")
    return svg.replace("<svg ", f'<svg role="img" aria-label="{html.escape(label)}" ', 1)
