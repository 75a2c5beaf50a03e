"""Name the layouts of public sets: one record each. A new preset is one record here and one test.

Layouts as read in other people's loaders and release notes, since the sets cannot be looked at here: where two loaders
agree, they are followed.
"""

from nnunet_multiphase import extensions
from nnunet_multiphase.cases.layout import Index, Layout
from nnunet_multiphase.errors import InputError

_IRCADB_STRUCTURES = (
    *("artery", "biliarysystem", "bladder", "bone", "colon", "gallbladder", "heart", "kidneys", "leftkidney"),
    *(
        "leftlung",
        "leftsurrenalgland",
        "livercyst*",
        "lungs",
        "pancreas",
        "portalvein*",
        "rightkidney",
        "rightlung",
    ),
    *(
        "rightsurrenalgland",
        "skin",
        "smallintestin*",
        "spleen",
        "stomach",
        "surrenalgland",
        "uterus",
        "venacava",
    ),
    "venoussystem",
)
"""Folders of masks that are neither liver nor tumour; one that is not among them is named as not used."""

PRESETS: dict[str, Layout] = {
    # Zenodo 12741586, its four archives unpacked into one folder. One file a lesion, NRRD or (say its loaders) NIfTI, drawn
    # on one phase that varies; each phase on its own grid. A few masks are named after another phase than that they were
    # drawn on: the check says so.
    "waw-tace": Layout(
        image="{case}/{case}_{phase}_scan.nii.gz",
        phase_names={"0": "nc", "1": "art", "2": "pv", "3": "dl"},
        lesions="tumor_masks*/{case}/{case}_{phase}_*_tumor_seg.n*",
        lesion_labels=None,
        versions_apart=True,
    ),
    # doi 10.7910/DVN/S3RW15, each archive unpacked into a folder of its name. Registered to the portal phase by its authors;
    # the masks lie beside the folder of the phases.
    "mct-ltdiag": Layout(
        image="{case}/NIFTI/{phase}.nii.gz",
        phase_names={"nc": "nc", "art": "art", "pvp": "pv", "delay": "dl"},
        lesions="{case}/mask_{phase}.nii.gz",
        liver="{case}/liver_mask_{phase}.nii.gz",
        lesion_labels=None,
        liver_labels=None,
        registered=True,
    ),
    # Task 2 of the challenge. Each phase has labels of its own: see --several-masks. What "combined" was drawn on is not
    # said anywhere, so that it is not used.
    "trials": Layout(
        image="imagesTr/{case}/{case}_{phase}.nii.gz",
        phase_names={"nocontrast": "nc", "arterial": "art", "venous": "pv", "delayed": "dl"},
        lesions="labelsTr*/{case}/{case}_{phase}.nii.gz",
        liver="labelsTr*/{case}/{case}_{phase}.nii.gz",
        lesion_labels=(2,),
        liver_labels=(1, 2),
        versions_apart=True,
    ),
    # doi 10.1038/s41597-025-05125-2. Its table names the files; each phase may have a mask: see --several-masks.
    "plc-cect": Layout(
        index=Index(
            "patient_data.csv", "patient_id", "phase", "ct_path", lesions="mask_path", liver="liver_mask_path"
        ),
        phase_names={"P": "nc", "C1": "art", "C2": "pv", "C3": "dl"},
        lesion_labels=None,
        liver_labels=None,
        distrust="its headers all claim voxels of 1 mm, its values are a window of -200 to 200 HU in eight bits, "
        "and its slices are stored from the top down",
    ),
    # Medical Segmentation Decathlon; portal venous phase only.
    "msd-liver": Layout(
        image="imagesTr/{case}.nii.gz",
        phase_names={"": "pv"},
        lesions="labelsTr/{case}.nii.gz",
        liver="labelsTr/{case}.nii.gz",
        drawn_on="pv",
        lesion_labels=(2,),
        liver_labels=(1, 2),
        case_start="liver_",
    ),
    # The same; label 1 is the vessels, and there is no liver mask.
    "msd-hepaticvessel": Layout(
        image="imagesTr/{case}.nii.gz",
        phase_names={"": "pv"},
        lesions="labelsTr/{case}.nii.gz",
        drawn_on="pv",
        lesion_labels=(2,),
        further_labels=(1,),
        case_start="hepaticvessel_",
    ),
    # Its archives unpack to media/nas/..., in a folder of the archive's name where the program makes one.
    "lits": Layout(
        image="Training Batch */volume-{case}.nii",
        phase_names={"": "pv"},
        lesions="Training Batch */segmentation-{case}.nii",
        liver="Training Batch */segmentation-{case}.nii",
        drawn_on="pv",
        lesion_labels=(2,),
        liver_labels=(1, 2),
        above=("media/nas/01_Datasets/CT/LITS", "*/media/nas/01_Datasets/CT/LITS"),
    ),
    # A folder of DICOM files for the patient and for each structure, of which several are tumours; cysts are none.
    "3d-ircadb": Layout(
        image="3Dircadb1.{case}/PATIENT_DICOM",
        phase_names={"": "pv"},
        lesions="3Dircadb1.{case}/MASKS_DICOM/livertumor*",
        liver="3Dircadb1.{case}/MASKS_DICOM/liver",
        drawn_on="pv",
        lesion_labels=None,
        liver_labels=None,
        unused=(
            "3Dircadb1.{case}/LABELLED_DICOM",
            "3Dircadb1.{case}/MESHES_VTK",
            *(f"3Dircadb1.{{case}}/MASKS_DICOM/{name}" for name in _IRCADB_STRUCTURES),
        ),
    ),
}


def all_presets() -> dict[str, Layout]:
    """Give ours and those that other distributions add (`extensions`).

    Raises:
        InputError: One that is added cannot be loaded, is no layout, or has a name of ours.
    """
    more = extensions.added(extensions.PRESETS, frozenset(PRESETS))
    for name, layout in more.items():
        if not isinstance(layout, Layout):
            raise InputError(
                f"the preset {name}, which another distribution adds, is no Layout: mend or uninstall it"
            )
    return {**PRESETS, **more}
