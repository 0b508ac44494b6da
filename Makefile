# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# The targets for work in this checkout. They call the scripts in tools/.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup setup-tests demo demo-down docs test test-versions lint sanity unit molecule newcomer bench bench-simulate bench-control mutants faults guests role-runs clean

# The hosts of the lab run as root.
AS_ROOT := $(if $(filter 0,$(shell id -u)),,sudo --preserve-env=ANSIBLE_CONFIG --)

# Ansible ignores an ansible.cfg in a world-writable folder, unless ANSIBLE_CONFIG is set.
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' Makefile

setup: ## install the requirements of the other targets: Debian packages, and Python tools into .venv
	@tools/setup

setup-tests: setup
	@tools/setup --for-tests

demo: setup ## start a lab on this machine, deploy a slice and test it
	@tools/demo

demo-down: setup ## remove the lab of the demo
	$(AS_ROOT) .venv/bin/ansible-playbook cloudrepo.slices.lab_down

test: setup-tests ## run all tests: lint, sanity, unit, the newest ansible-core and molecule in parallel
	@.venv/bin/python tools/test.py

test-versions: setup-tests ## test modules and plugins on each supported version of ansible-core, and run its sanity tests
	@.venv/bin/python tools/test_versions.py --sanity

docs: setup ## build the documentation site, without a network
	@tools/docs

lint: setup ## run ruff, mypy, shellcheck, yamllint, antsibull-changelog, ansible-lint, galaxy-importer, reuse, typos, documentation
	@tools/lint

sanity: setup ## run ansible-test sanity
	@tools/sanity

unit: setup-tests ## run the unit tests
	@tools/unit

bench: setup ## measure deploys, and the same work done in other ways, on a separate lab
	@tools/bench

bench-simulate: setup ## measure the controller with 50 workers and 2,000 VMs, on simulated hosts
	@tools/bench-simulate

molecule: setup ## test the playbooks on two labs in parallel
	@.venv/bin/python tools/test.py molecule-1 molecule-2

newcomer: setup ## follow the README from the tarball on a lab, with the oldest and the newest ansible-core
	@for core in oldest newest; do NEWCOMER_CORE=$$core tools/molecule --scenario-name newcomer || exit; done

bench-control: setup-tests ## measure the control plane, with 100 and with 10,000 VMs in the database
	@tools/bench-control

mutants: setup-tests ## find small faults in module_utils that no unit test notices (MUTANTS="--count 300 --seed 7 --all")
	@.venv/bin/python tools/mutants.py $(MUTANTS)

faults: setup ## inject faults into a lab, several times each, and compare everything afterwards (FAULTS="--times 1 --faults worker-off")
	@tools/faults $(FAULTS)

guests: setup ## test Debian guests, FRR routers and a network of 30 nodes on a lab, which takes long
	@tools/molecule --long

role-runs: setup ## run the scenario of the example role ten times at once on a lab, which takes long
	$(AS_ROOT) .venv/bin/python tools/role_runs.py

clean: ## remove what these targets created in the checkout (demo-down removes the lab)
	rm -rf .ansible .hypothesis .mypy_cache .pytest_cache .ruff_cache .test .venv
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
