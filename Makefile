# make run    set up, train the CNN on MNIST, evaluate it, open the report
# make test   set up, check style, types and imports, run the tests
# Everything goes into .venv; nothing outside this folder changes.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
NOW := $(shell date +%Y%m%d-%H%M%S)
RUN := runs/cnn-$(NOW)
MODEL_RUN := runs/digit-$(NOW)
NUMBER_RUN := runs/number-$(NOW)
TWO := $(BIN)/torchrun --standalone --nproc_per_node 2 -m number_prediction
OFFLINE_APP := build/offline
NPM_PACKAGE := build/npm
LONGEST_NOTEBOOK := $(wildcard notebooks/04_*.ipynb)
NOTEBOOKS := $(LONGEST_NOTEBOOK) $(filter-out $(LONGEST_NOTEBOOK),$(wildcard notebooks/*.ipynb))
NODE_PACKAGES := offline/node_modules/.package-lock.json

.DEFAULT_GOAL := help
.PHONY: help install run test slowtest browsertest offline-app check wheel model numbermodel cli outputs docs site figures constraints compare nbtest notebooks clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(INSTALLED) ## install everything into .venv; quick if nothing changed

$(INSTALLED): pyproject.toml requirements.txt constraints.txt
	@echo "setting up $(VENV): PyTorch and the rest; a few minutes the first time"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "$(PYTHON) is missing or older than 3.11; try: make PYTHON=python3.12"; exit 1; }
	@$(BIN)/python -m pip --version > /dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV) \
		|| { echo "the virtual environment cannot be created; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--requirement requirements.txt --constraint constraints.txt
	@touch $@

run: $(INSTALLED) ## train the CNN on MNIST, evaluate it on the test part, open the report
	@$(BIN)/number-prediction train cnn --output $(RUN) >/dev/null
	@echo "evaluating on the 10,000 test images"
	@$(BIN)/number-prediction evaluate $(RUN) --open
	@echo "now read a picture with what you trained:"
	@echo "  $(BIN)/number-prediction predict examples/seven.png --model $(RUN)"
	@$(BIN)/number-prediction predict examples/seven.png --model $(RUN)

test: check ## check, then run all tests except slow ones and those in a browser
	@echo "running the tests"
	@GOMP_SPINCOUNT=0 $(BIN)/python -m pytest -n 2 --dist loadfile --durations 20 --durations-min 5 -m "not browser and not slow" # two processes; their threads do not spin

slowtest: $(INSTALLED) ## run the slow tests: whole commands, all recipes, all test pictures
	@echo "running the slow tests"
	@GOMP_SPINCOUNT=0 $(BIN)/python -m pytest -n 2 --dist worksteal --durations 10 --durations-min 5 -m slow

browsertest: $(INSTALLED) $(NODE_PACKAGES) ## test the report and the web app in an installed Chromium
	@echo "testing the report and the web app in a browser"
	@$(BIN)/python -m pytest --durations 10 --durations-min 5 -m browser tests/browser

offline-app: $(INSTALLED) $(NODE_PACKAGES) ## build the app that reads in the browser itself, and its ES module in build/npm
	@$(BIN)/python offline/build.py $(OFFLINE_APP) --npm $(NPM_PACKAGE)
	@echo "look at it: $(BIN)/python -m http.server --directory $(OFFLINE_APP) --bind 127.0.0.1"

$(NODE_PACKAGES): offline/package.json offline/package-lock.json
	@echo "fetching ONNX Runtime for browsers"
	@npm ci --prefix offline --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

check: $(INSTALLED) ## style, types, import order
	@echo "checking style, types and imports"
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo > .lint-imports.log || { cat .lint-imports.log; exit 1; }
	@rm -f .lint-imports.log

wheel: $(INSTALLED) ## build the wheel, and read a digit with it in an empty environment without torch
	@echo "building the wheel and trying it in an empty environment"
	@rm -rf build/wheel && $(BIN)/python -m build --wheel --outdir build/wheel . > /dev/null
	@$(PYTHON) -m venv build/wheel/venv
	@build/wheel/venv/bin/python -m pip install --quiet --disable-pip-version-check build/wheel/*.whl
	@! build/wheel/venv/bin/python -c 'import torch' 2> /dev/null
	@build/wheel/venv/bin/number-prediction train 2>&1 | grep -qF 'number-prediction[train]'
	@build/wheel/venv/bin/number-prediction serve 2>&1 | grep -qF 'number-prediction[web]'
	@build/wheel/venv/bin/number-prediction predict x.png --cluster 2>&1 | grep -qF 'number-prediction[cluster]'
	@cd build/wheel && test "$$(venv/bin/number-prediction predict ../../examples/seven.png --format csv | cut -d, -f2 | tail -1)" = 7
	@echo "the wheel reads a 7 without torch"

cli: $(INSTALLED) ## write docs/cli.md from --help
	@$(BIN)/python scripts/make_cli.py

outputs: $(INSTALLED) ## run the examples of README and guides, and update the outputs they show
	@$(BIN)/python -m scripts.make_outputs

docs: $(INSTALLED) ## build the documentation site in build/docs; warnings are errors
	@echo "building the documentation"
	@$(BIN)/sphinx-build -q -W --keep-going -n -b html docs build/docs
	@echo "look at it: build/docs/index.html"

site: docs offline-app ## build what a static host shows: the documentation, and the offline app under app/
	@rm -rf build/site && cp -R build/docs build/site && cp -R $(OFFLINE_APP) build/site/app
	@touch build/site/.nojekyll

figures: $(INSTALLED) $(NODE_PACKAGES) ## make all pictures of the docs (needs an installed Chromium)
	@for script in form numbers seen training report page; do \
		echo "make_$$script.py" && $(BIN)/python -m scripts.make_$$script || exit 1; done

constraints: $(INSTALLED) ## write constraints.txt: the newest versions that requirements.txt allows
	@$(BIN)/python scripts/make_constraints.py

notebooks: $(INSTALLED) ## run the notebooks, and store their outputs
	@$(BIN)/python scripts/make_notebooks.py

nbtest: $(INSTALLED) ## run the notebooks, and fail if one breaks
	@echo "running the notebooks"
	@GOMP_SPINCOUNT=0 $(BIN)/python -m pytest -n 2 --dist worksteal --durations 10 --nbmake --nbmake-timeout=600 $(NOTEBOOKS)

compare: $(INSTALLED) ## three recipes over three seeds: a table and a figure (half an hour)
	@$(BIN)/number-prediction compare mlp cnn resnet --seeds 3 --output runs/comparison

model: $(INSTALLED) ## train the packaged model for digits again (1.5 hours on two cores); OPEN=DIR adds open data
	@$(if $(OPEN),,echo "without open data; OPEN=DIR adds writers, see docs/how-to/open-data.md")
	@$(BIN)/number-prediction train ink --seed 0 --threads 1 $(if $(OPEN),--open $(OPEN)) --output $(MODEL_RUN)-ink
	@$(BIN)/number-prediction train paper --seed 0 --threads 2 $(if $(OPEN),--open $(OPEN)) --ink $(MODEL_RUN)-ink --output $(MODEL_RUN)
	@$(BIN)/number-prediction evaluate $(MODEL_RUN)
	@$(BIN)/number-prediction export $(MODEL_RUN) --output src/number_prediction/assets/models/digit.onnx

numbermodel: $(INSTALLED) ## train the small packaged model for numbers again (an hour on two cores), or with OPEN=DIR the base one
ifdef OPEN
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[teacher]' --constraint constraints.txt
	@$(TWO) train line-ink --seed 0 --threads 1 --open $(OPEN) --output $(NUMBER_RUN)-ink
	@$(TWO) train line --seed 0 --threads 1 --open $(OPEN) --ink $(NUMBER_RUN)-ink --output $(NUMBER_RUN)
	@$(BIN)/number-prediction evaluate $(NUMBER_RUN)
	@$(BIN)/number-prediction export $(NUMBER_RUN) --output src/number_prediction/assets/models/number-base.onnx
else
	@$(TWO) train number --seed 0 --threads 1 --output $(NUMBER_RUN)
	@$(BIN)/number-prediction evaluate $(NUMBER_RUN)
	@$(BIN)/number-prediction export $(NUMBER_RUN) --output src/number_prediction/assets/models/number.onnx
endif

clean: ## remove .venv, caches and builds; runs stay
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist
