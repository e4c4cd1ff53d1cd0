"""`cosim build-net`: what the SUMO network holds, and where it lies."""

from __future__ import annotations

from typing import Any

from rich.markup import escape

from cosim.cli.terminal import console, grid


def build_net_command(source: str, **settings: Any) -> int:  # noqa: ANN401 - as the workflow takes them
    """Build or check, and print."""
    from cosim.microsim.port import natures
    from cosim.workflows.build_net import build

    found = build(source, **settings)
    net = found.net
    merged = sum(f"L{link}m" in own for link, own in zip(net.link_ids, net.link_edges, strict=True))
    rows = [
        ("variant", f"{net.variant}: {natures()[net.variant].meaning}"),
        ("length scale", f"{net.length_scale:g}"),
        ("links", f"{len(net.link_ids)}, of which {merged} with a merge section"),
        ("lanes", f"{int(net.lanes.min())} to {int(net.lanes.max())}"),
        ("lots", ", ".join(f"{lot.lot_id} (station {lot.station})" for lot in net.lots) or "none"),
        ("checked", "times, nodes, turns, lanes and lots, as read back by sumolib"),
        ("SHA-256", net.sha256),
    ]
    screen = console()
    for remark in found.network.remarks:
        screen.print(f"[yellow]warning[/yellow] {escape(remark)}", soft_wrap=True)
    screen.print(grid((f"  {name}", text) for name, text in rows))
    screen.print(f"{'written' if found.built else 'matches'}  {escape(str(net.net_file.parent))}", soft_wrap=True)
    return 0
