# `make` lists the commands. They do all the set-up themselves, from any folder, also one with spaces.
SHELL := /bin/sh
HERE := $(shell f='$(MAKEFILE_LIST)'; cd "$$(dirname "$${f# }")" && pwd)
IN := cd "$(HERE)" &&
PY := .venv/bin/python

# Install requirements file $(1) once, and again when it has changed.
define install
	@$(IN) if [ ! -x $(PY) ]; then \
		for python in python3 python3.13 python3.12 python3.11; do \
			if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then break; fi; python=; \
		done; \
		if [ -z "$$python" ]; then echo "make: Python 3.11 or newer is needed; install it and run make again." >&2; exit 2; fi; \
		"$$python" -m venv .venv || { echo "make: no environment could be made in .venv, as said above; on Debian: apt-get install python3-venv." >&2; exit 2; }; \
	fi
	@$(IN) if ! cmp -s $(1) .venv/$(1); then \
		echo "installing $(1) ..." >&2; \
		$(PY) -m pip install --quiet --disable-pip-version-check -r $(1) && cp $(1) .venv/$(1); \
	fi
endef

# The same for what only some tests need: where it cannot be installed they skip, and say so.
define optional
	@$(IN) if ! cmp -s $(1) .venv/$(1); then \
		echo "installing $(1) ..." >&2; \
		if $(PY) -m pip install --quiet --disable-pip-version-check -r $(1) >&2; then cp $(1) .venv/$(1); \
		else echo "make: $(1) could not be installed; the tests that need it are skipped." >&2; fi; \
	fi
endef

.PHONY: help run outputs check test coverage bench scale detection lint diagram contract-page lock clean

help:  ## list the commands
	@$(IN) sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1	\2/p' Makefile

run:  ## run the four parts on the days in data/, or a synthetic fortnight when there are none; results go to the same folder
	$(call install,requirements.txt)
	@$(IN) data=data; \
	if ! ls data/events_*.csv* >/dev/null 2>&1; then \
		data=data/demo; \
		echo "data/ has no events_*.csv: making a synthetic fortnight in $$data"; \
		$(PY) tests/support/synthetic_events.py --quiet --out_dir $$data || exit 2; \
	fi; \
	critical() { [ $$1 -eq 0 ] || [ $$1 -eq 3 ]; }; \
	$(PY) part1-data-quality/validate_dataframework.py --data_dir $$data --out_dir $$data; part1=$$?; \
	critical $$part1 || exit $$part1; \
	echo; $(PY) part2-transformation/transform.py --data_dir $$data; part2=$$?; critical $$part2 || exit $$part2; \
	echo; $(PY) part3-business-analysis/generate_charts.py --data_dir $$data --out_dir $$data; part3=$$?; \
	critical $$part3 || exit $$part3; \
	echo; env -u SLACK_WEBHOOK $(PY) part4-monitoring/monitor.py --no_refresh --data_dir $$data; part4=$$?; \
	critical $$part4 || exit $$part4; \
	echo; $(PY) -m event_data.outcome --data_dir $$data --part2 $$part2 --part4 $$part4 || exit $$?; \
	exit $$part2

outputs:  ## renew the committed reports and pictures of the real days, which must be in data/
	$(call install,requirements.txt)
	@$(IN) work=$$(mktemp -d) && trap 'rm -rf "$$work"' EXIT && \
	critical() { [ $$1 -eq 0 ] || [ $$1 -eq 3 ]; }; \
	$(PY) part1-data-quality/validate_dataframework.py; status=$$?; critical $$status || exit $$status; \
	$(PY) part3-business-analysis/generate_charts.py --warehouse "$$work/warehouse.duckdb"; status=$$?; \
	critical $$status || exit $$status

check:  ## run the fast tests (two minutes)
	$(call install,requirements-dev.txt)
	@$(IN) $(PY) -m pytest -n auto --dist loadfile -m "not slow" --ignore=benchmarks

test:  ## run the whole test suite
	$(call install,requirements-dev.txt)
	$(call optional,requirements-spark.txt)
	$(call optional,requirements-dialects.txt)
	@$(IN) $(PY) -m pytest -n auto --dist loadfile --no-loadscope-reorder

coverage:  ## run the whole test suite, and say which lines no test reaches, and the share of each part
	$(call install,requirements-dev.txt)
	$(call optional,requirements-spark.txt)
	$(call optional,requirements-dialects.txt)
	@$(IN) $(PY) -m coverage erase; $(PY) -m coverage run -m pytest -n auto --dist loadfile --no-loadscope-reorder; status=$$?; \
	$(PY) -m coverage combine --quiet && $(PY) -m coverage report || exit $$?; \
	for part in part*; do echo "$$part $$($(PY) -m coverage report --format=total --include="$$part/*")%"; done; \
	exit $$status

bench:  ## time parts 1 and 2 beside a bare DuckDB scan, and Spark (two hours, and 30 GB below data/)
	$(call install,requirements-dev.txt)
	$(call optional,requirements-spark.txt)
	$(call optional,requirements-dialects.txt)
	@$(IN) $(PY) benchmarks/bench_validate.py && $(PY) benchmarks/bench_transform.py

scale:  ## measure every part against rows, 1e4 to 1e6, and write documentation_scale.md (minutes)
	$(call install,requirements-dev.txt)
	@$(IN) $(PY) benchmarks/bench_scale.py

detection:  ## measure the monitor's false alarms and what it finds (half an hour)
	$(call install,requirements-dev.txt)
	@$(IN) PYTHONPATH=.:part1-data-quality:part4-monitoring:tests/support $(PY) benchmarks/bench_detection.py

lint:  ## ruff and mypy
	$(call install,requirements-dev.txt)
	@$(IN) $(PY) -m ruff check . && $(PY) -m ruff format --check . && $(PY) -m mypy event_data part1-data-quality part2-transformation part3-business-analysis part4-monitoring tests benchmarks examples

diagram:  ## draw part2-transformation/architecture_diagram.png (needs Debian's graphviz)
	@$(IN) printf '<fontconfig><dir>%s</dir></fontconfig>' "$$PWD/part3-business-analysis/analysis/charts/fonts" > .venv/fonts.conf && \
	FONTCONFIG_FILE="$$PWD/.venv/fonts.conf" dot -Tpng -o part2-transformation/architecture_diagram.png \
	part2-transformation/architecture_diagram.dot

contract-page:  ## write docs/contract.md from the JSON Schema of the contract
	$(call install,requirements-dev.txt)
	@$(IN) PYTHONPATH=. $(PY) tests/support/make_contract_page.py

lock:  ## write requirements.lock, the hashes of everything that requirements.txt brings
	$(call install,requirements-dev.txt)
	@$(IN) $(PY) -m pip install --quiet --disable-pip-version-check pip-tools==7.6.2 && CUSTOM_COMPILE_COMMAND="make lock" \
	$(PY) -m piptools compile --quiet --upgrade --generate-hashes --strip-extras --no-emit-index-url --no-emit-find-links \
	--no-emit-trusted-host --no-emit-options --output-file requirements.lock requirements.txt

clean:  ## remove the environment, caches, and what a demo or benchmark wrote
	@$(IN) rm -rf .venv .coverage* .pytest_cache .hypothesis .mypy_cache .ruff_cache data/demo data/another_shop data/bench
	@$(IN) find . -name __pycache__ -type d -prune -exec rm -rf {} +
