//! What caches are told: an entity tag for every answer, and what may be kept for ever.
//!
//! What is pinned to a size below the checked head never changes. All else follows the head, so it is asked for again, by
//! its tag, and not sent twice.

use axum::body::{Body, HttpBody, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// What decides each byte of the answer at an address, in a few of them: its tag is made of these, and the answer is not gone
/// through again.
#[derive(Clone)]
pub(crate) struct Origin(blake3::Hash);

impl Origin {
    /// Of this version of the server.
    pub(crate) fn new(parts: &[&[u8]]) -> Self {
        Self(blake3::hash(&[&[VERSION.as_bytes()], parts].concat().concat()))
    }
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// For what never changes.
pub(crate) const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// For what follows the head.
pub(crate) const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");

/// The headers of an answer that is pinned to a size, or is not.
pub(crate) fn pinned(is_pinned: bool) -> AppendHeaders<Option<(HeaderName, HeaderValue)>> {
    AppendHeaders(is_pinned.then_some((header::CACHE_CONTROL, IMMUTABLE)))
}

/// Gives good answers to GET their tag, and answers 304 to who has them already. Only those whose length is known, which are
/// whole in memory: the others are streams.
pub(crate) async fn tag<F>(request: Request, answer: impl FnOnce(Request) -> F) -> Response
where
    F: Future<Output = Response>,
{
    let is_get = request.method() == Method::GET;
    let known = request.headers().get(header::IF_NONE_MATCH).cloned();
    let mut response = answer(request).await;
    if !is_get || response.status() != StatusCode::OK || response.body().size_hint().exact().is_none() {
        return response;
    }
    let digest = match response.extensions_mut().remove() {
        Some(Origin(digest)) => digest,
        None => {
            let (head, body) = response.into_parts();
            let Ok(bytes) = to_bytes(body, usize::MAX).await else {
                return StatusCode::INTERNAL_SERVER_ERROR.into_response();
            };
            // A hash that nobody can make two answers collide under, and the fastest of these: pages are long.
            let digest = blake3::hash(&bytes);
            response = Response::from_parts(head, Body::from(bytes));
            digest
        }
    };
    let text = format!("\"{}\"", URL_SAFE_NO_PAD.encode(&digest.as_bytes()[..16]));
    let tag = HeaderValue::from_str(&text).expect("base64 between quotes");
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(REVALIDATE);
    if known.is_some_and(|known| names(&known, &text)) {
        let kept = headers.remove(header::CACHE_CONTROL).map(|value| (header::CACHE_CONTROL, value));
        let headers: HeaderMap = kept.into_iter().chain([(header::ETAG, tag)]).collect();
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    headers.insert(header::ETAG, tag);
    response
}

/// Whether the value of an If-None-Match names a tag. Source: RFC 9110 section 13.1.2.
fn names(known: &HeaderValue, tag: &str) -> bool {
    let Ok(known) = known.to_str() else { return false };
    known.split(',').map(str::trim).any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
}
