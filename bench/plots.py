"""Draws curves as SVG with pygal: no fonts, no scripts, the same bytes for the same values."""

import math
import re
from typing import Any

from bench.figures import Chart

_DATED = re.compile(rb"<!--.*?-->")
"""The comments of the library, which have a date."""


def draw(chart: Chart) -> bytes:
    """An SVG document. The x axis is logarithmic."""
    import pygal  # noqa: PLC0415 - whoever asks for no plot needs no pygal
    from pygal.style import LightStyle  # noqa: PLC0415

    plot = pygal.XY(
        title=chart.title,
        x_title=chart.x_title,
        y_title=chart.y_title,
        style=LightStyle(font_family="sans-serif", background="white", plot_background="white"),
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
    places = sorted({x for points in chart.curves.values() for x, _ in points})
    plot.x_labels = [{"value": math.log10(x), "label": f"{x:,.0f}"} for x in places]
    for name, points in chart.curves.items():
        plot.add(name, [(math.log10(x), y) for x, y in points])
    plot.add_xml_filter(_without_scripts)
    rendered: bytes = plot.render()
    return _DATED.sub(b"", rendered)


def _without_scripts(root: Any) -> Any:
    """pygal's scripts are for tooltips in a browser; a document shows the picture only."""
    for parent in list(root.iter()):
        for child in [child for child in parent if str(child.tag).endswith("script")]:
            parent.remove(child)
    return root
