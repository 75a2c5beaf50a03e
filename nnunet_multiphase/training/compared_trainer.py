"""nnU-Net's trainer, with a look at the split, the plans and dataset.json before it trains or goes on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

from nnunet_multiphase.errors import InputError
from nnunet_multiphase.label_classes import refuse_lost_labels
from nnunet_multiphase.prepared_images import told_of_unfit_images, what_plans_ask, what_to_preprocess
from nnunet_multiphase.split_record import (
    SPLITS,
    Fold,
    fetch_folds,
    read_folds,
    refuse_fold_that_is_not_there,
    refuse_unknown_cases,
    told_of_cases_without_fold,
)
from nnunet_multiphase.training.gone_on_with import (
    SPLIT,
    refuse_known_validation_cases,
    told_of_changed_record,
    told_of_changed_split,
    told_of_known_validation_cases,
)
from nnunet_multiphase.training.normalised_by import told_of_other_normalisation
from nnunet_multiphase.training.pretrained import compare_trainings
from nnunet_multiphase.training.trained_with import refuse_folds_of_other_plans, refuse_other_plans


class ComparedTrainer(nnUNetTrainer):
    """Refuse what would change a model that is there, or let it be judged by cases that it knows."""

    split_before: Fold | None = None
    """Of the checkpoint that is gone on from, where it tells."""
    normalisation_seen = False
    """Images are read for it, so once is enough: nnU-Net asks for the split before training, and again to validate."""

    def on_train_start(self) -> None:
        """Start as nnU-Net does, unless folds of the model would predict otherwise with the plans that it writes then.

        Raises:
            InputError: A fold beside this one was trained with other plans or another dataset.json, or the regions never
                give a label.
        """
        refuse_lost_labels(self.dataset_json, f"{self.preprocessed_dataset_folder_base}/dataset.json")
        # What nnU-Net is about to write, which may not be what a loaded checkpoint tells.
        now = {"plans": self.plans_manager.plans, "dataset_json": self.dataset_json}
        refuse_folds_of_other_plans(Path(self.output_folder_base), self.fold, now)
        super().on_train_start()

    def get_tr_and_val_datasets(self) -> tuple:
        """Give nnU-Net's cases to train and validate on, once the split is seen to speak of them; checkpoints tell them.

        Here and not in `do_split`, which also `--val` calls: a model that is trained can always be validated.

        Raises:
            InputError: The split lacks the fold, names cases that are not there, or would validate those that a training
                which is gone on with has learnt from.
        """
        if self.fold != "all":
            splits = Path(self.preprocessed_dataset_folder_base) / SPLITS
            if not splits.is_file():
                self.do_split()  # fetches them, or writes nnU-Net's own
            folds = read_folds(splits)
            refuse_fold_that_is_not_there(splits, folds, self.fold)
            cases = self.dataset_class.get_identifiers(self.preprocessed_dataset_folder)
            refuse_unknown_cases(splits, folds[self.fold], cases)
            self._warn(told_of_cases_without_fold(splits, folds, cases))
            refuse_known_validation_cases(f"{splits}, fold {self.fold}", self.split_before, folds[self.fold])
        training, validation = super().get_tr_and_val_datasets()
        split = {"train": sorted(training.identifiers), "val": sorted(validation.identifiers)}
        self._warn(told_of_changed_split(self.split_before, split))
        self.my_init_kwargs: dict[str, Any] = {**vars(self)["my_init_kwargs"], SPLIT: split}
        return training, validation

    def do_split(self) -> tuple[list[str], list[str]]:
        """Give the fold's cases, and warn where `--val` would validate those that the network has learnt from.

        Raises:
            InputError: Images are not of the size or the intensities that the plans ask for; `--val` would judge the
                network by them, too. Or there are no folds, and too few cases for nnU-Net's own.
        """
        if self.fold != "all":
            self._fetch_folds()
        training, validation = super().do_split()
        self._refuse_unfit_images({*training, *validation})
        if self.fold != "all":
            self._warn(told_of_known_validation_cases(self.split_before, validation))
        return training, validation

    def _fetch_folds(self) -> None:
        raw = os.environ.get("nnUNet_raw")
        told = fetch_folds(
            Path(self.preprocessed_dataset_folder_base) / SPLITS,
            Path(raw) / self.plans_manager.dataset_name / SPLITS if raw else None,
            self.dataset_class.get_identifiers(self.preprocessed_dataset_folder),
        )
        if told:
            self.print_to_log_file(told)

    def _refuse_unfit_images(self, cases: set[str]) -> None:
        asked = what_plans_ask(self.plans_manager.plans, self.configuration_name, self.dataset_json)
        if asked is None:
            return
        before = self.folder_with_segs_from_previous_stage
        preprocessed = Path(self.preprocessed_dataset_folder_base)
        told = told_of_unfit_images(preprocessed, asked, cases, Path(before) if before else None)
        if told:
            raise InputError(told)
        if not self.normalisation_seen:
            self.normalisation_seen = True
            plans, folder = self.plans_manager.plans, self.preprocessed_dataset_folder
            told = told_of_other_normalisation(
                plans,
                self.configuration_manager.configuration,
                sorted(cases),
                lambda case: self.dataset_class(folder, [case]).load_case(case)[0],
                self.dataset_json.get("phases") or (),
            )
            if told:
                raise InputError(f"{folder}, {told}: {what_to_preprocess(preprocessed.name, asked)}")

    def load_checkpoint(self, filename_or_checkpoint: dict | str) -> None:
        """Load as nnU-Net does, and compare the training of the checkpoint with this one.

        Raises:
            InputError: It was trained with other plans or another dataset.json, so that images were prepared otherwise.
        """
        now = vars(self)["my_init_kwargs"]
        super().load_checkpoint(filename_or_checkpoint)
        before = vars(self)["my_init_kwargs"]
        name = f"the weights of {filename_or_checkpoint}"
        compare_trainings(name, before, now, self.print_to_log_file)
        refuse_other_plans(name, Path(self.output_folder_base), before, now)
        for told in told_of_changed_record(before.get("dataset_json") or {}, now["dataset_json"]):
            self._warn(told)
        self.split_before = before.get(SPLIT)

    def _warn(self, told: str) -> None:
        if told:
            self.print_to_log_file(f"WARNING: {told}")
