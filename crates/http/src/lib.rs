#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod auth;
mod etag;
mod frame;
mod metrics;
mod rejection;
mod secret_file;
mod server;
mod stop;
mod tls;

pub use auth::{
    Access, AccessPaths, AccessSettings, ApiKey, ApiKeyError, Chain, Message, Mode, Peer, ReaderOf, RequestCaller,
    Secret, SecretError, SignIn, SignInError, SignInUriError, key_id_text, parse_key_id,
};
pub use etag::{Origin, REVALIDATE, pinned};
pub use frame::{BodyLimits, Frame, MAX_BODY_BYTES};
pub use metrics::RequestMetrics;
pub use rejection::{Rejection, code_of_body};
pub use secret_file::{SecretFileError, read_secret_file};
pub use server::{Places, serve};
pub use stop::{Stop, Stopping};
pub use tls::{Certificate, TlsError, TlsFiles};
