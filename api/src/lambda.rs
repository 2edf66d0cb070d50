//! The service as AWS Lambda runs it: the same routes, one request at a time, and nothing between requests.

use std::net::{IpAddr, Ipv4Addr};

use anyhow::Context;
use axum::body::Body;
use axum::extract::Request;
use counterfoil_http::{Peer, Stop};
use counterfoil_store::connect;
use lambda_http::request::RequestContext;
use lambda_http::{RequestExt, run_with_streaming_response, service_fn};
use tower::ServiceExt;
use tracing::info;

use crate::{Settings, app};

/// An instance answers one request at a time. The second connection is for a request that comes while a statement of the one
/// before, which was given up, still runs.
const CONNECTIONS: u32 = 2;

/// Answers the requests of a function URL or of an HTTP API of API Gateway, until the runtime ends the process. Responses are
/// streamed.
///
/// `database_url` holds a password: keep it out of logs.
///
/// # Errors
/// When the database cannot be reached, or the runtime's interface breaks off.
pub async fn run_function(database_url: &str, settings: Settings) -> anyhow::Result<()> {
    let pool = connect(database_url, CONNECTIONS, settings.request_timeout)
        .await
        .context("cannot reach the database: check DATABASE_URL, and that the function's network leads to it")?;
    let service = app(pool, Settings { background: false, ..settings });
    let stop = Stop::default();
    info!("answering as a function");
    let answer = service_fn(|request: lambda_http::Request| {
        let peer = Peer(address(&request));
        let mut request: Request = request.map(Body::new);
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(stop.stopping());
        service.clone().oneshot(request)
    });
    run_with_streaming_response(answer)
        .await
        .map_err(anyhow::Error::from_boxed)
        .context("the interface of Lambda's runtime broke off")
}

/// The address that Lambda saw. Where it says none, all callers share the rate of one.
fn address(request: &lambda_http::Request) -> IpAddr {
    let address = request.request_context_ref().and_then(|context| {
        let RequestContext::ApiGatewayV2(context) = context else { return None };
        context.http.source_ip.as_deref()?.parse().ok()
    });
    address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}
