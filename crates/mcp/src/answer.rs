//! Answers: a body within its budget, with what was verified, as structured content and as text.

use rmcp::model::CallToolResult;
use serde_json::{Value, json};

use crate::body::{Body, Data, plain};
use crate::escape::is_plain;
use crate::limits::{DATA, MAX_ANSWER_BYTES, NOTICE};
use crate::records::{Read, Statement};
use crate::refusal::Refusal;

/// A page, asked for and made smaller until it fits. `fetch` reads a number of rows; `render` makes a body, with the rows under `rows`.
///
/// # Errors
/// Those of `fetch` and `render`.
pub(crate) async fn fitting<T, F>(
    rows: &str,
    mut limit: u64,
    mut data: Data,
    mut fetch: impl FnMut(u64) -> F + Send,
    render: impl Fn(&T, Data) -> Result<Body, Refusal> + Send,
) -> Result<Value, Refusal>
where
    F: Future<Output = Result<Read<T>, Refusal>> + Send,
{
    loop {
        let read = fetch(limit).await?;
        let body = seal(render(&read.body, data)?, &read.verified, data);
        let count = body[rows].as_array().map_or(0, Vec::len);
        let whole = length(&body);
        if whole <= MAX_ANSWER_BYTES {
            return Ok(body);
        }
        if count <= 1 {
            // One row that is too long: its bytes are left out.
            let Data::Included = data else { return Err(too_large()) };
            data = Data::Withheld;
            continue;
        }
        let lengths: Vec<usize> = body[rows].as_array().into_iter().flatten().map(|row| length(row) + 1).collect();
        let mut left = MAX_ANSWER_BYTES.saturating_sub(whole.saturating_sub(lengths.iter().sum()));
        let fit = lengths
            .iter()
            .take_while(|length| left.checked_sub(**length).inspect(|rest| left = *rest).is_some())
            .count();
        limit = (fit.clamp(1, count - 1)) as u64;
    }
}

/// One body, with its bytes left out where they are too long.
///
/// # Errors
/// Those of `render`.
pub(crate) fn single<T>(
    read: &Read<T>,
    data: Data,
    render: impl Fn(&T, Data) -> Result<Body, Refusal>,
) -> Result<Value, Refusal> {
    let body = seal(render(&read.body, data)?, &read.verified, data);
    match (length(&body) <= MAX_ANSWER_BYTES, data) {
        (true, _) => Ok(body),
        (false, Data::Included) => single(read, Data::Withheld, render),
        (false, _) => Err(too_large()),
    }
}

/// An answer that holds a body.
pub(crate) fn answer(body: Result<Value, Refusal>) -> CallToolResult {
    match body {
        Ok(body) if holds_plain_text(&body) => CallToolResult::structured(body),
        Ok(_) => refuse(&Refusal::foreign("of text")),
        Err(refusal) => refuse(&refusal),
    }
}

fn refuse(refusal: &Refusal) -> CallToolResult {
    let Refusal { code, detail, is_temporary } = refusal;
    let error = json!({ "code": code, "detail": plain(detail), "try_again": is_temporary });
    CallToolResult::structured_error(json!({ "error": error }))
}

/// The body with what was verified, and with the notice where it holds records' bytes.
fn seal(mut body: Body, statement: &Statement, data: Data) -> Value {
    body.insert("verified".to_owned(), verified(statement));
    match data {
        Data::LeftOut => {}
        Data::Included => drop(body.insert("notice".to_owned(), NOTICE.into())),
        Data::Withheld => {
            let why = "Too long for an answer: the command under verified.check has the bytes.";
            body.insert("data_withheld_because".to_owned(), why.into());
        }
    }
    Value::Object(body)
}

fn verified(statement: &Statement) -> Value {
    let Statement { level, by, head, event_head, slot, servers, verified, not_verified, check } = statement;
    let texts =
        |texts: &[std::borrow::Cow<'static, str>]| -> Vec<String> { texts.iter().map(|text| plain(text)).collect() };
    let mut said = json!({
        "level": level.name(),
        "by": by,
        "what": texts(verified),
        "not_verified": texts(not_verified),
        "check": plain(check),
    });
    if let Some(head) = head {
        said["head"] = json!(head);
    }
    if let Some(event_head) = event_head {
        said["event_head"] = json!(event_head);
    }
    if let Some(slot) = slot {
        said["slot"] = json!(slot);
    }
    if let Some(servers) = servers {
        said["servers"] = json!(servers);
    }
    said
}

fn length(value: &Value) -> usize {
    value.to_string().len()
}

fn too_large() -> Refusal {
    Refusal::new(counterfoil_wire::Code::PageTooLarge, "The answer is longer than 32,000 bytes: ask for fewer rows.")
}

/// Whether all texts and names but the records' bytes are printable ASCII: the last of the checks, which none of our bodies fails.
fn holds_plain_text(value: &Value) -> bool {
    match value {
        Value::String(text) => is_plain(text),
        Value::Array(values) => values.iter().all(holds_plain_text),
        Value::Object(members) => {
            members.iter().all(|(name, value)| is_plain(name) && (name == DATA || holds_plain_text(value)))
        }
        _ => true,
    }
}
