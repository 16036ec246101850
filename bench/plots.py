"""Draws curves as SVG with pygal: no fonts, no scripts, the same bytes for the same values."""

import math
import re
from collections.abc import Callable
from typing import Any

from bench.figures import Chart

_DATED = re.compile(rb"<!--.*?-->")
"""The comments of the library, which have a date."""


def draw(chart: Chart) -> bytes:
    """An SVG document."""
    import pygal  # noqa: PLC0415 - whoever asks for no plot needs no pygal
    from pygal.style import LightStyle  # noqa: PLC0415

    plot = pygal.XY(
        title=chart.title,
        x_title=chart.x_title,
        y_title=chart.y_title,
        style=LightStyle(
            font_family="sans-serif",
            background="white",
            plot_background="white",
            colors=("#1f6feb", "#d1242f", "#1a7f37"),
            guide_stroke_color="#dddddd",
            major_guide_stroke_color="#dddddd",
        ),
        js=[],
        no_prefix=True,
        width=800,
        height=420,
        dots_size=3,
        legend_at_bottom=True,
        include_x_axis=True,
        range=(0, 1.1 * max(y for points in chart.curves.values() for _, y in points)),
        value_formatter=lambda value: f"{value:g}",
    )
    place: Callable[[float], float] = float if chart.is_linear else math.log10
    plot.x_labels = [{"value": place(x), "label": f"{x:,.0f}"} for x in _marks(chart)]
    for name, points in chart.curves.items():
        plot.add(name, [(place(x), y) for x, y in points])
    plot.add_xml_filter(_without_scripts)
    rendered: bytes = plot.render()
    return _DATED.sub(b"", rendered)


def _marks(chart: Chart) -> list[float]:
    """Where the x axis has numbers: below every point, or at fifths of a linear axis."""
    places = sorted({x for points in chart.curves.values() for x, _ in points})
    return [places[-1] * fifth / 5 for fifth in range(6)] if chart.is_linear else places


def _without_scripts(root: Any) -> Any:
    """pygal's scripts are for tooltips in a browser; a document shows the picture only."""
    for parent in list(root.iter()):
        for child in [child for child in parent if str(child.tag).endswith("script")]:
            parent.remove(child)
    return root
