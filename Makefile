# Few targets; CI calls only these. `make help` lists them.
GO      ?= go
BIN     := bin
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X $(shell head -n1 go.mod | cut -d' ' -f2)/internal/cli.version=$(VERSION)

.PHONY: help build demo components test race lint vuln bench fuzz golden clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z]+:.*## / { printf "%-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/writ
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o internal/cli/player.bin ./cmd/writ-container
	CGO_ENABLED=0 $(GO) build -trimpath -tags player -ldflags '$(LDFLAGS)' -o $(BIN)/writ ./cmd/writ

demo: build ## run a pipeline job with its identity, verify the token, tamper with it, see it turn inactive
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh examples/identity/demo.sh

components: ## build the real systems that tests speak to, into ~/.cache/writ-test (once; a quarter of an hour)
	$(GO) test -count=1 -timeout 60m -run '^TestBuild$$' ./test/program

test: ## run every test (those that need a real component skip where it is missing; WRIT_TEST_REQUIRE=all makes them fail)
	$(GO) test -timeout 30m ./...

race: ## run every test under the race detector (needs cgo)
	CGO_ENABLED=1 $(GO) test -race -timeout 30m ./...

lint: ## gofmt, vet, staticcheck, tidy
	@unformatted=$$(git ls-files '*.go' | xargs gofmt -l); test -z "$$unformatted" || { echo "not gofmt-ed: $$unformatted"; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	$(GO) mod tidy -diff

vuln: ## govulncheck (needs the vulnerability database)
	$(GO) tool govulncheck ./...

bench: ## run every benchmark; each reports its ratio to a floor measured in the same run
	$(GO) test -run '^$$' -bench . -benchtime $(or $(BENCHTIME),1s) ./...

fuzz: ## run each fuzz target for FUZZTIME (default 20s)
	@for package in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz'); do \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(or $(FUZZTIME),20s) -fuzzminimizetime 5x $$package || exit 1; \
		done; \
	done

golden: ## rewrite the golden files: the command line's, the good and bad tokens, what other people's libraries say, trees of our Jsonnet
	WRIT_UPDATE_GOLDEN=1 $(GO) test ./internal/cli ./token ./test/verifiers ./jsonnet/trees

clean: ## remove what build made
	rm -rf $(BIN) internal/cli/player.bin
