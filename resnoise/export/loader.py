"""A file of weights and, beside it, the few lines of Python that run it on one library alone."""

from __future__ import annotations

import json
import re
from pathlib import Path
from string import Template

from resnoise.errors import StorageError
from resnoise.export.exported import Exported
from resnoise.export.weights import write_tensors
from resnoise.utils.files import exclusive, write_text

_OPENING = b'"""Runs '
# What the list of operations is run by. A text names a tensor or an earlier result.
_SCRIPT = Template('''\
"""Runs $weights on $library: logits [T, N, classes] of uint8 pixels [N, C, H, W]."""
import json, pathlib, safetensors, torch$imports
FILE = safetensors.safe_open(pathlib.Path(__file__).with_name($quoted), "pt")
RULE = json.loads(FILE.metadata()["rule"])
$neurons
def simulate(pixels, timesteps):
    mean, std = (torch.tensor(RULE[name]).view(-1, 1, 1) for name in ("mean", "std"))
    found = {name: FILE.get_tensor(name) for name in FILE.keys()}
    found["images"], v, logits = (pixels / RULE["full_scale"] - mean) / std, {}, []
    for _ in range(timesteps):
        for name, call, arguments in RULE["step"]:
            x = torch.fx.node.map_aggregate(arguments, lambda x: found.get(x, x))
            found[name], v[name] = (fire(*x, v.get(name, 0 * x[0] + x[1] / 2)) if call == "neurons"
                                    else (getattr(torch.ops.aten, call)(*x), None))
        logits.append(found[name])
    return torch.stack(logits)
''')


def write(
    exported: Exported, path: Path, *, library: str, imports: str, neurons: str
) -> list[Path]:
    """Write `path`, a file of `safetensors`, and a script beside it, `run_NAME.py`.

    Args:
        exported: a converted network.
        path: file to write, replaced whole.
        library: its name.
        imports: what follows `import torch` to import it, on the same line or the next.
        neurons: what defines `fire(current, threshold, v)`, from the membrane potential v before
            a step to the spikes and the potential after it.

    Returns:
        Both paths.

    Raises:
        ConversionError: the network cannot be written.
        StorageError: a file cannot be written, or the script would replace one of somebody else's.
    """
    # A name that Python can import, and never that of a library, which it would stand before.
    script = path.with_name(f"run_{re.sub(r'[^0-9a-zA-Z_]', '_', path.stem)}.py")
    _require_own(script)
    steps = exported.steps
    listed = [(o.name, o.call.partition(".")[0], o.arguments) for o in steps.operations]
    rule = exported.rule.to_json() | {"step": listed}
    write_tensors(path, steps.tensors, rule, exported.network.layers)
    text = _SCRIPT.substitute(
        weights=path.name,
        quoted=json.dumps(path.name),
        library=library,
        imports=imports,
        neurons=neurons,
    )
    with exclusive(path.parent):
        write_text(script, text)
    return [path, script]


def _require_own(script: Path) -> None:
    """Raise `StorageError` if a file is there that no export wrote: nobody has named it."""
    try:
        own = script.read_bytes().startswith(_OPENING)
    except FileNotFoundError:
        return
    except OSError:
        own = False
    if not own:
        raise StorageError(
            f"the script that runs the network would replace {script}, which no export wrote; "
            "name another `out`"
        )
