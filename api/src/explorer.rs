//! The explorer: a page that browses ledgers and verifies what it shows. Its files stand in the program, so that they are of its version.

use axum::Router;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use counterfoil_http::REVALIDATE;

/// The page runs its own scripts alone, and asks the API that served it and the servers that its reader names.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; worker-src 'self'; \
    connect-src 'self' https: http://127.0.0.1:* http://localhost:*; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types svelte-trusted-html counterfoil-worker";
/// verify.html has a policy of its own, by which it asks no one; a second one would forbid its script.
const OWN_POLICY: &str = "frame-ancestors 'none'";

/// A file of the page.
struct File {
    media_type: &'static str,
    policy: &'static str,
    bytes: &'static [u8],
    /// The same, compressed.
    brotli: &'static [u8],
}

macro_rules! file {
    ($media_type:literal, $policy:expr, $plain:literal, $brotli:literal) => {{
        static FILE: File = File {
            media_type: $media_type,
            policy: $policy,
            bytes: include_bytes!(concat!("../../", $plain)),
            brotli: include_bytes!(concat!("../../explorer/dist/", $brotli)),
        };
        get(async |headers: HeaderMap| answer(&FILE, &headers))
    }};
}

pub(crate) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let page = file!("text/html; charset=utf-8", POLICY, "explorer/dist/index.html", "index.html.br");
    let app = file!("text/javascript; charset=utf-8", POLICY, "explorer/dist/app.js", "app.js.br");
    let worker = file!("text/javascript; charset=utf-8", POLICY, "explorer/dist/worker.js", "worker.js.br");
    let style = file!("text/css; charset=utf-8", POLICY, "explorer/dist/app.css", "app.css.br");
    let module = file!("application/wasm", POLICY, "clients/verifier/counterfoil_verifier.wasm", "verifier.wasm.br");
    let verify = file!("text/html; charset=utf-8", OWN_POLICY, "clients/verifier/verify.html", "verify.html.br");
    Router::new()
        .route("/", page)
        .route("/app.js", app)
        .route("/worker.js", worker)
        .route("/app.css", style)
        .route("/verifier.wasm", module)
        .route("/verify.html", verify)
}

fn answer(file: &'static File, headers: &HeaderMap) -> Response {
    let takes_brotli = headers.get_all(header::ACCEPT_ENCODING).iter().any(names_brotli);
    let (bytes, encoding) = if takes_brotli { (file.brotli, Some("br")) } else { (file.bytes, None) };
    let mut response = bytes.into_response();
    let mut set = |name, value| drop(response.headers_mut().insert(name, HeaderValue::from_static(value)));
    set(header::CONTENT_TYPE, file.media_type);
    set(header::VARY, "accept-encoding");
    if let Some(encoding) = encoding {
        set(header::CONTENT_ENCODING, encoding);
    }
    set(header::CONTENT_SECURITY_POLICY, file.policy);
    response.headers_mut().insert(header::CACHE_CONTROL, REVALIDATE);
    response
}

/// Whether an `Accept-Encoding` takes brotli: by its name, and not with a quality of zero.
fn names_brotli(accepted: &HeaderValue) -> bool {
    accepted.to_str().is_ok_and(|accepted| {
        accepted.split(',').any(|coding| {
            let (name, quality) = coding.split_once(';').unwrap_or((coding, "q=1"));
            let quality = quality.trim().strip_prefix("q=").and_then(|quality| quality.trim().parse::<f32>().ok());
            name.trim().eq_ignore_ascii_case("br") && quality.is_some_and(|quality| quality > 0.0)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brotli_is_sent_to_those_who_take_it() {
        let takes = |text: &'static str| names_brotli(&HeaderValue::from_static(text));
        for text in ["br", "gzip, br", "gzip, deflate, BR;q=0.5"] {
            assert!(takes(text), "{text}");
        }
        for text in ["", "gzip", "br;q=0", "br; q=0.0", "brotli", "*"] {
            assert!(!takes(text), "{text}");
        }
    }
}
