"""Hostile values of options: out of range, endless, no text, or the way to another folder."""

from __future__ import annotations

from collections.abc import Iterator

from resnoise.config.changes import settings_of
from resnoise.config.recipe import Recipe
from tests.attack.attack import Attack

ENDLESS = "9" * 6000
INTEGERS = ("-1", "2147483648", str(2**63), str(2**70), ENDLESS, "nan", "1.5", "", "x")
NUMBERS = ("-1", "nan", "inf", "-inf", "1e300", "1e-400000", ENDLESS, "[1]", "null", '"a"')
TEXTS = (
    "../../outside", "/outside", "..", "", "\x1b[31mred", "a\nb", "n" * 100_000, "\udcff",
    "=1+1", "{", "%s", "nq:" + ENDLESS,
)  # fmt: skip
PATHS = ("~nobody-there/x", "/dev/null/x", "/proc/x", "n" * 300, "\x1b[31m", "/dev/stdin/x")


def attacks() -> Iterator[Attack]:
    """Commands with one hostile value each."""
    for option in ("--epochs", "--levels", "--seed", "--threads", "--workers"):
        yield from _each("train", option, INTEGERS)
    for option in ("--method", "--dataset", "--architecture", "--backend", "--device",
                   "--augmentation", "--timesteps"):  # fmt: skip
        yield from _each("train", option, TEXTS)
    for option in ("--runs",):
        yield from _each("train", option, PATHS[:3])
    for setting in settings_of(Recipe()):
        for value in NUMBERS if setting != "epochs" else NUMBERS[:2]:
            yield _train("--set", f"{setting}={value}")
    for path in PATHS:
        yield _train("--dataset", f"imagefolder:{path}")
        yield _train("--dataset", "cifar10", "--data-root", path, "--no-download")
        yield _with_checkpoint("convert", "--out", path)
        yield Attack(f"report --out {path!r}", ("report", "records", "--out", path))
    for value in (*TEXTS, "nq:0", "nq:-1", ":4"):
        yield Attack(f"report --reference {value!r}", ("report", "records", "--reference", value))
        yield Attack(f"report --dataset {value!r}", ("report", "records", "--dataset", value))
        yield _with_checkpoint("evaluate", "--method", value)
        yield _with_checkpoint("evaluate", "--timesteps", value)
    for value in INTEGERS:
        yield Attack(
            f"compare --jobs {value[:30]!r}",
            ("compare", "--out", "new", "--methods", "nq", "--timesteps", "0", "--jobs", value),
        )
        yield Attack(
            f"compare --seeds {value[:30]!r}",
            ("compare", "--out", "new", "--methods", "nq", "--epochs", "0", "--seeds", value),
        )


def _each(command: str, option: str, values: tuple[str, ...]) -> Iterator[Attack]:
    for value in values:
        yield _train(option, value)


def _train(*arguments: str) -> Attack:
    # Of no epoch, so that what is let through ends at once, in a line of its own.
    epochs = () if "--epochs" in arguments else ("--set", "epochs=0")
    return Attack(_short("train", *arguments), ("train", "--runs", "runs", *arguments, *epochs))


def _with_checkpoint(command: str, *arguments: str) -> Attack:
    return Attack(_short(command, *arguments), (command, "checkpoint/best.json", *arguments))


def _short(*words: str) -> str:
    return " ".join(repr(word[:40]) if len(word) > 40 else ascii(word)[1:-1] for word in words)
