"""The source network as ONNX: convolutions and activations of L levels, without spikes or time.

What an accelerator of quantised networks runs; the metadata have the rule.
"""

from __future__ import annotations

import copy
import io
import json
import logging
import warnings
from pathlib import Path

import onnx
import onnxscript  # noqa: F401 - what torch.onnx writes with; better missed here than there
import torch
from torch import Tensor, nn

from resnoise.conversion.activation import activations
from resnoise.conversion.folding import folded
from resnoise.errors import ConversionError
from resnoise.export.exported import Exported
from resnoise.utils.files import exclusive, write_bytes

FORM = "in the place of neurons θ/L ⌊L clip(z/θ, 0, 1) + 1/2⌋, once: no spikes and no time steps"


class _Levels(nn.Module):
    """`resnoise.conversion.activation.quantise` with a λ that is a number, in the same order."""

    def __init__(self, threshold: Tensor, levels: int) -> None:
        super().__init__()
        self.threshold = threshold.item()
        self.levels = levels
        self.step = (threshold / levels).item()

    def forward(self, z: Tensor) -> Tensor:
        return ((z / self.threshold).clamp(0, 1) * self.levels + 0.5).floor() * self.step


def write(exported: Exported, path: Path) -> list[Path]:
    """Write the source network; its input is a batch of normalised images of any number.

    Raises:
        ConversionError: ONNX has no operator for what the network computes.
        StorageError: it cannot be written.
    """
    network = folded(copy.deepcopy(exported.source))
    for name, activation in activations(network).items():
        layer = _Levels(activation.threshold.detach(), activation.levels)
        network.set_submodule(name, layer)
    images = torch.zeros(2, *exported.rule.input_shape)
    try:
        with warnings.catch_warnings(action="ignore"), torch.no_grad():
            logging.disable(logging.WARNING)
            program = torch.onnx.export(
                network.eval(),
                (images,),
                input_names=["images"],
                output_names=["logits"],
                dynamic_shapes=({0: torch.export.Dim("N")},),
                dynamo=True,
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        raise ConversionError(
            f"cannot write {exported.rule.architecture} as ONNX: {str(error).splitlines()[0]}"
        ) from error
    finally:
        logging.disable(logging.NOTSET)
    model = program.model_proto
    rule = json.dumps(exported.rule.to_json(), ensure_ascii=False)
    onnx.helper.set_model_props(model, {"rule": rule, "form": FORM})
    data = io.BytesIO()
    onnx.save_model(model, data)
    with exclusive(path.parent):
        write_bytes(path, data.getvalue())
    return [path]
