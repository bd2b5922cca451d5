"""Whether text is an expression of the Common Expression Language, as filters of access logs are.

In: text. Out: None where it parses, else what is wrong and where. Knows the grammar and the macros, no types: what an
expression means is for Envoy. Source: the language's definition (syntax, macros).
"""

import re
from collections.abc import Callable
from typing import Final, NoReturn

_TOKEN: Final = re.compile(
    r"""(?P<space>(?:\s+|//[^\n]*)+)
      | (?P<number>0[xX][0-9a-fA-F]+[uU]? | (?:\d+\.\d+|\.\d+|\d+)(?:[eE][+-]?\d+)?[uU]?)
      | (?P<string>[rRbB]{0,2}(?:\"\"\"[\s\S]*?\"\"\"|'''[\s\S]*?'''
                   |"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'))
      | (?P<name>[A-Za-z_]\w*)
      | (?P<sign>&&|\|\||==|!=|<=|>=|[-+*/%<>!?:.,()\[\]{}])""",
    re.VERBOSE,
)
_RESERVED: Final = frozenset({
    "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop", "package",
    "namespace", "return", "var", "void", "while",
})  # fmt: skip
_LEVELS: Final[tuple[frozenset[str], ...]] = (
    frozenset({"||"}),
    frozenset({"&&"}),
    frozenset({"==", "!=", "<", "<=", ">", ">=", "in"}),
    frozenset({"+", "-"}),
    frozenset({"*", "/", "%"}),
)
_MACROS: Final = {"all": (2,), "exists": (2,), "exists_one": (2,), "map": (2, 3), "filter": (2,)}
_DEEPEST: Final = 40
_SELECT, _NAME, _OTHER = "select", "name", "other"


def expression_fault(text: str) -> str | None:
    """None for an expression; `at 1:17: expected ...` for anything else."""
    try:
        _Parser(text).whole()
    except _BrokenError as broken:
        line = text.count("\n", 0, broken.position) + 1
        column = broken.position - (text.rfind("\n", 0, broken.position) + 1) + 1
        return f"expected a CEL expression; at {line}:{column}: {broken.reason}"
    return None


class _BrokenError(Exception):
    def __init__(self, position: int, reason: str) -> None:
        super().__init__(reason)
        self.position, self.reason = position, reason


class _Parser:
    """One pass over the text; every method leaves `self._at` behind what it has read, and says what kind it was."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._at = 0
        self._depth = 0

    def whole(self) -> None:
        self._expression()
        if self._kind != "end":
            self._wrong("the end")

    @property
    def _kind(self) -> str:
        return self._tokens[self._at][0]

    @property
    def _text(self) -> str:
        return self._tokens[self._at][1]

    @property
    def _position(self) -> int:
        return self._tokens[self._at][2]

    def _wrong(self, expected: str) -> NoReturn:
        got = "nothing" if self._kind == "end" else f'"{self._text[:40]}"'
        raise _BrokenError(self._position, f"expected {expected}, got {got}")

    def _take(self, *signs: str) -> bool:
        """Reads one of these signs or words, if it is next."""
        if self._kind in ("sign", "name") and self._text in signs:
            self._at += 1
            return True
        return False

    def _need(self, sign: str) -> None:
        if not self._take(sign):
            self._wrong(f'"{sign}"')

    def _expression(self) -> str:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _BrokenError(self._position, "nested too deep")
        kind = self._binary(0)
        if self._take("?"):
            self._binary(0)
            self._need(":")
            self._expression()
            kind = _OTHER
        self._depth -= 1
        return kind

    def _binary(self, level: int) -> str:
        if level == len(_LEVELS):
            return self._unary()
        kind = self._binary(level + 1)
        while self._take(*_LEVELS[level]):
            self._binary(level + 1)
            kind = _OTHER
        return kind

    def _unary(self) -> str:
        is_changed = False
        for sign in ("!", "-"):
            while self._take(sign):
                is_changed = True
        kind = self._member()
        return _OTHER if is_changed else kind

    def _member(self) -> str:
        kind = self._primary()
        while True:
            if self._take("."):
                name = self._word()
                kind = _SELECT
                if self._take("("):
                    kinds = self._listed(")", self._expression)
                    if name in _MACROS and len(kinds) in _MACROS[name] and kinds[0] != _NAME:
                        raise _BrokenError(self._position, f"expected a name as the first argument of {name}()")
                    kind = _OTHER
            elif self._take("["):
                self._expression()
                self._need("]")
                kind = _OTHER
            elif kind in (_NAME, _SELECT) and self._take("{"):
                self._listed("}", self._pair)
                kind = _OTHER
            else:
                return kind

    def _primary(self) -> str:
        if self._take("("):
            kind = self._expression()
            self._need(")")
            return kind
        if self._take("["):
            self._listed("]", self._expression)
        elif self._take("{"):
            self._listed("}", self._pair)
        elif self._kind in ("number", "string"):
            self._at += 1
        else:
            self._take(".")
            begin = self._position
            name = self._word()
            if not self._take("("):
                return _OTHER if name in ("true", "false", "null") else _NAME
            kinds = self._listed(")", self._expression)
            if name == "has" and len(kinds) == 1 and kinds != [_SELECT]:
                raise _BrokenError(begin, "expected a field such as a.b as the argument of has()")
        return _OTHER

    def _word(self) -> str:
        if self._kind != "name" or self._text in _RESERVED or self._text == "in":
            self._wrong("a name or a value")
        self._at += 1
        return self._tokens[self._at - 1][1]

    def _pair(self) -> str:
        self._expression()
        self._need(":")
        return self._expression()

    def _listed(self, end: str, item: Callable[[], str]) -> list[str]:
        """Items separated by commas, up to `end`; one comma may follow the last of a list or map."""
        kinds: list[str] = []
        while not self._take(end):
            if kinds:
                self._need(",")
                if end != ")" and self._take(end):
                    break
            kinds.append(item())
        return kinds


def _tokens(text: str) -> list[tuple[str, str, int]]:
    found: list[tuple[str, str, int]] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise _BrokenError(at, f'unexpected "{text[at]}"')
        if match.lastgroup != "space":
            found.append((match.lastgroup, match[0], at))
        at = match.end()
    return [*found, ("end", "", len(text))]
