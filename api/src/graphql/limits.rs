//! Which queries there may be: within `counterfoil_graphql_limits`, and on the list where there is one.

use std::sync::Arc;

use async_graphql::extensions::apollo_persisted_queries::{CacheStorage, LruCacheStorage};
use async_graphql::{Request, ServerError, ServerResult, Value, from_value};
use counterfoil_graphql_limits::{Refusal, check, parse};
use counterfoil_http::Rejection;
use counterfoil_wire::Code;
use serde::Deserialize;

use super::allowed::{AllowedQueries, hash};
use super::error::refuse;

/// How much of the parser's words on a query is repeated; it shows the line, which may be the whole query.
const MAX_PARSER_WORDS: usize = 200;

/// How many queries are kept for those who name them by their hash; each is at most as long as a body may be.
const PERSISTED: usize = 256;

/// Refuses what is beyond the limits, or not on the list where there is one. No extension of the schema: one that does
/// nothing but this makes each field that is resolved a third slower.
#[derive(Clone)]
pub(super) struct Limits {
    allowed: Option<Arc<AllowedQueries>>,
    /// Whether the schema is open, which a federated gateway asks for too.
    introspection: bool,
    persisted: LruCacheStorage,
}

/// Source: Apollo's automatic persisted queries.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Persisted {
    version: i32,
    sha256_hash: String,
}

impl Limits {
    pub(super) fn new(allowed: Option<AllowedQueries>, introspection: bool) -> Self {
        Self { allowed: allowed.map(Arc::new), introspection, persisted: LruCacheStorage::new(PERSISTED) }
    }

    /// Gives a request that may be executed.
    pub(super) async fn admit(&self, mut request: Request) -> ServerResult<Request> {
        if let Some(allowed) = &self.allowed {
            allowed.admit(&mut request).map_err(server_error)?;
        }
        let named = request.extensions.remove("persistedQuery").map(read_persisted).transpose()?;
        if request.query.is_empty() {
            if let Some(named) = named {
                let found = self.persisted.get(named.sha256_hash).await;
                let document = found.ok_or_else(|| ServerError::new("PersistedQueryNotFound", None))?;
                // Its text was looked at when it came; what it costs depends on the variables of this time.
                check(&document, &request.variables, self.introspection).map_err(refused)?;
                request.set_parsed_query(document);
            }
            return Ok(request);
        }
        let document = parse(&request.query, &request.variables, self.introspection).map_err(refused)?;
        if let Some(named) = named {
            if named.sha256_hash != hash(&request.query) {
                return Err(ServerError::new("provided sha does not match query", None));
            }
            self.persisted.set(named.sha256_hash, document.clone()).await;
        }
        request.set_parsed_query(document);
        Ok(request)
    }
}

fn read_persisted(value: Value) -> ServerResult<Persisted> {
    let persisted: Result<Persisted, _> = from_value(value);
    let persisted = persisted.map_err(|error| error.to_string()).and_then(|persisted| match persisted.version {
        1 => Ok(persisted),
        other => Err(format!("version {other} is not 1")),
    });
    persisted.map_err(|error| ServerError::new(format!("the extension persistedQuery is malformed: {error}"), None))
}

fn refused(refusal: Refusal) -> ServerError {
    match refusal {
        Refusal::Syntax(error) => shortened(error),
        _ => server_error(Rejection::new(Code::MalformedQuery, refusal.to_string())),
    }
}

/// The parser's message about a query, without most of the query.
fn shortened(error: async_graphql::parser::Error) -> ServerError {
    let mut error = ServerError::from(error);
    if let Some((end, _)) = error.message.char_indices().nth(MAX_PARSER_WORDS) {
        // The last line says what was expected.
        let expected =
            error.message.lines().last().unwrap_or_default().chars().take(MAX_PARSER_WORDS).collect::<String>();
        error.message.truncate(end);
        error.message.push_str(" ...\n");
        error.message.push_str(&expected);
    }
    error
}

fn server_error(problem: Rejection) -> ServerError {
    refuse(problem).into_server_error(async_graphql::Pos::default())
}
