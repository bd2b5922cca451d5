"""What goes wrong with a template.

TemplateError            str(error) reads like Go's: `template: NAME:LINE: …`
├── TemplateSyntaxError  the text is no template: found when it is parsed
├── ExecutionError       it met data that it cannot use; with line and column
└── LimitError           it is too much: steps, output, depth
FunctionError            raised by functions of templates; becomes an ExecutionError with a place
"""


class TemplateError(Exception):
    """Something is wrong with a template, or with it and its data."""


class TemplateSyntaxError(TemplateError):
    """The text is no template."""


class ExecutionError(TemplateError):
    """The template met data that it cannot use."""


class LimitError(TemplateError):
    """The template does more than it may."""


class FunctionError(Exception):
    """A function's complaint about its arguments; the place is added by whoever called it."""
