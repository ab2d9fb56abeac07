"""What all tests share."""

import torch


def pytest_configure():
    # On small tensors two threads gain nothing, and where other processes keep the cores busy they
    # wait for each other twenty times longer than they work.
    torch.set_num_threads(1)
