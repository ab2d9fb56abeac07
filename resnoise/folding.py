"""BatchNorm folded into the convolution or linear layer before it."""

from __future__ import annotations

from collections import Counter

from torch import fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from resnoise.operators import BATCH_NORMS, CONVOLUTIONS, TRANSPOSED_CONVOLUTIONS


def fold_batch_norm_(network: fx.GraphModule) -> None:
    """Fold every BatchNorm that directly follows a convolution or linear layer, in place.

    A layer is folded when nothing else reads its output and neither module is called elsewhere. A
    BatchNorm that remains is affine in evaluation, hence still convertible. Linear layers are
    taken to give `[N, features]`.

    Args:
        network: traced network in evaluation mode.
    """
    calls = Counter(node.target for node in network.graph.nodes if node.op == "call_module")
    for norm in list(network.graph.nodes):
        if norm.op != "call_module" or len(norm.all_input_nodes) != 1:
            continue
        layer = norm.all_input_nodes[0]
        only_path = layer.op == "call_module" and len(layer.users) == 1
        if not only_path or calls[layer.target] > 1 or calls[norm.target] > 1:
            continue
        fused = _fuse(network.get_submodule(layer.target), network.get_submodule(norm.target))
        if fused is not None:
            network.set_submodule(layer.target, fused)
            norm.replace_all_uses_with(layer)
            network.graph.erase_node(norm)
    network.delete_all_unused_submodules()
    network.recompile()


def _fuse(layer: nn.Module, norm: nn.Module) -> nn.Module | None:
    """The two in one, or None where they must stay two."""
    if not isinstance(norm, BATCH_NORMS) or norm.running_mean is None:
        return None
    if isinstance(layer, CONVOLUTIONS):
        return fuse_conv_bn_eval(layer, norm)
    if isinstance(layer, TRANSPOSED_CONVOLUTIONS) and layer.groups == 1:
        return fuse_conv_bn_eval(layer, norm, transpose=True)
    if isinstance(layer, nn.Linear) and norm.affine and layer.out_features == norm.num_features:
        return fuse_linear_bn_eval(layer, norm)
    return None
