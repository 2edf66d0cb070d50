//! Entity tags and `Cache-Control`.
//!
//! A response that is pinned to a size below the checked head never changes. Any other follows the head: caches revalidate it by
//! its tag, and it is not sent twice.

use axum::body::{Body, HttpBody, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The few bytes that determine a response: its tag is their hash, so that the body is not hashed. A route puts it into the
/// response's extensions.
#[derive(Clone, Debug)]
pub struct Origin(blake3::Hash);

impl Origin {
    /// The origin of a response of this version of the server.
    #[must_use]
    pub fn new(parts: &[&[u8]]) -> Self {
        Self(blake3::hash(&[&[VERSION.as_bytes()], parts].concat().concat()))
    }
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// `Cache-Control` of a response that never changes.
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// `Cache-Control` of a response that follows the head.
pub const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");

/// The headers of a response that may be pinned to a size.
pub fn pinned(is_pinned: bool) -> AppendHeaders<Option<(HeaderName, HeaderValue)>> {
    AppendHeaders(is_pinned.then_some((header::CACHE_CONTROL, IMMUTABLE)))
}

/// Tags good responses to GET, and answers 304 where the client has the response already. A response of unknown length is a
/// stream and has no tag.
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
            // Collision-resistant, and the fastest such hash: pages are long.
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
        // A browser takes these in place of the ones that it stored: a page without its own policy would get the one of all answers.
        let kept = [header::CACHE_CONTROL, header::VARY, header::CONTENT_SECURITY_POLICY];
        let kept = kept.into_iter().filter_map(|name| Some((name.clone(), headers.remove(name)?)));
        let headers: HeaderMap = kept.chain([(header::ETAG, tag)]).collect();
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
