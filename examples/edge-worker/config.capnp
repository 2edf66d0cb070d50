# workerd serve config.capnp: the worker, with the API that it asks and a store for its cache.
# The settings come from the environment; HEAD may be empty.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    ( name = "edge", worker = .edge ),
    ( name = "cache", worker = .cache ),
    ( name = "api", external = ( address = "127.0.0.1:8080", http = () ) ),
  ],
  sockets = [ ( name = "http", address = "127.0.0.1:8787", http = (), service = "edge" ) ],
);

const edge :Workerd.Worker = (
  modules = [
    ( name = "worker", esModule = embed "worker.mjs" ),
    ( name = "proofs", esModule = embed "proofs.mjs" ),
    ( name = "verifier", esModule = embed "../../clients/verifier/index.mjs" ),
    ( name = "counterfoil_verifier.wasm", wasm = embed "../../clients/verifier/counterfoil_verifier.wasm" ),
  ],
  compatibilityDate = "2026-11-01",
  cacheApiOutbound = "cache",
  bindings = [
    ( name = "API", service = "api" ),
    ( name = "LEDGER", fromEnvironment = "LEDGER" ),
    ( name = "GENESIS_HASH", fromEnvironment = "GENESIS_HASH" ),
    ( name = "PROGRAM", fromEnvironment = "PROGRAM" ),
    ( name = "HEAD", fromEnvironment = "HEAD" ),
  ],
);

const cache :Workerd.Worker = (
  modules = [ ( name = "cache", esModule = embed "cache.mjs" ) ],
  compatibilityDate = "2026-11-01",
);
