"""Fields, methods and calls while a template is rendered, and the state of one rendering.

Comes in: a `State` and values. Goes out: values; or an ExecutionError that says where, as Go does.
"""

from collections.abc import Callable, Mapping
from typing import Any

from webhook.gotemplate import formatting
from webhook.gotemplate.errors import ExecutionError, FunctionError, LimitError, TemplateError
from webhook.gotemplate.limits import Limits
from webhook.gotemplate.nodes import Command, Literal, Nil, Operand
from webhook.gotemplate.values import MISSING, Function, Method, Object, kind_of, text_length, type_of

Convert = Callable[["State", Any, Operand | None], Any]

_LARGE = 1024
"""Values up to this size cost nothing to hand to a function; beyond, a step for each quarter of it."""


class State:
    """One rendering: what is written so far, the variables in sight, and where it is."""

    __slots__ = (
        "definitions",
        "depth",
        "limits",
        "name",
        "node",
        "output",
        "root",
        "size",
        "steps",
        "text",
        "variables",
    )

    def __init__(self, root: str, text: str, definitions: Mapping[str, Any], limits: Limits, data: Any) -> None:
        """Of the template `root` with this text."""
        self.root, self.name, self.text, self.definitions, self.limits = root, root, text, definitions, limits
        self.output: list[str] = []
        self.size = 0
        self.steps = limits.steps
        self.depth = 0
        self.node: Any = None
        self.variables: list[list[Any]] = [["", data]]

    def write(self, text: str) -> None:
        """Appends to the output."""
        self.size += len(text)
        if self.size > self.limits.output:
            raise LimitError(f"template: {self.root}: more than {self.limits.output} characters of output")
        self.output.append(text)

    def spend(self, steps: int) -> None:
        """Counts what is done."""
        self.steps -= steps
        if self.steps < 0:
            raise LimitError(f"template: {self.root}: more than {self.limits.steps} steps")

    def assign(self, name: str, value: Any) -> None:
        """Changes the innermost variable of that name."""
        for each in reversed(self.variables):
            if each[0] == name:
                each[1] = value
                return
        raise failure(self, f"undefined variable: ${name}")


def failure(state: State, message: str) -> ExecutionError:
    """An error at the state's node: `template: NAME:LINE:COLUMN: executing "NAME" at <TEXT>: message`."""
    before = state.text[: state.node.position]
    line, column = before.count("\n") + 1, text_length(before[before.rfind("\n") + 1 :])
    name = formatting.quote(state.name)
    return ExecutionError(f"template: {state.root}:{line}:{column}: executing {name} at <{state.node}>: {message}")


def printed(value: Any) -> str:
    """A value as an action writes it."""
    return "<no value>" if value is None else formatting.to_text(value)


def member(
    state: State,
    receiver: Any,
    name: str,
    arguments: list[Any] | None = None,
    final: Any = MISSING,
    *,
    boxed: bool = False,
) -> Any:
    """`receiver.name`: a method's result, a struct's field, a map's element; nil of nil.

    `boxed`: the receiver comes out of a map, so that errors call its type what the map's elements are.
    """
    if receiver is None:
        return None
    given = bool(arguments) or final is not MISSING
    if isinstance(receiver, dict):
        if given:
            raise failure(state, f"{name} is not a method but has arguments")
        return receiver.get(name)
    if isinstance(receiver, Object) or hasattr(receiver, "look_up"):
        try:
            found = receiver.look_up(name)
        except KeyError:
            found = MISSING
        if isinstance(found, Method):
            values = [*(arguments or []), *(() if final is MISSING else (final,))]
            check_count(state, found, name, len(values), len(values))
            return call(state, found, name, values, state.node)
        if found is not MISSING:
            if getattr(receiver, "is_nil", False):
                raise failure(state, f"nil pointer evaluating {type_of(receiver)}.{name}")
            if given:
                raise failure(state, f"{name} has arguments but cannot be invoked as function")
            return found
    raise failure(state, f"can't evaluate field {name} in type {'interface {}' if boxed else type_of(receiver)}")


def check_count(state: State, function: Function, name: str, written: int, given: int) -> None:
    """Complains about a wrong number of arguments."""
    wanted = len(function.parameters)
    if function.rest is not None:
        if given < wanted:
            raise failure(state, f"wrong number of args for {name}: want at least {wanted} got {written}")
    elif given != wanted:
        raise failure(state, f"wrong number of args for {name}: want {wanted} got {given}")


def call(state: State, function: Function, name: str, arguments: list[Any], node: Command | Operand) -> Any:
    """Calls a function; whatever it raises becomes an error at `node`."""
    for argument in arguments:
        if type(argument) in (str, list, dict) and len(argument) > _LARGE:
            state.spend(len(argument) >> 2 >> 6)
    try:
        result = function.call(*arguments)
    except TemplateError:
        raise
    except (MemoryError, RecursionError) as error:
        raise LimitError(f"template: {state.root}: {name}: {type(error).__name__}") from error
    except Exception as error:
        state.node = node
        raise failure(state, f"error calling {name}: {error}") from error
    if type(result) is str and len(result) > _LARGE:
        state.spend(len(result) >> 8)
    return result


def call_value(state: State, name: str, arguments: list[Any]) -> Any:
    """The function `call`: calls the value that is its first argument."""
    function, *rest = arguments
    if not isinstance(function, Function):
        what = "call of nil" if function is None else f"non-function {name} of type {type_of(function)}"
        raise failure(state, f"error calling call: {what}")
    fixed = len(function.parameters)
    if len(rest) < fixed or (function.rest is None and len(rest) > fixed):
        least = "" if function.rest is None else "at least "
        raise failure(
            state, f"error calling call: wrong number of args for {name}: got {len(rest)} want {least}{fixed}"
        )
    return call(state, function, "call", rest, state.node)


def conversion(parameter: str) -> Convert | None:
    """Checks an argument for a parameter of this type; None where everything will do."""
    return _CONVERSIONS[parameter]


def _checked(go_type: str, kinds: tuple[str, ...], *, nil: Any = MISSING, constant: str = "") -> Convert:
    def convert(state: State, value: Any, written: Operand | None) -> Any:
        kind = kind_of(value)
        if kind in kinds:
            return value
        if isinstance(written, Nil):
            if nil is not MISSING:
                return nil
            raise failure(state, f"cannot assign nil to {go_type}")
        if isinstance(written, Literal):
            if go_type == "float64" and kind == "int":
                return float(value)
            raise failure(
                state,
                f"expected {constant}; found {written}"
                if constant
                else f"can't handle {written} for arg of type {go_type}",
            )
        if value is None:
            if nil is not MISSING:
                return nil
            raise failure(state, f"invalid value; expected {go_type}")
        raise failure(state, f"wrong type for value; expected {go_type}; got {type_of(value)}")

    return convert


_CONVERSIONS: dict[str, Convert | None] = {
    "any": None,
    "string": _checked("string", ("string",), constant="string"),
    "int": _checked("int", ("int",), constant="integer"),
    "float64": _checked("float64", ("float",), constant="float"),
    "bool": _checked("bool", ("bool",), constant="bool"),
    "list": _checked("[]interface {}", ("list",), nil=[]),
    "map": _checked("map[string]interface {}", ("map",), nil={}),
}

__all__ = ["FunctionError", "State", "call", "call_value", "check_count", "conversion", "failure", "member", "printed"]
