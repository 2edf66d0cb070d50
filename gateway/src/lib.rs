#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod app;
mod archive;
mod budget;
mod contents;
mod doctor;
mod ids;
mod intake;
mod keys;
mod ledgers;
mod metrics;
mod names;
mod openapi;
mod payers;
mod promises;
mod quiet;
mod records;
mod relay;
mod restored;
mod run;
mod sequencer;
mod state;
mod wait;
mod watch;

pub use app::{App, Settings};
pub use counterfoil_append::read_keypair;
pub use counterfoil_archive::Archive;
pub use counterfoil_http::{AccessSettings, Mode, TlsFiles};
pub use doctor::{Finding, Patient, examine};
pub use keys::{KeyFileError, Names, read_names_key, read_promise_key, write_new_key};
pub use openapi::openapi_json;
pub use run::{Config, run};
