//! The list of the only queries that there may be, where an operator gives one.

use std::collections::HashMap;

use async_graphql::{Request, Value};
use counterfoil_http::Rejection;
use counterfoil_wire::Code;
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// Why a list is not taken.
#[derive(Debug, thiserror::Error)]
pub enum AllowedQueriesError {
    /// Not a manifest.
    #[error("this is no Apollo persisted query manifest of version 1")]
    Malformed(#[source] serde_json::Error),
    /// Another format or version.
    #[error("this is \"{format}\" of version {version}, not apollo-persisted-query-manifest of version 1")]
    OtherFormat {
        /// The format that it names.
        format: String,
        /// Its version.
        version: u64,
    },
    /// The text does not have the hash that stands with it.
    #[error("operation \"{name}\": its id is {id}, the SHA-256 of its body is {hash}")]
    OtherHash {
        /// The operation's name.
        name: String,
        /// As the list says.
        id: String,
        /// Recomputed.
        hash: String,
    },
}

/// Queries by the SHA-256 of their text.
#[derive(Debug)]
pub struct AllowedQueries(HashMap<String, String>);

#[derive(Deserialize)]
struct Manifest {
    format: String,
    version: u64,
    operations: Vec<Operation>,
}

#[derive(Deserialize)]
struct Operation {
    id: String,
    #[serde(default)]
    name: String,
    body: String,
}

impl AllowedQueries {
    /// Reads a manifest as Apollo's tools write it.
    ///
    /// # Errors
    /// [`AllowedQueriesError`].
    pub fn parse(manifest: &str) -> Result<Self, AllowedQueriesError> {
        let manifest: Manifest = serde_json::from_str(manifest).map_err(AllowedQueriesError::Malformed)?;
        let Manifest { format, version, operations } = manifest;
        if (format.as_str(), version) != ("apollo-persisted-query-manifest", 1) {
            return Err(AllowedQueriesError::OtherFormat { format, version });
        }
        let mut queries = HashMap::new();
        for Operation { id, name, body } in operations {
            let hash = hash(&body);
            if id != hash {
                return Err(AllowedQueriesError::OtherHash { name, id, hash });
            }
            queries.insert(id, body);
        }
        Ok(Self(queries))
    }

    /// Refuses what is not on the list; a query that is named by its hash alone gets its text.
    pub(super) fn admit(&self, request: &mut Request) -> Result<(), Rejection> {
        let named = request.extensions.get("persistedQuery").and_then(|persisted| match persisted {
            Value::Object(fields) => match fields.get("sha256Hash") {
                Some(Value::String(hash)) => Some(hash.clone()),
                _ => None,
            },
            _ => None,
        });
        let hash = if request.query.is_empty() { named.unwrap_or_default() } else { hash(&request.query) };
        let Some(body) = self.0.get(&hash) else {
            let detail = "This server answers the queries on its operator's list, and this is none of them.";
            return Err(Rejection::new(Code::QueryNotAllowed, detail));
        };
        if request.query.is_empty() {
            request.query.clone_from(body);
        }
        Ok(())
    }
}

/// As Apollo names a query.
pub(super) fn hash(query: &str) -> String {
    base16ct::lower::encode_string(&Sha256::digest(query.as_bytes()))
}
