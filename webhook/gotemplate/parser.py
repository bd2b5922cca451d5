"""Makes a tree of a template's tokens.

Comes in: name and text of a template, and the names of the functions it may call. Goes out: a `Tree`: every block that
the text defines. Does not look at data: what is wrong with the text alone is found here.
"""

from collections.abc import Collection
from typing import Final

from webhook.gotemplate import literals
from webhook.gotemplate.errors import TemplateSyntaxError
from webhook.gotemplate.lexer import SPACES, Kind, Lexer, Token
from webhook.gotemplate.nodes import (
    Action,
    Block,
    Branch,
    Call,
    Chain,
    Command,
    Dot,
    Field,
    Identifier,
    Jump,
    Literal,
    Nil,
    Operand,
    Pipeline,
    Statement,
    Text,
    Tree,
    Variable,
)

MAX_DEPTH: Final = 60
"""Blocks in blocks and parentheses in parentheses, together: far below where Python's stack ends."""

_OPERANDS: Final = frozenset(
    {
        Kind.BOOL, Kind.CHARACTER, Kind.DOT, Kind.FIELD, Kind.IDENTIFIER, Kind.NUMBER, Kind.RAW_STRING, Kind.STRING,
        Kind.VARIABLE, Kind.OPEN,
    }
)  # fmt: skip


def parse(name: str, text: str, functions: Collection[str]) -> Tree:
    """The tree of a template. Raises: TemplateSyntaxError, `template: NAME:LINE: …`."""
    return _Parser(name, text, functions).parse()


class _Parser:
    """One parse, from the first token on."""

    def __init__(self, name: str, text: str, functions: Collection[str]) -> None:
        self.name = name
        self.functions = functions
        self.tokens = Lexer(text).scan()
        self.at = 0
        self.variables = [""]
        self.ranges = 0
        self.depth = 0
        self.action_line = 0
        self.ending = ""
        self.tree = Tree(name, text)

    # --- tokens

    def _peek(self, ahead: int = 0) -> Token:
        return self.tokens[min(self.at + ahead, len(self.tokens) - 1)]

    def _next(self) -> Token:
        token = self._peek()
        self.at += 1
        return token

    def _skip_spaces(self) -> Token:
        while self._peek().kind is Kind.SPACE:
            self.at += 1
        return self._peek()

    def _next_word(self) -> Token:
        self._skip_spaces()
        return self._next()

    def _failure(self, message: str, line: int | None = None) -> TemplateSyntaxError:
        where = self._peek(-1 if self.at else 0).line if line is None else line
        return TemplateSyntaxError(f"template: {self.name}:{where}: {message}")

    def _surprise(self, token: Token, context: str) -> TemplateSyntaxError:
        if token.kind is Kind.ERROR:
            extra = ""
            if self.action_line not in (0, token.line):
                extra = f" started at {self.name}:{self.action_line}"
                extra = extra if token.text.endswith(" action") else f" in action{extra}"
            return self._failure(f"{token}{extra}", token.line)
        return self._failure(f"unexpected {token} in {context}", token.line)

    def _expect(self, kind: Kind, context: str) -> Token:
        token = self._next_word()
        if token.kind is not kind:
            raise self._surprise(token, context)
        return token

    def _deeper(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self._failure("max expression depth exceeded")

    # --- blocks

    def parse(self) -> Tree:
        nodes: list[Statement] = []
        while self._peek().kind is not Kind.EOF:
            node = self._statement(top=True)
            if node is not None:
                nodes.append(node)
            elif self.ending:
                raise self._failure(f"unexpected {{{{{self.ending}}}}}")
        self._define(self.name, Block(0, tuple(nodes)))
        return self.tree

    def _define(self, name: str, block: Block) -> None:
        known = self.tree.definitions.get(name)
        if known is None or _is_empty(known):
            self.tree.definitions[name] = block
        elif not _is_empty(block):
            raise self._failure(f'template: multiple definition of template "{name}"')

    def _block(self) -> Block:
        """Statements up to `end` or `else`, which `self.ending` then names."""
        start = self._skip_spaces().position
        nodes: list[Statement] = []
        self._deeper()
        while self._skip_spaces().kind is not Kind.EOF:
            node = self._statement()
            if node is not None:
                nodes.append(node)
            elif self.ending:
                self.depth -= 1
                return Block(start, tuple(nodes))
        raise self._failure("unexpected EOF", self._peek().line)

    def _statement(self, *, top: bool = False) -> Statement | None:
        """One statement; None after a definition, or with `self.ending` set after `end` or `else`."""
        self.ending = ""
        token = self._next_word()
        if token.kind is Kind.TEXT:
            return Text(token.position, token.text)
        if token.kind is not Kind.LEFT:
            raise self._surprise(token, "input")
        self.action_line = token.line
        node = self._action(top=top)
        self.action_line = 0
        return node

    def _action(self, *, top: bool) -> Statement | None:
        token = self._skip_spaces()
        if token.kind is not Kind.KEYWORD or token.text == "nil":
            return Action(token.position, self._pipeline("command", Kind.RIGHT))
        self.at += 1
        match token.text:
            case "if" | "with" | "range":
                return self._branch(token)
            case "end" | "else":
                self._end(token.text)
                return None
            case "break" | "continue":
                return self._jump(token)
            case "template":
                return self._call()
            case "block":
                return self._inline_block()
            case "define" if top:
                self._definition()
                return None
        raise self._surprise(token, "command")

    def _end(self, word: str) -> None:
        if not (word == "else" and self._skip_spaces().text in ("if", "with")):
            self._expect(Kind.RIGHT, word)
        self.ending = word

    def _jump(self, token: Token) -> Jump:
        following = self._next_word()
        if following.kind is not Kind.RIGHT:
            raise self._surprise(following, f"{{{{{token.text}}}}}")
        if not self.ranges:
            raise self._failure(f"{{{{{token.text}}}}} outside {{{{range}}}}")
        return Jump(token.position, token.text)

    def _body(self, context: str) -> Block:
        """Statements up to an `end`."""
        body = self._block()
        if self.ending != "end":
            raise self._failure(f"unexpected {{{{{self.ending}}}}} in {context}")
        self.ending = ""
        return body

    def _scoped_body(self, context: str) -> Block:
        """The body of a definition: it sees no variables of its surroundings and is in none of their loops."""
        outside, self.variables = self.variables, [""]
        ranges, self.ranges = self.ranges, 0
        body = self._body(context)
        self.variables, self.ranges = outside, ranges
        return body

    def _definition(self) -> None:
        name = self._template_name("define clause")
        self._expect(Kind.RIGHT, "define clause")
        self._define(name, self._scoped_body("define clause"))

    def _inline_block(self) -> Call:
        position = self._skip_spaces().position
        name = self._template_name("block clause")
        pipeline = self._pipeline("block clause", Kind.RIGHT)
        self._define(name, self._scoped_body("block clause"))
        return Call(position, name, pipeline)

    def _call(self) -> Call:
        position = self._skip_spaces().position
        name = self._template_name("template clause")
        if self._skip_spaces().kind is Kind.RIGHT:
            self.at += 1
            return Call(position, name, None)
        return Call(position, name, self._pipeline("template clause", Kind.RIGHT))

    def _template_name(self, context: str) -> str:
        token = self._next_word()
        if token.kind not in (Kind.STRING, Kind.RAW_STRING):
            raise self._surprise(token, context)
        return self._unquote(token)

    def _branch(self, token: Token) -> Branch:
        keyword, known = token.text, len(self.variables)
        pipeline = self._pipeline(keyword, Kind.RIGHT)
        self.ranges += keyword == "range"
        body = self._block()
        self.ranges -= keyword == "range"
        otherwise = self._otherwise(keyword) if self.ending == "else" else None
        self.ending = ""
        del self.variables[known:]
        return Branch(pipeline.position, keyword, pipeline, body, otherwise)

    def _otherwise(self, keyword: str) -> Block:
        """What follows an `else`; `else if` and `else with` are a whole branch, which shares its `end`."""
        following = self._peek()
        if following.kind is Kind.KEYWORD and following.text in ("if", "with"):
            if following.text != keyword:
                raise self._surprise(following, "else")
            self.at += 1
            self._deeper()
            nested = self._branch(following)
            self.depth -= 1
            return Block(following.position, (nested,))
        otherwise = self._block()
        if self.ending != "end":
            raise self._failure(f"expected end; found {{{{{self.ending}}}}}")
        return otherwise

    # --- pipelines

    def _pipeline(self, context: str, end: Kind) -> Pipeline:
        position = self._skip_spaces().position
        variables, assigns = self._declarations(context)
        commands: list[Command] = []
        while True:
            token = self._skip_spaces()
            if token.kind is end:
                self.at += 1
                break
            if token.kind not in _OPERANDS and not (token.kind is Kind.KEYWORD and token.text == "nil"):
                self.at += 1
                raise self._surprise(token, context)
            commands.append(self._command())
        if not commands:
            raise self._failure(f"missing value for {context}")
        for stage, command in enumerate(commands[1:], 2):
            if isinstance(command.operands[0], Literal | Dot | Nil):
                raise self._failure(f"non executable command in pipeline stage {stage}")
        self.variables.extend(variable.name for variable in variables)
        return Pipeline(position, tuple(variables), assigns, tuple(commands))

    def _declarations(self, context: str) -> tuple[list[Variable], bool]:
        """`$x :=`, `$x =`, `$i, $x :=`; whether they assign to what exists."""
        found: list[Variable] = []
        while self._skip_spaces().kind is Kind.VARIABLE:
            variable, before = self._peek(), self.at
            self.at += 1
            following = self._skip_spaces()
            if following.kind in (Kind.ASSIGN, Kind.DECLARE):
                self.at += 1
                self.variables.append(variable.text[1:])
                return [*found, Variable(variable.position, variable.text[1:])], following.kind is Kind.ASSIGN
            if following.text != ",":
                self.at = before
                break
            self.at += 1
            found.append(Variable(variable.position, variable.text[1:]))
            self.variables.append(variable.text[1:])
            if context != "range" or len(found) > 1:
                raise self._failure(f"too many declarations in {context}")
            if self._skip_spaces().kind not in (Kind.VARIABLE, Kind.RIGHT, Kind.CLOSE):
                raise self._failure("range can only initialize variables")
        return found, False

    def _command(self) -> Command:
        position = self._skip_spaces().position
        operands: list[Operand] = []
        while True:
            self._skip_spaces()
            operand = self._operand()
            if operand is not None:
                operands.append(operand)
            token = self._next()
            if token.kind is Kind.SPACE:
                continue
            if token.kind in (Kind.RIGHT, Kind.CLOSE):
                self.at -= 1
            elif token.kind is not Kind.PIPE:
                raise self._surprise(token, "operand")
            break
        if not operands:
            raise self._failure("empty command")
        return Command(position, tuple(operands))

    def _operand(self) -> Operand | None:
        term = self._term()
        if term is None or self._peek().kind is not Kind.FIELD:
            return term
        position, names = self._peek().position, []
        while self._peek().kind is Kind.FIELD:
            names.append(self._next().text[1:])
        match term:
            case Field():
                return Field(position, (*term.names, *names))
            case Variable():
                return Variable(position, term.name, (*term.names, *names))
            case Literal() | Dot() | Nil():
                raise self._failure(f'unexpected . after term "{term}"')
        return Chain(position, term, tuple(names))

    def _term(self) -> Operand | None:
        token = self._next_word()
        match token.kind:
            case Kind.IDENTIFIER:
                if token.text not in self.functions:
                    raise self._failure(f'function "{token.text}" not defined')
                return Identifier(token.position, token.text)
            case Kind.DOT:
                return Dot(token.position)
            case Kind.FIELD:
                return Field(token.position, (token.text[1:],))
            case Kind.VARIABLE:
                if token.text[1:] not in self.variables:
                    raise self._failure(f'undefined variable "{token.text}"')
                return Variable(token.position, token.text[1:])
            case Kind.KEYWORD if token.text == "nil":
                return Nil(token.position)
            case Kind.OPEN:
                self._deeper()
                inner = self._pipeline("parenthesized pipeline", Kind.CLOSE)
                self.depth -= 1
                return inner
            case Kind.BOOL | Kind.NUMBER | Kind.CHARACTER | Kind.STRING | Kind.RAW_STRING:
                return self._literal(token)
        self.at -= 1
        return None

    def _literal(self, token: Token) -> Literal:
        if token.kind is Kind.BOOL:
            return Literal(token.position, token.text == "true", token.text)
        if token.kind in (Kind.STRING, Kind.RAW_STRING):
            return Literal(token.position, self._unquote(token), token.text)
        try:
            parse = literals.parse_character if token.kind is Kind.CHARACTER else literals.parse_number
            number = parse(token.text)
        except OverflowError:
            raise self._failure(f"integer overflow: {token.text}") from None
        if number is None:
            raise self._failure(f'illegal number syntax: "{token.text}"')
        return Literal(token.position, number, token.text)

    def _unquote(self, token: Token) -> str:
        value = literals.unquote(token.text)
        if value is None:
            raise self._failure("invalid syntax")
        return value


def _is_empty(block: Block) -> bool:
    return all(isinstance(node, Text) and not node.text.strip(SPACES + "\v\f") for node in block.nodes)
