"""What a csv must not hold for those who open it in a spreadsheet."""

from __future__ import annotations


def without_formula(cell: str) -> str:
    """The text, with an apostrophe in front of it where a spreadsheet would run it.

    A picture's file or a class may be called "=HYPERLINK(...)". The usual apostrophe makes it text there and goes with the
    csv to whoever gets it; so it has no place in a file that a program reads by its ids. Names of any published set stay
    as they are.
    """
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
