# Targets with a ## comment are listed by `make help`.
# bash, without what the person at this machine has installed for themselves.
SHELL := tests/cluster/new-machine
.DEFAULT_GOAL := help
.ONESHELL:
.SHELLFLAGS := -euo pipefail -c

# `own` starts a cluster on this machine; `current` takes that of the present kubeconfig.
CLUSTER ?= own
export CLUSTER
# With CLUSTER=current: where images are pushed, unless it is kind, k3d or minikube.
REGISTRY ?=
# More arguments for pytest, such as ARGS="-k slug".
ARGS ?=

python := .venv/bin/python
cluster := $(python) -m tests.cluster
pytest := $(python) -m pytest

.PHONY: help up use run-operator node images down clean sync binaries generate lint test test-unit test-apiserver test-e2e test-cluster bench

help: ## List the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

up: bootstrap-$(CLUSTER) ## Start Kubernetes here, with S3, the operator and three samples (CLUSTER=current: use yours)
	@$(cluster) up --cluster=$(CLUSTER) --registry=$(REGISTRY)

node: bootstrap-own ## Start Kubernetes here, and nothing in it
	@$(cluster) node

images: bootstrap-own ## Build the images
	@$(cluster) images

use: ## Start the Python of a finished package with its files on the path: PACKAGE=name, and CODE='...' if you like
	@$(python) -m tests.cluster.use $(PACKAGE) $(if $(CODE),'$(CODE)')

run-operator: bootstrap-own ## Run the operator of this working tree here, instead of the one in the cluster, until Ctrl-C
	@$(python) -m tests.cluster.run_operator $(ARGS)

down: ## Stop what `make up` started; binaries and caches stay
	@test ! -x $(python) || $(cluster) down

clean: ## Stop it and remove everything that was made: .cluster and .venv
	@test ! -x $(python) || $(cluster) clean
	rm -rf .venv

sync: ## Install uv and the Python environment
	@tests/cluster/bootstrap python

binaries: bootstrap-own ## Build Kubernetes and its companions (about 9 minutes the first time)
	@$(cluster) binaries

.PHONY: bootstrap-own bootstrap-current
bootstrap-own:
	@tests/cluster/bootstrap cluster

bootstrap-current: sync

bootstrap-%:
	@echo "error: CLUSTER=$* is unknown: say CLUSTER=own or CLUSTER=current." >&2
	exit 1

generate: sync ## Write what is generated from the code: CRDs, documents
	@$(python) -m dagy.model crds
	$(python) docs/generate.py

lint: sync ## Format, lint, types, layers
	@.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/mypy --package tests.cluster
	.venv/bin/lint-imports

test: lint bootstrap-$(CLUSTER) ## All checks and all tests, on the cluster that `make up` starts
	@$(cluster) up --cluster=$(CLUSTER) --registry=$(REGISTRY) --no-samples
	$(pytest) --numprocesses=2 --dist=loadscope $(ARGS)

test-unit: sync ## Tests that need nothing
	@$(pytest) -m "not apiserver and not e2e and not lifecycle" $(ARGS)

test-apiserver: bootstrap-own ## Tests that need etcd and kube-apiserver
	@$(cluster) binaries --family=kubernetes --family=etcd --family=versitygw
	$(pytest) -m apiserver $(ARGS)

test-e2e: bootstrap-$(CLUSTER) ## Tests on the cluster, started if it is not running
	@$(cluster) up --cluster=$(CLUSTER) --registry=$(REGISTRY) --no-samples
	$(pytest) -m e2e $(ARGS)

test-cluster: bootstrap-own ## Starts, kills and stops a cluster of its own, beside one that may be running
	@$(cluster) binaries
	$(pytest) -m lifecycle $(ARGS)

bench: bootstrap-own ## Print the figures of this machine
	@$(cluster) up --no-samples
	$(python) -m tests.bench
