# `make demo` and `make test` need python3 >= 3.11, make and git; they set up .venv by themselves.
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PY ?= python3
UV := $(shell command -v uv 2>/dev/null)

.PHONY: help demo test docs quick generate lint types contracts unit torture fuzz soak resume kills slurm bench bench-aequilibrae mutation clean

help:
	@echo "make demo   set up, run the default scenario, print the report's path"
	@echo "make test   set up, then lint, types, import contracts, tests"
	@echo "make docs   build the documentation site: site/index.html"
	@echo "make quick  lint, types, contracts and one test file a room (under a minute); make test remains the gate"
	@echo "make generate  write the schema and the generated parts of the pages anew"
	@echo "make torture  run 1,000 random scenarios and judge every number (90 minutes of processor time; TORTURE_SEEDS=0:100 for fewer)"
	@echo "make fuzz  mutate scenarios and files $(FUZZ_EXAMPLES) times a test (hours; FUZZ_EXAMPLES=200 for fewer)"
	@echo "make soak  long runs, SUMO started again and again, races, a busy machine (an hour; KIND=storm for one, SIZE=50 for less)"
	@echo "make resume  stop days behind each of 24 periods in every mode, go on, compare every bit (ten minutes of processor time)"
	@echo "make kills  kill runs at 200 random instants, go on, compare (KILLS=200 KILL_SEED=1; ten minutes)"
	@echo "make slurm  run a study as an array job of a real Slurm on loopback, a job requeued (root; apt-get install slurmctld slurmd slurm-client munge)"
	@echo "make bench  print the figures of docs/benchmarks.md (ten minutes; more networks with COSIM_TNTP_DIR=<folder>)"
	@echo "make bench-aequilibrae  time an assignment beside AequilibraE (own environment; needs COSIM_TNTP_DIR)"
	@echo "make mutation  draw mutants of the science and see whether tests notice them (half an hour of CPU; SEED=1 MUTANTS=200)"
	@echo "make clean  remove .venv and caches"

$(READY): pyproject.toml
ifneq ($(UV),)
	$(UV) venv --quiet --allow-existing --python '>=3.11' $(VENV)
	$(UV) pip install --quiet --python $(BIN)/python --compile-bytecode -e '.[test]'
else
	@$(PY) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "cosim needs Python 3.11 or newer; $(PY) is older. Try: make PY=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PY) -c 'import ensurepip, venv' || \
	  { echo "$(PY) has no venv module; on Debian: apt-get install python3-venv"; exit 1; }
	$(PY) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test]'
endif
	touch $@

demo: $(READY)
	$(BIN)/cosim run nguyen_ieee33

test: lint types contracts unit

# One file of tests a room, the quick ones of closed forms and files: no run, no solve of a day, no SUMO.
QUICK := tests/charging/test_charging_demand_and_load.py tests/charging/test_stations.py tests/coupling/test_station_price.py \
  tests/dispatch/test_tariff.py tests/grid/test_radial_feeder.py tests/microsim/test_late_vehicles.py \
  tests/microsim/test_sections.py tests/results/test_verdict.py tests/scenario/test_safe_yaml.py \
  tests/test_plugins.py tests/test_quantities.py tests/test_tables.py tests/traffic/test_choice.py \
  tests/traffic/test_performance.py tests/validation/test_acceptance_gate.py tests/validation/test_ramp.py

quick: lint types contracts
	OPENBLAS_NUM_THREADS=1 $(BIN)/pytest -n 2 -q $(QUICK)

generate: $(READY)
	$(BIN)/cosim schema > cosim/scenario/schema.json.new && mv cosim/scenario/schema.json.new cosim/scenario/schema.json
	$(BIN)/python docs/generate.py

docs: $(READY)
	OPENBLAS_NUM_THREADS=1 $(BIN)/python docs/gallery.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet
	@echo "site/index.html"

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(READY)
	$(BIN)/mypy

contracts: $(READY)
	$(BIN)/lint-imports

# Two processes, each with half of the files one after the other, until one has nothing left and takes over half of the other's rest:
# what a file sets up is mostly set up once. More threads would only take the processors from each other.
unit: $(READY)
	OPENBLAS_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist worksteal

# A judge that shares no code with cosim; bad scenarios are kept, with their runs. Seeds are those of no test.
TORTURE_SEEDS ?= 0:1000
TORTURE_KEEP ?= runs/torture

torture: $(READY)
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m tests.judge --seeds $(TORTURE_SEEDS) --keep $(TORTURE_KEEP)

# Mutations of scenarios and files, and the same scenario told otherwise; `make test` runs a few of the same tests.
FUZZ_EXAMPLES ?= 5000

fuzz: $(READY)
	OPENBLAS_NUM_THREADS=1 COSIM_FUZZ_EXAMPLES=$(FUZZ_EXAMPLES) $(BIN)/pytest -n 2 -q --timeout=0 tests/fuzz tests/scenario/test_scenario_fuzz.py

# Memory, files and threads over many periods, and what only many repetitions show; figures are printed.
KIND ?=
SIZE ?=

soak: $(READY)
	OPENBLAS_NUM_THREADS=1 $(BIN)/python benchmarks/soak.py $(KIND) $(if $(SIZE),--size $(SIZE))

# Days that are stopped behind every period, and runs that are killed at random instants, against undisturbed ones.
resume: $(READY)
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m tests.resume points

KILLS ?= 200
KILL_SEED ?= 1

kills: $(READY)
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m tests.resume kills $(KILLS) $(KILL_SEED)

# A controller and a node of Slurm, started for this and bound to loopback.
slurm: $(READY)
	OPENBLAS_NUM_THREADS=1 $(BIN)/python benchmarks/slurm.py

# One after the other, on one BLAS thread: figures of parallel runs would disturb each other.
BENCHMARKS := nguyen own_msa paper_msa batch od_estimation marouter day coupled_hours power_flows checkpoint
ifneq ($(COSIM_TNTP_DIR),)
BENCHMARKS += sioux_falls ue_limit chicago
endif

bench: $(READY)
	@for name in $(BENCHMARKS); do \
	  printf '\n== %s\n' $$name; OPENBLAS_NUM_THREADS=1 $(BIN)/python benchmarks/$$name.py || failed="$$failed $$name"; \
	done; [ -z "$$failed" ] || { echo "failed:$$failed"; exit 1; }

PEER_VENV := .venv-aequilibrae

$(PEER_VENV)/.ready:
	$(PY) -m venv $(PEER_VENV)
	$(PEER_VENV)/bin/python -m pip install --quiet --disable-pip-version-check 'aequilibrae>=1.7,<2'
	touch $@

bench-aequilibrae: $(READY) $(PEER_VENV)/.ready
	OPENBLAS_NUM_THREADS=1 $(BIN)/python benchmarks/aequilibrae.py

MUTATION_VENV := .venv-mutation
SEED ?= 1
MUTANTS ?= 200

$(MUTATION_VENV)/.ready: pyproject.toml
	$(PY) -m venv $(MUTATION_VENV)
	$(MUTATION_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[test,mutation]'
	touch $@

mutation: $(MUTATION_VENV)/.ready
	$(MUTATION_VENV)/bin/python benchmarks/mutation.py --survey --seed $(SEED) --mutants $(MUTANTS)

clean:
	rm -rf $(VENV) $(PEER_VENV) $(MUTATION_VENV) .mutation .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
