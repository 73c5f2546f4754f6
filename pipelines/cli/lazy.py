"""Import a command's module when the command is called, not when `wasms --help` lists it."""

from importlib import import_module
from typing import Any, cast

import typer
from typer.core import TyperCommand


class LazyCommand(TyperCommand):
    """Stands for a command or a group of commands until it is called.

    Attributes:
        target: Where it is: `module:function`, or `module:app` of a group.
    """

    target: str

    def load(self) -> Any:
        """Import the command itself."""
        module, _, attribute = self.target.partition(":")
        found = getattr(import_module(module), attribute)
        # As part of another, for what is true of all commands is said there.
        parent = typer.Typer(add_completion=False, callback=lambda: None)
        if isinstance(found, typer.Typer):
            parent.add_typer(found, name=self.name)
        else:
            parent.command(self.name)(found)
        return cast("Any", typer.main.get_command(parent)).commands[self.name]

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Parse arguments as the command itself does, which then runs; `--home` may stand before it."""
        found = self.load()
        if parent is not None and parent.obj is not None:
            home = {"home": parent.obj}
            extra["default_map"] = {**home, **dict.fromkeys(getattr(found, "commands", ()), home)}
        return found.make_context(info_name, args, parent, **extra)


def lazy(target: str) -> type[LazyCommand]:
    """Return the class of a command that is at ``target``."""
    return type("LazyCommand", (LazyCommand,), {"target": target})
