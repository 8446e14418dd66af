"""The report as one HTML page: no script, nothing fetched, every word from elsewhere escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

NOT_A_DEVICE = "Research software, not a medical device: no figure here replaces an examination."

_STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #17242c; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.8rem; margin: 0 0 .3rem; } h2 { font-size: 1.25rem; margin: 2.2rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1rem 0 .2rem; }
.wide { overflow-x: auto; margin-bottom: 1rem; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; } caption { text-align: left; color: #44545e; }
th, td { text-align: left; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid #d9e1e6; vertical-align: top; }
td:first-child { min-width: 6rem; }
td.number { font-variant-numeric: tabular-nums; }
.note { color: #44545e; } .standing { background: #f2f6f8; padding: .6rem .8rem; border-left: 4px solid #0b6285; }
.pictures { display: flex; flex-wrap: wrap; gap: 1rem; } figure { margin: 0; } svg { max-width: 100%; height: auto; }
.whole .number { white-space: nowrap; }
@media print { .wide { overflow: visible; } body { max-width: none; margin: 0; } h2 { break-after: avoid; } figure, tr { break-inside: avoid; } }
"""

_NUMBER = '<td class="number">'
_FEW = 5


def page(title: str, parts: Iterable[str]) -> str:
    """The whole document.

    Args:
        title: plain text.
        parts: HTML, made by the functions below.
    """
    body = "\n".join(part for part in parts if part)
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        # Nothing may be fetched and nothing may run, whatever a class or a file is called.
        f"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f'<h1>{escape(title)}</h1>\n<p class="standing">{NOT_A_DEVICE}</p>\n{body}\n</body>\n</html>\n'
    )


def heading(text: str, level: int = 2) -> str:
    """A heading of plain text."""
    return f"<h{level}>{escape(text)}</h{level}>"


def paragraph(text: str, *, note: bool = False) -> str:
    """A paragraph of plain text."""
    return f'<p class="note">{escape(text)}</p>' if note else f"<p>{escape(text)}</p>"


def bullets(lines: Sequence[str]) -> str:
    """A list of plain texts; nothing for none."""
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>" if lines else ""


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: Sequence[int] = ()) -> str:
    """A table of plain texts.

    Args:
        columns: their names. rows: one value a column.
        numbers: columns that hold figures.
    """
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in columns)
    lines = []
    for row in rows:
        cells = (
            f"{_NUMBER if place in numbers else '<td>'}{escape(str(value))}</td>" for place, value in enumerate(row)
        )
        lines.append(f"<tr>{''.join(cells)}</tr>")
    # Few figures are not broken into lines. On a phone a wide table scrolls by itself, not the page.
    kind = "wide whole" if len(numbers) <= _FEW else "wide"
    return f'<div class="{kind}"><table><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'


def pictures(named: Sequence[tuple[str, str]]) -> str:
    """SVG pictures beside each other, each with its caption (plain text)."""
    figures = (f"<figure><figcaption>{escape(words)}</figcaption>{svg}</figure>" for words, svg in named)
    return f'<div class="pictures">{"".join(figures)}</div>'
