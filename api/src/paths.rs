//! The paths that authentication treats apart.

use counterfoil_http::AccessPaths;

/// The paths that are answered without authentication: the same for every caller, or the way to authenticate.
pub const OPEN: [&str; 6] = [LIVEZ, "/readyz", "/docs", "/v1/openapi.json", "/v1/sign-in", "/v1/sign-in/message"];
const LIVEZ: &str = "/livez";

pub(crate) const PATHS: AccessPaths =
    AccessPaths { open: &OPEN, liveness: Some(LIVEZ), socket: Some("/graphql"), own_pages: &["/mcp"] };
