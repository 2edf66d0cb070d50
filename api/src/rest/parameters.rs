//! Reading paths and query strings, strictly: what is not understood is refused, with a code.

use axum::extract::{FromRequestParts, Query, RawPathParams};
use axum::http::request::Parts;
use counterfoil_core::LedgerId;
use counterfoil_http::Rejection;
use counterfoil_wire::Code;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use crate::address::parse_ledger;

/// The ledger named in the path.
pub(crate) struct LedgerPath(pub(crate) LedgerId);

/// The ledger and the entry named in the path.
pub(crate) struct EntryPath(pub(crate) LedgerId, pub(crate) u64);

/// The longest page, as the document describes it.
#[derive(ToSchema)]
#[schema(pattern = "^([1-9][0-9]{0,2}|1000)$", example = "10")]
#[allow(dead_code, reason = "only describes")]
pub(crate) struct Limit(String);

/// The query string.
pub(crate) struct Parameters<T>(pub(crate) T);

impl<S: Send + Sync> FromRequestParts<S> for LedgerPath {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        parse_ledger(&path_text(parts, state, "ledger").await?).map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for EntryPath {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        let ledger = parse_ledger(&path_text(parts, state, "ledger").await?)?;
        Ok(Self(ledger, parse_index(&path_text(parts, state, "index").await?)?))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Parameters<T> {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        match Query::from_request_parts(parts, state).await {
            Ok(Query(parameters)) => Ok(Self(parameters)),
            Err(rejection) => {
                let detail = format!("{}. See /docs for the parameters of this route.", rejection.body_text());
                Err(Rejection::new(Code::MalformedParameter, detail))
            }
        }
    }
}

fn parse_index(text: &str) -> Result<u64, Rejection> {
    // Another text of the same number, as 007 or +7, would be another path to the same answer.
    let index = text.parse::<u64>().ok().filter(|index| index.to_string() == text);
    index.ok_or_else(|| {
        let detail = format!("\"{}\" is not an index: it is a whole number, 0 for the first.", text.escape_debug());
        Rejection::new(Code::MalformedParameter, detail)
    })
}

async fn path_text<S: Send + Sync>(parts: &mut Parts, state: &S, name: &str) -> Result<String, Rejection> {
    let malformed = |detail: String| Rejection::new(Code::MalformedParameter, detail);
    let found = RawPathParams::from_request_parts(parts, state).await;
    let parameters = found.map_err(|rejection| malformed(rejection.body_text()))?;
    let value = parameters.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_owned());
    value.ok_or_else(|| malformed(format!("the path names no {name}")))
}
