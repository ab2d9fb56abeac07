"""Where packages are: `baselines/` is installed as `resnoise_baselines`.

A plain `baselines` would break beside a user's own folder of that name. All else about the package
is in `pyproject.toml`, which cannot map a folder and find packages at the same time.
"""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["resnoise*"]), "resnoise_baselines"],
    package_dir={"resnoise_baselines": "baselines"},
)
