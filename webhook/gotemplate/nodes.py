"""The tree that a template is parsed into.

Every node knows where it starts (`position`, for error messages) and how it reads (`str(node)`). No behaviour.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Node:
    """Something at a place of the text."""

    position: int


@dataclass(frozen=True, slots=True)
class Literal(Node):
    """A constant: text, number, true or false."""

    value: str | int | float | bool
    written: str

    def __str__(self) -> str:
        """As written."""
        return self.written


@dataclass(frozen=True, slots=True)
class Dot(Node):
    """`.`"""

    def __str__(self) -> str:
        """As written."""
        return "."


@dataclass(frozen=True, slots=True)
class Nil(Node):
    """`nil`"""

    def __str__(self) -> str:
        """As written."""
        return "nil"


@dataclass(frozen=True, slots=True)
class Field(Node):
    """`.A.B`: what dot has under these names."""

    names: tuple[str, ...]

    def __str__(self) -> str:
        """As written."""
        return "".join(f".{name}" for name in self.names)


@dataclass(frozen=True, slots=True)
class Variable(Node):
    """`$name.A.B`; `name` is "" for `$`."""

    name: str
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        """As written."""
        return "".join(["$", self.name, *(f".{name}" for name in self.names)])


@dataclass(frozen=True, slots=True)
class Identifier(Node):
    """A function's name."""

    name: str

    def __str__(self) -> str:
        """As written."""
        return self.name


@dataclass(frozen=True, slots=True)
class Chain(Node):
    """`(pipeline).A.B` or `function.A`."""

    operand: "Operand"
    names: tuple[str, ...]

    def __str__(self) -> str:
        """As written."""
        inner = f"({self.operand})" if isinstance(self.operand, Pipeline) else str(self.operand)
        return inner + "".join(f".{name}" for name in self.names)


@dataclass(frozen=True, slots=True)
class Command(Node):
    """An operand with its arguments."""

    operands: tuple["Operand", ...]

    def __str__(self) -> str:
        """As written, with single spaces."""
        return " ".join(f"({each})" if isinstance(each, Pipeline) else str(each) for each in self.operands)


@dataclass(frozen=True, slots=True)
class Pipeline(Node):
    """Commands, each getting the result of the one before; `variables` take the last result."""

    variables: tuple[Variable, ...]
    assigns: bool
    commands: tuple[Command, ...]

    def __str__(self) -> str:
        """As written, with single spaces."""
        left = ", ".join(map(str, self.variables)) + (" = " if self.assigns else " := ") if self.variables else ""
        return left + " | ".join(map(str, self.commands))


Operand = Literal | Dot | Nil | Field | Variable | Identifier | Chain | Pipeline


@dataclass(frozen=True, slots=True)
class Text(Node):
    """Goes out as it is."""

    text: str


@dataclass(frozen=True, slots=True)
class Action(Node):
    """`{{pipeline}}`"""

    pipeline: Pipeline

    def __str__(self) -> str:
        """As written."""
        return "{{" + str(self.pipeline) + "}}"


@dataclass(frozen=True, slots=True)
class Block(Node):
    """Nodes in order."""

    nodes: tuple["Statement", ...] = ()


@dataclass(frozen=True, slots=True)
class Branch(Node):
    """`if`, `with` or `range` (`keyword`), and what comes otherwise."""

    keyword: str
    pipeline: Pipeline
    body: Block
    otherwise: Block | None


@dataclass(frozen=True, slots=True)
class Jump(Node):
    """`break` or `continue`."""

    keyword: str


@dataclass(frozen=True, slots=True)
class Call(Node):
    """`{{template "name" pipeline}}`"""

    name: str
    pipeline: Pipeline | None

    def __str__(self) -> str:
        """As written."""
        quoted = '"' + self.name.replace("\\", "\\\\").replace('"', '\\"') + '"'
        return "{{template " + quoted + (f" {self.pipeline}" if self.pipeline else "") + "}}"


Statement = Text | Action | Branch | Jump | Call


@dataclass(frozen=True, slots=True)
class Tree:
    """What one text defines, by name: itself, and every `define` and `block` in it."""

    name: str
    text: str
    definitions: dict[str, Block] = field(default_factory=dict)
