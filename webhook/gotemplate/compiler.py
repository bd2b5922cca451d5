"""Turns a tree into Python functions, once, so that rendering walks no tree.

Comes in: a `Tree` and the functions it calls. Goes out: a `Run` for each definition: called with the state of one
rendering and dot, it writes to the state. What may fail notes its node in the state before it does.
"""

from collections.abc import Callable, Mapping
from typing import Any

from webhook.gotemplate import access
from webhook.gotemplate.access import State
from webhook.gotemplate.errors import LimitError
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
from webhook.gotemplate.values import MISSING, Enumerated, Function, Object, is_true, kind_of, sorted_items

Run = Callable[[State, Any], str | None]
"""Does a statement; returns `break` or `continue` where the loop around it is to do that."""

Evaluate = Callable[[State, Any], Any]
"""The value of an operand or a pipeline."""

Evaluate1 = Callable[[State, Any, Any], Any]
"""The value of a command: the last argument is what the pipeline gave it, or MISSING."""


def compile_tree(tree: Tree, functions: Mapping[str, Function]) -> dict[str, Run]:
    """A `Run` by the name of the definition."""
    compiler = _Compiler(functions)
    return {name: compiler.block(block) for name, block in tree.definitions.items()}


class _Compiler:
    """Makes closures; holds the functions that templates may call."""

    def __init__(self, functions: Mapping[str, Function]) -> None:
        self.functions = functions

    # --- statements

    def block(self, block: Block) -> Run:
        runs = [self.statement(node) for node in block.nodes]
        cost = len(runs) + 1

        def run(state: State, dot: Any) -> str | None:
            state.spend(cost)
            for each in runs:
                signal = each(state, dot)
                if signal is not None:
                    return signal
            return None

        return run

    def statement(self, node: Statement) -> Run:
        match node:
            case Text():
                return _text(node.text)
            case Action():
                return self.action(node)
            case Branch(keyword="range"):
                return self.loop(node)
            case Branch():
                return self.branch(node)
            case Jump():
                return lambda state, dot: node.keyword
            case Call():
                return self.call(node)

    def action(self, node: Action) -> Run:
        evaluate, silent = self.pipeline(node.pipeline), bool(node.pipeline.variables)

        def run(state: State, dot: Any) -> None:
            value = evaluate(state, dot)
            if not silent:
                state.node = node
                state.write(value if type(value) is str else access.printed(value))

        return run

    def branch(self, node: Branch) -> Run:
        evaluate, body = self.pipeline(node.pipeline), self.block(node.body)
        otherwise = self.block(node.otherwise) if node.otherwise else None
        sets_dot = node.keyword == "with"

        def run(state: State, dot: Any) -> str | None:
            mark = len(state.variables)
            value = evaluate(state, dot)
            signal = None
            if is_true(value):
                signal = body(state, value if sets_dot else dot)
            elif otherwise is not None:
                signal = otherwise(state, dot)
            del state.variables[mark:]
            return signal

        return run

    def loop(self, node: Branch) -> Run:
        evaluate, body = self.pipeline(node.pipeline), self.block(node.body)
        otherwise = self.block(node.otherwise) if node.otherwise else None
        set_variables = _loop_variables(node.pipeline)

        def run(state: State, dot: Any) -> str | None:
            mark = len(state.variables)
            value = evaluate(state, dot)
            top = len(state.variables)
            signal, empty = None, True
            for index, element in _elements(state, value, len(node.pipeline.variables)):
                empty = False
                set_variables(state, top, index, element)
                if body(state, element) == "break":
                    break
                del state.variables[top:]
            if empty and otherwise is not None:
                signal = otherwise(state, dot)
            del state.variables[mark:]
            return signal

        return run

    def call(self, node: Call) -> Run:
        evaluate = self.pipeline(node.pipeline) if node.pipeline else None

        def run(state: State, dot: Any) -> None:
            state.node = node
            called = state.definitions.get(node.name)
            if called is None:
                raise access.failure(state, f'template "{node.name}" not defined')
            if state.depth >= state.limits.depth:
                raise LimitError(f"exceeded maximum template depth ({state.limits.depth})")
            value = evaluate(state, dot) if evaluate else None
            outside, name = state.variables, state.name
            state.variables, state.name, state.depth = [["", value]], node.name, state.depth + 1
            called(state, value)
            state.variables, state.name, state.depth = outside, name, state.depth - 1

        return run

    # --- pipelines

    def pipeline(self, node: Pipeline) -> Evaluate:
        commands = [self.command(command) for command in node.commands]
        names, assigns = [variable.name for variable in node.variables], node.assigns
        if len(commands) == 1 and not names:
            only = commands[0]
            return lambda state, dot: only(state, dot, MISSING)

        def evaluate(state: State, dot: Any) -> Any:
            value: Any = MISSING
            for command in commands:
                value = command(state, dot, value)
            for name in names:
                if assigns:
                    state.node = node
                    state.assign(name, value)
                else:
                    state.variables.append([name, value])
            return value

        return evaluate

    def command(self, node: Command) -> Evaluate1:
        first, arguments = node.operands[0], node.operands[1:]
        match first:
            case Identifier():
                return self.function_call(first, node, arguments)
            case Field():
                return self.member(first, lambda state, dot: dot, first.names, arguments)
            case Chain():
                return self.member(first, self.operand(first.operand), first.names, arguments)
            case Variable() if first.names:
                return self.member(first, _variable(first), first.names, arguments)
        evaluate = self.operand(first)

        def run(state: State, dot: Any, final: Any) -> Any:
            state.node = first
            if arguments or final is not MISSING:
                raise access.failure(state, f"can't give argument to non-function {first}")
            if isinstance(first, Nil):
                raise access.failure(state, "nil is not a command")
            return evaluate(state, dot)

        return run

    def operand(self, node: Operand) -> Evaluate:
        match node:
            case Literal():
                return lambda state, dot: node.value
            case Dot():
                return lambda state, dot: dot
            case Nil():
                return lambda state, dot: None
            case Pipeline():
                return self.pipeline(node)
            case Variable() if not node.names:
                return _variable(node)
            case _:
                command = self.command(Command(node.position, (node,)))
                return lambda state, dot: command(state, dot, MISSING)

    # --- calls

    def member(
        self, node: Operand, receiver: Evaluate, names: tuple[str, ...], arguments: tuple[Operand, ...]
    ) -> Evaluate1:
        *path, last = names
        values = [self.operand(argument) for argument in arguments]
        if isinstance(node, Chain) and isinstance(node.operand, Nil):
            return _raising(node, f"indirection through explicit nil in {node}")

        def run(state: State, dot: Any, final: Any) -> Any:
            state.node = node
            value = receiver(state, dot)
            state.node = node
            boxed = False
            for name in path:
                value, boxed = access.member(state, value, name, boxed=boxed), isinstance(value, dict)
            return access.member(state, value, last, [each(state, dot) for each in values], final, boxed=boxed)

        return run

    def function_call(self, node: Identifier, command: Command, arguments: tuple[Operand, ...]) -> Evaluate1:
        name, function = node.name, self.functions[node.name]
        values = [self.operand(argument) for argument in arguments]
        if name in ("and", "or"):
            return _short_circuit(node, name == "or", values)
        converts = [access.conversion(each) for each in _parameter_types(function, len(values) + 1)]

        def run(state: State, dot: Any, final: Any) -> Any:
            state.node = node
            access.check_count(state, function, name, len(values), len(values) + (final is not MISSING))
            collected = []
            for argument, evaluate, convert in zip(arguments, values, converts, strict=False):
                value = evaluate(state, dot)
                if convert is not None:
                    state.node = argument
                    value = convert(state, value, argument)
                collected.append(value)
            if final is not MISSING:
                convert = converts[len(values)]
                state.node = node
                collected.append(final if convert is None else convert(state, final, None))
            if name == "call":
                state.node = command
                return access.call_value(state, str(arguments[0]) if arguments else "value", collected)
            return access.call(state, function, name, collected, command)

        return run


def _parameter_types(function: Function, count: int) -> list[str]:
    rest = [function.rest or "any"] * max(0, count - len(function.parameters))
    return [*function.parameters, *rest][:count]


def _text(text: str) -> Run:
    def run(state: State, dot: Any) -> None:
        state.write(text)

    return run


def _raising(node: Operand, message: str) -> Evaluate1:
    def run(state: State, dot: Any, final: Any) -> Any:
        state.node = node
        raise access.failure(state, message)

    return run


def _variable(node: Variable) -> Evaluate:
    name = node.name

    def evaluate(state: State, dot: Any) -> Any:
        for each in reversed(state.variables):
            if each[0] == name:
                return each[1]
        state.node = node
        raise access.failure(state, f"undefined variable: ${name}")

    return evaluate


def _short_circuit(node: Identifier, stops_at: bool, values: list[Evaluate]) -> Evaluate1:
    def run(state: State, dot: Any, final: Any) -> Any:
        if not values and final is MISSING:
            state.node = node
            raise access.failure(state, f"wrong number of args for {node}: want at least 1 got 0")
        value = None
        for evaluate in values:
            value = evaluate(state, dot)
            if is_true(value) == stops_at:
                return value
        return value if final is MISSING else final

    return run


def _loop_variables(pipeline: Pipeline) -> Callable[[State, int, Any, Any], None]:
    """Sets the variables of a loop before an iteration; `top` is how many variables there are with them."""
    names = [variable.name for variable in pipeline.variables]
    if not names:
        return lambda state, top, index, element: None
    if pipeline.assigns:

        def assign(state: State, top: int, index: Any, element: Any) -> None:
            state.assign(names[0], index if len(names) > 1 else element)
            if len(names) > 1:
                state.assign(names[1], element)

        return assign

    def declare(state: State, top: int, index: Any, element: Any) -> None:
        state.variables[top - 1][1] = element
        if len(names) > 1:
            state.variables[top - 2][1] = index

    return declare


def _elements(state: State, value: Any, variables: int) -> Any:
    """Pairs of index and element of what a `range` goes over."""
    kind = kind_of(value)
    if kind == "list":
        return enumerate(list(value))
    if kind == "map":
        return sorted_items(value)
    if kind == "nil" or (isinstance(value, Object) and value.is_nil):
        return ()
    if kind == "int" and not isinstance(value, Enumerated):
        if variables > 1:
            raise access.failure(state, f"can't use {value} to iterate over more than one variable")
        return ((None, number) for number in range(value))
    raise access.failure(state, f"range can't iterate over {access.printed(value)}")
