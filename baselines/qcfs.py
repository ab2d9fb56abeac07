"""QCFS: the quantised activation without noise (Bu et al., ICLR 2022, arXiv 2303.04347)."""

from __future__ import annotations

from resnoise.config.recipe import ActivationConfig, Recipe
from resnoise.methods.conversion_method import PUBLISHED_DATASETS, ConversionMethod
from resnoise.methods.plus import fine_tuning


class QCFS(ConversionMethod):
    """The same training as NQ with σ = 0.

    The published recipe is that of the authors' code (putshua/ANN_SNN_QCFS @d3c5698), with the L
    that it has by default: the paper's tables do not say theirs.
    """

    name = "qcfs"
    paper = "https://arxiv.org/abs/2303.04347"
    induces_noise = False

    def published(self, dataset: str, architecture: str) -> Recipe | None:
        if dataset not in PUBLISHED_DATASETS:
            return None
        return Recipe(
            epochs=300,
            batch_size=300,
            learning_rate=0.05 if dataset == "cifar100" else 0.1,
            momentum=0.9,
            weight_decay=5e-4,
            warmup_epochs=0.0,
            augmentation=("crop", "flip", "autoaugment", "cutout"),
            activation=ActivationConfig(levels=8, threshold=8.0),
        )


class QCFSPlus(QCFS):
    """QCFS, fine-tuned for as long as `nq-plus` is, without noise."""

    name = "qcfs-plus"
    reported_as = QCFS.name

    def published(self, dataset: str, architecture: str) -> None:
        return None

    def recipe(self, base: Recipe) -> Recipe:
        return fine_tuning(base)
