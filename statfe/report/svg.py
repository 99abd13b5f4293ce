"""SVG made fit to stand in a page: nothing from outside, identifiers of its own, colours of the page."""

from __future__ import annotations

import html
import re

#: Colours that follow the page: name of the style-sheet variable by the colour drawn with.
PAGE_COLOURS = {
    "#1a1b1d": "ink",
    "#fefefd": "paper",
    "#d3d5d8": "band",
    "#e9eaec": "grid",
    "#6b6f76": "faint",
}
INK, PAPER, BAND, GRID, FAINT = PAGE_COLOURS


def stripped(svg: str) -> str:
    """`svg` without its document type and metadata, which name outside addresses and the time."""
    svg = re.sub(r"<!DOCTYPE.*?>\s*", "", svg, count=1, flags=re.DOTALL)
    svg = re.sub(r"\s*<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
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
    svg = re.sub(r'(xlink:href|href)="#', rf'\1="#{prefix}-', svg)
    svg = svg.replace("url(#", f"url(#{prefix}-")
    for colour, name in PAGE_COLOURS.items():
        svg = svg.replace(colour, f"var(--{name}, {colour})")
    return svg.replace("<svg ", f'<svg role="img" aria-label="{html.escape(label)}" ', 1)
