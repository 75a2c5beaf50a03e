"""Name our trainers and the modules that define them, without importing anything (discovery reads this)."""

TRAINERS: dict[str, str] = {
    "MultiPhaseSCAMTrainer": "nnunet_multiphase.training.multiphase_scam_trainer",
    "MultiPhaseSCAMTrainer_tryout": "nnunet_multiphase.training.variants",
    "MultiPhaseSCAMTrainer_1epoch": "nnunet_multiphase.training.variants",
    "MultiPhaseSCAMTrainer_5epochs": "nnunet_multiphase.training.variants",
    "MultiPhaseSCAMTrainer_10epochs": "nnunet_multiphase.training.variants",
    "MultiPhaseSCAMTrainer_20epochs": "nnunet_multiphase.training.variants",
    "MultiPhaseSCAMTrainer_50epochs": "nnunet_multiphase.training.variants",
    "MultiPhaseSCAMTrainer_100epochs": "nnunet_multiphase.training.variants",
    "MultiPhaseSCAMTrainer_250epochs": "nnunet_multiphase.training.variants",
    "MultiPhaseSCAMTrainer_500epochs": "nnunet_multiphase.training.variants",
    "MultiPhaseSCAMTrainerNoDeepSupervision": "nnunet_multiphase.training.variants",
    "MultiPhaseSCAMTrainerNoMirroring": "nnunet_multiphase.training.variants",
    "MultiPhaseSCAMTrainerRotation": "nnunet_multiphase.training.variants",
    "MultiPhaseSCAMTrainerNoPhaseDropout": "nnunet_multiphase.training.variants",
    "MultiPhaseSCAMTrainerNoMisalignment": "nnunet_multiphase.training.variants",
    "MultiPhaseSCAMTrainerEarlyStopping": "nnunet_multiphase.training.variants",
}
"""Class name -> dotted module, for every trainer nnU-Net may be asked for by name."""
