"""Processes end with the one that started them, however that ends, and tidy up where they can."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from resnoise.check import trees
from resnoise.errors import CheckError
from resnoise.utils.processes import interrupts_held_back
from tests.attack.kills import descendants, is_alive
from tests.command_line import RUN

ROOT = Path(__file__).resolve().parent.parent
SIGNALS = [signal.SIGTERM, signal.SIGKILL]
SOON = 30.0


def wait_until(found):
    """What `found` returns once that is something."""
    until = time.monotonic() + 4 * SOON
    while not (value := found()):
        assert time.monotonic() < until
        time.sleep(0.05)
    return value


def require_all_end(processes):
    until = time.monotonic() + SOON
    while left := [pid for pid in processes if is_alive(pid)]:
        assert time.monotonic() < until, f"{len(left)} of {len(processes)} are left"
        time.sleep(0.05)


@pytest.mark.parametrize("number", SIGNALS)
def test_workers_end_with_the_comparison(tmp_path, number):
    arguments = ["compare", "--out", "out", "--methods", "qcfs", "--backends", "reference",
                 "--timesteps", "1", "--seeds", "0,1", "--jobs", "2", "--threads", "2",
                 "--epochs", "9999"]  # fmt: skip
    (tmp_path / "temporary").mkdir()
    environment = {**os.environ, "TMPDIR": "temporary", "XDG_CACHE_HOME": "cache"}
    environment.pop("TORCHINDUCTOR_CACHE_DIR", None)
    process = subprocess.Popen(
        [*RUN, *arguments], cwd=tmp_path, stderr=subprocess.DEVNULL, env=environment
    )
    wait_until(lambda: len(list(tmp_path.glob("runs/digits/digits-cnn/*/*/last.json"))) == 2)
    family = descendants(process.pid)
    assert len(family) >= 2
    assert not any("/sem." in maps_of(pid) for pid in (process.pid, *family))
    process.send_signal(number)
    assert process.wait() in (128 + signal.SIGTERM, -signal.SIGKILL)
    require_all_end(family)
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.parametrize("number", SIGNALS)
def test_the_probe_ends_with_the_gate_and_what_was_unpacked_goes_too(tmp_path, number):
    arguments = ["check", "--base", "HEAD", "--parts", "trained"]
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([*RUN, *arguments], cwd=ROOT, env=environment)

    def probes():
        return [pid for pid in descendants(process.pid) if b"probe.py" in command_of(pid)]

    family = wait_until(probes)
    process.send_signal(number)
    assert process.wait() in (128 + signal.SIGTERM, -signal.SIGKILL)
    require_all_end(family)
    if number != signal.SIGKILL:  # of which no process can know
        assert list(tmp_path.glob("resnoise-*")) == []


def maps_of(pid):
    """The files that a process has mapped; a semaphore with a name is one, and outlives a kill."""
    return Path(f"/proc/{pid}/maps").read_text()


def command_of(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_a_probe_that_fails_leaves_no_pipe_open(tmp_path):
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(CheckError):
        trees.probe(trees.Side(tmp_path), "figures", "nowhere", "exact")
    assert len(os.listdir("/proc/self/fd")) == before


WAITS = """
import time
from resnoise.utils.processes import exit_on_signals
with exit_on_signals():
    try:
        print("ready", flush=True)
        time.sleep(60)
    finally:
        print("tidied", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_as_an_exception_does(number):
    process = subprocess.Popen(
        [sys.executable, "-c", WAITS],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),  # ignored where nohup runs tests
    )
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    assert process.communicate()[0] == "tidied\n"
    assert process.returncode == 128 + number


def test_an_ignored_hangup_stays_ignored():
    process = subprocess.Popen(
        [sys.executable, "-c", WAITS.replace("60", "0.5")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGHUP)
    assert process.communicate()[0] == "tidied\n"
    assert process.returncode == 0


def test_an_interrupt_that_another_thread_takes_waits_for_the_end():
    # What runs in the background of a shell ignores interrupts, and so would this.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    end = threading.Event()
    other = threading.Thread(target=end.wait)  # its mask lets the signal through
    other.start()
    finished = []

    def interrupted():
        with interrupts_held_back():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.2)
            finished.append(True)

    try:
        with pytest.raises(KeyboardInterrupt):
            interrupted()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        end.set()
        other.join()
        signal.signal(signal.SIGINT, before)
    assert finished
