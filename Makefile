# `make up` and `make test` are all that is needed; the other targets are their parts.
PYTHON := .venv/bin/python
SHELL := /bin/sh
# Each engine run starts several Pythons, and without kept byte code each compiles the SDKs anew, for seconds.
unexport PYTHONDONTWRITEBYTECODE
ISOLATED := sandbox/isolated.sh
.DELETE_ON_ERROR:
.PHONY: environment up down status doctor check test lint types unit integration tools end-to-end end-to-end-aws end-to-end-gcp end-to-end-older faults key-faults interruptions older-sdk one mutants bench

environment:
	@sh sandbox/virtual_environment.sh

# CHART=<folder or archive> installs that chart unchanged; CLOUD=gcp deploys to Google Cloud, not to AWS;
# TLS=none has Vault speak HTTP, TLS=1 moves one that does to TLS. VAULT=1.18.1 and KUBERNETES=1.30 take the
# older versions.
up: environment
	$(PYTHON) -m sandbox up $(if $(CLOUD),--cloud '$(CLOUD)') $(if $(CHART),--chart '$(CHART)') \
		$(if $(TLS),--tls '$(patsubst 1,own,$(TLS))') \
		$(if $(VAULT),--vault '$(VAULT)') $(if $(KUBERNETES),--kubernetes '$(KUBERNETES)')

down: environment
	$(PYTHON) -m sandbox down

status: environment
	$(PYTHON) -m sandbox status

doctor: environment
	$(PYTHON) -m sandbox doctor

# For the inner loop: under a minute.
check: environment
	$(PYTHON) -m tests.layers lint,types,unit

test: environment
	$(PYTHON) -m tests.layers lint,types,unit tools integration end-to-end-aws,end-to-end-gcp end-to-end-older faults

# One test alone: make one TEST='tests/unit/docs/test_settings.py::test_the_table_has_every_output'
one: environment
	$(if $(findstring tests/end_to_end/google,$(TEST)),$(ISOLATED) gcp,$(if $(findstring tests/end_to_end/older_kubernetes,$(TEST)),$(ISOLATED) older,$(if $(findstring tests/end_to_end,$(TEST)),$(ISOLATED) aws))) \
		.venv/bin/pytest '$(TEST)'

lint: environment
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/lint-imports --no-logo

types: environment
	.venv/bin/mypy __main__.py components vault_autounseal examples policy sandbox tests

unit: environment
	.venv/bin/pytest tests/unit -n 3

tools: environment
	$(PYTHON) -m sandbox tools

integration: tools
	.venv/bin/pytest tests/integration -n 3
	$(MAKE) interruptions

# The clouds at the same time: make -j 2 end-to-end
end-to-end: end-to-end-aws end-to-end-gcp end-to-end-older
	$(MAKE) key-faults

end-to-end-aws: tools older-sdk
	$(ISOLATED) aws .venv/bin/pytest tests/end_to_end -n 2 --dist loadscope

end-to-end-gcp: tools
	$(ISOLATED) gcp .venv/bin/pytest tests/end_to_end/google

# The main way on the oldest versions that are tried, whose Kubernetes is built for this alone.
end-to-end-older: tools
	$(PYTHON) -m sandbox tools --kubernetes 1.30
	$(ISOLATED) older .venv/bin/pytest tests/end_to_end/older_kubernetes

# What the last tests have shown of each fault, compared with docs/faults.md.
faults: key-faults interruptions

# Of the keys, by the end-to-end tests.
key-faults: environment
	$(PYTHON) -m tests.end_to_end.faults.results keys .sandbox/isolated/aws .sandbox/isolated/gcp

# Of runs that were killed before there were keys, by the integration tests.
interruptions: environment
	$(PYTHON) -m tests.end_to_end.faults.results interruptions .sandbox/isolated/integration

older-sdk: environment
	$(PYTHON) -m tests.end_to_end.older_sdk

# Which unit tests notice that a place of components/ is broken; SEED draws another sample, IN=<folder, file or
# file:line> draws from there.
mutants: environment
	$(PYTHON) -m tests.mutation --sample $(or $(SAMPLE),100) --seed $(or $(SEED),1) --in $(or $(IN),components)

bench: tools
	$(PYTHON) -m tests.benchmarks
