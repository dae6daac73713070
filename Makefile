# make run    set up, train the CNN on MNIST, evaluate it, open the report
# make test   set up, check style, types and imports, run the tests
# Everything is installed into .venv; nothing outside this folder is touched.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
RUN := runs/cnn-$(shell date +%Y%m%d-%H%M%S)

.DEFAULT_GOAL := help
.PHONY: help install run test check wheel model docs compare notebooks clean

help: ## list what can be made
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 20

install: $(INSTALLED) ## make .venv and install everything into it (repeats in no time)

$(INSTALLED): pyproject.toml requirements.txt
	@echo "setting up $(VENV): PyTorch and the rest; a few minutes the first time"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed, $(PYTHON) is older; try: make PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.txt
	@touch $@

run: $(INSTALLED) ## train the CNN on MNIST, evaluate it on the test part, open the report
	@$(BIN)/number-prediction train cnn --output $(RUN) >/dev/null
	@echo "evaluating on the 10,000 test images"
	@$(BIN)/number-prediction evaluate $(RUN) --open
	@echo "now read a picture with what you trained:"
	@echo "  $(BIN)/number-prediction predict examples/seven.png --model $(RUN)"
	@$(BIN)/number-prediction predict examples/seven.png --model $(RUN)

test: check ## check, then run all tests
	@echo "running the tests"
	@$(BIN)/python -m pytest

check: $(INSTALLED) ## style, types, import order
	@echo "checking style, types and imports"
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo > .lint-imports.log || { cat .lint-imports.log; exit 1; }
	@rm -f .lint-imports.log

wheel: $(INSTALLED) ## build the wheel and read a digit with it in an empty environment, without torch
	@echo "building the wheel and trying it in an empty environment"
	@rm -rf build/wheel && $(BIN)/python -m build --wheel --outdir build/wheel . > /dev/null
	@$(PYTHON) -m venv build/wheel/venv
	@build/wheel/venv/bin/python -m pip install --quiet --disable-pip-version-check build/wheel/*.whl
	@! build/wheel/venv/bin/python -c 'import torch' 2> /dev/null
	@cd build/wheel && test "$$(venv/bin/number-prediction predict ../../examples/seven.png --format csv | cut -d, -f2 | tail -1)" = 7
	@echo "the wheel reads a 7 without torch"

docs: $(INSTALLED) ## write docs/cli.md anew from --help
	@$(BIN)/python docs/make_cli.py

notebooks: $(INSTALLED) ## run the notebooks and keep their outputs
	@$(BIN)/jupyter nbconvert --to notebook --execute --inplace notebooks/*.ipynb

compare: $(INSTALLED) ## the table of the README: three recipes over three seeds (half an hour)
	@$(BIN)/number-prediction compare --seeds 3 --output runs/comparison

model: $(INSTALLED) ## train the model in the package anew
	@$(BIN)/number-prediction train resnet --seed 0 --output runs/digit
	@$(BIN)/number-prediction evaluate runs/digit
	@$(BIN)/number-prediction export runs/digit --output src/number_prediction/assets/models/digit.onnx

clean: ## remove .venv, caches and builds; runs stay
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist
