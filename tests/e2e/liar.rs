//! A server before the chain that takes transactions and swallows, doubles and disowns them, and says of some that a fork has them.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use fastrand::Rng;
use serde_json::{Value, json};

use crate::http::serve;

/// How often a liar does what, in percent of the transactions that it is given; it passes the rest on.
#[derive(Clone, Copy)]
pub struct Lies {
    /// It takes the transaction, and no one gets it.
    pub swallows: u8,
    /// It takes it and says that it is confirmed; the fork that has it is given up.
    pub forks: u8,
    /// The chain gets it twice.
    pub doubles: u8,
    /// The chain gets it, and the caller is told that it failed.
    pub disowns: u8,
    /// After how many forks there is no more.
    pub most_forks: usize,
}

/// A liar: its address, and how often it has lied.
pub struct Liar {
    pub url: String,
    pub count: Arc<AtomicUsize>,
}

/// A liar before the chain's server at `rpc`.
pub fn liar(rpc: &str, lies: Lies, mut rng: Rng) -> Liar {
    let (client, rpc) = (reqwest::blocking::Client::new(), rpc.to_owned());
    let given_up: Arc<Mutex<HashSet<String>>> = Arc::default();
    let sent = Mutex::new(HashSet::new());
    let mut forks = 0;
    let count: Arc<AtomicUsize> = Arc::default();
    let told = count.clone();
    let url = serve(move |request| {
        // The chain may be away for a moment: then this is, too.
        let pass = || match client.post(&rpc).json(request).send().and_then(reqwest::blocking::Response::json) {
            Ok(answer) => (200, answer),
            Err(_) => (503, json!({})),
        };
        let mut given_up = given_up.lock().unwrap();
        match request["method"].as_str() {
            Some("sendTransaction") => {
                let bytes =
                    BASE64_STANDARD.decode(request["params"][0].as_str().unwrap_or_default()).unwrap_or_default();
                let signature = bs58::encode(bytes.get(1..65).unwrap_or_default()).into_string();
                // It is sent again: what was promised of a fork is over.
                if given_up.remove(&signature) || !sent.lock().unwrap().insert(signature.clone()) {
                    return pass();
                }
                let taken = (200, json!({ "jsonrpc": "2.0", "result": signature }));
                let mut rest = rng.u8(0..100);
                let mut falls = |percent: u8| {
                    let is_it = rest < percent;
                    rest = rest.wrapping_sub(percent);
                    told.fetch_add(usize::from(is_it), Ordering::Relaxed);
                    is_it
                };
                if falls(lies.swallows) {
                    return taken;
                }
                if falls(lies.forks) && forks < lies.most_forks {
                    forks += 1;
                    given_up.insert(signature);
                    return taken;
                }
                if falls(lies.doubles) {
                    pass();
                }
                let is_disowned = falls(lies.disowns);
                let answer = pass();
                if is_disowned {
                    return (500, json!({}));
                }
                answer
            }
            Some("getSignatureStatuses") => {
                let (status, mut answer) = pass();
                let asked = request["params"][0].as_array().into_iter().flatten();
                for (at, signature) in asked.enumerate() {
                    if signature.as_str().is_some_and(|signature| given_up.contains(signature)) {
                        let slot = answer["result"]["context"]["slot"].clone();
                        answer["result"]["value"][at] = json!({
                            "slot": slot, "confirmations": 1, "err": Value::Null, "status": { "Ok": Value::Null },
                            "confirmationStatus": "confirmed",
                        });
                    }
                }
                (status, answer)
            }
            _ => pass(),
        }
    });
    Liar { url, count }
}
