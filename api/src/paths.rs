//! The paths that authentication treats apart.

use counterfoil_http::AccessPaths;

/// The paths that are answered without authentication: the same for every caller, or the way to authenticate.
pub const OPEN: [&str; 12] = [
    LIVEZ,
    "/readyz",
    "/docs",
    "/v1/openapi.json",
    "/v1/sign-in",
    "/v1/sign-in/message",
    // The explorer, which holds nothing of an index.
    "/",
    "/app.js",
    "/app.css",
    "/worker.js",
    "/verifier.wasm",
    "/verify.html",
];
const LIVEZ: &str = "/livez";

pub(crate) const PATHS: AccessPaths =
    AccessPaths { open: &OPEN, liveness: Some(LIVEZ), socket: Some("/graphql"), own_pages: &["/mcp"] };
