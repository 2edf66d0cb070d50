//! POST /v1/sign-in/message and POST /v1/sign-in.

use std::fmt::Display;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderName, HeaderValue, header};
use counterfoil_core::Wallet;
use counterfoil_http::{Access, Message, Rejection, RequestCaller, SignIn, code_of_body};
use counterfoil_wire::{Code, Key, Signature, Time};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tracing::error;
use utoipa::ToSchema;

use super::problems::{BodyProblems, CredentialProblems, OptionalProblems};

/// Neither texts nor sessions are for caches.
const NO_STORE: [(HeaderName, HeaderValue); 1] = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];

/// The wallet that signs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Who {
    /// The wallet.
    address: Key,
}

/// The text to sign, and its parts as wallets take them for `solana:signIn`.
#[derive(Serialize, ToSchema)]
pub(crate) struct SignInMessage {
    /// The text, as it must be signed and sent back, byte for byte.
    message: String,
    input: SignInInput,
}

/// The parts of the text.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SignInInput {
    domain: String,
    address: Key,
    statement: &'static str,
    uri: String,
    #[schema(example = "1")]
    version: &'static str,
    #[schema(example = "mainnet")]
    chain_id: &'static str,
    nonce: String,
    issued_at: Time,
    /// The time until which the text can be used.
    expiration_time: Time,
}

impl From<Message> for SignInMessage {
    fn from(message: Message) -> Self {
        Self {
            message: message.to_string(),
            input: SignInInput {
                domain: message.domain,
                address: message.address.into(),
                statement: message.statement,
                uri: message.uri,
                version: "1",
                chain_id: message.chain_id,
                nonce: message.nonce,
                issued_at: message.issued_at.into(),
                expiration_time: message.expiration_time.into(),
            },
        }
    }
}

/// A text with its signature.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignedMessage {
    /// The wallet.
    address: Key,
    /// The text, unchanged.
    message: String,
    /// The wallet's Ed25519 signature over the text's bytes.
    signature: Signature,
}

/// A session.
#[derive(Serialize, ToSchema)]
pub(crate) struct NewSession {
    /// Secret: send it as `Authorization: Bearer`.
    #[schema(example = "cfs_...")]
    token: String,
    wallet: Key,
    /// The time until which the session is good.
    expires: Time,
}

/// A text for a wallet to sign, good for five minutes and for one sign-in.
#[utoipa::path(
    post, path = "/v1/sign-in/message", tag = "Access", request_body = Who,
    responses(
        (status = 200, body = SignInMessage),
        OptionalProblems, BodyProblems,
    ),
)]
pub(crate) async fn message(
    State(access): State<Arc<Access>>,
    body: Result<Json<Who>, JsonRejection>,
) -> Result<([(HeaderName, HeaderValue); 1], Json<SignInMessage>), Rejection> {
    let sign_in = configured(&access)?;
    let Json(who) = body.map_err(refuse_body)?;
    let message = sign_in.issue(parse_wallet(&who.address)?, Timestamp::now()).map_err(|cause| {
        error!("no random bytes: {cause}");
        Rejection::new(Code::NotConfigured, "The server has no randomness to make a nonce of.")
    })?;
    Ok((NO_STORE, Json(message.into())))
}

/// A session of 15 minutes for the wallet that signed the text.
#[utoipa::path(
    post, path = "/v1/sign-in", tag = "Access", request_body = SignedMessage,
    responses(
        (status = 200, body = NewSession),
        OptionalProblems, BodyProblems, CredentialProblems,
    ),
)]
pub(crate) async fn sign_in(
    State(access): State<Arc<Access>>,
    caller: RequestCaller,
    body: Result<Json<SignedMessage>, JsonRejection>,
) -> Result<([(HeaderName, HeaderValue); 1], Json<NewSession>), Rejection> {
    let sign_in = configured(&access)?;
    let Json(signed) = body.map_err(refuse_body)?;
    let wallet = parse_wallet(&signed.address)?;
    let signature = parse_signature(&signed.signature.0)?;
    let accepted = sign_in.accept(wallet, &signed.message, &signature, Timestamp::now());
    caller.tell_sign_in(wallet, accepted.as_ref().err().map(|error| error as &dyn Display));
    let (token, session) =
        accepted.map_err(|error| Rejection::new(Code::Unauthorized, format!("Refused: {error}.")))?;
    Ok((NO_STORE, Json(NewSession { token, wallet: session.wallet.into(), expires: session.expires.into() })))
}

fn configured(access: &Access) -> Result<&SignIn, Rejection> {
    access.sign_in().ok_or_else(|| {
        let detail = "Sign-in is not set up: the operator can start the server with --sign-in-uri.";
        Rejection::new(Code::NotConfigured, detail)
    })
}

fn parse_wallet(address: &Key) -> Result<Wallet, Rejection> {
    address.0.parse().map_err(|error| {
        let detail = format!("\"{}\" is not the address of a wallet: {error}.", address.0.escape_debug());
        Rejection::new(Code::MalformedBody, detail)
    })
}

fn parse_signature(text: &str) -> Result<[u8; 64], Rejection> {
    let malformed = || Rejection::new(Code::MalformedBody, "The signature is not base58 of 64 bytes.");
    // Decoding base58 takes time that grows with the square of its length.
    let text = Some(text).filter(|text| text.len() <= 88).ok_or_else(malformed)?;
    bs58::decode(text).into_vec().ok().and_then(|bytes| bytes.try_into().ok()).ok_or_else(malformed)
}

fn refuse_body(rejection: JsonRejection) -> Rejection {
    let detail = format!("{}. See /docs for the body of this route.", rejection.body_text());
    Rejection::new(code_of_body(rejection.status()), detail)
}
