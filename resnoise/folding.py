"""BatchNorm folded into the convolution or linear layer before it."""

from __future__ import annotations

from torch import fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def fold_batch_norm_(network: fx.GraphModule) -> None:
    """Fold every BatchNorm that directly follows a convolution or linear layer, in place.

    A layer is folded when nothing else reads its output and neither module is called elsewhere. A
    BatchNorm that remains is affine in evaluation, hence still convertible.

    Args:
        network: traced network in evaluation mode.
    """
    modules = dict(network.named_modules())
    calls = [node.target for node in network.graph.nodes if node.op == "call_module"]
    for norm in list(network.graph.nodes):
        if norm.op != "call_module" or not isinstance(modules[norm.target], _BATCH_NORMS):
            continue
        layer = norm.args[0]
        only_path = layer.op == "call_module" and len(layer.users) == 1
        if not only_path or calls.count(layer.target) > 1 or calls.count(norm.target) > 1:
            continue
        fused = _fuse(modules[layer.target], modules[norm.target])
        if fused is not None:
            network.set_submodule(layer.target, fused)
            norm.replace_all_uses_with(layer)
            network.graph.erase_node(norm)
    network.delete_all_unused_submodules()
    network.recompile()


def _fuse(layer: nn.Module, norm: nn.Module) -> nn.Module | None:
    if norm.running_mean is None:  # normalises by each batch, in evaluation too
        return None
    if isinstance(layer, _CONVOLUTIONS):
        return fuse_conv_bn_eval(layer, norm)
    if isinstance(layer, _TRANSPOSED):
        return fuse_conv_bn_eval(layer, norm, transpose=True)
    if isinstance(layer, nn.Linear):
        return fuse_linear_bn_eval(layer, norm)
    return None
