# Two commands on a fresh machine: `make demo` and `make test`. Needs Python 3.11+ and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
SHARED ?= ../shared
JOBS ?= auto

.PHONY: demo test check dist weights bench clean

demo: $(VENV)/.demo ## score the sample photographs, write demo-report.html
	$(BIN)/ilgnet demo -o demo-report.html

test: $(VENV)/.test check ## everything that guards the project
	$(BIN)/python -m pytest -n $(JOBS)

check: $(VENV)/.test ## format, lint, types, import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python tools/check_types.py
	$(BIN)/lint-imports --no-cache

dist: $(VENV)/.test ## build the packages, check them, score with the wheel in a bare environment
	rm -rf dist
	$(BIN)/python -m build --outdir dist
	$(BIN)/python tools/check_dist.py dist

weights: $(VENV)/.test ## train the default model again (needs the data of data/README)
	$(PIP) -e '.[weights]'
	$(BIN)/python recipes/default/make.py $(SHARED)
	$(BIN)/python recipes/default/pin.py

bench: $(VENV)/.test ## measure speed and memory on files made for it
	$(BIN)/python benchmarks/speed/run.py

$(VENV)/.demo: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) -e .
	touch $@

$(VENV)/.test: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) -e '.[serve,client,heif,raw,jxl,parquet,evaluate,train,timm,open-clip,wandb,mlflow,shards,ray,video,test,cluster-test]'
	touch $@

clean:
	rm -rf $(VENV) build dist demo-report.html
