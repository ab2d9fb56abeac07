"""The one place where torchvision is imported.

torchvision's compiled operators fit only the build of torch they were compiled for. Where they do
not load, for example a CUDA build of torchvision beside a CPU build of torch, `import torchvision`
stops at "operator torchvision::nms does not exist", although data sets and transforms need none
of the operators. Declaring the operators that torchvision annotates at import lets it finish.
"""

from __future__ import annotations

import functools
import importlib
import re
import sys
from types import ModuleType

import torch

from resnoise.errors import DataError

MISSING_OPERATOR = re.compile(r"operator torchvision::\w+ does not exist")
ANNOTATED_OPERATORS = ("nms", "qnms")


def import_torchvision() -> ModuleType:
    """Import torchvision; where its operators do not load, without them."""
    try:
        return importlib.import_module("torchvision")
    except ModuleNotFoundError as error:
        if error.name != "torchvision":
            raise
        raise DataError(
            "this needs torchvision, which is not installed; "
            "install it with: pip install 'resnoise[vision]'"
        ) from error
    except RuntimeError as error:
        if not MISSING_OPERATOR.search(str(error)):
            raise
    # A failed import leaves the submodules that did load; they must run again.
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]
    _declare_operators()
    return importlib.import_module("torchvision")


@functools.cache  # keeps the library object: the declarations end with it
def _declare_operators() -> torch.library.Library:
    """Give the operators a signature, and no implementation: a call would still raise."""
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ANNOTATED_OPERATORS:
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library
