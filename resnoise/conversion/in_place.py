"""Operations that write over their input become operations that do not.

What writes over its input would also write over what others keep of it, such as spike counts.
"""

from __future__ import annotations

import operator

from torch import fx, nn

from resnoise.conversion.operators import describe, is_size, is_view
from resnoise.conversion.rectifiers import is_relu
from resnoise.errors import PreparationError

_OUT_OF_PLACE = {
    "add_": "add", "sub_": "sub", "mul_": "mul", "div_": "div", "subtract_": "sub",
    "multiply_": "mul", "divide_": "div", "true_divide_": "div",
    "unsqueeze_": "unsqueeze", "squeeze_": "squeeze",
    operator.iadd: operator.add, operator.isub: operator.sub, operator.imul: operator.mul,
    operator.itruediv: operator.truediv,
}  # fmt: skip


def write_out_of_place_(network: fx.GraphModule) -> None:
    """Compute out of place what a traced model computes in place; later readers read the result.

    Raises:
        PreparationError: what is written over is a parameter or buffer, or may be the memory of
            something that is read later.
    """
    modules = dict(network.named_modules())
    # In their order: what one has written over is what the next one writes over.
    for node in network.graph.nodes:
        if _is_in_place(node, modules):
            _hand_result_to_later_readers(node, modules)
        if node.op in ("call_function", "call_method"):
            node.target = _OUT_OF_PLACE.get(node.target, node.target)
            if node.op == "call_method" and node.target == "view":
                node.target = "reshape"  # the same, for tensors in channels-last memory too


def _is_in_place(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    """Whether a traced operation writes over its input; nobody can write over a size."""
    if not is_relu(node, modules):
        known = node.op in ("call_function", "call_method") and node.target in _OUT_OF_PLACE
        return known and not is_size(node.all_input_nodes[0])
    if node.op == "call_module":
        return modules[node.target].inplace
    name = node.target if isinstance(node.target, str) else node.target.__name__
    given = (*node.args[1:], node.kwargs.get("inplace"))
    return name.endswith("_") or any(x is True for x in given)  # 1.0 is no flag, though == True


def _hand_result_to_later_readers(in_place: fx.Node, modules: dict[str, nn.Module]) -> None:
    """Whoever reads the input later reads what was written over it."""
    written = in_place.all_input_nodes[0]
    if _base(written, modules).op == "get_attr":
        raise PreparationError(
            f"cannot convert {describe(in_place, modules)}: it writes over the parameter or buffer "
            f"`{_base(written, modules).target}` in forward, which a graph does not; compute it "
            "out of place"
        )
    for other in _views_of_the_same(written, modules):
        # A later view of the input is one of its readers, and reads the result.
        if other < in_place and any(in_place < user for user in other.users):
            raise PreparationError(
                f"cannot convert {describe(in_place, modules)}: it writes over its input "
                f"`{written.name}` in place, and `{other.name}`, which may be the same memory, is "
                "used after that; compute it out of place"
            )
    written.replace_all_uses_with(in_place, delete_user_cb=lambda user: in_place < user)


def _views_of_the_same(tensor: fx.Node, modules: dict[str, nn.Module]) -> set[fx.Node]:
    """What a tensor is a view of, and all views of that; not the tensor itself."""
    base = _base(tensor, modules)
    found, waiting = {base}, [base]
    while waiting:
        views = {user for user in waiting.pop().users if is_view(user, modules)}
        waiting += views - found
        found |= views
    return found - {tensor}


def _base(tensor: fx.Node, modules: dict[str, nn.Module]) -> fx.Node:
    """What a tensor may be a view of."""
    while is_view(tensor, modules):
        tensor = tensor.all_input_nodes[0]
    return tensor
