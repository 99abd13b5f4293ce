# Two commands need nothing but Python 3.11, make and the network: `make demo` and `make test`.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
DEMO ?= demo
# A choice that takes two minutes; without --methods, compare runs every approximation that takes the model.
FERROMAGNET := mean-field tap bethe kikuchi gibbs-bogoliubov:trial=blocks trw high-temperature-series
GLASS := mean-field tap adaptive-tap bethe tree-ep kikuchi gibbs-bogoliubov:trial=blocks trw cumulants:order=4

.PHONY: demo test lint bench clean

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "statfe needs Python 3.11 or newer; name one with make PYTHON=..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.demo: $(VENV)/.made setup.cfg pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[report,xarray]'
	@touch $@

$(VENV)/.dev: $(VENV)/.made setup.cfg pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@ $(VENV)/.demo

# compare exits with 3 where an approximation does not converge: at low temperature that is a result.
demo: $(VENV)/.demo
	@mkdir -p $(DEMO)
	$(BIN)/statfe simulate ising:shape=32x32 --beta 0.3:0.58:15 --seed 1 -o $(DEMO)/torus.h5 --force
	$(BIN)/statfe compare $(DEMO)/torus.h5 --seed 1 --methods $(FERROMAGNET) -o $(DEMO)/torus --force || test $$? -eq 3
	$(BIN)/statfe simulate ea:shape=6x6x6,seed=1 --beta 0.1:1.2:12 --seed 1 -o $(DEMO)/glass.h5 --force
	$(BIN)/statfe compare $(DEMO)/glass.h5 --seed 1 --methods $(GLASS) -o $(DEMO)/glass --force || test $$? -eq 3
	@echo
	@echo "2D Ising torus across its critical point: $(DEMO)/torus/report.html"
	@echo "3D +-J Edwards-Anderson glass:            $(DEMO)/glass/report.html"

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 --dist worksteal --durations=25

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/mypy

# Figures of speed and accuracy; off by default, some minutes.
bench: $(VENV)/.dev
	$(BIN)/python -m pytest benchmarks -s

clean:
	rm -rf $(VENV) $(DEMO) build *.egg-info
