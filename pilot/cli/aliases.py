"""Groups of commands that know other words for some of them, as istioctl takes them."""

from collections.abc import Mapping
from typing import Any

import click


class AliasedGroup(click.Group):
    """`forms`: commands by their other words. Help shows the command's own word only."""

    def __init__(self, *args: Any, forms: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._forms = forms or {}

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A command by any of its words."""
        return super().get_command(ctx, self._forms.get(cmd_name, cmd_name))
