"""How many threads torch computes with in this process."""

from __future__ import annotations

from resnoise.config.checks import require_positive_int

MOST_THREADS = 1024


def use_threads(threads: int | None, dataset: str) -> int | None:
    """Set the number of torch's threads for this process.

    Args:
        threads: how many; None leaves it to torch, except where one is faster.
        dataset: what is computed on, by its name in `resnoise.datasets`; empty if it may be any.

    Returns:
        How many; None if it was left to torch.

    Raises:
        ConfigError: it is below 1, or more than a system starts.
    """
    if threads is None and dataset == "digits":
        threads = 1  # images this small cost less than handing them to a second thread
    if threads is not None:
        import torch  # only now: `--help` need not wait for it

        require_positive_int("threads", threads, at_most=MOST_THREADS)
        torch.set_num_threads(threads)
    return threads
