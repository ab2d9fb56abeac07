"""Preparing models: what is refused, by name."""

import pytest
import torch
from networks import Around
from torch import nn
from torch.nn import functional as F

from resnoise.conversion.preparation import prepare
from resnoise.errors import PreparationError


@pytest.mark.parametrize(
    ("body", "modules", "name"),
    [
        (lambda m, h: m.act(F.relu(h)), {"act": nn.LeakyReLU()}, "LeakyReLU `act`"),
        (lambda m, h: m.act(F.relu(h)), {"act": nn.GELU()}, "GELU `act`"),
        (lambda m, h: m.act(F.relu(h)), {"act": nn.Sigmoid()}, "Sigmoid `act`"),
        (lambda m, h: m.norm(F.relu(h)), {"norm": nn.LayerNorm(4)}, "LayerNorm `norm`"),
        (lambda m, h: m.norm(F.relu(h)), {"norm": nn.GroupNorm(2, 4)}, "GroupNorm `norm`"),
        (lambda m, h: m.norm(F.relu(h)),
         {"norm": nn.BatchNorm2d(4, track_running_stats=False)}, "BatchNorm2d `norm`"),
        (lambda m, h: m.flat(F.relu(h)).view(-1, 64), {"flat": nn.Flatten(0)}, "Flatten `flat`"),
        (lambda m, h: F.softmax(F.relu(h), 1), {}, "softmax"),
        (lambda m, h: F.relu(h).sigmoid(), {}, "sigmoid"),
        (lambda m, h: F.relu(h) * F.relu(-h), {}, "mul"),
        (lambda m, h: F.relu(h) / F.relu(h + 9), {}, "truediv"),
        (lambda m, h: (lambda y: y * y)(F.relu(h)), {}, "mul"),
        (lambda m, h: (lambda y: torch.mul(y, other=y))(F.relu(h)), {}, "mul"),
        (lambda m, h: (lambda y: y / y)(F.relu(h) + 9), {}, "truediv"),
        (lambda m, h: F.relu(h).reshape(shape=(1, -1)), {}, "reshape"),
        (lambda m, h: 1 / F.relu(h + 9), {}, "truediv"),
        (lambda m, h: m.conv.bias / F.relu(h + 9), {}, "truediv"),
        (lambda m, h: F.relu(h) + h.size(1) * m.conv.bias, {}, "mul"),
        (lambda m, h: F.relu(h) + F.relu(m.conv.bias), {}, "`relu_1`.*of parameters alone"),
        (lambda m, h: torch.div(F.relu(h), 2, rounding_mode="floor"), {}, "div"),
        (lambda m, h: F.relu(h) @ h, {}, "matmul"),
        (lambda m, h: torch.cat([F.relu(h), h]), {}, "cat"),
        (lambda m, h: torch.cat([F.relu(h), h], dim=0), {}, "cat"),
        (lambda m, h: torch.cat([F.relu(h), h], dim=-4), {}, "cat"),
        (lambda m, h: torch.flatten(F.relu(h), -4).view(-1, 64), {}, "flatten"),
        (lambda m, h: m.flat(F.relu(h)).view(-1, 64), {"flat": nn.Flatten(-4)}, "Flatten `flat`"),
        (lambda m, h: m.split(F.relu(h)).view(-1, 64), {"split": nn.Unflatten(-4, (1, -1))},
         "Unflatten `split`"),
        (lambda m, h: F.relu(h).mean((-4, 2), keepdim=True), {}, "mean"),
        (lambda m, h: F.relu(h) - F.relu(h).mean(()), {}, "mean"),
        (lambda m, h: F.relu(h).view(h.size(1), -1), {}, "view"),
        (lambda m, h: F.relu(h).view(h.size(1) - 0, -1), {}, "view"),
        (lambda m, h: F.relu(h).mean(0, keepdim=True), {}, "mean"),
        (lambda m, h: F.relu(h) - F.relu(h).mean(), {}, "mean"),
        (lambda m, h: F.relu(h).flatten().unsqueeze(0), {}, "flatten"),
        (lambda m, h: F.relu(h).view(1, -1), {}, "view"),
        (lambda m, h: F.relu(h) * h.size(0), {}, "mul"),
        (lambda m, h: F.relu(h) + h.size(0), {}, "add"),
        (lambda m, h: F.relu(h) + 2 * h.shape[0], {}, "mul"),
        (lambda m, h: F.relu(h)[1:], {}, "getitem"),
        (lambda m, h: F.relu(h).max(1, keepdim=True)[0], {}, "max"),
        (lambda m, h: F.dropout(F.relu(h)), {}, "dropout.*in evaluation, too"),
        (lambda m, h: m.pool(F.relu(h)), {"pool": nn.MaxPool2d(2, dilation=2)}, "`pool`.*dilated"),
        (lambda m, h: m.pool(F.relu(h))[0], {"pool": nn.MaxPool2d(2, return_indices=True)},
         "`pool`.*returns indices"),
        (lambda m, h: F.max_pool2d(F.relu(h), 2, dilation=2, stride=1), {}, "dilated"),
        (lambda m, h: F.max_pool2d(F.relu(h), 2, return_indices=True)[0], {}, "indices"),
        (lambda m, h: F.adaptive_max_pool2d(F.relu(h), 1), {}, "adaptive_max_pool2d"),
        (lambda m, h: (lambda flat: (F.relu_(h), flat))(h.flatten(1))[1], {}, "`relu_`.*`flatten`"),
        (lambda m, h: (F.relu_(m.same(h)), h)[1], {"same": nn.Identity()}, "`relu_`.*`conv`"),
        (lambda m, h: (m.relu(h.view(-1, 64)), h.reshape(-1, 64))[1],
         {"relu": nn.ReLU(inplace=True)}, "ReLU `relu`.*`conv`"),
        (lambda m, h: (lambda kept: (F.relu(h).add_(1.0), h.add_(1.0), kept)[2])(m.same(h)),
         {"same": nn.Identity()}, "`add_`.*`same`"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:.*average pool")
def test_what_cannot_be_converted_is_refused_by_name(body, modules, name):
    with pytest.raises(PreparationError, match=name):
        prepare(Around(body, **modules))


def test_all_refused_operations_are_named_at_once():
    model = Around(lambda m, h: m.act(F.relu(h).tanh()), act=nn.GELU())
    with pytest.raises(PreparationError, match=r"`tanh`.*GELU `act`"):
        prepare(model)


def test_control_flow_on_values_cannot_be_traced():
    model = Around(lambda m, h: F.relu(h) if h.sum() > 0 else h)
    with pytest.raises(PreparationError, match=r"cannot trace Around with torch.fx: .*branch"):
        prepare(model)


def test_a_model_of_two_inputs():
    class Two(nn.Module):
        def forward(self, x, y):
            return F.relu(x) + y

    with pytest.raises(PreparationError, match=r"one input.*\['x', 'y'\]"):
        prepare(Two())


def test_a_model_without_relu():
    with pytest.raises(PreparationError, match=r"at least one nn.ReLU.*found none"):
        prepare(nn.Sequential(nn.Linear(2, 2)))


@pytest.mark.parametrize("wrap", [lambda network: network, lambda n: nn.Sequential(n, nn.ReLU())])
def test_a_model_that_is_prepared_already(wrap):
    with pytest.raises(PreparationError, match="prepared already"):
        prepare(wrap(prepare(nn.Sequential(nn.ReLU()))))


def test_a_model_that_returns_more_than_logits():
    class Two(nn.Module):
        def forward(self, x):
            return F.relu(x), x

    with pytest.raises(PreparationError, match="one output"):
        prepare(Two())


@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")
def test_a_model_that_cannot_be_copied_is_refused():
    model = nn.Sequential(nn.utils.weight_norm(nn.Linear(4, 4)), nn.ReLU(), nn.Linear(4, 2))
    model(torch.zeros(1, 4))
    with pytest.raises(PreparationError, match=r"cannot copy Sequential: .*weight_norm"):
        prepare(model)
