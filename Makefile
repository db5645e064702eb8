# make help lists what there is. Building and running need Go and nothing else.

GOLANGCI := v2.15.0
FUZZTIME := 10s
DURATION := 30m

.PHONY: help build demo test check lint fuzz isolation reliability chaos soak bench profile spec

help: ## this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 13

build: ## the programs, into dist/; static, and without the pages of a C library
	mkdir -p dist
	CGO_ENABLED=0 go build -trimpath -o dist/ ./cmd/...

demo: ## a gateway with everything behind it, on this machine
	go run ./cmd/weft demo

test: ## all tests with the race detector; installs Redis, Chromium and promtool where it can
	.ci/tools
	go test -race -timeout 30m ./...

check: ## format, vet, go.mod; golangci-lint too, once make lint has built it
	@unformatted=$$(find . -name '*.go' -not -path './.*/*' -exec gofmt -l {} +); \
	if [ -n "$$unformatted" ]; then echo "gofmt -w:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	go mod tidy -diff
	@if [ -x .tools/golangci-lint ]; then .tools/golangci-lint run; \
	else echo "golangci-lint is not built: make lint builds it (some minutes) and runs it"; fi

lint: .tools/golangci-lint ## golangci-lint, building the pinned version first
	.tools/golangci-lint run

.tools/golangci-lint:
	GOBIN=$(CURDIR)/.tools go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI)

fuzz: ## each fuzz target for FUZZTIME
	.ci/fuzz $(FUZZTIME)

isolation: ## a million answers to three tenants, none with a word of another's; some six minutes
	GOGC=400 go test ./gateway -run '^TestIsolation$$' -answers 1000000 -timeout 60m -v

reliability: ## the simulation of faults in virtual time, into docs/reliability.md
	go test ./cmd/weft -count 1 -run '^(TestFaults|TestHour)$$' -reliability.out $(CURDIR)/docs/reliability.md

chaos: ## every fault between real processes at full length, into docs/reliability.md; about half an hour
	go run ./cmd/weftchaos -out docs/reliability.md

soak: ## faults at random for DURATION; SEED repeats a run
	go run ./cmd/weftchaos -soak $(DURATION) -seed $(or $(SEED),0)

bench: ## what a document costs beside three baselines, into docs/benchmarks.md; some minutes; ARGS as '-cases hot'
	.ci/tools bench
	go run ./cmd/weftbench $(or $(ARGS),-out docs/benchmarks.md)

profile: ## CPU, allocation and heap profiles of some paths, into profiles/
	.ci/tools bench
	go run ./cmd/weftbench profile -out profiles $(ARGS)

spec: ## lint the two openapi.yaml; needs Node
	.ci/spec
