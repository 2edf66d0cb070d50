//! Answers in JSON.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tracing::error;

const APPLICATION_JSON: HeaderValue = HeaderValue::from_static("application/json");
/// The initial buffer; most responses fit without reallocating.
const ROOM_BYTES: usize = 4096;

/// An answer, written as JSON.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        let mut bytes = Vec::with_capacity(ROOM_BYTES);
        match serde_json::to_writer(&mut bytes, &self.0) {
            Ok(()) => ([(header::CONTENT_TYPE, APPLICATION_JSON)], bytes).into_response(),
            Err(error) => {
                error!("an answer cannot be written: {error}");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}
