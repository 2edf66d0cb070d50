//! POST /graphql and GET /graphiql.

use async_graphql::http::GraphiQLSource;
use async_graphql::{ErrorExtensionValues, Request, Response};
use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, FromRef, State};
use axum::http::header;
use axum::response::{Html, IntoResponse};
use axum::routing::{get, post};
use axum::{Json, Router};

use super::{ApiSchema, schema};
use crate::problem::{Code, Problem};
use crate::query::View;

const MAX_BODY_BYTES: usize = 64 * 1024;

/// The routes. `introspection` opens the schema to tools, and serves one.
pub(crate) fn router(view: View, introspection: bool) -> Router {
    let routes = Router::new().route("/graphql", post(graphql).layer(DefaultBodyLimit::max(MAX_BODY_BYTES)));
    let routes = if introspection { routes.route("/graphiql", get(graphiql)) } else { routes };
    routes.with_state(GraphQl { schema: schema(introspection), view })
}

#[derive(Clone)]
struct GraphQl {
    schema: ApiSchema,
    view: View,
}

impl FromRef<GraphQl> for View {
    fn from_ref(state: &GraphQl) -> Self {
        state.view.clone()
    }
}

async fn graphql(
    State(GraphQl { schema, .. }): State<GraphQl>,
    view: View,
    request: Result<Json<Request>, JsonRejection>,
) -> Result<Json<Response>, Problem> {
    let Json(request) = request.map_err(refuse_body)?;
    let mut response = schema.execute(request.data(view)).await;
    for error in &mut response.errors {
        // What the resolvers refuse has its code; all else was refused before anything was asked of the database.
        let extensions = error.extensions.get_or_insert_with(ErrorExtensionValues::default);
        if extensions.get("code").is_none() {
            extensions.set("code", Code::MalformedQuery.text());
        }
    }
    Ok(Json(response))
}

/// A page to try queries on. It loads its scripts from a public server, so it needs a network; nothing else does.
async fn graphiql() -> impl IntoResponse {
    let page = GraphiQLSource::build().endpoint("/graphql").title("Counterfoil GraphQL").finish();
    ([(header::CONTENT_SECURITY_POLICY, "frame-ancestors 'none'")], Html(page))
}

fn refuse_body(rejection: JsonRejection) -> Problem {
    let code = match rejection.status() {
        axum::http::StatusCode::PAYLOAD_TOO_LARGE => Code::BodyTooLarge,
        axum::http::StatusCode::UNSUPPORTED_MEDIA_TYPE => Code::UnsupportedMediaType,
        _ => Code::MalformedBody,
    };
    let detail = format!(
        "{}. Send {{\"query\": \"...\", \"variables\": {{}}}} as application/json, at most {MAX_BODY_BYTES} bytes.",
        rejection.body_text()
    );
    Problem::new(code, detail)
}
