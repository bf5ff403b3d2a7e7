# Copyright (c) 2026, egee.box contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# What one does with this collection from a checkout. `make` alone lists the targets.
# Everything but the distribution's packages goes into .venv; nothing else on the machine changes
# until a target that deploys is asked for.

SHELL := /bin/bash
.DEFAULT_GOAL := help

VENV := .venv
COLLECTION := $(VENV)/collections/ansible_collections/egee/box
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/$(VENV)/collections
export ANSIBLE_HOME := $(CURDIR)/.ansible
PLAY := ansible-playbook
# Mitogen keeps one Python interpreter on each host. On an emulated one each start of it costs seconds. An emulated
# machine is one thread: more than two of its domains at once only wait for each other, until something times out.
MITOGEN = ANSIBLE_FORKS=$(or $(FORKS),4) ANSIBLE_STRATEGY=mitogen_linear \
  ANSIBLE_STRATEGY_PLUGINS=$(wildcard $(CURDIR)/$(VENV)/lib/python3*/site-packages/ansible_mitogen/plugins/strategy)
# Apart, as ansible-test does: a module behaves otherwise where the controller's code is loaded.
define units
PYTHONPATH=$(CURDIR)/$(VENV)/collections $(1) tests/unit/plugins/modules
PYTHONPATH=$(CURDIR)/$(VENV)/collections $(1) tests/unit tests/property tests/integration --ignore tests/unit/plugins/modules
endef
# The CA and keys of the campaign's site are its own.
CHAOS := EGEE_BOX_STATE=$(CURDIR)/.cache/chaos/state
SAY = @printf '\n\033[1m== %s\033[0m\n' 

## For users

.PHONY: help
help: ## list the targets
	@awk -F':.*## ' '/^## /{print "\n" substr($$0, 4)} /^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: box
box: $(VENV)/ready ## the twelve services as containers here, ending with a real grid job
	@tests/engine.sh
	$(SAY) "The box in containers: twelve hosts, then a real job"
	$(PLAY) -i inventories/containers playbooks/site.yml
	$(PLAY) -i inventories/containers playbooks/verify.yml

.PHONY: xen
xen: $(VENV)/ready ## the same on real Xen, on two emulated machines
	$(SAY) "The box on real Xen: two emulated machines, twelve domains, then a real job"
	@# Native work, and without Mitogen, which would have it all done on one CPU.
	$(PLAY) -i inventories/lab playbooks/lab.yml
	$(MITOGEN) $(PLAY) -i inventories/lab playbooks/machine.yml playbooks/domains.yml
	$(MITOGEN) $(PLAY) -i inventories/lab playbooks/services.yml --tags grid_ca
	@# site.yml does one service after another; so that no machine waits for the other's, each has a run of its own.
	$(MAKE) --jobs=2 FORKS=2 xen-services-m1 xen-services-m2
	$(MITOGEN) $(PLAY) -i inventories/lab playbooks/sharing.yml playbooks/record.yml
	$(MITOGEN) $(PLAY) -i inventories/lab playbooks/verify.yml --tags verify_refusals
	$(MITOGEN) $(PLAY) -i inventories/lab playbooks/verify.yml --tags verify_chain

.PHONY: xen-stories
xen-stories: $(VENV)/ready ## all stories that make box ends with, on the lab that make xen has made; an hour or more
	$(MITOGEN) $(PLAY) -i inventories/lab playbooks/verify.yml

.PHONY: xen-services-m1 xen-services-m2
xen-services-m1 xen-services-m2: xen-services-%:
	@set -o pipefail; $(MITOGEN) $(PLAY) -i inventories/lab playbooks/services.yml --skip-tags grid_ca --limit on_$* \
	  2>&1 | sed --unbuffered 's/^/$*: /'

.PHONY: plan
plan: $(VENV)/ready ## print and check the plan of every inventory, touching nothing
	@for i in $(dir $(wildcard inventories/*/hosts.yml)); do echo "$$i"; $(PLAY) -i $$i playbooks/plan.yml || exit 1; done

## For engineers

.PHONY: check
check: lint types unit ## what needs no machine: lint, types, unit and property tests

.PHONY: lint
lint: $(VENV)/ready ## ansible-lint (production), yamllint, ruff, licences (reuse)
	$(SAY) "Lint"
	ruff check .
	reuse lint --lines
	yamllint .
	ansible-lint

.PHONY: types
types: $(VENV)/ready ## mypy --strict on the plugins, Magrathea and tools
	$(SAY) "Types"
	mypy -p ansible_collections.egee.box.plugins
	MYPYPATH=roles/magrathea/files mypy -p magrathea
	mypy tools

.PHONY: unit
unit: $(VENV)/ready ## unit and property tests, and the inventories that must be refused
	$(SAY) "Unit and property tests"
	$(call units,pytest)

.PHONY: coverage
coverage: $(VENV)/ready ## the same, and what share of module_utils and Magrathea they run, by branches: 95 % or more
	$(SAY) "Unit and property tests, and what they cover"
	mkdir -p .cache
	coverage erase
	$(call units,coverage run -m pytest)
	coverage combine --quiet
	coverage report

.PHONY: sanity
sanity: $(VENV)/ready ## ansible-test sanity, no ignores
	$(SAY) "ansible-test sanity"
	tests/sanity.sh

.PHONY: dist
dist: $(VENV)/ready ## build the collection, install it elsewhere, and run its plan from there
	$(SAY) "Build and install the collection"
	tests/installed.sh
	$(SAY) "What is released, built twice"
	tests/reproducible.sh
	$(SAY) "The execution environment, without a container engine"
	tests/execution_environment.sh

.PHONY: molecule
molecule: $(VENV)/ready ## the twelve in containers: check, converge, idempotence, verify
	@tests/engine.sh
	$(SAY) "Molecule: the default scenario, twelve containers"
	molecule test -s default

.PHONY: molecule-xen
molecule-xen: $(VENV)/ready ## a slice on real Xen: an emulated machine, four domains, a job, a second run
	$(SAY) "Molecule: the xen scenario, a slice on an emulated machine"
	$(MITOGEN) molecule test -s xen

.PHONY: molecule-sharing
molecule-sharing: $(VENV)/ready ## a machine that two worker nodes share, in containers: the preemption story on Slurm, daemons killed
	@tests/engine.sh
	$(SAY) "Molecule: the sharing scenario, three containers on a shared machine"
	molecule test -s sharing

.PHONY: side-by-side
side-by-side: $(VENV)/ready ## both scenarios at once, for an emulated machine is one thread of one core
	@# First, for on a fresh machine both would install packages.
	@tests/engine.sh
	tests/side_by_side.sh

.PHONY: docs
docs: $(VENV)/ready $(VENV)/docs/ready ## the documentation as a site, in .cache/docs/html
	$(SAY) "The documentation"
	PATH="$$PATH:$(CURDIR)/$(VENV)/docs/bin" docs/build.sh

.PHONY: test-pbs
test-pbs: $(VENV)/ready ## the PBS modules against the stand-in, and the real PBS server of this machine if it has one
	$(SAY) "The PBS modules, against the stand-in and the PBS server of this machine"
	PYTHONPATH=$(CURDIR)/$(VENV)/collections pytest -rs tests/pbs

.PHONY: bench
bench: $(VENV)/ready ## the benchmarks beside what one would take instead; report.json and report.html in .cache/bench
	$(SAY) "Benchmarks"
	PYTHONPATH=$(CURDIR)/$(VENV)/collections $(VENV)/bin/python benchmarks/suite.py $(if $(ONLY),--only $(ONLY))

.PHONY: chaos
chaos: $(VENV)/ready ## a site of seven containers, and RUNS (3) faults of a SEED (1) while jobs run there; what must hold is checked
	@tests/engine.sh
	$(SAY) "A campaign of faults"
	$(CHAOS) $(PLAY) -i tests/inventories/chaos -e @tests/chaos/apart.yml playbooks/site.yml
	$(CHAOS) $(VENV)/bin/python tests/chaos/campaign.py --seed $(or $(SEED),1) --runs $(or $(RUNS),3)
	$(CHAOS) $(PLAY) -i tests/inventories/chaos -e @tests/chaos/apart.yml playbooks/destroy.yml -e destroy=EGEE-BOX

.PHONY: test
test: lint types coverage sanity dist side-by-side test-pbs ## everything that CI runs

.PHONY: release
release: $(VENV)/ready ## tarball, bill of materials and checksums into dist/, tried in containers; VERSION=1.2.3 releases that
	$(SAY) "A release$(if $(VERSION), of $(VERSION)), and the containers' story from it"
	tools/release.sh $(VERSION)

.PHONY: clean
clean: ## remove .venv and what the tests built; deployed boxes stay
	rm -rf $(VENV) .ansible .cache dist .mypy_cache .pytest_cache .ruff_cache egee-box-*.tar.gz

$(VENV)/ready: tests/requirements.txt meta/requirements.txt
	$(SAY) "Installing the tools into $(VENV)"
	python3 -c 'import ensurepip' 2>/dev/null || { apt-get update -qq && apt-get install -qqy python3-venv; }
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --requirement tests/requirements.txt
	mkdir -p $(dir $(COLLECTION))
	ln -sfn $(CURDIR) $(COLLECTION)
	touch $@

# Apart from Ansible's, so that neither decides which releases of its libraries the other has.
$(VENV)/docs/ready: docs/requirements.txt $(VENV)/ready
	$(SAY) "Installing what makes the documentation into $(VENV)/docs"
	python3 -m venv $(VENV)/docs
	$(VENV)/docs/bin/pip install --quiet --requirement docs/requirements.txt
	touch $@
