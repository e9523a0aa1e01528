# Two commands do everything, set-up included: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# In the order in which each writes what the next one reads.
NOTEBOOKS := $(addprefix notebooks/study/,data_quality.ipynb climate_perceptions.ipynb survey_quality.ipynb training_and_outreach.ipynb \
	program_delivery.ipynb operations.ipynb equity.ipynb engagement_and_climate.ipynb rubric.ipynb safe_cells.ipynb) \
	notebooks/school/school_report.ipynb notebooks/board/board_summary.ipynb

# Three at a time also on two cores: a test of the batch often waits for processes that it has started.
PYTEST := pytest -n 3 --dist loadfile --no-loadscope-reorder tests

.PHONY: demo test coverage lab clean

demo: $(READY)  ## Make up a district, run its study, print the path of the index page
	$(BIN)/sro-research synthesize params/demo.yaml
	$(BIN)/sro-research run params/demo.yaml

test: $(READY)  ## Check style, types, imports, notebooks, statistics and pages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/sro-research synthesize params/demo.yaml
	$(BIN)/$(PYTEST)
	$(BIN)/pytest --nbmake --nbmake-timeout=300 $(NOTEBOOKS)

coverage: $(READY)  ## Say what share of the branches the tests take; twice as slow as `make test`
	$(BIN)/coverage erase
	$(BIN)/coverage run -m $(PYTEST)
	$(BIN)/coverage combine -q
	$(BIN)/coverage report --format=total | sed 's/^/branch coverage, percent: /'

lab: $(READY)  ## Open the notebooks in JupyterLab
	$(BIN)/jupyter lab notebooks

# The lock is complete, so nothing is resolved: a release made after it cannot break the installation.
$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; try make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

clean:  ## Delete what the two commands made
	rm -rf $(VENV) reports/demo reports/demo-data .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache
