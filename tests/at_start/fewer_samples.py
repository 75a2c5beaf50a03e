"""Let nnU-Net's fingerprint draw fewer intensities, in the process that imports it."""

import sys
from importlib.machinery import PathFinder

MODULE = "nnunetv2.experiment_planning.dataset_fingerprint.fingerprint_extractor"


def draw(number):
    """Change the extractor's number once its module is imported, which nothing here does."""

    class Finder:
        @staticmethod
        def find_spec(name, path=None, target=None):
            if name != MODULE:
                return None
            spec = PathFinder.find_spec(name, path)
            load = spec.loader.exec_module

            def load_and_change(module):
                load(module)
                begin = module.DatasetFingerprintExtractor.__init__

                def begin_and_change(self, *args, **kwargs):
                    begin(self, *args, **kwargs)
                    # Of a name that is gone nnU-Net would draw all again, unseen.
                    assert self.num_foreground_voxels_for_intensitystats > number
                    self.num_foreground_voxels_for_intensitystats = number

                module.DatasetFingerprintExtractor.__init__ = begin_and_change

            spec.loader.exec_module = load_and_change
            return spec

    sys.meta_path.insert(0, Finder)
