"""The questions that importers are asked, put to importers whose answers are known."""

from types import SimpleNamespace

import nir
import pandas as pd
import pytest
import torch

from benchmarks.importers import page, probes
from benchmarks.importers.libraries import IMPORTERS, Importer, Model, quiet
from benchmarks.importers.networks import Outcome

BY_NAME = {importer.name: importer for importer in IMPORTERS}


def made(step):
    """An importer whose one neuron is a function from (v, I) to (spike, v)."""

    def load(graph):
        def run(inputs):
            v, out = torch.zeros_like(inputs[0]), []
            for now in inputs:
                spike, v = step(v, now, graph)
                out.append(spike)
            return torch.stack(out)

        return Model(run)

    return Importer("made", "torch", load)


def by_definition(v, current, graph):
    (node,) = (n for n in graph.nodes.values() if isinstance(n, nir.IF))
    u = v + torch.from_numpy(node.r) * current
    spike = (u > torch.from_numpy(node.v_threshold)).float()
    return spike, torch.where(spike == 1, torch.from_numpy(node.v_reset), u)


def suites_own(v, current, graph):
    u = v + current
    spike = (u >= 1).float()
    return spike, u - spike


def leaky_and_late(v, current, graph):
    spike = (v > 1).float()
    return spike, 0.9 * v + current - spike


@pytest.mark.parametrize(
    ("step", "answers"),
    [
        (by_definition, ["at once", "no", "no", "to a value", "read", "read", "1", "no"]),
        (suites_own, ["at once", "yes", "no", "by subtraction", "not read", "not read", "1", "no"]),
        (
            leaky_and_late,
            ["late", "no", "yes", "by subtraction", "not read", "not read", "1", "no"],
        ),
    ],
)
def test_a_neuron_is_read_rightly(step, answers):
    importer = made(step)
    assert [probe(importer) for probe in probes.NEURON_PROBES.values()] == answers


def test_norse_and_snntorch_are_read_as_their_code_says():
    norse, hidden = BY_NAME["Norse"], BY_NAME["snnTorch, `init_hidden` set"]
    ask = probes.NEURON_PROBES
    assert probes.asked(ask["reset"], norse) == "to a value"
    assert probes.asked(ask["`r`"], norse) == "not read"  # its cell takes none
    assert probes.asked(ask["leaks"], hidden) == "yes"  # beta=0.9
    assert probes.asked(ask["fires at u = θ"], BY_NAME["snnTorch"]) == "–"  # it hands on pairs


@pytest.mark.parametrize("node", probes.NODES)
def test_nodes_mapped_by_their_definition_come_out_as_it_says(node):
    with quiet():
        assert probes.read_node(BY_NAME["NIRTorch, nodes mapped"], node) == "yes"


def test_a_graph_that_is_run_in_the_wrong_order_is_seen():
    """NIRTorch's older executor, which Norse uses, sums branches before all of them are there."""
    assert probes.asked(probes.read_node, BY_NAME["Norse"], "two branches") == "wrong"


def test_accuracy_is_of_the_sum_so_far():
    logits = torch.tensor([[[1.0, 0.0]], [[0.0, 3.0]]])
    outcome = Outcome(logits, None)
    assert outcome.accuracies(torch.tensor([1]), (1, 2)) == {1: 0.0, 2: 1.0}


def test_spikes_are_counted_up_to_each_step_and_compared_place_by_place():
    ours, theirs = (
        Outcome(torch.zeros(2, 1, 2), [torch.tensor(spikes).view(2, 1, 2)])
        for spikes in ([1.0, 0.0, 1.0, 1.0], [0.0, 1.0, 0.0, 1.0])
    )
    case = SimpleNamespace(labels=torch.tensor([0]))
    figures = page._figures(theirs, ours, case, (1, 2))
    assert figures == {
        **{"T=1": 1.0, "T=2": 1.0, "spikes, T=1": 1.0, "spikes, T=2": 2 / 3},
        "differing": 3 / 3,
    }


def test_pages_have_what_refuses_in_one_line(tmp_path):
    figures = {"T=1": 0.5, "spikes, T=1": 0.25, "differing": 0.75}
    table = pd.DataFrame([{"importer": "a", **figures, "refuses": None}])
    asked = pd.DataFrame([{"importer": "a", "version": "1"}])
    written = page.write(tmp_path, {"neurons": asked, "nodes": asked, "networks": table})
    assert [path.name for path in written] == [
        *("neurons.csv", "nodes.csv", "networks.csv", "importers.md")
    ]
    assert "| a | 50.0 (25.0) | 75.00 | – |" in written[-1].read_text()
    none_refuses = {"neurons": asked, "nodes": asked, "networks": table.drop(columns="refuses")}
    assert "| a | 50.0 (25.0) | 75.00 |\n" in page.write(tmp_path, none_refuses)[-1].read_text()
    assert page._why(ValueError("two\nlines")) == "ValueError: two lines"
