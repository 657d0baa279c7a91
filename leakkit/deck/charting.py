"""Charts that PowerPoint edits, with a sheet of their own, and files that hold equal bytes."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import xlsxwriter
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.oxml import parse_xml
from xlsxwriter.utility import xl_col_to_name

from leakkit.deck.content import COUNTS, SHARES
from leakkit.views.grids import writable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pptx.presentation import Presentation

    from leakkit.deck.content import Chart, Series
    from leakkit.deck.masters import Colours


# ---------------- package
# A presentation as bytes: equal decks are equal files, whenever and wherever they are made.

CREATED = dt.datetime(2000, 1, 1, tzinfo=dt.UTC).replace(tzinfo=None)
"""Of every deck: the same numbers, the same bytes."""
FIRST_DAY = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip can say."""
UNIX = 3


def pack_deck(deck: Presentation, title: str, author: str) -> bytes:
    """Return a deck as a file, without a clock and without a trace of this machine."""
    about = deck.core_properties
    about.title, about.author, about.last_modified_by = title, author, author
    about.created = about.modified = CREATED
    about.revision = 1
    stream = io.BytesIO()
    deck.save(stream)
    return _timeless(stream.getvalue())


def _timeless(content: bytes) -> bytes:
    """Pack a zip again, each entry with the same time and the same attributes."""
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as given,
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as made,
    ):
        for name in given.namelist():
            entry = zipfile.ZipInfo(name, FIRST_DAY)
            entry.compress_type, entry.create_system = zipfile.ZIP_DEFLATED, UNIX
            made.writestr(entry, given.read(name))
    return stream.getvalue()


# ---------------- charting
# Charts that PowerPoint edits: with a sheet of their own, in the colours of the house.
#
# Their XML is written here, whole and in the schema's order; python-pptx wires the parts.

BARS, COLUMNS, STACKED, LINES, AREAS = "bars", "columns", "stacked", "lines", "areas"
GROUPING = {BARS: "clustered", COLUMNS: "clustered", LINES: "standard"}
FORMATS = {SHARES: "[<0.0995]0.0%;0%", COUNTS: "#,##0"}
"""As the pages say them: one decimal under 10 %."""
SPACES = (
    'xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart" '
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
)
DASHED = "open-edge"
"""The role of a line that is only compared with: dashed, without marks."""
MANY_POINTS = 40
"""Of a line or an area; marks would be a caterpillar."""
MANY_NAMES = 16
"""Of categories; more are not all named."""

Xml = str


def add_chart(shapes: Any, chart: Chart, place: Sequence[int], colours: Colours) -> None:
    """Put a native chart on a slide."""
    stub = CategoryChartData()
    stub.categories = ["-"]
    stub.add_series("-", (0,))
    frame = shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, *place, stub)
    frame.name = chart.name
    frame._element.nvGraphicFramePr.cNvPr.set("descr", writable(chart.alt))
    part = frame.chart.part
    part.chart_workbook.update_from_xlsx_blob(_sheet(chart))
    link = part._element.find(f"{{{part._element.nsmap['c']}}}externalData")
    key = next(iter(link.attrib.values()))
    part._element = parse_xml(Writer(chart, colours).xml(key))


def _sheet(chart: Chart) -> bytes:
    """Return the sheet behind a chart: texts are texts and run nothing, and there is no clock."""
    stream = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    book = xlsxwriter.Workbook(stream, options)
    book.set_properties({"created": CREATED, "author": "", "comments": ""})
    sheet = book.add_worksheet("Sheet1")
    numbers = book.add_format({"num_format": FORMATS[chart.of]})
    for row, name in enumerate(chart.categories, 1):
        sheet.write_string(row, 0, writable(name))
    for column, one in enumerate(chart.series, 1):
        sheet.write_string(0, column, writable(one.name))
        for row, value in enumerate(one.values, 1):
            if value is not None:
                sheet.write_number(row, column, value, numbers)
    book.close()
    return stream.getvalue()


def _escape(text: str) -> Xml:
    """Return a text as content of an element."""
    return escape(writable(text), quote=False)


@dataclass(frozen=True)
class Writer:
    """Writes the XML of one chart, from the outside to the inside."""

    chart: Chart
    colours: Colours

    def xml(self, sheet: str) -> Xml:
        """Return the part; `sheet` is the key of the link to its workbook."""
        title = self._title() if self.chart.title else ""
        key = self._legend() if self.chart.legend else ""
        return (
            f'<c:chartSpace {SPACES}><c:date1904 val="0"/><c:roundedCorners val="0"/><c:chart>'
            f'{title}<c:autoTitleDeleted val="{0 if title else 1}"/>'
            f"<c:plotArea><c:layout/>{self._plot()}{self._axes()}</c:plotArea>{key}"
            '<c:plotVisOnly val="1"/><c:dispBlanksAs val="gap"/></c:chart>'
            f"<c:spPr><a:noFill/><a:ln><a:noFill/></a:ln></c:spPr>{self._letters(11)}"
            f'<c:externalData r:id="{sheet}"><c:autoUpdate val="0"/></c:externalData>'
            "</c:chartSpace>"
        )

    def _letters(self, size: float, role: str = "muted", *, bold: bool = False) -> Xml:
        """Return how texts look."""
        return (
            f'<c:txPr><a:bodyPr/><a:lstStyle/><a:p><a:pPr><a:defRPr sz="{round(100 * size)}" '
            f'b="{int(bold)}">{self.colours.fill(role)}</a:defRPr></a:pPr>'
            '<a:endParaRPr lang="en-GB"/></a:p></c:txPr>'
        )

    def _title(self) -> Xml:
        """Return the heading of the chart."""
        return (
            '<c:title><c:tx><c:rich><a:bodyPr/><a:lstStyle/><a:p><a:pPr><a:defRPr sz="1200" '
            f'b="1">{self.colours.fill("ink")}</a:defRPr></a:pPr><a:r><a:rPr lang="en-GB" '
            f'sz="1200" b="1">{self.colours.fill("ink")}</a:rPr>'
            f"<a:t>{_escape(self.chart.title)}</a:t></a:r></a:p></c:rich></c:tx>"
            '<c:overlay val="0"/></c:title>'
        )

    def _legend(self) -> Xml:
        """Return the key to the series."""
        return (
            '<c:legend><c:legendPos val="t"/><c:overlay val="0"/>'
            f"{self._letters(11, 'ink')}</c:legend>"
        )

    def _plot(self) -> Xml:
        """Return the plot with its series."""
        kind = self.chart.kind
        series = "".join(self._series(at, one) for at, one in enumerate(self.chart.series))
        grouping = f'<c:grouping val="{GROUPING.get(kind, "stacked")}"/><c:varyColors val="0"/>'
        ends = '<c:axId val="1"/><c:axId val="2"/>'
        if kind == LINES:
            return f'<c:lineChart>{grouping}{series}<c:marker val="1"/>{ends}</c:lineChart>'
        if kind == AREAS:
            return f"<c:areaChart>{grouping}{series}{ends}</c:areaChart>"
        side = "bar" if kind == BARS else "col"
        overlap = 100 if kind == STACKED else -6
        gaps = f'<c:gapWidth val="60"/><c:overlap val="{overlap}"/>'
        return f'<c:barChart><c:barDir val="{side}"/>{grouping}{series}{gaps}{ends}</c:barChart>'

    def _series(self, at: int, one: Series) -> Xml:
        """Return a series: its name, its look, its labels, its ranges, its values."""
        column = xl_col_to_name(at + 1)
        parts = [
            f'<c:idx val="{at}"/><c:order val="{at}"/>',
            self._name(one, column),
            self._look(one),
            self._labels(one) if one.said else "",
            self._ranges(one) if one.ranges else "",
            self._names(),
            self._values(one, column),
            '<c:smooth val="0"/>' if self.chart.kind == LINES else "",
        ]
        return f"<c:ser>{''.join(parts)}</c:ser>"

    def _name(self, one: Series, column: str) -> Xml:
        """Return the name of a series."""
        return (
            f'<c:tx><c:strRef><c:f>Sheet1!${column}$1</c:f><c:strCache><c:ptCount val="1"/>'
            f'<c:pt idx="0"><c:v>{_escape(one.name)}</c:v></c:pt></c:strCache></c:strRef></c:tx>'
        )

    def _look(self, one: Series) -> Xml:
        """Return the colours of a series and of its emphasised point."""
        fill = self.colours.fill(one.role)
        if self.chart.kind == LINES:
            return self._line(one)
        if self.chart.kind == AREAS:
            return f"<c:spPr>{fill}</c:spPr>"
        look = f'<c:spPr>{fill}</c:spPr><c:invertIfNegative val="0"/>'
        if one.strong is None:
            return look
        strong = self.colours.fill(one.strong_role)
        return (
            f'{look}<c:dPt><c:idx val="{one.strong}"/><c:invertIfNegative val="0"/>'
            f'<c:bubble3D val="0"/><c:spPr>{strong}</c:spPr></c:dPt>'
        )

    def _line(self, one: Series) -> Xml:
        """Return the look of a line: with marks, or dashed and without."""
        fill, quiet = self.colours.fill(one.role), one.role == DASHED
        dash = '<a:prstDash val="dash"/>' if quiet else ""
        wide = 22_225 if quiet else 34_925
        line = f'<c:spPr><a:ln w="{wide}" cap="rnd">{fill}{dash}<a:round/></a:ln></c:spPr>'
        if quiet or len(one.values) > MANY_POINTS:
            return f'{line}<c:marker><c:symbol val="none"/></c:marker>'
        return (
            f'{line}<c:marker><c:symbol val="circle"/><c:size val="7"/>'
            f"<c:spPr>{fill}<a:ln><a:noFill/></a:ln></c:spPr></c:marker>"
        )

    def _labels(self, one: Series) -> Xml:
        """Return the labels of a series: beside what they name."""
        side = "t" if self.chart.kind == LINES else "outEnd"
        role = f"{one.role}-ink" if one.role in {"lost", "overdue", "returned"} else "ink"
        shown = "".join(
            f'<c:{name} val="{int(name == "showVal")}"/>'
            for name in ("showLegendKey", "showVal", "showCatName", "showSerName", "showPercent",
                         "showBubbleSize")
        )  # fmt: skip
        return (
            f'<c:dLbls><c:numFmt formatCode="{escape(FORMATS[self.chart.of])}" sourceLinked="0"/>'
            f"<c:spPr><a:noFill/><a:ln><a:noFill/></a:ln></c:spPr>{self._letters(11, role)}"
            f'<c:dLblPos val="{side}"/>{shown}</c:dLbls>'
        )

    def _ranges(self, one: Series) -> Xml:
        """Return the ranges of a series, as its error bars."""
        ends: dict[str, list[float | None]] = {"plus": [], "minus": []}
        for value, found in zip(one.values, one.ranges, strict=True):
            known = value is not None and found is not None
            ends["plus"].append(found[1] - value if known and found and value is not None else None)
            ends["minus"].append(
                value - found[0] if known and found and value is not None else None
            )
        said = "".join(
            f"<c:{side}><c:numLit><c:formatCode>General</c:formatCode>{_points(values)}"
            f"</c:numLit></c:{side}>"
            for side, values in ends.items()
        )
        return (
            '<c:errBars><c:errBarType val="both"/><c:errValType val="cust"/>'
            f'<c:noEndCap val="0"/>{said}<c:spPr><a:ln w="15875">{self.colours.fill("ink")}'
            "</a:ln></c:spPr></c:errBars>"
        )

    def _names(self) -> Xml:
        """Return the categories."""
        names = self.chart.categories
        said = "".join(
            f'<c:pt idx="{at}"><c:v>{_escape(name)}</c:v></c:pt>' for at, name in enumerate(names)
        )
        return (
            f"<c:cat><c:strRef><c:f>Sheet1!$A$2:$A${len(names) + 1}</c:f><c:strCache>"
            f'<c:ptCount val="{len(names)}"/>{said}</c:strCache></c:strRef></c:cat>'
        )

    def _values(self, one: Series, column: str) -> Xml:
        """Return the values of a series."""
        where = f"Sheet1!${column}$2:${column}${len(one.values) + 1}"
        return (
            f"<c:val><c:numRef><c:f>{where}</c:f><c:numCache>"
            f"<c:formatCode>{escape(FORMATS[self.chart.of])}</c:formatCode>{_points(one.values)}"
            "</c:numCache></c:numRef></c:val>"
        )

    def _axes(self) -> Xml:
        """Return the axes: the categories speak, the values stand at their marks."""
        bars = self.chart.kind == BARS
        turned = "maxMin" if bars else "minMax"
        step = max(1, -(-len(self.chart.categories) // MANY_NAMES))
        skip = f'<c:tickLblSkip val="{step}"/>' if step > 1 and not bars else ""
        line = f'<c:spPr><a:ln w="9525">{self.colours.fill("line")}</a:ln></c:spPr>'
        return (
            f'<c:catAx><c:axId val="1"/><c:scaling><c:orientation val="{turned}"/></c:scaling>'
            f'<c:delete val="0"/><c:axPos val="{"l" if bars else "b"}"/>'
            '<c:numFmt formatCode="General" sourceLinked="0"/><c:majorTickMark val="none"/>'
            '<c:minorTickMark val="none"/><c:tickLblPos val="low"/>'
            f'{line}{self._letters(11, "ink")}<c:crossAx val="2"/><c:crosses val="autoZero"/>'
            f'<c:auto val="0"/><c:lblAlgn val="ctr"/><c:lblOffset val="100"/>{skip}'
            f'<c:noMultiLvlLbl val="1"/></c:catAx>{self._value_axis(bars=bars)}'
        )

    def _value_axis(self, *, bars: bool) -> Xml:
        """Return the axis of the values; where each is said, it is not shown."""
        said = all(one.said for one in self.chart.series)
        end = 1.0 if self.chart.kind == AREAS else self.chart.most
        most = f'<c:max val="{end:.10g}"/>' if end else ""
        plain = "0%" if self.chart.of == SHARES else FORMATS[COUNTS]
        line = f'<a:ln w="6350">{self.colours.fill("line")}</a:ln>'
        grid = f"<c:majorGridlines><c:spPr>{line}</c:spPr></c:majorGridlines>"
        between = "midCat" if self.chart.kind == AREAS else "between"
        return (
            '<c:valAx><c:axId val="2"/><c:scaling><c:orientation val="minMax"/>'
            f'{most}<c:min val="0"/></c:scaling><c:delete val="{int(said)}"/>'
            f'<c:axPos val="{"t" if bars else "l"}"/>{"" if said else grid}'
            f'<c:numFmt formatCode="{escape(plain)}" sourceLinked="0"/>'
            '<c:majorTickMark val="none"/><c:minorTickMark val="none"/>'
            f'<c:tickLblPos val="{"high" if bars else "nextTo"}"/>'
            "<c:spPr><a:ln><a:noFill/></a:ln></c:spPr>"
            f'{self._letters(10)}<c:crossAx val="1"/><c:crosses val="autoZero"/>'
            f'<c:crossBetween val="{between}"/></c:valAx>'
        )


def _points(values: Sequence[float | None]) -> Xml:
    """Return numbers as points; one that is not known is none."""
    said = "".join(
        f'<c:pt idx="{at}"><c:v>{value:.10g}</c:v></c:pt>'
        for at, value in enumerate(values)
        if value is not None
    )
    return f'<c:ptCount val="{len(values)}"/>{said}'
