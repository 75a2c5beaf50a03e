"""What holds for every test: hypothesis draws the same examples each time, a busy machine fails nothing, none connects."""

import os
from collections.abc import Iterator
from importlib.util import find_spec

# Beside others a test has one core: said before anything brings its threads along.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from dicom_runs import predict, series_rows  # noqa: F401 (fixtures)
from hypothesis import HealthCheck, settings
from no_network.network_watch import watch
from setup_runs import nnunet_folders, setup_command  # noqa: F401 (fixtures)

settings.register_profile(
    "same_everywhere", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("same_everywhere")

if find_spec("pydicom") is None or find_spec("highdicom") is None:
    collect_ignore_glob = ["dicom*/test_*.py", "patients/test_predict_*.py", "words/test_descriptions.py"]

_tried: list[str] = []
watch(_tried.append, also_here=False)


@pytest.fixture(autouse=True)
def _connects_to_this_machine_alone() -> Iterator[None]:
    yield
    tried, _tried[:] = list(_tried), []
    assert tried == [], "connections to other machines"
