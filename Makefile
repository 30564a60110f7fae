PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
SITE := .venv/site
AXE := build/npm/node_modules/axe-core/axe.min.js
JIT_OFF := jit_off and not full and not system

.PHONY: help setup demo test test-full test-system test-matrix dieharder postgresql poppler check docs trust bench bench-attribution bench-coverage bench-large bench-scaling bench-pairs bench-triggers bench-draws bench-memory bench-blocks bench-profile bench-compiling bench-batch bench-cockpit bench-cluster lock clean

help:
	@echo "make setup      install simengine and its tools into .venv, from locked versions"
	@echo "make demo       run the example plan and show what it says"
	@echo "make test       check, then every test of the default tier"
	@echo "make test-full  the slow tests"
	@echo "make test-system  tests in PostgreSQL, LibreOffice and Chromium (installed if they can be)"
	@echo "make test-matrix  the wheel with Python 3.11, 3.12 and 3.13, and the oldest and newest packages that are allowed"
	@echo "make docs       build the docs site into build/docs"
	@echo "make check      formatting, lint, types and the walls between the rooms"
	@echo "make bench      measure speed and memory against rivals"
	@echo "make bench-attribution, bench-coverage  shares of variance beside SALib and OpenTURNS; how often intervals are right"
	@echo "make bench-large  measure five years, 1,000 seats"
	@echo "make bench-scaling  measure how cost grows with the plan"
	@echo "make bench-pairs  measure what common random numbers are worth"
	@echo "make bench-triggers  try trigger points on other paths"
	@echo "make bench-cockpit  from letting go of a slider to the new probability, in a browser"
	@echo "make bench-batch  200 scenarios in one go, and killed ten times"
	@echo "make bench-cluster  a million paths on a cluster of this machine, beside its threads"
	@echo "make bench-profile, bench-compiling, bench-draws, bench-memory  where the time goes; the first run; before the kernel; ten million paths"
	@echo "make bench-blocks  what it costs a run that a kill costs it little"
	@echo "make trust      try what is promised, for hours: kills, faults, broken plans; docs/reliability.md shows what was found"
	@echo "make lock       lock the dependencies anew (LOCK_FLAGS=--upgrade for newer versions)"
	@echo "make clean      remove .venv and every cache"

setup: $(READY)

$(READY): requirements/dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
		echo "simengine needs Python 3.11, 3.12 or 3.13, and $(PYTHON) is:"; $(PYTHON) --version; \
		echo "Name another one, for example: make $(or $(MAKECMDGOALS),setup) PYTHON=python3.13"; exit 1; } >&2
	@echo "Setting up .venv; this takes a minute or two."
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# On top of .venv: a browser's driver and the docs' builder are not worth a newcomer's wait.
$(SITE): $(READY) requirements/site.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/site.lock
	@touch $@

demo: $(READY)
	$(BIN)/simengine demo

check: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

# Two workers with one thread each: on two processors, more threads of the linear algebra only wait for each other.
test test-full: export OPENBLAS_NUM_THREADS = 1

test: check
	$(BIN)/pytest -n 2
	NUMBA_DISABLE_JIT=1 $(BIN)/pytest -n 2 -m "$(JIT_OFF)" tests

test-full: $(READY) dieharder
	$(BIN)/pytest -n 2 -m full

test-system: $(SITE) postgresql browser office poppler $(AXE)
	$(BIN)/pytest -m system tests

# With the Pythons that are here, each in an environment of its own under build/matrix.
test-matrix: $(READY) $(UV)
	$(BIN)/python -m bench.trust.matrix

# Warnings are errors; the whole site takes half a minute.
docs: $(SITE)
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going -c docs . build/docs
	@echo "Open build/docs/index.html"

dieharder:
	@command -v dieharder >/dev/null || { apt-get update && apt-get install --yes dieharder; } >/dev/null 2>&1 \
		|| echo "dieharder cannot be installed here: its tests are skipped. On Debian: sudo apt-get install dieharder"

postgresql:
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null \
		|| { apt-get update && apt-get install --yes postgresql; } >/dev/null 2>&1 \
		|| echo "PostgreSQL cannot be installed here: its tests are skipped. On Debian: sudo apt-get install postgresql"

browser:
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null \
		|| { apt-get update && apt-get install --yes --no-install-recommends chromium fonts-dejavu-core; } >/dev/null 2>&1 \
		|| echo "Chromium cannot be installed here: its tests are skipped. On Debian: sudo apt-get install chromium"

office:
	@{ command -v soffice && /usr/bin/python3 -c 'import uno'; } >/dev/null 2>&1 \
		|| { apt-get update && apt-get install --yes --no-install-recommends libreoffice-calc python3-uno; } >/dev/null 2>&1 \
		|| echo "LibreOffice cannot be installed here: its tests are skipped. On Debian: sudo apt-get install libreoffice-calc python3-uno"

poppler:
	@command -v pdftotext >/dev/null \
		|| { apt-get update && apt-get install --yes --no-install-recommends poppler-utils; } >/dev/null 2>&1 \
		|| echo "poppler-utils cannot be installed here: a test is skipped. On Debian: sudo apt-get install poppler-utils"

$(AXE): tests/system/package.json tests/system/package-lock.json
	@mkdir -p build/npm && cp tests/system/package.json tests/system/package-lock.json build/npm/ \
		&& { npm ci --prefix build/npm --silent --no-audit --no-fund >/dev/null 2>&1 \
		|| echo "axe-core cannot be installed here: the tests of accessibility are skipped. They need npm"; }

# Each campaign keeps what it found; one that finds a fault ends with an error, and the others go on.
trust: $(READY)
	@failed=; for name in $$($(BIN)/python -c 'from bench.trust.record import CAMPAIGNS; print(*CAMPAIGNS)'); do \
		echo "$$name"; $(BIN)/python -m bench.trust.$$name || failed="$$failed $$name"; \
	done; test -z "$$failed" || { echo "Not as promised:$$failed"; exit 1; } >&2

bench: $(READY)
	$(BIN)/python -m bench.northstar

# The rivals bring pandas and more: they stay out of .venv.
RIVALS := build/rivals

$(RIVALS)/ready: requirements/rivals.lock
	$(PYTHON) -m venv $(RIVALS)
	$(RIVALS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/rivals.lock
	$(RIVALS)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

bench-attribution: $(RIVALS)/ready
	OPENBLAS_NUM_THREADS=1 $(RIVALS)/bin/python -m bench.attribution

bench-coverage: $(READY)
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m bench.coverage

bench-large: $(READY)
	$(BIN)/python -m bench.five_years

bench-scaling: $(READY)
	$(BIN)/python -m bench.scaling

bench-draws: $(READY)
	$(BIN)/python -m bench.draws

bench-memory: $(READY)
	$(BIN)/python -m bench.trust.resumed

bench-blocks: $(READY)
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m bench.blocks

bench-profile: $(READY)
	$(BIN)/python -m bench.profile

bench-compiling: $(READY)
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m bench.compiling

bench-batch: $(READY)
	$(BIN)/python -m bench.batch

bench-cockpit: $(SITE) browser
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m bench.cockpit

bench-cluster: $(READY)
	$(BIN)/python -m bench.cluster

bench-pairs: $(READY)
	$(BIN)/python -m bench.common_random_numbers

bench-triggers: $(READY)
	$(BIN)/python -m bench.trigger_points

# One version of each package for all supported Pythons and systems.
COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest \
	--generate-hashes --no-emit-index-url --custom-compile-command "make lock" $(LOCK_FLAGS) \
	pyproject.toml requirements/build.in

UV := build/lock/bin/uv

$(UV):
	$(PYTHON) -m venv build/lock
	build/lock/bin/pip install --quiet --disable-pip-version-check uv==0.13.9

lock: $(UV)
	$(COMPILE) --output-file requirements/run.lock
	$(COMPILE) --output-file requirements/site.lock --extra site --constraints requirements/run.lock
	$(COMPILE) --output-file requirements/dev.lock --extra dev --constraints requirements/site.lock
	$(COMPILE) --output-file requirements/all.lock --extra all --constraints requirements/dev.lock
	$(COMPILE) --output-file requirements/rivals.lock --extra rivals --constraints requirements/run.lock

clean:
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find simengine tests bench notebooks -name __pycache__ -prune -exec rm -rf {} +
