.DEFAULT_GOAL := help
.PHONY: help build run test metamorphic test-s3 test-slurm test-kubernetes test-spark estimate-check lint bench memory rivals full fuzz exact hf generate-check clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/tallystick, with the Hugging Face engine if cargo and a C compiler are there
	@scripts/build.sh

run: build ## deduplicate, count and tally the bundled corpus into out/run
	bin/tallystick run testdata/corpus --tokenizer gpt2 --out out/run --force

test: ## all tests this machine can run; says what is left out
	@scripts/test.sh

metamorphic: ## 500 runs of one corpus in ways drawn by lot, one answer (ten minutes; S3 too after make test-s3)
	@TALLYSTICK_METAMORPHIC=500 TALLYSTICK_TEST_S3=$(if $(wildcard build/bin/versitygw),1) \
		go test -count 1 -timeout 0 -v -run '^TestMetamorphicRuns$$' ./cmd/tallystick

test-s3: ## tests against a real S3 server, versitygw, which is installed into build/bin
	@scripts/test_s3.sh

test-slurm: ## a plan's tasks on a real Slurm of one node (Debian's packages, root)
	@scripts/test_slurm.sh

test-kubernetes: ## the manifests for Kubernetes and Argo against their own types (needs their modules)
	@scripts/test_kubernetes.sh

test-spark: ## the job with the join done by DuckDB and by Spark: the same bytes
	@scripts/test_spark.sh

estimate-check: ## plan --estimate beside real runs, stage by stage (minutes; scripts/estimate_check.sh takes corpora)
	@scripts/estimate_check.sh

lint: ## gofmt, go vet, staticcheck, generated files
	@scripts/lint.sh

bench: ## benchmarks against rivals, each checking its answer
	@scripts/bench.sh

memory: ## what runs hold in memory at most, by size of corpus and bound (ten minutes, 3 GB of disk; scripts/memory.sh takes others)
	@scripts/memory.sh

rivals: ## token counting beside the fastest others, every count checked (half an hour; bench/rivals/run.sh takes options)
	@bench/rivals/run.sh --floor

full: build ## the whole job over the reference data (2.1 GB of text) into out/full, then verify it with the inputs
	@[ -d ../shared/data/corpora ] || { echo "full: needs the reference data in ../shared/data"; exit 1; }
	bin/tallystick run ../shared/data/corpora '../shared/data/groundtruth/*.jsonl.zst' --tokenizer gpt2 --out out/full --force
	bin/tallystick verify out/full --inputs

fuzz: ## every fuzz target for ten seconds (a quarter of an hour; scripts/fuzz.sh takes a time and a folder)
	@scripts/fuzz.sh

exact: hf ## count every document of the reference corpora by both engines (hours); samples by the files in TALLYSTICK_TOKENIZERS=/FOLDER too
	TALLYSTICK_EXACT=full go test -tags hf -count 1 -timeout 0 -v -run 'Golden|EnginesAgree' ./engine/tokenize

hf: ## build the Hugging Face engine's library into build/hf (once; 210 s of CPU)
	@scripts/build_hf.sh

generate-check: ## check generated assembly against its generators
	@scripts/generate_check.sh

clean: ## remove everything that was built
	rm -rf bin build out
