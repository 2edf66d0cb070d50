# The project's commands. CONTRIBUTING.md says when to run each.

.PHONY: $(shell sed -nE 's/^([a-z-]+):.*/\1/p' $(MAKEFILE_LIST))

# tools/setup installs here what no package of this system is.
export PATH := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/counterfoil/node/bin:$(PATH):$(or $(CARGO_HOME),$(HOME)/.cargo)/bin

help: ## Lists the targets.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 20

setup: ## Installs what is missing on this machine, or says what to install.
	tools/setup

build: setup ## Builds all programs.
	cargo build --locked --workspace --bins

demo: ## Sets everything up and shows the whole way, tampering included. KEEP=1 stays up; DATA= says where its files stay.
	KEEP=$(KEEP) tools/demo/run $(if $(DATA),--data "$(DATA)")

test: build ## Sets everything up and runs all tests.
	tools/setup typescript
	tools/test
	$(MAKE) test-typescript
	$(MAKE) test-verifier
	$(MAKE) test-python
	$(MAKE) test-go
	tests/conformance/run --every 4
	$(MAKE) test-explorer
	$(MAKE) test-deploy

test-full: test ## Also 1,000 simulated histories in place of 200, and twice the kills and requests: minutes more.
	$(MAKE) test-outbox
	$(MAKE) test-runtimes
	$(MAKE) test-middleware
	cd explorer && npm run test:wallet
	tests/conformance/run --all
	tests/conformance/mutants
	EXAMPLES=60 cargo test --locked --workspace --test api schemathesis
	SEEDS=1000 cargo test --locked --workspace --test follow simulation
	KILLS=60 CRASHES=8 RECORDS_WRITTEN=1000 GATEWAY_CRASHES=6 cargo test --locked --workspace --test kills

model: setup ## Checks the model of sealing: every state within its bounds, and each rule taken out. RECORDS=3 widens them: minutes more.
	$(if $(RECORDS),MODEL_RECORDS=$(RECORDS)) cargo test --locked -p counterfoil-model -- --nocapture

test-outbox: setup ## The SQL in users' databases, on a PostgreSQL of its own.
	crates/outbox/sql/test/run

test-nats: build ## The tests of hints over NATS: a server that is killed, wiped, frozen and lies, and the example that keeps a table.
	cargo test --locked --workspace --test publish --test projection
	cargo test --locked --workspace --test operate nats
	cargo test --locked --workspace --test api hints

test-typescript: build ## The TypeScript client: generated sources, types, and tests, a local chain's among them.
	tools/setup typescript
	cd clients/typescript && npm ci --ignore-scripts --no-audit --no-fund && npm run check && npm test

test-verifier: setup ## The verifier for the web: the module over all vectors, compared with the native build, and the page in Chromium.
	tools/setup page
	cargo build --locked -p counterfoil-verifier-wasm --example native
	cd clients/verifier && npm run check && npm test && npm ci --ignore-scripts --no-audit --no-fund && npm run test:page

test-runtimes: setup ## The verifier for the web over all vectors in Node.js, deno, bun, workerd, the edge runtime, Chromium and Firefox, and its page in Firefox without a network.
	tools/setup runtimes
	cd clients/verifier/test/runtimes && npm ci --ignore-scripts --no-audit --no-fund && npm test

test-middleware: build ## The middlewares for Express, FastAPI and Django, over a real gateway and a real outbox, and with both away.
	tools/setup typescript
	cargo build --locked -p pgcluster --example with_postgres
	cd clients/typescript && npm ci --ignore-scripts --no-audit --no-fund && npm run build
	cd explorer && npm ci --ignore-scripts --no-audit --no-fund
	cd examples/middleware && npm ci --ignore-scripts --no-audit --no-fund && \
		BIN="$$(../../tools/venv ./requirements.txt)" "$(or $(CARGO_TARGET_DIR),$(CURDIR)/target)/debug/examples/with_postgres" npm test

test-conformance: build ## Each verifier as a command over the first vector of every rule: exit codes and verdicts are compared.
	tools/setup go
	tests/conformance/run

test-python: setup ## The verifier in Python, over all vectors and hostile files, and compared with the verifier for the web on 2,000 random documents.
	tools/setup python
	cd clients/python && python3 -m unittest discover -s tests

test-go: setup ## The verifier in Go, likewise.
	tools/setup go
	cd clients/go && test -z "$$(gofmt -l .)" && go vet ./... && go test -count=1 ./...

test-explorer: build ## The explorer in Chromium, over a chain, an index and an API of its own, and over ones that lie; its wallets are in test-full.
	tools/setup page
	cd explorer && npm ci --ignore-scripts --no-audit --no-fund && npm run check && npm test

screenshots: build ## Pictures of each view of the explorer, light, dark, on a phone and in print, in target/screenshots.
	tools/setup page
	cd explorer && npm ci --ignore-scripts --no-audit --no-fund && npm run screenshots -- "$(CURDIR)/target/screenshots"

test-edge: build test-verifier ## Also the worker at the edge, in workerd, and nginx, before a real API.
	tools/setup edge
	cargo build --locked -p pgcluster --example with_postgres
	cd examples/edge-worker && npm ci --ignore-scripts --no-audit --no-fund && \
		"$(or $(CARGO_TARGET_DIR),$(CURDIR)/target)/debug/examples/with_postgres" npm test

agave: ## Builds Agave's validator once, into a cache outside the clone; minutes.
	tools/agave/build

test-agave: build ## The nodes' tests and the end-to-end tests on Agave's validator, with real finality.
	node=$$(tools/agave/build) && COUNTERFOIL_LOCALNET=$$node cargo test --locked --workspace --test node --test kept -- --test-threads=1
	COUNTERFOIL_VALIDATOR=agave cargo test --locked --workspace --test e2e -- --test-threads=4 # They wait for finality.

anchor-test: setup ## The Anchor CLI builds the program and its IDL and runs the end-to-end tests on Agave's validator.
	tools/anchor/test

test-fresh: ## As root: sets up, builds and runs the demo in a Debian with nothing but git, make and a toolchain, as two users.
	tools/fresh

test-deploy: ## The Helm chart by the real helm and Kubernetes' strict schemas, dashboards and alerts by the lists of metrics, systemd's units by systemd, the API as a function, and as root in a container.
	tools/setup deploy
	deploy/helm/test
	deploy/metrics/test
	deploy/systemd/test
	deploy/lambda/test
	[ "$$(id -u)" != 0 ] || { tools/setup images && deploy/images/test --short; }

images: setup ## Builds the images of indexer, API, gateway and CLI, each an OCI layout in target/images; minutes.
	tools/setup images
	deploy/images/build

test-images: build ## Builds the images twice and runs each by runc, as deploy/compose.yaml says. As root.
	tools/setup images
	deploy/images/test

dist: setup ## Makes the files of a release in target/release-files: archive, Debian packages, function, npm package, sums; minutes.
	tools/setup typescript
	tools/dist/run

test-dist: setup ## Makes them twice, compares the bytes, and starts what is in them.
	tools/setup typescript
	tools/dist/test

function: setup ## Builds the query API as a function of AWS Lambda: target/lambda/counterfoil-api.zip; minutes.
	deploy/lambda/build

test-functions: function ## The function's zip too, behind a function URL.
	tools/setup deploy
	deploy/lambda/test --zip target/lambda/counterfoil-api.zip

soak: build ## Hours: random sequences of instructions, simulated histories, 1,000,000 random documents through the verifiers, real kills of indexers, gateways and databases. CASES=, SEEDS=, N=, KILLS= change it.
	CASES=$(or $(CASES),10000) cargo test --locked --workspace --test program sequences -- --nocapture
	SEEDS=$(or $(SEEDS),100000) cargo test --locked --workspace --test follow simulation -- --nocapture
	tools/setup python && cd clients/python && N=$(or $(N),500000) python3 -m unittest discover -s tests -p test_wasm.py
	tools/setup go && cd clients/go && N=50000 go test -timeout 6h -count 10 -run WebAssembly ./verifier
	KILLS=$(or $(KILLS),200) CRASHES=20 RECORDS=200000 RECORDS_WRITTEN=5000 GATEWAY_CRASHES=200 cargo test --locked --workspace --test kills -- --nocapture

fuzz: setup ## Fuzzes each target for SECONDS=60.
	tools/fuzz $(or $(SECONDS),60)

lint: ## Format, lints, documentation, dependencies, committed artefacts.
	tools/lint

audit: ## Known advisories against our dependencies. Needs the network; not part of `make lint`, whose answer must not change by itself.
	deny=$$(tools/cargo-tool cargo-deny 0.20.2) && "$$deny" --locked check advisories

sbom: ## Writes each program's bill of materials (CycloneDX) into target/sbom.
	tools/sbom

program: ## Rebuilds the on-chain programs and the IDL after a change.
	tools/sbf/setup
	tools/sbf/idl
	tools/sbf/release

program-check: ## Fails when the committed program or IDL is not what the sources give.
	tools/sbf/release --check-inputs
	tools/sbf/idl --check
	tools/sbf/setup
	tools/sbf/release --check

wasm: ## Rebuilds the verifier for the web, and the page that holds it, after a change; tools/wasm/build says what it needs.
	tools/wasm/build
	node clients/verifier/build-page.mjs

explorer: ## Builds the explorer again after a change of it or of the verifier; the built files are committed.
	cd explorer && npm ci --ignore-scripts --no-audit --no-fund && npm run build

wasm-check: ## Fails when the committed verifier is not what the sources give, byte for byte.
	tools/wasm/build --check
	node clients/verifier/build-page.mjs --check

wasm-size: ## Says where the bytes of the verifier for the web are.
	tools/wasm/build --size

bench: bench-log bench-chain bench-compute bench-indexer bench-api bench-ai bench-gateway bench-outbox ## Measures, compared with peers; writes target/bench/*.jsonl.

bench-log: ## Leaves per second and proofs per second, compared with ct-merkle.
	cargo bench --locked -p merkle-log

bench-chain: ## Records per second from a local chain into PostgreSQL.
	bench/chain

bench-functions: setup ## The API as a function, compared with aws-lambda-web-adapter; minutes the first time.
	bench/functions

bench-gateway: setup ## The gateway: records a second, a backlog, time to confirmation, compared with PostgreSQL alone, pgmq and JetStream; minutes.
	tools/setup bench-api
	bench/gateway/run

bench-outbox: setup ## Protected tables: what a trigger costs, the relay, a held snapshot and check, compared with pgmq, graphile-worker, awa and PgQ; hours. BIG=1 checks 10,000,000 changes.
	tools/setup bench-outbox
	BIG=$(BIG) bench/outbox/run

bench-compute: ## Compute units, account sizes and rent, compared with SPL account compression.
	bench/compute/run

bench-indexer: setup ## The indexer on 1,000,000 records, compared with COPY and carbon; BIG=1 goes on to 10,000,000.
	BIG=$(BIG) bench/indexer/run

bench-ai: setup ## Forecasts and verdicts, compared with statsforecast and the simplest baselines.
	bench/ai/run

bench-compare: setup ## Indexer and API compared with those of another commit: make bench-compare COMMIT=...
	tools/setup bench-api
	bench/compare $(COMMIT)

bench-api: setup ## The API: proofs, lists, tiles, 10,000 followers, compared with bare axum and PostGraphile; BIG=1 as above.
	tools/setup bench-api
	BIG=$(BIG) bench/api/run
