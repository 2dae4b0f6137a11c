# make run    install, start everything with the demo on http://127.0.0.1:8000
# make test   install with test extras, then lint, types, layers and the whole suite
# make bench  benchmarks/results.json; ONLY=name for one
# make lint   only what needs no database
# make lock   renew both lock files from pyproject.toml
# make clean  remove the virtual environment and caches; data stays
#
# PYTHON=/path/to/python chooses the interpreter, PYTEST_ARGS adds to pytest's arguments.

SHELL := /bin/sh
MAKEFLAGS += --no-print-directory
VENV := .venv
RUN := $(VENV)/bin/python
PYTEST_ARGS ?=

.PHONY: run test bench lint lock clean install install-dev
.DEFAULT_GOAL := run

run: install
	@exec $(RUN) -m api serve --demo

test: lint
	$(RUN) -m pytest -n auto --dist worksteal $(PYTEST_ARGS)

lint: install-dev
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy
	$(RUN) $(VENV)/bin/lint-imports

bench: install-dev
	$(RUN) -m benchmarks $(if $(ONLY),--only $(ONLY))

install:
	@LOCK=requirements.lock; $(INSTALL)

install-dev:
	@LOCK=requirements-dev.lock; $(INSTALL)

lock: install-dev
	$(RUN) -m uv pip compile pyproject.toml --universal --generate-hashes --no-emit-index-url \
		--python-version 3.11 --upgrade --quiet -o requirements.lock
	$(RUN) -m uv pip compile pyproject.toml --extra dev --universal --generate-hashes \
		--no-emit-index-url --python-version 3.11 --constraint requirements.lock --quiet \
		-o requirements-dev.lock

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage htmlcov
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Nothing is built or installed from this checkout: the code runs from here (`python -m api`), so
# no build backend has to be fetched and no second copy can go stale. A stamp holds the checksum of
# the lock file it was installed from; the test extras contain the locked runtime, so their stamp
# counts for `make run` as well. Only wheels are taken: no compiler is needed and no set-up script
# of a dependency runs. Nothing is resolved anew (`--no-deps`): the lock is whole, and pip would take
# a name with an extra, of which there is a newer version by now, for one that is not pinned.
define INSTALL
set -e; \
sum="$$(cksum < $$LOCK)"; \
version='import sys; print(sys.version)'; \
have="$$($(RUN) -c "$$version" 2>/dev/null || true)"; \
if [ -n "$$have" ] && [ "$$have" = "$$($(or $(PYTHON),$(RUN)) -c "$$version" 2>/dev/null || true)" ]; then \
    for stamp in $(VENV)/.installed-$$LOCK $(VENV)/.contains-$$LOCK; do \
        if [ "$$(cat "$$stamp" 2>/dev/null)" = "$$sum" ]; then exit 0; fi; \
    done; \
else \
    $(FIND_PYTHON); \
    echo "Making $(VENV) with $$("$$python" --version)"; \
    "$$python" -m venv --clear $(VENV); \
fi; \
echo "Installing $$LOCK (the first time takes a minute)"; \
rm -f $(VENV)/.installed-* $(VENV)/.contains-*; \
$(RUN) -m pip install --quiet --disable-pip-version-check --no-input --require-hashes \
    --no-deps --only-binary=:all: -r $$LOCK; \
printf '%s\n' '#!/bin/sh' 'here="$$(cd -- "$$(dirname -- "$$0")/../.." && pwd)"' \
    'PYTHONPATH="$$here" exec "$$here/$(RUN)" -m api "$$@"' > $(VENV)/bin/firstbell; \
chmod +x $(VENV)/bin/firstbell; \
echo "$$sum" > $(VENV)/.installed-$$LOCK; \
if [ $$LOCK = requirements-dev.lock ]; then \
    cksum < requirements.lock > $(VENV)/.contains-requirements.lock; \
fi
endef

define FIND_PYTHON
fits='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))'; \
python=""; \
for name in $(or $(PYTHON),python3.14 python3.13 python3.12 python3.11 python3 python); do \
    if "$$name" -c "$$fits" >/dev/null 2>&1; then python="$$name"; break; fi; \
done; \
if [ -z "$$python" ]; then \
    echo "FirstBell needs Python 3.11, 3.12, 3.13 or 3.14 and found none$(if $(PYTHON), in PYTHON=$(PYTHON))." >&2; \
    echo "Install one (Debian, Ubuntu: apt install python3 python3-venv) or name it: make PYTHON=/path/to/python" >&2; \
    exit 1; \
fi; \
if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
    echo "$$("$$python" --version) cannot make virtual environments: its venv or ensurepip module is missing." >&2; \
    echo "On Debian or Ubuntu: apt install python3-venv" >&2; \
    exit 1; \
fi
endef
