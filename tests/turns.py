"""Where the two sides that the gate times in turns get their modules from."""

import json
import os
import subprocess
import sys
import textwrap

from faults import ROOT

from resnoise.check.trees import Side


def files_in_turns(now: Side, before: Side, workload: str, module: str) -> list[str]:
    """The file of a module after each run of a workload: by `now`, by `before`, by `now` again.

    Each run must take CPU time.
    """
    script = f"""
        import json, sys
        sys.path.insert(0, {str(ROOT / "resnoise" / "check")!r})
        import probe
        probe.forget_own_editable_install()
        now = probe.Imported({now.path!r}, {before.path!r})
        before = probe.Imported({before.path!r}, {now.path!r}, probe.register_beside)
        files = []
        for side in (now, before, now):
            assert side.seconds({workload!r}) > 0
            files.append(sys.modules[{module!r}].__file__)
        print(json.dumps(files))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env={**os.environ, "PYTHONPATH": now.path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
