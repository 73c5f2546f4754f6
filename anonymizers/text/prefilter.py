"""Filter patterns before they run: one fast scan tells which of many slow ones may match a text.

The filter of a pattern matches every text that the pattern matches, and a few more. It is the pattern
without what only narrows it: look-around, boundaries of words, back-references, exact repeats. What must come
directly before or after a match is part of its filter. RE2 (Cox 2010, https://swtch.com/~rsc/regexp) reads a
text once for all filters, in time in proportion to its length.
"""

import re
from collections.abc import Sequence
from typing import Any

import re2  # type: ignore[import-untyped]

# Repeats up to so often are cheap to count; others are made open-ended.
_COUNTED = 20
# Bytes for the states that RE2 builds while it scans; with a tenth it drops them too soon.
_MEMORY = 128 << 20
_PIECE = re.compile(
    r"(?P<back_reference>\\[1-9])"
    r"|(?P<code_point>\\u[0-9A-Fa-f]{4})"
    r"|(?P<escape>\\.)"
    r"|(?P<characters>\[\^?\]?(?:\\.|[^\]\\])*\])"
    r"|(?P<look_around>\(\?(?:=|!|<=|<!))"
    r"|(?P<atomic>\(\?>)"
    r"|(?P<conditional>\(\?(?:\(|P=|&))"
    r"|(?P<repeat>\{\d*,?\d*\}\+?)"
    r"|(?P<possessive>[*+?]\+)"
    r"|(?P<other>[^\\\[({*+?)]+|.)",
    re.DOTALL,
)
# RE2's classes are of ASCII, those of `regex` are not: whatever is no ASCII may be a digit, blank or letter.
_BEYOND = r"\x{80}-\x{10ffff}"
_ESCAPES = {
    r"\b": "", r"\B": "", r"\K": "", r"\Z": r"\z", r"\D": "(?s:.)", r"\W": "(?s:.)", r"\S": "(?s:.)",
    r"\d": rf"[\d{_BEYOND}]", r"\w": rf"[\w{_BEYOND}]", r"\s": rf"[\s\v\x1c-\x1f{_BEYOND}]",
}  # fmt: skip
_OPENS_CLASS = re.compile(r"(?<!\\)([\[&~])")
_CODE_POINT = re.compile(r"\\u([0-9A-Fa-f]{4})")


class Prefilter:
    """Tell which of many patterns may match a text.

    Args:
        patterns: Patterns of the library `regex`, meant to be compiled with `settings.PATTERN_FLAGS`.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        options = _quiet()
        options.max_mem = _MEMORY
        self._set = re2.Set.SearchSet(options)
        self._always = self._set.Add("")
        self._numbers: dict[int, int] = {}
        self._unfiltered = []
        for number, each in enumerate(map(filter_of, patterns)):
            if each is None:
                self._unfiltered.append(number)
            else:
                self._numbers[self._set.Add(each)] = number
        self._set.Compile()

    def candidates(self, text: str) -> Sequence[int]:
        """Return the indices of the patterns that may match a text, in order; all if RE2 gives up on it."""
        found = self._set.Match(text)
        # Out of memory, RE2 says that nothing matches, not even the empty pattern.
        if not found or self._always not in found:
            found = self._numbers
        return sorted([*self._unfiltered, *(self._numbers[each] for each in found if each != self._always)])


def compile_fast(pattern: str) -> Any | None:
    """Compile a pattern with RE2, which finds in ASCII what `regex` finds; None if RE2 cannot."""
    try:
        return re2.compile(f"(?ims:{pattern})", _quiet())
    except re2.error:
        return None


def _quiet() -> Any:
    options = re2.Options()
    options.log_errors = False
    return options


def filter_of(pattern: str) -> str | None:
    """Return a pattern for RE2 that matches every text that ``pattern`` matches; None if none can be made."""
    try:
        known = compile_fast(_loosened(pattern))
    except ValueError:
        return None
    return known.pattern if known else None


def _loosened(pattern: str) -> str:
    """Drop from a pattern what only narrows it; raises ValueError if it has a part that is not supported."""
    out: list[str] = []
    position = 0
    while position < len(pattern):
        piece = _PIECE.match(pattern, position)
        if piece is None or piece.lastgroup == "conditional":
            raise ValueError("a conditional or recursive pattern")
        position = piece.end()
        if piece.lastgroup != "look_around":
            out.append(_loose(piece))
            continue
        end = _end_of_group(pattern, piece.start())
        if (piece[0] == "(?<=" and not out) or (piece[0] == "(?=" and end == len(pattern)):
            out.append("(?:")
        else:
            position = end
    return "".join(out)


def _loose(piece: re.Match[str]) -> str:
    match piece.lastgroup:
        case "back_reference":
            return "(?s:.*)"
        case "code_point":
            return rf"\x{{{piece[0][2:]}}}"
        case "escape":
            return _ESCAPES.get(piece[0], piece[0])
        case "characters":
            return _characters(piece[0])
        case "atomic":
            return "(?:"
        case "repeat":
            return _repeat(piece[0].rstrip("+"))
        case "possessive":
            return piece[0][0]
        case _:
            return piece[0]


def _characters(text: str) -> str:
    """Widen a class of characters; one of all but some stays as it is, because RE2 excludes fewer."""
    inner = _CODE_POINT.sub(r"\\x{\1}", _OPENS_CLASS.sub(r"\\\1", text[1:]))
    if re.search(r"\\[DWS]", inner):
        raise ValueError("a class in a class that is all but some")
    if inner.startswith("^") or not re.search(r"\\[dws]", inner):
        return f"[{inner}"
    # RE2's blanks are five of ASCII's ten. At its beginning a bracket and a hyphen are characters.
    blanks = r"\v\x1c-\x1f" if r"\s" in inner else ""
    return f"[{_BEYOND}{blanks}{re.sub(r'^[]-]', lambda first: chr(92) + first[0], inner)}"


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
