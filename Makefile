# make demo | test | soak | lint; each sets up .venv by itself on a fresh machine (Python >= 3.10).
PYTHON ?= python3
# The release the suite was run with. A CPU-only machine without a CPU wheel at hand downloads CUDA along with it.
TORCH ?= torch==2.13.0
DEMO ?= demo_run
VENV := .venv
BIN := $(VENV)/bin
# Another TORCH is another installation.
STAMP := $(VENV)/.installed-$(subst /,_,$(subst =,_,$(TORCH)))

.PHONY: demo test soak lint format clean
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
	$(BIN)/python -m pytest

soak: $(STAMP)
	SOAK=$(or $(SOAK),2000) $(BIN)/python -m pytest tests/faults

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) $(DEMO) dist build
