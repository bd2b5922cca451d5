"""`meshpilot completion SHELL`: what a shell needs to complete our words.

In: the name of a shell. Out: a script: `eval "$(meshpilot completion bash)"`.
"""

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Prints a script for SHELL: eval "$(meshpilot completion bash)"."""
    found = get_completion_class(shell)
    assert found is not None
    root = context.find_root().command
    click.echo(found(root, {}, "meshpilot", "_MESHPILOT_COMPLETE").source())
