"""What training through time costs: seconds and memory of an epoch, which grow with T."""

from __future__ import annotations

import tempfile

from asv_runner.benchmarks.mark import SkipNotImplemented

from .common import BACKENDS, SMOKE, called, public, require_backend, sweep
from .inputs import peak_memory
from .training import make_trainer

TIMESTEPS = sweep([2, 4, 6])


class _Suite:
    version = "1"
    timeout = 300
    params = (BACKENDS, TIMESTEPS)
    param_names = ("backend", "timesteps")

    def setup(self, backend, timesteps) -> None:
        require_backend(backend)
        if "direct" not in public("methods").names():
            raise SkipNotImplemented("this commit does not train spiking networks directly")
        self.folder = tempfile.TemporaryDirectory()
        name = f"direct-ce-{backend}-T{timesteps}"
        trainer = make_trainer("direct", "digits-cnn", self.folder.name, training=name)
        self.run_epoch = trainer.run_epoch
        self.run_epoch()  # warms up

    def teardown(self, backend, timesteps) -> None:
        self.folder.cleanup()


class Epoch(_Suite):
    number = 1
    repeat = 1 if SMOKE else 5
    rounds = 1
    warmup_time = 0.0

    @called("Epoch of direct training")
    def time_epoch(self, backend, timesteps) -> None:
        self.run_epoch()


class EpochMemory(_Suite):
    unit = "MiB"

    @called("Peak memory of an epoch of direct training")
    def track_peak(self, backend, timesteps) -> float:
        return peak_memory(self.run_epoch)
