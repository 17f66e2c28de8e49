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
# What tests of the console in a browser run: an API server, S3, and a proxy that signs people in.
in_browser := --family=kubernetes --family=etcd --family=versitygw --family=oauth2-proxy
# What people have around their clusters, for tests with the real thing; some take minutes to build.
quick_peers := helm manifest-linters
peers := $(quick_peers) prometheus kueue cert-manager flux argocd
built := $(addprefix --family=,$(quick_peers))
test-peers: built := $(addprefix --family=,$(peers))
# They may want a newer Go than the node does.
test: go_also_for := $(quick_peers)
test-peers: go_also_for := $(peers)

.PHONY: help up use run-operator node images dist down clean sync binaries generate console lint test test-unit test-apiserver
.PHONY: test-browser test-peers test-release test-e2e test-cluster chaos mutants soak docs bench

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

.PHONY: bootstrap-own bootstrap-current bootstrap-browser
bootstrap-own:
	@tests/cluster/bootstrap cluster $(go_also_for)

bootstrap-current: sync

bootstrap-browser:
	@tests/cluster/bootstrap browser

bootstrap-%:
	@echo "error: CLUSTER=$* is unknown: say CLUSTER=own or CLUSTER=current." >&2
	exit 1

dist: bootstrap-own ## Make a release of the present commit, in dist/: packages, images, manifests, chart, bills of materials
	@$(cluster) binaries --family=kubernetes
	$(python) -m tests.release dist

generate: sync ## Write what is generated from the code: CRDs, documents, the Helm chart
	@$(python) -m dagy.model crds
	$(python) docs/generate.py
	$(python) -m tests.release chart

console: sync ## Bundle the web console (operator/console) into the files that the API serves
	@$(python) operator/console/make.py

lint: sync ## Format, lint, types, layers
	@.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/mypy --package tests.cluster --package tests.release
	.venv/bin/lint-imports

test: lint bootstrap-$(CLUSTER) bootstrap-browser ## All checks and all tests, on the cluster that `make up` starts
	@$(cluster) up --cluster=$(CLUSTER) --registry=$(REGISTRY) --no-samples
	[[ $(CLUSTER) != own ]] || $(cluster) binaries $(in_browser) $(built) --family=distribution
	$(pytest) --numprocesses=2 --dist=loadscope -m "not release and not long_build" $(ARGS)

test-unit: sync ## Tests that need nothing
	@$(pytest) -m "not apiserver and not e2e and not lifecycle and not browser and not peers and not release" $(ARGS)

test-apiserver: bootstrap-own ## Tests that need etcd and kube-apiserver
	@$(cluster) binaries --family=kubernetes --family=etcd --family=versitygw --family=distribution
	$(pytest) -m apiserver $(ARGS)

test-browser: bootstrap-own bootstrap-browser ## Tests of the web console in a browser; their screenshots are in .screenshots
	@$(cluster) binaries $(in_browser)
	$(pytest) -m browser $(ARGS)

test-peers: bootstrap-$(CLUSTER) ## Tests with what people have around their clusters: Helm, Kueue, cert-manager, Flux, Argo CD, Prometheus, linters, Airflow, Dagster (built once, 20 minutes)
	@$(cluster) up --cluster=$(CLUSTER) --registry=$(REGISTRY) --no-samples
	[[ $(CLUSTER) != own ]] || $(cluster) binaries $(built)
	$(pytest) -m peers $(ARGS)

test-e2e: bootstrap-$(CLUSTER) ## Tests on the cluster, started if it is not running
	@$(cluster) up --cluster=$(CLUSTER) --registry=$(REGISTRY) --no-samples
	[[ $(CLUSTER) != own ]] || $(cluster) binaries --family=distribution
	$(pytest) -m e2e $(ARGS)

test-release: bootstrap-own ## Make a release twice, compare, and install, upgrade and remove one on a cluster of its own (15 minutes)
	@$(cluster) binaries
	$(cluster) binaries --family=helm
	$(pytest) -m release $(ARGS)

test-cluster: bootstrap-own ## Starts, kills and stops a cluster of its own, beside one that may be running
	@$(cluster) binaries
	$(pytest) -m lifecycle $(ARGS)

mutants: bootstrap-own ## Remove one guarantee of the product after the other, and see which test notices (about an hour)
	@$(cluster) binaries --family=kubernetes --family=etcd --family=versitygw --family=distribution
	$(python) -m tests.mutation $(ARGS)

chaos: bootstrap-own ## Inject faults for an hour (ARGS="--seconds 600 --seed 7") and print what came of them
	@$(cluster) binaries --family=kubernetes --family=etcd --family=versitygw
	$(python) -m tests.chaos $(ARGS)

soak: bootstrap-own ## Let packages come and go for an hour (ARGS="--seconds 600"); fails when memory, files, tasks or objects grow
	@$(cluster) binaries --family=kubernetes --family=etcd --family=versitygw
	$(python) -m tests.soak $(ARGS)

docs: sync ## Build the pages of docs/ as a site, in .site; a dead link is an error
	@$(python) -m mkdocs build --strict --quiet --config-file docs/site/mkdocs.yml

bench: bootstrap-own ## Print the figures of this machine
	@$(cluster) up --no-samples
	$(cluster) binaries --family=distribution
	$(python) -m tests.bench
