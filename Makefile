# make demo | test | test-fast | soak | lint | docs; each sets up .venv by itself on a fresh machine (Python >= 3.10).
# make release builds wheel and sdist, checks them, and runs the demo in miniature from the wheel alone, with each of PYTHONS.
# make lowest | newest | locked run TESTS with other releases of the libraries, audit asks after their licences and known holes
# (docs/compatibility.md); each has an environment of its own under build/.
PYTHON ?= python3
PYTHONS ?= $(PYTHON)
# The release the suite was run with. A CPU-only machine without a CPU wheel at hand downloads CUDA along with it.
TORCH ?= torch==2.13.0
DEMO ?= demo_run
VENV := .venv
BIN := $(VENV)/bin
# Another TORCH is another installation.
STAMP := $(VENV)/.installed-$(subst /,_,$(subst =,_,$(TORCH)))

TESTS ?= tests
# A worker for each core, up to four, which take file by file: what a file makes once is made once.
PARALLEL := -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
# uv resolves all but torch, whose build is a machine's own matter.
RESOLVED := --quiet --override tests/supply/torch_apart.txt --no-emit-package torch --no-emit-package torchvision \
  --extra dev pyproject.toml
LOCK := tests/supply/locked.txt
LICENCES := Apache;BSD;ISC;LGPL;MIT;MPL;Mozilla;PSF;Python Software Foundation

.PHONY: demo test test-fast soak lint docs format clean release lowest newest lock locked audit
# TORCH is named twice: nnU-Net pulls in torchvision, whose newest release would replace torch by the one it was built for.
$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet "$(TORCH)"
	$(BIN)/python -m pip install --quiet -e ".[dev]" "$(TORCH)"
	touch $(STAMP)

demo: $(STAMP)
	$(BIN)/nnunet-multiphase demo $(DEMO)

test: $(STAMP)
	$(BIN)/python -m pytest $(PARALLEL)

# Without what takes many seconds: while one works.
test-fast: $(STAMP)
	$(BIN)/python -m pytest $(PARALLEL) -m "not slow"

soak: $(STAMP)
	SOAK=$(or $(SOAK),2000) $(BIN)/python -m pytest tests/faults

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# A link that leads nowhere or a name that is not there is an error.
docs: $(STAMP)
	$(BIN)/sphinx-build -q -W --keep-going -b html docs build/docs

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Its tools have an environment of their own: twine asks for another rich than panoptica does.
release:
	rm -rf dist build/release*
	$(PYTHON) -m venv build/release
	build/release/bin/python -m pip install --quiet build twine check-wheel-contents
	build/release/bin/python -m build --outdir dist .
	build/release/bin/twine check --strict dist/*
	build/release/bin/check-wheel-contents dist/*.whl
	number=0; for python in $(PYTHONS); do \
	  number=$$((number + 1)); place=build/release-$$number && \
	  $$python -m venv $$place && \
	  $$place/bin/python -m pip install --quiet "$$(echo dist/*.whl)" "$(TORCH)" && \
	  $$place/bin/python -m pip check && \
	  (cd $$place && bin/nnunet-multiphase demo demo --cases 6 --epochs 1 --iterations 2) || exit 1; \
	done

lowest:
	$(PYTHON) -m venv --clear build/lowest
	build/lowest/bin/python -m pip install --quiet --upgrade pip uv
	build/lowest/bin/uv pip compile --python build/lowest/bin/python --resolution lowest-direct $(RESOLVED) -o build/lowest.txt
	build/lowest/bin/python -m pip install --quiet "$(TORCH)" torchvision -r build/lowest.txt
	build/lowest/bin/python -m pip install --quiet --no-deps -e .
	build/lowest/bin/python -m pytest $(PARALLEL) $(TESTS)

# With the newest torch, unless TORCH is given: CUDA, where the index has no CPU build.
newest: TORCH = torch
newest:
	$(PYTHON) -m venv --clear build/newest
	build/newest/bin/python -m pip install --quiet --upgrade pip
	build/newest/bin/python -m pip install --quiet -e ".[dev]" "$(TORCH)"
	build/newest/bin/python -m pytest $(PARALLEL) $(TESTS)

# Write the lock anew, with the newest releases that fit together.
lock:
	$(PYTHON) -m venv --clear build/lock
	build/lock/bin/python -m pip install --quiet --upgrade pip uv
	build/lock/bin/uv pip compile --universal --python-version 3.10 --upgrade --generate-hashes --no-annotate \
	  --custom-compile-command "make lock" $(RESOLVED) -o $(LOCK)

locked:
	$(PYTHON) -m venv --clear build/locked
	build/locked/bin/python -m pip install --quiet --require-hashes --no-deps -r $(LOCK)
	build/locked/bin/python -m pip install --quiet "$(TORCH)" torchvision
	build/locked/bin/python -m pip install --quiet --no-deps --no-build-isolation -e .
	build/locked/bin/python -m pip check
	build/locked/bin/python -m pytest $(PARALLEL) $(TESTS)

# What cannot be looked up fails: an index without advisories must not pass for one that has none to tell.
audit: $(STAMP)
	$(PYTHON) -m venv --clear build/audit
	build/audit/bin/python -m pip install --quiet --upgrade pip pip-audit pip-licenses
	build/audit/bin/pip-licenses --python $(BIN)/python --from=mixed --partial-match --allow-only="$(LICENCES)" \
	  --format=csv --output-file=build/licences.csv
	echo "$(TORCH)" > build/torch.txt
	build/audit/bin/pip-audit --strict --no-deps --disable-pip -r $(LOCK) -r build/torch.txt

clean:
	rm -rf $(VENV) $(DEMO) dist build
