//! Each route and each field, and what it shows.

/// The ledgers that a route shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shows {
    /// The same to everybody.
    Nothing,
    /// Nothing of any ledger.
    Index,
    /// Those ledgers that the caller may read.
    List,
    /// The ledger in its path.
    Ledger,
}

/// Each route, what it shows, and a request that is answered 200.
pub const ROUTES: [(&str, Shows, &str); 44] = [
    ("/livez", Shows::Nothing, "/livez"),
    ("/readyz", Shows::Nothing, "/readyz"),
    ("/docs", Shows::Nothing, "/docs"),
    ("/", Shows::Nothing, "/"),
    ("/app.js", Shows::Nothing, "/app.js"),
    ("/app.css", Shows::Nothing, "/app.css"),
    ("/worker.js", Shows::Nothing, "/worker.js"),
    ("/verifier.wasm", Shows::Nothing, "/verifier.wasm"),
    ("/verify.html", Shows::Nothing, "/verify.html"),
    ("/v1/openapi.json", Shows::Nothing, "/v1/openapi.json"),
    ("/v1/sign-in", Shows::Nothing, "/v1/sign-in"),
    ("/v1/sign-in/message", Shows::Nothing, "/v1/sign-in/message"),
    ("/graphql", Shows::Index, "/graphql"),
    ("/mcp", Shows::Index, "/mcp"),
    ("/v1/status", Shows::Index, "/v1/status"),
    ("/facts", Shows::List, "/facts"),
    ("/facts/{ledger}", Shows::Ledger, "/facts/L"),
    ("/v1/ledgers", Shows::List, "/v1/ledgers"),
    ("/v1/ledgers/find", Shows::List, "/v1/ledgers/find"),
    ("/v1/ledgers/{ledger}", Shows::Ledger, "/v1/ledgers/L"),
    ("/v1/ledgers/{ledger}/entries", Shows::Ledger, "/v1/ledgers/L/entries"),
    ("/v1/ledgers/{ledger}/entries/{index}", Shows::Ledger, "/v1/ledgers/L/entries/1"),
    ("/v1/ledgers/{ledger}/entries/{index}/receipt", Shows::Ledger, "/v1/ledgers/L/entries/1/receipt"),
    ("/v1/ledgers/{ledger}/entries/find", Shows::Ledger, "/v1/ledgers/L/entries/find"),
    ("/v1/ledgers/{ledger}/events/find", Shows::Ledger, "/v1/ledgers/L/events/find"),
    ("/v1/ledgers/{ledger}/transactions/find", Shows::Ledger, "/v1/ledgers/L/transactions/find"),
    ("/v1/ledgers/{ledger}/writers/find", Shows::Ledger, "/v1/ledgers/L/writers/find"),
    ("/v1/ledgers/{ledger}/aggregate", Shows::Ledger, "/v1/ledgers/L/aggregate"),
    ("/v1/ledgers/{ledger}/activity", Shows::Ledger, "/v1/ledgers/L/activity"),
    ("/v1/ledgers/{ledger}/standing", Shows::Ledger, "/v1/ledgers/L/standing"),
    ("/v1/ledgers/{ledger}/missing", Shows::Ledger, "/v1/ledgers/L/missing"),
    ("/v1/ledgers/{ledger}/heads", Shows::Ledger, "/v1/ledgers/L/heads"),
    ("/v1/ledgers/{ledger}/pending", Shows::Ledger, "/v1/ledgers/L/pending"),
    ("/v1/ledgers/{ledger}/events", Shows::Ledger, "/v1/ledgers/L/events"),
    ("/v1/ledgers/{ledger}/inclusion", Shows::Ledger, "/v1/ledgers/L/inclusion?log=entries&index=1"),
    ("/v1/ledgers/{ledger}/consistency", Shows::Ledger, "/v1/ledgers/L/consistency?log=events&first=1"),
    ("/v1/ledgers/{ledger}/export", Shows::Ledger, "/v1/ledgers/L/export?log=entries"),
    ("/v1/ledgers/{ledger}/live", Shows::Ledger, "/v1/ledgers/L/live"),
    ("/v1/ledgers/{ledger}/entries/live", Shows::Ledger, "/v1/ledgers/L/entries/live?after=0"),
    ("/v1/ledgers/{ledger}/events/live", Shows::Ledger, "/v1/ledgers/L/events/live?after=0"),
    ("/tlog/{ledger}/{log}/checkpoint", Shows::Ledger, "/tlog/L/entries/checkpoint"),
    // Of the operator's key and the ledger's name alone.
    ("/tlog/{ledger}/{log}/key", Shows::Index, "/tlog/L/entries/key"),
    ("/tlog/{ledger}/{log}/tile/{*path}", Shows::Ledger, "/tlog/L/entries/tile/0/000.p/2"),
    ("/tlog/{ledger}/{log}/tile/{*path}", Shows::Ledger, "/tlog/L/events/tile/entries/000.p/2"),
];

/// Each field of a root, and each that takes arguments, with a query that reaches it. Those that begin with `subscription`
/// are streams.
pub const FIELDS: [(&str, Shows, &str); 30] = [
    ("Query.status", Shows::Index, "{ status { version } }"),
    ("Query._service", Shows::Index, "{ _service { sdl } }"),
    ("Query.ledgers", Shows::List, "{ ledgers { edges { node { ledger } } } }"),
    ("Query.findLedgers", Shows::List, "{ findLedgers { totalCount { value } edges { node { ledger } } } }"),
    ("Query.ledger", Shows::Ledger, "{ ledger(address: \"L\") { ledger } }"),
    ("Query.node", Shows::Ledger, "{ node(id: \"ledger:L\") { id } }"),
    ("Query.node", Shows::Ledger, "{ node(id: \"entry:L:1\") { id } }"),
    ("Query.node", Shows::Ledger, "{ node(id: \"event:L:1\") { id } }"),
    ("Query.node", Shows::Ledger, "{ node(id: \"transaction:L:1\") { id } }"),
    // The wallet that the tests' histories grant something.
    ("Query.node", Shows::Ledger, "{ node(id: \"writer:L:Bswb3UyeD1pUTaGiE6WvqwFpJZsQSEY1xhJePCDTHdvp\") { id } }"),
    (
        "Query._entities",
        Shows::Ledger,
        "{ _entities(representations: [{ __typename: \"Ledger\", id: \"ledger:L\" }]) { __typename } }",
    ),
    ("Ledger.missing", Shows::Ledger, "{ ledger(address: \"L\") { missing { leaves } } }"),
    ("Ledger.heads", Shows::Ledger, "{ ledger(address: \"L\") { heads { agreesSince } } }"),
    ("Ledger.pending", Shows::Ledger, "{ ledger(address: \"L\") { pending { seq } } }"),
    ("Ledger.entries", Shows::Ledger, "{ ledger(address: \"L\") { entries(first: 2) { edges { node { proof } } } } }"),
    ("Ledger.entry", Shows::Ledger, "{ ledger(address: \"L\") { entry(index: \"1\") { payload } } }"),
    ("Ledger.events", Shows::Ledger, "{ ledger(address: \"L\") { events(first: 2) { edges { node { proof } } } } }"),
    ("Ledger.event", Shows::Ledger, "{ ledger(address: \"L\") { event(seq: \"1\") { leaf } } }"),
    (
        "Ledger.findEntries",
        Shows::Ledger,
        "{ ledger(address: \"L\") { findEntries { totalCount { value } edges { cursor } } } }",
    ),
    (
        "Ledger.findEvents",
        Shows::Ledger,
        "{ ledger(address: \"L\") { findEvents { totalCount { value } edges { cursor } } } }",
    ),
    (
        "Ledger.findTransactions",
        Shows::Ledger,
        "{ ledger(address: \"L\") { findTransactions { totalCount { value } edges { cursor } } } }",
    ),
    (
        "Ledger.findWriters",
        Shows::Ledger,
        "{ ledger(address: \"L\") { findWriters { totalCount { value } edges { cursor } } } }",
    ),
    ("Ledger.aggregateEntries", Shows::Ledger, "{ ledger(address: \"L\") { aggregateEntries { buckets { count } } } }"),
    ("Ledger.activity", Shows::Ledger, "{ ledger(address: \"L\") { activity { slot } } }"),
    ("Ledger.standing", Shows::Ledger, "{ ledger(address: \"L\") { standing { eventSeq } } }"),
    (
        "Ledger.inclusion",
        Shows::Ledger,
        "{ ledger(address: \"L\") { inclusion(log: ENTRIES, index: \"1\") { proof } } }",
    ),
    (
        "Ledger.consistency",
        Shows::Ledger,
        "{ ledger(address: \"L\") { consistency(log: EVENTS, first: \"1\") { proof } } }",
    ),
    ("Subscription.ledger", Shows::Ledger, "subscription { ledger(address: \"L\") { ledger } }"),
    (
        "Subscription.entries",
        Shows::Ledger,
        "subscription { entries(ledger: \"L\", after: \"0\") { edges { cursor } } }",
    ),
    ("Subscription.events", Shows::Ledger, "subscription { events(ledger: \"L\", after: \"0\") { edges { cursor } } }"),
];
