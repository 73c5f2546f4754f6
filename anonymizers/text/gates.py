"""Gates: what a column can be asked quickly before a slow pattern reads its texts one by one.

A gate finds every text in which its pattern finds something, and a few more. It is made from the pattern by
leaving out what only narrows it: look-around, boundaries of words, back-references, exact repeats. What must
stand before a pattern's beginning is part of its gate.
"""

import re

import polars as pl

# Repeats up to so often are cheap to count; others are made open-ended.
_COUNTED = 20
# Boundaries of words cost Polars ten times the rest on texts that are not ASCII.
_ESCAPES = {r"\Z": r"\z", r"\b": "", r"\B": ""}
_PIECE = re.compile(
    r"(?P<back_reference>\\[1-9])"
    r"|(?P<escape>\\.)"
    r"|(?P<characters>\[\^?\]?(?:\\.|[^\]\\])*\])"
    r"|(?P<look_around>\(\?(?:=|!|<=|<!))"
    r"|(?P<atomic>\(\?>)"
    r"|(?P<conditional>\(\?(?:\(|P=|&))"
    r"|(?P<repeat>\{\d*,?\d*\}\+?)"
    r"|(?P<possessive>[*+?]\+)"
    r"|(?P<other>.)",
    re.DOTALL,
)


def gate(pattern: str, *, flags: str = "ims") -> str | None:
    """A pattern of Polars' that matches wherever ``pattern`` (of `re` or `regex`) does; None = none known.

    Args:
        pattern: A pattern of `re`.
        flags: Inline flags it is compiled with.
    """
    try:
        loose = _loosened(pattern)
    except ValueError:
        return None
    candidate = f"(?{flags}:{loose})" if flags else loose
    try:
        pl.Series([""]).str.contains(candidate)
    except pl.exceptions.ComputeError:
        return None
    return candidate


def _loosened(pattern: str) -> str:
    """Raises ValueError where the pattern has what is not known here."""
    out: list[str] = []
    position = 0
    while position < len(pattern):
        piece = _PIECE.match(pattern, position)
        if piece is None or piece.lastgroup == "conditional":
            raise ValueError("a conditional or recursive pattern")
        position = piece.end()
        if piece[0] == "(?<=" and not out:
            out.append("(?:")
        elif piece.lastgroup == "look_around":
            position = _end_of_group(pattern, piece.start())
        else:
            out.append(_loose(piece))
    return "".join(out)


def _loose(piece: re.Match[str]) -> str:
    match piece.lastgroup:
        case "back_reference":
            return "(?s:.*)"
        case "escape":
            return _ESCAPES.get(piece[0], piece[0])
        case "characters":
            # `[` within a class begins a nested one in Polars.
            return piece[0][0] + re.sub(r"(?<!\\)([\[&~])", r"\\\1", piece[0][1:])
        case "atomic":
            return "(?:"
        case "repeat":
            return _repeat(piece[0].rstrip("+"))
        case "possessive":
            return piece[0][0]
        case _:
            return piece[0]


def _repeat(text: str) -> str:
    least, comma, most = text[1:-1].partition(",")
    if max(int(least or 0), int(most or 0)) <= _COUNTED:
        return f"{{{least or 0}{comma}{most}}}"
    return f"{{{min(int(least or 0), _COUNTED)},}}"


def _end_of_group(pattern: str, start: int) -> int:
    depth, position = 0, start
    while piece := _PIECE.match(pattern, position):
        position = piece.end()
        depth += piece[0].startswith("(") - (piece[0] == ")")
        if depth == 0:
            return position
    raise ValueError("a group that does not end")
