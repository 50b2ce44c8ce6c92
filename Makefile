# Both targets set up everything they need in .venv; README.md explains them.
PYTHON ?= python3
BIN := .venv/bin
PYTEST_OPTIONS ?=

.PHONY: demo test check clean

demo: .venv/installed
	$(BIN)/iddkit demo demo/idd --drives 12 --frames 10
	$(BIN)/iddkit check demo/idd --html demo/check.html --severity major --overwrite
	$(BIN)/iddkit stats demo/idd --level level1
	$(BIN)/iddkit make-lite demo/idd demo/idd_lite --factor 10
	$(BIN)/iddkit verify demo/idd_lite
	$(BIN)/iddkit qc demo demo/qc --frames 60 --annotators 6 --weeks 2 --overwrite
	$(BIN)/iddkit qc --db demo/qc/qc.db status --week 2019-07-30 --weeks 2 --plot demo/qc/weeks.png
	$(BIN)/iddkit qc --db demo/qc/qc.db certificate B01 --html demo/qc/certificate.html
	$(BIN)/iddkit benchmark erfnet demo/idd_lite --out demo/benchmark --budget-minutes 0.5 --overwrite

test: check
	OMP_WAIT_POLICY=PASSIVE $(BIN)/pytest -n auto $(PYTEST_OPTIONS)

check: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.venv/installed: setup.cfg setup.py pyproject.toml constraints.txt iddkit/raster/_scanline.c iddkit/statistics/_unfilter.c iddkit/metrics/_pairs.c
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "iddkit needs Python 3.11 or later: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,train,web]'
	touch $@

clean:
	rm -rf .venv build demo *.egg-info
