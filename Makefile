# Two commands are the whole set-up: `make demo` and `make test`. Each makes the environment.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
export MPLBACKEND := Agg

.PHONY: demo test test-slow test-display lint docs clean

$(VENV)/installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("membraneseg needs Python 3.11 or newer; this is %s: use make PYTHON=python3.12" % sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

demo: $(VENV)/installed
	$(BIN)/membraneseg demo --output demo --force

# One thread each: on a busy machine the threads of one process wait for each other.
test: $(VENV)/installed
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest

test-slow: $(VENV)/installed
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m slow

# napari and the OpenCV that has windows, on a screen of their own (needs xvfb-run)
test-display: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --editable '.[view]'
	$(BIN)/python -m pip install --quiet --no-deps --upgrade --target build/opencv opencv-python
	OPENCV_WITH_WINDOWS=$(CURDIR)/build/opencv xvfb-run -a -s "-screen 0 1400x1200x24" \
		$(BIN)/python -m pytest -m display

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

clean:
	rm -rf $(VENV) demo site
