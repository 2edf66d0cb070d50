//! The transport to one server, which all calls to it share.
//!
//! A server that asks for a pause gets it from every call, not only from the one that was told; the number of concurrent calls is
//! bounded; no answer is longer than a bound; and what goes wrong is counted by its cause.

use std::error::Error as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use solana_rpc_client::rpc_sender::{RpcSender, RpcTransportStats};
use solana_rpc_client_api::client_error::{Error as RpcClientError, ErrorKind};
use solana_rpc_client_api::request::{RpcError, RpcRequest, RpcResponseErrorData};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until};

use crate::backoff::Backoff;
use crate::health::{Cause, Health, Record};
use crate::url::{hide_urls, is_local_url, without_keys};
use crate::wire::Few;

/// The longest pause that a server is given, whatever it asks for.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// The first pause when a server does not say how long; doubles while it goes on.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Codes by which servers say "too many requests" in an answer that HTTP calls good.
const RATE_LIMIT_CODES: [i64; 2] = [429, -32_429];
/// How servers that do not take batches answer one.
const BATCH_REFUSALS: [u16; 7] = [400, 403, 404, 405, 413, 415, 422];
/// How many calls a batch has at most, and how many answers to one are looked at: some may be none of ours.
pub const MAX_CALLS: usize = 32;
const MAX_ANSWERS: usize = 2 * MAX_CALLS;
/// How long an error's data may be to be read.
const MAX_DATA: usize = 1 << 20;
/// The simulation of a transaction failed.
pub const PREFLIGHT_FAILURE: i64 = -32_002;

/// Limits on what one server is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many requests are under way at once.
    pub concurrent_requests: usize,
    /// The longest answer, in bytes, unpacked: of a block or of a list of all ledgers. Others are shorter.
    pub answer_bytes: usize,
    /// How long one request may take, its answer included.
    pub timeout: Duration,
    /// How long a call waits for a server that asked for a pause, before it fails as one that may be tried elsewhere.
    pub longest_wait: Duration,
}

/// More than any other honest answer takes, such as the transactions of one request: many answers may be under way at once.
const USUAL_ANSWER_BYTES: usize = 8 << 20;
/// Of one account: the largest is a program of 10 MiB, in base64.
const ACCOUNT_ANSWER_BYTES: usize = 16 << 20;

impl Limits {
    /// The longest answer to a method.
    fn bytes_of(&self, method: &str) -> usize {
        let most = match method {
            "getBlock" | "getProgramAccounts" => usize::MAX,
            "getAccountInfo" => ACCOUNT_ANSWER_BYTES,
            _ => USUAL_ANSWER_BYTES,
        };
        self.answer_bytes.min(most)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            concurrent_requests: 16,
            answer_bytes: 64 << 20,
            timeout: Duration::from_secs(20),
            longest_wait: Duration::from_secs(30),
        }
    }
}

/// Why a call has no result.
#[derive(Debug)]
pub enum CallError {
    /// Nothing usable arrived: by network or time. Says what, without keys.
    Failed(String),
    /// There was no connection, so the request did not leave this machine. Says why, without keys.
    Unreached(String),
    /// An HTTP status that is no success.
    Status(u16),
    /// The server is left alone for longer than this call may wait.
    Paused {
        /// For how long.
        pause: Duration,
        /// Whether it said how long.
        is_asked: bool,
        /// Whether it was unavailable, and not asked too often.
        is_unavailable: bool,
        /// Whether this call itself was answered with "unavailable": something before the server may have passed it on.
        may_have_arrived: bool,
    },
    /// The server answered with an error of its own.
    Refused {
        /// JSON-RPC's code.
        code: i64,
        /// The server's words.
        message: String,
        /// The error's data.
        data: Value,
    },
    /// The server takes no batches.
    NoBatches,
    /// The bytes that arrived are no answer.
    Malformed(String),
}

impl CallError {
    /// The words for a person. Holds no URL of ours.
    pub fn reason(&self) -> String {
        match self {
            Self::Failed(reason) | Self::Unreached(reason) => reason.clone(),
            Self::Status(status) => format!("the server answered with HTTP status {status}"),
            Self::Paused { pause, is_asked, is_unavailable, .. } => {
                let why = if *is_unavailable { "the server is unavailable" } else { "too many requests" };
                let whose = if *is_asked { "the server wants" } else { "it is given" };
                format!("{why}: {whose} a pause of {} s", pause.as_secs_f64().ceil())
            }
            Self::Refused { code, message, .. } => format!("{message} (error {code})"),
            Self::NoBatches => "the server takes no batches".to_owned(),
            Self::Malformed(what) => format!("it answered {what}"),
        }
    }
}

/// The transport to one server.
pub struct Transport {
    http: reqwest::Client,
    url: String,
    server: String,
    limits: Limits,
    permits: Semaphore,
    pace: Mutex<Pace>,
    record: Mutex<Record>,
    next_id: AtomicU64,
    takes_no_batches: AtomicBool,
}

/// When the server may be asked again.
struct Pace {
    not_before: Instant,
    /// Of the pauses since the last good answer whose length the server did not say.
    backoff: Backoff,
    /// Whether the server said how long, and whether it was unavailable, when it was paused last.
    is_asked: bool,
    is_unavailable: bool,
}

/// Counts a request that the caller gave up, for others had answered long before.
struct Unanswered<'a>(Option<&'a Transport>);

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        if let Some(transport) = self.0 {
            transport.note(Cause::Timeout);
        }
    }
}

/// Why one request has no answer.
enum Failure {
    Pause { after: Option<Duration>, cause: Cause },
    Failed(Cause, CallError),
}

#[derive(Deserialize)]
struct Answer<T> {
    // As text, for a list in its place would take sixteen times its length.
    #[serde(default)]
    id: Option<Box<RawValue>>,
    #[serde(default = "none")]
    result: Option<T>,
    #[serde(default = "none")]
    error: Option<ErrorObject>,
}

const fn none<T>() -> Option<T> {
    None
}

#[derive(Deserialize)]
struct ErrorObject {
    code: i64,
    #[serde(default)]
    message: String,
    #[serde(default)]
    data: Option<Box<RawValue>>,
}

impl ErrorObject {
    /// The data of an error that is known by them.
    fn data(&self) -> Value {
        let text = self.data.as_deref().map_or("null", RawValue::get);
        let is_wanted = self.code == PREFLIGHT_FAILURE && text.len() <= MAX_DATA;
        if is_wanted { serde_json::from_str(text).unwrap_or_default() } else { Value::Null }
    }
}

impl Transport {
    pub fn new(url: &str, limits: Limits) -> Self {
        let http = reqwest::Client::builder().timeout(limits.timeout).connect_timeout(CONNECT_TIMEOUT);
        let http = if is_local_url(url) { http.no_proxy() } else { http };
        let now = Instant::now();
        Self {
            http: http.build().expect("the TLS parts are compiled in"),
            url: url.to_owned(),
            server: without_keys(url),
            limits,
            permits: Semaphore::new(limits.concurrent_requests.max(1)),
            pace: Mutex::new(Pace {
                not_before: now,
                backoff: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE),
                is_asked: false,
                is_unavailable: false,
            }),
            record: Mutex::new(Record::new(now)),
            next_id: AtomicU64::new(0),
            takes_no_batches: AtomicBool::new(false),
        }
    }

    /// The server's name: scheme, host and port.
    pub fn server(&self) -> &str {
        &self.server
    }

    pub fn health(&self) -> Health {
        self.record().health(Instant::now())
    }

    /// Counts an answer that cannot be.
    pub fn note_malformed(&self) {
        self.note(Cause::Malformed);
    }

    /// Whether a batch is worth trying.
    pub fn may_take_batches(&self) -> bool {
        !self.takes_no_batches.load(Ordering::Relaxed)
    }

    /// From now on no batches are sent.
    pub fn stop_batches(&self) {
        self.takes_no_batches.store(true, Ordering::Relaxed);
    }

    /// One call.
    pub async fn call<T: DeserializeOwned>(&self, method: &str, params: Value) -> Result<T, CallError> {
        self.call_until(method, params, self.deadline()).await
    }

    /// One call that waits for no pause, for a caller that has to know at once whether anything was sent.
    pub async fn call_at_once<T: DeserializeOwned>(&self, method: &str, params: Value) -> Result<T, CallError> {
        self.call_until(method, params, Instant::now()).await
    }

    async fn call_until<T: DeserializeOwned>(
        &self,
        method: &str,
        params: Value,
        deadline: Instant,
    ) -> Result<T, CallError> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let body = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string();
        loop {
            let bytes = self.post(method, &body, deadline).await?;
            let answer: Answer<T> = serde_json::from_slice(&bytes).map_err(|error| self.unreadable(&error))?;
            match self.result(answer) {
                Err(CallError::Refused { code, .. }) if RATE_LIMIT_CODES.contains(&code) => {
                    self.pause(None, Cause::RateLimited);
                }
                result => {
                    self.pace().backoff.reset();
                    return result;
                }
            }
        }
    }

    /// Many calls of one method in one request; the results in the order of `params`, each with its own error.
    ///
    /// # Errors
    /// [`CallError::NoBatches`] when the server does not take them.
    pub async fn batch<T: DeserializeOwned>(
        &self,
        method: &str,
        params: &[Value],
    ) -> Result<Vec<Result<T, CallError>>, CallError> {
        let calls = params.iter().enumerate();
        let calls = calls.map(|(id, params)| json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        let body = Value::from_iter(calls).to_string();
        let deadline = self.deadline();
        loop {
            let bytes = match self.post(method, &body, deadline).await {
                Err(CallError::Status(status)) if BATCH_REFUSALS.contains(&status) => return Err(CallError::NoBatches),
                posted => posted?,
            };
            let Few(answers): Few<Answer<T>, MAX_ANSWERS> = match serde_json::from_slice(&bytes) {
                Ok(answers) => answers,
                // One error in place of the list.
                Err(error) => match serde_json::from_slice(&bytes) {
                    Ok(Answer::<IgnoredAny> { error: Some(error), .. }) if RATE_LIMIT_CODES.contains(&error.code) => {
                        self.pause(None, Cause::RateLimited);
                        continue;
                    }
                    Ok(Answer::<IgnoredAny> { error: Some(_), .. }) => return Err(CallError::NoBatches),
                    _ => return Err(self.unreadable(&error)),
                },
            };
            let mut results: Vec<Option<Result<T, CallError>>> = params.iter().map(|_| None).collect();
            let mut wants_pause = false;
            for mut answer in answers {
                let id: Option<usize> = answer.id.take().and_then(|id| id.get().parse().ok());
                let Some(result) = id.and_then(|id| results.get_mut(id)) else { continue };
                let read = self.result(answer);
                wants_pause |= matches!(read, Err(CallError::Refused { code, .. }) if RATE_LIMIT_CODES.contains(&code));
                // A second answer to a call is none.
                result.get_or_insert(read);
            }
            if wants_pause {
                self.pause(None, Cause::RateLimited);
                continue;
            }
            self.pace().backoff.reset();
            let missing = || Err(CallError::Malformed("a batch without an answer to each call".to_owned()));
            return Ok(results.into_iter().map(|result| result.unwrap_or_else(missing)).collect());
        }
    }

    fn result<T: DeserializeOwned>(&self, answer: Answer<T>) -> Result<T, CallError> {
        if let Some(error) = answer.error {
            let data = error.data();
            let ErrorObject { code, message, .. } = error;
            // A statement about a slot or a transaction is an answer and no fault of the server's.
            if !SKIPPED_SLOT_CODES.contains(&code) && code != PREFLIGHT_FAILURE && !RATE_LIMIT_CODES.contains(&code) {
                self.note(Cause::Rpc);
            }
            return Err(CallError::Refused { code, message: hide_urls(&message, &self.server), data });
        }
        match answer.result {
            Some(result) => Ok(result),
            None => serde_json::from_str("null").map_err(|error| self.unreadable(&error)),
        }
    }

    fn unreadable(&self, error: &serde_json::Error) -> CallError {
        self.note(Cause::Malformed);
        CallError::Malformed(format!("what cannot be read: {error}"))
    }

    fn deadline(&self) -> Instant {
        let now = Instant::now();
        now.checked_add(self.limits.longest_wait).unwrap_or(now)
    }

    /// Sends a request when the server wants it, again after each pause that it asks for, until `deadline`.
    async fn post(&self, method: &str, body: &str, deadline: Instant) -> Result<Vec<u8>, CallError> {
        let mut may_have_arrived = false;
        loop {
            self.wait_for_turn(deadline, may_have_arrived).await?;
            let _permit = self.permits.acquire().await.expect("it is never closed");
            // Another call may have been told to pause while this one waited.
            if self.pace().not_before > Instant::now() {
                continue;
            }
            let started = Instant::now();
            let mut unanswered = Unanswered(Some(self));
            let exchanged = self.exchange(body, self.limits.bytes_of(method)).await;
            unanswered.0 = None;
            match exchanged {
                Ok(bytes) => {
                    self.record().add_success(Instant::now(), started.elapsed());
                    return Ok(bytes);
                }
                Err(Failure::Pause { after, cause }) => {
                    may_have_arrived |= matches!(cause, Cause::Http);
                    self.pause(after, cause);
                }
                Err(Failure::Failed(cause, error)) => {
                    self.note(cause);
                    return Err(error);
                }
            }
        }
    }

    async fn wait_for_turn(&self, deadline: Instant, may_have_arrived: bool) -> Result<(), CallError> {
        loop {
            let Pace { not_before, is_asked, is_unavailable, .. } = *self.pace();
            if not_before <= Instant::now() {
                return Ok(());
            }
            if not_before > deadline {
                let pause = not_before.saturating_duration_since(Instant::now());
                return Err(CallError::Paused { pause, is_asked, is_unavailable, may_have_arrived });
            }
            sleep_until(not_before).await;
        }
    }

    fn pause(&self, after: Option<Duration>, cause: Cause) {
        let is_unavailable = matches!(cause, Cause::Http);
        self.note(cause);
        let mut pace = self.pace();
        let own = pace.backoff.next_delay();
        let now = Instant::now();
        // At least a moment, so that a server that says "now" is not asked in a tight loop.
        let pause = after.unwrap_or(own).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        pace.not_before = pace.not_before.max(now.checked_add(pause).unwrap_or(now));
        (pace.is_asked, pace.is_unavailable) = (after.is_some(), is_unavailable);
    }

    async fn exchange(&self, body: &str, most: usize) -> Result<Vec<u8>, Failure> {
        let request = self.http.post(&self.url).header(CONTENT_TYPE, "application/json").body(body.to_owned());
        let response = request.send().await.map_err(|error| self.unreachable(error))?;
        let status = response.status();
        if status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::SERVICE_UNAVAILABLE {
            let cause = if status == StatusCode::TOO_MANY_REQUESTS { Cause::RateLimited } else { Cause::Http };
            return Err(Failure::Pause { after: retry_after(&response), cause });
        }
        if !status.is_success() {
            return Err(Failure::Failed(Cause::Http, CallError::Status(status.as_u16())));
        }
        self.read_body(response, most).await
    }

    async fn read_body(&self, mut response: Response, most: usize) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unreachable(error))? {
            if bytes.len().saturating_add(chunk.len()) > most {
                let what = format!("more than the {most} bytes that it may");
                return Err(Failure::Failed(Cause::Malformed, CallError::Malformed(what)));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    fn unreachable(&self, error: reqwest::Error) -> Failure {
        let cause = if error.is_timeout() { Cause::Timeout } else { Cause::Connection };
        let is_unreached = error.is_connect();
        let error = error.without_url();
        let mut reason = if error.is_timeout() { "no answer in time".to_owned() } else { error.to_string() };
        let mut source = error.source();
        while let Some(error) = source {
            reason = format!("{reason}: {error}");
            source = error.source();
        }
        let reason = hide_urls(&reason, &self.server);
        Failure::Failed(cause, if is_unreached { CallError::Unreached(reason) } else { CallError::Failed(reason) })
    }

    fn note(&self, cause: Cause) {
        self.record().add_failure(Instant::now(), cause);
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Slots without a block, and blocks that the server has dropped.
pub const SKIPPED_SLOT_CODES: [i64; 3] = [-32_001, -32_007, -32_009];

/// How long the server asks to be left alone: in seconds, or until a date.
fn retry_after(response: &Response) -> Option<Duration> {
    let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim();
    match text.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => Some(httpdate::parse_http_date(text).ok()?.duration_since(SystemTime::now()).unwrap_or_default()),
    }
}

/// The transport under Solana's client.
pub struct Sender(pub Arc<Transport>);

#[async_trait::async_trait]
impl RpcSender for Sender {
    async fn send(&self, request: RpcRequest, params: Value) -> Result<Value, RpcClientError> {
        let error = match self.0.call(&request.to_string(), params).await {
            Ok(value) => return Ok(value),
            Err(CallError::Refused { code, message, data }) => {
                let data = match code {
                    PREFLIGHT_FAILURE => serde_json::from_value(data)
                        .map_or(RpcResponseErrorData::Empty, RpcResponseErrorData::SendTransactionPreflightFailure),
                    _ => RpcResponseErrorData::Empty,
                };
                RpcError::RpcResponseError { code, message, data }
            }
            Err(error) => RpcError::ForUser(error.reason()),
        };
        Err(ErrorKind::RpcError(error).into())
    }

    fn get_transport_stats(&self) -> RpcTransportStats {
        RpcTransportStats::default()
    }

    fn url(&self) -> String {
        self.0.server.clone()
    }
}
