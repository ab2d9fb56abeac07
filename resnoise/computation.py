"""What a traced network computes, whatever its weights, in a form that can be compared."""

from __future__ import annotations

from torch import fx


def computation(network: fx.GraphModule) -> list[str]:
    """A line for each operation: what it is, its settings, and the operations that it reads.

    Names that tracing makes up are left out, which may be others in another version of PyTorch.

    Args:
        network: from `resnoise.prepare`.
    """
    places = {node: f"%{place}" for place, node in enumerate(network.graph.nodes)}
    lines = []
    for node in network.graph.nodes:
        target = node.target if isinstance(node.target, str) else node.target.__name__
        if node.op == "call_module":
            target = f"{target}: {network.get_submodule(target)!r}"
        elif node.op in ("placeholder", "output"):
            target = ""
        read = fx.map_arg((node.args, node.kwargs), places.__getitem__)
        lines.append(f"{node.op} {target} {read}")
    return lines
