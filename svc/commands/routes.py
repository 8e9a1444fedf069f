"""``paraf routes``: the routes as SOP tables and as flow charts, for the organisation bureau's files."""

from __future__ import annotations

import click
from rich.console import Console
from rich.table import Table

from workflows.diagram import sop_rows, to_mermaid
from workflows.loader import load_all

_MINUTES = 60


def register(group: click.Group) -> None:
    """Add this command to the group."""
    group.add_command(routes)


@click.command()
@click.argument("route_id", required=False)
@click.option("--mermaid", is_flag=True, help="Print the flow chart in Mermaid's language instead of the table.")
def routes(route_id: str | None, *, mermaid: bool) -> None:
    """Show every route, or one, with its steps, performers and norm times."""
    found = load_all()
    if route_id is not None and route_id not in found:
        raise click.ClickException(f"no route {route_id}; there are: {', '.join(sorted(found))}")
    for definition in found.values():
        if route_id not in {None, definition.id}:
            continue
        if mermaid:
            click.echo(to_mermaid(definition))
            continue
        title = f"{definition.title} · {definition.sop_number} · versi {definition.version}"
        table = Table(title=title, title_justify="left")
        for heading in ("no.", "activity", "performer", "norm (hours)"):
            table.add_column(heading)
        for row in sop_rows(definition):
            table.add_row(str(row.number), row.activity, row.performer, f"{row.norm_minutes / _MINUTES:g}")
        Console().print(table)
