"""The errors that a user can mend, and the exit statuses of the command line."""

from __future__ import annotations


class BackpropError(Exception):
    """An error with a sentence for the user, the place of the fault, and a remedy.

    `kind` is one of parse, encoding, name, shape, limit, usage, internal. `start` and `end` are
    offsets into the text as typed (None if the fault has no place); `hint` is the remedy.
    """

    kind = "internal"

    def __init__(
        self,
        message: str,
        *,
        text: str | None = None,
        start: int | None = None,
        end: int | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.text = text
        self.start = start
        self.end = end
        self.hint = hint

    @property
    def column(self) -> int | None:
        """The column of the fault in its own line, counted in characters from 1."""
        if self.text is None or self.start is None:
            return None
        return self.start - (self.text.rfind("\n", 0, self.start) + 1) + 1

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message} ({self.hint})"


class ParseError(BackpropError):
    """The text is not an equation of the input language."""

    kind = "parse"


class EncodingError(BackpropError):
    """The bytes are not UTF-8, or a character belongs to no alphabet of the language."""

    kind = "encoding"


class NameFault(BackpropError):
    """A name that is unknown, or that stands for something else than it is used for."""

    kind = "name"


class LimitError(BackpropError):
    """A stated limit was reached; the message says which, and the option that raises it."""

    kind = "limit"


class UsageError(BackpropError):
    """The call itself is wrong: an option, a variable or a point that does not fit."""

    kind = "usage"


class ExitStatus:
    """Exit statuses; of several lines the one that comes first in `WORST_FIRST` is reported."""

    OK = 0
    WRONG = 1
    USAGE = 2
    UNVERIFIED = 3
    REFUSED = 4
    INTERNAL = 70
    INTERRUPTED = 130

    WORST_FIRST = (INTERRUPTED, INTERNAL, USAGE, REFUSED, WRONG, UNVERIFIED, OK)

    @classmethod
    def worst(cls, *statuses: int) -> int:
        """The status that a run with all these outcomes ends with.

        >>> ExitStatus.worst(0, 3, 2)
        2
        """
        return min(statuses, key=cls.WORST_FIRST.index, default=cls.OK)


def visible(text: str) -> str:
    """The text with every character that could steer a terminal or hide itself shown as U+XXXX.

    Everything a user typed passes here before it is shown. Newline and tab stay.

    >>> visible("x\\x1b[31m + 1")
    'xU+001B[31m + 1'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c in "\n\t" or (c.isprintable() and not _hides(c)) else f"U+{ord(c):04X}" for c in text)


def _hides(character: str) -> bool:
    from unicodedata import category

    return category(character) in ("Cc", "Cf", "Cn", "Co", "Cs") or character in "\u2028\u2029"


def display_width(text: str) -> int:
    """How many columns a terminal uses for the text: wide characters take two, combining none."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def excerpt(error: BackpropError, width: int = 72) -> list[str]:
    """The line of the fault and a caret under its place, cut to `width` columns around it."""
    if error.text is None or error.start is None:
        return []
    begin = error.text.rfind("\n", 0, error.start) + 1
    end = error.text.find("\n", error.start)
    line = error.text[begin : end if end >= 0 else len(error.text)]
    at = error.start - begin
    length = max(1, min(len(line) - at, (error.end or error.start + 1) - error.start))
    left = max(0, at - width // 2) if len(line) > width else 0
    before = ("…" if left else "") + visible(line[left:at])
    after = line[at : left + width]
    marked = visible(line[at : at + length][: max(1, len(after))])
    shown = before + visible(after) + ("…" if left + width < len(line) else "")
    carets = "^" * max(1, display_width(marked))
    return [shown.replace("\t", " "), " " * display_width(before) + carets]
