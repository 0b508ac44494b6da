# Copyright (c) 2026 the cloudrepo.slices authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# What there is to do in this checkout; how it is done stands in tools/.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup setup-tests demo demo-down docs test test-versions lint sanity unit molecule bench bench-simulate bench-control mutants faults clean

# The lab's hosts are root's.
AS_ROOT := $(if $(filter 0,$(shell id -u)),,sudo --preserve-env=ANSIBLE_CONFIG --)

# Ansible ignores an ansible.cfg in a folder that everybody may write, unless it is named.
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' Makefile

setup: ## install what the other targets need: Debian packages by name, Python tools into .venv
	@tools/setup

setup-tests: setup
	@tools/setup --for-tests

demo: setup ## from a bare machine to VMs that talk: start the lab, deploy a slice, prove that it works
	@tools/demo

demo-down: setup ## take the demo's lab away
	$(AS_ROOT) .venv/bin/ansible-playbook cloudrepo.slices.lab_down

test: setup-tests ## every test: lint, sanity, unit and molecule side by side
	@.venv/bin/python tools/test.py

test-versions: setup-tests ## modules and plugins on each supported version of ansible-core
	@.venv/bin/python tools/test_versions.py

docs: setup ## build the documentation site, without a network
	@tools/docs

lint: setup ## ruff, mypy, shellcheck, yamllint, antsibull-changelog, ansible-lint, galaxy-importer, documentation
	@tools/lint

sanity: setup ## ansible-test sanity
	@tools/sanity

unit: setup-tests ## the unit tests
	@tools/unit

bench: setup ## measure deploys against the same work done in other ways, on a lab of its own
	@tools/bench

bench-simulate: setup ## what 50 workers and 2,000 VMs cost the controller, with simulated hosts
	@tools/bench-simulate

molecule: setup ## the playbooks on a real lab, half of them on a second one
	@.venv/bin/python tools/test.py molecule-1 molecule-2

bench-control: setup-tests ## how long the control plane takes, with 100 and with 10,000 VMs in the database
	@tools/bench-control

mutants: setup-tests ## which small faults in module_utils no unit test notices: a sample by seed (MUTANTS="--count 300 --seed 7 --all")
	@.venv/bin/python tools/mutants.py $(MUTANTS)

faults: setup ## inject faults into a lab, several times each, and compare everything afterwards (FAULTS="--times 1 --faults worker-off")
	@tools/faults $(FAULTS)

clean: ## remove what these targets created in the checkout (demo-down removes the lab)
	rm -rf .ansible .hypothesis .mypy_cache .pytest_cache .ruff_cache .test .venv
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
