"""What `pyproject.toml` cannot say: where packages are, and what is known only at build time.

`baselines/` is installed as `resnoise_baselines`; a plain `baselines` would break beside a user's
own folder of that name. The gate's weights, which are committed with its figures, go into the
package, so that it checks a library from a wheel, too. The address of the repository
(RESNOISE_REPOSITORY, set by the release workflow) makes the README's relative links absolute, since
an index of packages has no files beside it. That of the trained networks (RESNOISE_NETWORKS) goes
into their manifest. Both and the commit that is built go into the package as `resnoise/built.json`,
and into a source distribution, from which a build without git and these variables takes them.
"""

import json
import os
import re
import subprocess
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

ROOT = Path(__file__).resolve().parent
BUILT = Path("resnoise") / "built.json"
LINK = re.compile(r"(!?\[[^\]]*\])\((?!https?:|#)([^)]+)\)")


def git(*arguments):
    """What git prints, or nothing where this is no checkout of its own."""
    if not (ROOT / ".git").exists():
        return ""
    command = ["git", "-C", str(ROOT), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def built():
    """The commit, whether files differ from it, and the addresses."""
    found = {"commit": "", "dirty": False, "repository": "", "networks": ""}
    if (ROOT / BUILT).exists():
        found |= json.loads((ROOT / BUILT).read_text())
    if commit := git("rev-parse", "HEAD"):
        dirty = bool(git("status", "--porcelain", "--untracked-files=no"))
        found |= {"commit": commit, "dirty": dirty}
    for name in ("repository", "networks"):
        if address := os.environ.get(f"RESNOISE_{name.upper()}"):
            found[name] = address.rstrip("/")
    return found


def write_built(folder):
    path = Path(folder) / BUILT
    path.unlink(missing_ok=True)  # it may be a hard link to a file of the checkout
    path.write_text(json.dumps(STATE) + "\n")


class BuildWithCommit(build_py):
    def run(self):
        super().run()
        if self.editable_mode:  # which runs from the checkout, and asks git
            return
        write_built(self.build_lib)
        manifest = Path(self.build_lib) / "resnoise" / "networks" / "manifest.json"
        text = manifest.read_text(encoding="utf-8")
        text = text.replace('"url": ""', f'"url": "{STATE["networks"]}"', 1)
        manifest.write_text(text, encoding="utf-8")


class SourceWithCommit(sdist):
    def make_release_tree(self, base_dir, files):
        super().make_release_tree(base_dir, files)
        write_built(base_dir)


def readme():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    if not STATE["repository"]:
        return text
    ref = STATE["commit"] or "main"

    def whole(match):
        shown, target = match.groups()
        kind = "raw" if shown.startswith("!") else "blob"
        return f"{shown}({STATE['repository']}/{kind}/{ref}/{target})"

    return LINK.sub(whole, text)


STATE = built()
urls = {"Paper": "https://arxiv.org/abs/2404.17456"}
if repository := STATE["repository"]:
    urls |= {
        "Repository": repository,
        "Changelog": f"{repository}/blob/main/CHANGELOG.md",
        "Issues": f"{repository}/issues",
    }
setup(
    packages=[
        *find_packages(include=["resnoise*"]),
        "resnoise_baselines",
        "resnoise.check.weights",
    ],
    package_dir={
        "resnoise_baselines": "baselines",
        "resnoise.check.weights": "results/check/digits",
    },
    cmdclass={"build_py": BuildWithCommit, "sdist": SourceWithCommit},
    long_description=readme(),
    long_description_content_type="text/markdown",
    project_urls=urls,
)
