"""Where packages are: `baselines/` is installed as `resnoise_baselines`.

A plain `baselines` would break beside a user's own folder of that name. The gate's weights, which
are committed with its figures, go into the package, so that it checks a library from a wheel, too.
All else about the package is in `pyproject.toml`, which cannot map a folder and find packages at
the same time.
"""

from setuptools import find_packages, setup

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
)
