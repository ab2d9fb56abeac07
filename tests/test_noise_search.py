"""Where draws fall among increasing probabilities, compiled or not."""

import numpy as np
import torch

from resnoise.noise.search import search
from resnoise.utils.compiling import compiled


def test_against_numpy_compiled_and_not():
    increasing = torch.rand(33, dtype=torch.float64).sort().values
    values = torch.cat([torch.rand(64), increasing[::8].float()]).double().view(3, -1)
    expected = np.searchsorted(increasing.numpy(), values.numpy(), side="right")
    for function in (search, compiled(lambda a, b: search(a, b) + 0)):
        assert np.array_equal(function(increasing, values).numpy(), expected)


def test_that_the_compiler_leaves_it_alone():
    arguments = torch.tensor([0.5, 1.0]), torch.rand(2, 3)
    torch.library.opcheck(search, arguments)
    graph = torch.export.export(_Searched(), arguments).graph
    assert "resnoise.search" in str(graph)
    assert "searchsorted" not in str(graph)


class _Searched(torch.nn.Module):
    def forward(self, increasing, values):
        return search(increasing, values)
