"""Cuts the text of a template into tokens.

Comes in: the whole text. Goes out: tokens in order; the last is EOF or ERROR. Whitespace that trim markers eat and
comments are gone. Does not know what tokens mean together: that is the parser's.
"""

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

SPACES: Final = " \t\r\n"
LEFT: Final = "{{"
RIGHT: Final = "}}"


class Kind(Enum):
    """What a token is."""

    TEXT = auto()
    LEFT = auto()
    RIGHT = auto()
    SPACE = auto()
    ASSIGN = auto()
    DECLARE = auto()
    PIPE = auto()
    COMMA = auto()  # and every other printable character that stands for itself
    OPEN = auto()
    CLOSE = auto()
    STRING = auto()
    RAW_STRING = auto()
    CHARACTER = auto()
    NUMBER = auto()
    VARIABLE = auto()
    FIELD = auto()
    DOT = auto()
    IDENTIFIER = auto()
    BOOL = auto()
    KEYWORD = auto()
    EOF = auto()
    ERROR = auto()


KEYWORDS: Final = frozenset(
    {"block", "break", "continue", "define", "else", "end", "if", "range", "nil", "template", "with"}
)


@dataclass(frozen=True, slots=True)
class Token:
    """`text` as written (of an error: what is wrong), where it starts, and on which line (from 1)."""

    kind: Kind
    text: str
    position: int
    line: int

    def __str__(self) -> str:
        """As error messages show it."""
        if self.kind is Kind.EOF:
            return "EOF"
        if self.kind is Kind.ERROR:
            return self.text
        if self.kind is Kind.KEYWORD:
            return f"<{self.text}>"
        return f'"{_escape(self.text[:10])}"...' if len(self.text) > 10 else f'"{_escape(self.text)}"'


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")


_INSIDE = re.compile(
    r"""
      (?P<SPACE>[ \t\r\n]+)
    | (?P<DECLARE>:=)
    | (?P<ASSIGN>=)
    | (?P<PIPE>\|)
    | (?P<OPEN>\()
    | (?P<CLOSE>\))
    | (?P<STRING>"(?:[^"\\\n]|\\[^\n])*")
    | (?P<RAW_STRING>`[^`]*`)
    | (?P<CHARACTER>'(?:[^'\\\n]|\\[^\n])*')
    | (?P<VARIABLE>\$\w*)
    | (?P<NUMBER>[+-]?(?:0[xX][0-9a-fA-F_]*(?:\.[0-9a-fA-F_]*)?(?:[pP][+-]?[0-9_]*)?
                      |0[oO][0-7_]*|0[bB][01_]*
                      |(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9_]*)?)i?)
    | (?P<FIELD>\.\w+)
    | (?P<DOT>\.)
    | (?P<IDENTIFIER>\w+)
    """,
    re.VERBOSE,
)
_UNTERMINATED: Final = {'"': "unterminated quoted string", "`": "unterminated raw quoted string"}
_ENDS_WORD: Final = frozenset(" \t\r\n.,|:)(")


class Lexer:
    """The scan of one text."""

    def __init__(self, text: str) -> None:
        """Starts before the first character."""
        self.text = text
        self.position = 0
        self.line = 1
        self.tokens: list[Token] = []

    def scan(self) -> list[Token]:
        """All tokens; ends with EOF or ERROR."""
        while self._text() and self._action():
            pass
        return self.tokens

    def _emit(self, kind: Kind, text: str, position: int) -> None:
        self.tokens.append(Token(kind, text, position, self.line))
        self.line += text.count("\n")

    def _error(self, message: str, line: int | None = None) -> bool:
        self.tokens.append(Token(Kind.ERROR, message, self.position, self.line if line is None else line))
        return False

    def _skip_to(self, position: int) -> None:
        self.line += self.text.count("\n", self.position, position)
        self.position = position

    def _text(self) -> bool:
        """Text up to the next action, which remains; False where the template ends."""
        start, end = self.position, self.text.find(LEFT, self.position)
        if end < 0:
            if start < len(self.text):
                self._emit(Kind.TEXT, self.text[start:], start)
            self.tokens.append(Token(Kind.EOF, "", len(self.text), self.line))
            return False
        piece = self.text[start:end]
        if self._trims_left(end + 2):
            piece = piece.rstrip(SPACES)
        if piece:
            self._emit(Kind.TEXT, piece, start)
        self.position = start + len(piece)
        self._skip_to(end)
        return True

    def _trims_left(self, at: int) -> bool:
        return self.text.startswith("-", at) and self.text[at + 1 : at + 2] in tuple(SPACES)

    def _right_delimiter(self, at: int) -> tuple[int, bool]:
        """Where the action ends if it ends here, and whether it trims what follows; (-1, False) if it does not."""
        if self.text[at : at + 1] in tuple(SPACES) and self.text.startswith("-" + RIGHT, at + 1):
            return at + 4, True
        if self.text.startswith(RIGHT, at):
            return at + 2, False
        return -1, False

    def _after_right(self, end: int, trims: bool) -> None:
        if trims:
            while end < len(self.text) and self.text[end] in SPACES:
                end += 1
        self._skip_to(end)

    def _action(self) -> bool:
        """One action or comment, from its left delimiter on."""
        start = self.position
        inside = start + 2 + (2 if self._trims_left(start + 2) else 0)
        if self.text.startswith("/*", inside):
            return self._comment(inside)
        self._emit(Kind.LEFT, LEFT, start)
        self._skip_to(inside)
        depth = 0
        while True:
            end, trims = self._right_delimiter(self.position)
            if end >= 0:
                if depth:
                    return self._error("unclosed left paren")
                self._emit(Kind.RIGHT, RIGHT, self.position)
                self._after_right(end, trims)
                return True
            if self.position >= len(self.text):
                return self._error("unclosed action")
            token = self._token()
            if token is None:
                return False
            depth += {Kind.OPEN: 1, Kind.CLOSE: -1}.get(token, 0)
            if depth < 0:
                self.tokens.pop()
                return self._error("unexpected right paren")

    def _comment(self, start: int) -> bool:
        close = self.text.find("*/", start + 2)
        if close < 0:
            return self._error("unclosed comment")
        end, trims = self._right_delimiter(close + 2)
        if end < 0:
            return self._error("comment ends before closing delimiter")
        self._after_right(end, trims)
        return True

    def _token(self) -> Kind | None:
        """The next token of an action; None after an error."""
        found = _INSIDE.match(self.text, self.position)
        if found is None or found.lastgroup is None:
            self._unknown(self.text[self.position])
            return self.tokens[-1].kind if self.tokens[-1].kind is Kind.COMMA else None
        kind, text, start = Kind[found.lastgroup], found.group(), self.position
        if kind is Kind.SPACE:
            return self._space(text)
        if kind is Kind.NUMBER and self.text[found.end() : found.end() + 1].isalnum():
            self._error(f'bad number syntax: "{text}{self.text[found.end()]}"')
            return None
        if kind in (Kind.FIELD, Kind.VARIABLE, Kind.IDENTIFIER) and not self._ends_word(found.end()):
            character = self.text[found.end()]
            self._error(f"bad character U+{ord(character):04X} '{character}'")
            return None
        if kind is Kind.IDENTIFIER:
            kind = Kind.KEYWORD if text in KEYWORDS else Kind.BOOL if text in ("true", "false") else kind
        self._emit(kind, text, start)
        self.position = found.end()
        return kind

    def _ends_word(self, at: int) -> bool:
        return at >= len(self.text) or self.text[at] in _ENDS_WORD or self.text.startswith(RIGHT, at)

    def _space(self, text: str) -> Kind:
        """A run of spaces, without the last one where that begins a trimming right delimiter."""
        end = self.position + len(text)
        if self.text.startswith("-" + RIGHT, end):
            end -= 1
        if end > self.position:
            self._emit(Kind.SPACE, self.text[self.position : end], self.position)
            self.position = end
        return Kind.SPACE

    def _unknown(self, character: str) -> None:
        if character in _UNTERMINATED:
            self._error(_UNTERMINATED[character])
        elif character == "'":
            self._error("unterminated character constant")
        elif character == ":":
            self._error("expected :=")
        elif character in "+-":
            self._error(f'bad number syntax: "{character}"')
        elif character.isascii() and character.isprintable():
            self._emit(Kind.COMMA, character, self.position)
            self.position += 1
        else:
            shown = f" '{character}'" if character.isprintable() else ""
            self._error(f"unrecognized character in action: U+{ord(character):04X}{shown}")
