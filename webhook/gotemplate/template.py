"""Templates as Go has them: `parse_template("name", text)`, then `template.render(data)`.

Comes in: text, functions beyond Go's own, data. Goes out: text. A template reads nothing but its data and calls nothing
but its functions; `Limits` bound what it may do.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from webhook.gotemplate.access import State
from webhook.gotemplate.builtins import BUILTINS
from webhook.gotemplate.compiler import Run, compile_tree
from webhook.gotemplate.errors import LimitError
from webhook.gotemplate.limits import Limits
from webhook.gotemplate.parser import parse
from webhook.gotemplate.values import Function


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template; `runs` does each of its definitions."""

    name: str
    text: str
    runs: Mapping[str, Run]

    def render(self, data: Any, limits: Limits | None = None) -> str:
        """The output for this data. Raises: ExecutionError, LimitError."""
        state = State(self.name, self.text, self.runs, limits or Limits(), data)
        try:
            self.runs[self.name](state, data)
        except RecursionError as error:
            raise LimitError(f"template: {self.name}: nested too deeply") from error
        return "".join(state.output)


def parse_template(name: str, text: str, functions: Mapping[str, Function] | None = None) -> Template:
    """A template that may call Go's own functions and these. Raises: TemplateSyntaxError."""
    known = {**BUILTINS, **(functions or {})}
    return Template(name, text, compile_tree(parse(name, text, known), known))
