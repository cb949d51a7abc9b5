# Each target works alone on a fresh machine: it sets up .venv first, and again where setup.cfg,
# pyproject.toml or constraints.txt changed. ARGS='...' passes further flags on.

RUN := .venv/bin/python

# The newest study under results; `make reproduce` takes two of its cells where ARGS is not given.
NEWEST := $(patsubst %/study.json,%,$(firstword $(shell ls -t results/*/study.json 2>/dev/null)))
NO_STUDY = $(error no study under results yet: run 'make compare', or name one with ARGS=PATH)

.PHONY: help compare figures reproduce paper test lint docs
.DEFAULT_GOAL := help

compare: .venv/installed ## compare the methods, each on 50 full evaluations
	$(RUN) experiments/compare.py --budget 50 $(ARGS)

figures: .venv/installed ## draw the figures of the paper, or of ARGS='--study PATH'
	$(RUN) -m paper_figures $(ARGS)

reproduce: .venv/installed ## run a stored study again, compare row by row: ARGS='PATH [--sample N]'
	$(RUN) experiments/reproduce.py $(or $(ARGS),$(if $(NEWEST),$(NEWEST) --sample 2,$(NO_STUDY)))

paper: .venv/installed ## run a named study of the paper: ARGS='fashion-mnist'
	$(RUN) experiments/paper.py $(ARGS)

test: .venv/installed-dev ## run all tests, or those that ARGS picks
ifdef ARGS
	$(RUN) -m pytest $(ARGS)
else
	$(RUN) -m pytest -n 3 --dist loadfile --no-loadscope-reorder
endif

lint: .venv/installed-dev ## check style, types and the direction of imports
	$(RUN) -m ruff check
	$(RUN) -m ruff format --check
	$(RUN) -m mypy
	.venv/bin/lint-imports --no-logo

# Nothing of the site comes from elsewhere; the variable silences what the theme says of its successor.
docs: .venv/installed-dev ## build the documentation site into site/, strictly
	NO_MKDOCS_2_WARNING=1 $(RUN) -m mkdocs build --strict --quiet $(ARGS)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile
	@echo "PYTHON=python3.12 picks the interpreter of a new .venv (3.11 to 3.13)."

# --- set-up ---------------------------------------------------------------------------------------

IN_RANGE := (3, 11) <= sys.version_info < (3, 14)

# The first interpreter in range that runs: a pyenv shim may be on the PATH and fail all the same.
PYTHON ?= $(or $(shell for python in python3 python3.11 python3.12 python3.13; do \
	"$$python" -c 'import sys; sys.exit(not $(IN_RANGE))' 2>/dev/null && echo "$$python" && break; \
	done),python3)

# One line about what the machine lacks. The compiler and the headers are for netifaces, which
# hpbandster requires and which comes as source.
define CHECK
import sys
if not $(IN_RANGE):
    version = "{}.{}".format(*sys.version_info)
    sys.exit("set-up needs Python 3.11 to 3.13, $(PYTHON) is %s: name another with PYTHON=" % version)
import os, shlex, shutil, sysconfig
from importlib.util import find_spec
compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")[0]
header = os.path.join(sysconfig.get_path("include"), "Python.h")
missing = []
if not (find_spec("venv") and find_spec("ensurepip")):
    missing.append("Python's venv module (Debian: python3-venv)")
if not shutil.which(compiler):
    missing.append("the C compiler %s (Debian: gcc libc6-dev)" % compiler)
if not os.path.exists(header):
    missing.append("the Python headers, %s (Debian: python3-dev)" % header)
if missing:
    sys.exit("set-up needs " + " and ".join(missing))
endef

# Progress bars on a terminal, elsewhere only what goes wrong; stdout is left to the results.
define INSTALL
	@echo "installing into .venv: $(2) ..." >&2
	@PIP_DISABLE_PIP_VERSION_CHECK=1 $(RUN) -m pip install $$([ -t 2 ] || echo -q) \
		-c constraints.txt -e '$(1)' >&2
	@echo '$(CURDIR)' > $@
endef

# A stamp is written when all is installed, and holds the folder: in a copy of the folder, the copied
# .venv would run the code of the original.
ifneq ($(shell cat .venv/installed 2>/dev/null),$(CURDIR))
.PHONY: .venv/installed
endif

.venv/installed: export SETUP_CHECK = $(CHECK)
.venv/installed: setup.cfg pyproject.toml constraints.txt
	@$(PYTHON) -c pass 2>/dev/null || \
		{ echo "set-up needs Python 3.11 to 3.13: $(PYTHON) does not run" >&2; exit 1; }
	@$(PYTHON) -c "$$SETUP_CHECK"
	@{ [ ! -e $@ ] || grep -qxF '$(CURDIR)' $@; } && \
		$(RUN) -c 'import pip, sys; sys.exit(not $(IN_RANGE))' 2>/dev/null || \
		$(PYTHON) -m venv --clear .venv
	@rm -f .venv/installed .venv/installed-dev
	$(call INSTALL,.,what setup.cfg asks for (several GB the first time; a few minutes))

.venv/installed-dev: .venv/installed
	$(call INSTALL,.[dev],the tools for tests and lint)
