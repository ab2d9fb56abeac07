"""NQ: noise of the size of the residual error, so the source network learns to live with it."""

from __future__ import annotations

from resnoise.config.recipe import ActivationConfig, InductionConfig, Recipe
from resnoise.methods.conversion_method import PUBLISHED_DATASETS, ConversionMethod


class NQ(ConversionMethod):
    """Residual-noise training (Huang et al., arXiv 2404.17456, TNNLS 2025).

    σ is 0 in the first epoch and is induced anew after every epoch.

    The published recipe is that of the authors' code (hzp2022/ANN2SNN_NQ @b402965).
    """

    name = "nq"
    paper = "https://arxiv.org/abs/2404.17456"
    induces_noise = True

    def published(self, dataset: str, architecture: str) -> Recipe | None:
        if dataset not in PUBLISHED_DATASETS:
            return None
        of_cifar100 = 128 if architecture == "vgg16" else 100
        return Recipe(
            epochs=400,
            batch_size=of_cifar100 if dataset == "cifar100" else 256,
            learning_rate=0.05,
            momentum=0.9,
            weight_decay=5e-4,
            warmup_epochs=0.0,
            augmentation=("crop", "flip", "autoaugment", "cutout"),
            activation=ActivationConfig(levels=4, threshold=8.0),
            induction=InductionConfig(timesteps=4),
        )
