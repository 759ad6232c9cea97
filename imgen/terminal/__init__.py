"""The terminal face: one file for each kind of command."""

import typer

app = typer.Typer(
    help="Make, enlarge, restyle and repair pictures with convolutional networks.",
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
)
