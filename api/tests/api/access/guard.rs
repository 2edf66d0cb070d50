//! Keys that end, rates, and origins.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response};
use counterfoil_api::{AccessSettings, Admin, Mode, Settings, administer, app};
use counterfoil_core::LedgerId;
use futures_util::StreamExt;

use super::setting::{Caller, LIFETIME, PRIVATE, PUBLIC, READER, Setting, access, key};
use crate::history::History;
use crate::index::{Index, eventually, settings};
use crate::statements::audited;

#[tokio::test]
async fn a_stream_ends_with_the_key_that_opened_it() {
    let mut setting = Setting::open().await;
    let mut history = History::create(LedgerId([9; 32]));
    history.append(2);
    history.check(&setting.index.pool).await;
    let secret = setting.secret.clone();
    setting.serve(access(Mode::Required, &secret, LIFETIME));
    for path in ["entries/live?after=0", "live"] {
        let path = format!("/v1/ledgers/{}/{path}", history.ledger);
        let key = key(&setting.index, vec![]).await;
        let request = Request::get(&path).header("authorization", format!("Bearer {key}"));
        let response = setting.index.send(request.body(Body::empty()).unwrap()).await;
        let mut stream = response.into_body().into_data_stream();
        let mut next = async || loop {
            let message = String::from_utf8(stream.next().await.unwrap().unwrap().to_vec()).unwrap();
            if message.contains("data:") {
                return message;
            }
        };
        assert!(next().await.contains("data:"), "{path}");
        administer(&setting.index.url, Admin::RevokeKey { id: key[4..20].to_owned() }).await.unwrap();
        history.append(1);
        history.check(&setting.index.pool).await;
        let last = next().await;
        assert!(last.contains("event: problem") && last.contains("unauthorized"), "{path}: {last}");
    }
}

#[tokio::test]
async fn refusals_and_what_is_private_are_told_to_the_operator_without_a_secret() {
    let mut setting = Setting::open().await;
    let secret = setting.secret.clone();
    setting.serve(access(Mode::Required, &secret, LIFETIME));
    let ledger = |ledger: LedgerId| format!("/v1/ledgers/{ledger}/entries?limit=1");
    let (private, public) = (ledger(PRIVATE), ledger(PUBLIC));
    let ask = async |caller: Caller, path: &str| {
        let request = setting.request(caller, "GET", path).body(Body::empty()).unwrap();
        audited(setting.index.send(request)).await
    };
    for (caller, path, expected) in [
        (Caller::Nobody, &public, Some(("address 0.0.0.0", "refused"))),
        (Caller::Garbage, &public, Some(("address 0.0.0.0", "refused"))),
        (Caller::RevokedKey, &public, Some(("key ", "refused"))),
        (Caller::KeyWithAnotherSecret, &public, Some(("key ", "refused"))),
        (Caller::ExpiredSession, &private, Some(("address 0.0.0.0", "refused"))),
        (Caller::Stranger, &private, Some(("wallet ", "refused"))),
        (Caller::KeyOfAll, &private, Some(("key ", "refused"))),
        (Caller::KeyOfPublic, &private, Some(("key ", "refused"))),
        (Caller::Reader, &private, Some(("wallet ", "read"))),
        (Caller::KeyOfPrivate, &private, Some(("key ", "read"))),
        (Caller::Reader, &public, None),
        (Caller::KeyOfAll, &public, None),
    ] {
        let lines = ask(caller, path).await;
        let told: Vec<bool> = lines
            .iter()
            .map(|line| {
                expected.is_some_and(|(who, verdict)| {
                    line.contains(&format!("who={who}")) && line.contains(&format!("verdict=\"{verdict}\""))
                })
            })
            .collect();
        assert_eq!(told, vec![true; usize::from(expected.is_some())], "{caller:?} {path}: {lines:?}");
        let token = &setting.tokens.iter().find(|(other, _)| *other == caller).unwrap().1;
        if let Some(token) = token.as_ref().filter(|token| token.len() > 30) {
            assert!(lines.iter().all(|line| !line.contains(&token[21..])), "{lines:?}");
        }
    }
    // Once for each ledger, however often a request names it.
    let aliases: String = (0..20).map(|at| format!("a{at}: ledger(address: \"{PRIVATE}\") {{ ledger }} ")).collect();
    let lines = audited(setting.graphql(Caller::Reader, &format!("{{ {aliases} }}"))).await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    // Text that a client sends makes no line of its own, and no long one.
    let lines = ask(Caller::Nobody, &format!("/v1/%0AFAKE{}", "x".repeat(5_000))).await;
    assert!(lines.len() == 1 && lines[0].len() < 1_000 && !lines[0].contains('\n'), "{lines:?}");
    let lines = audited(setting.session(READER)).await;
    assert!(lines.len() == 1 && lines[0].contains("verdict=\"signed in\""), "{lines:?}");
}

#[tokio::test]
async fn a_keys_last_use_is_written_down_and_that_of_no_other() {
    let mut setting = Setting::open().await;
    let secret = setting.secret.clone();
    let own = AccessSettings { use_interval: Duration::from_millis(10), ..access(Mode::Required, &secret, LIFETIME) };
    setting.serve(own);
    for caller in [Caller::KeyOfPublic, Caller::KeyWithAnotherSecret, Caller::RevokedKey, Caller::Nobody] {
        setting.index.send(setting.request(caller, "GET", "/v1/status").body(Body::empty()).unwrap()).await;
    }
    let token = setting.tokens.iter().find(|(caller, _)| *caller == Caller::KeyOfPublic).unwrap().1.clone().unwrap();
    let used = async || {
        let keys = administer(&setting.index.url, Admin::ListKeys).await.unwrap();
        let used = keys.into_iter().filter(|key| !key["last_used"].is_null());
        used.map(|key| key["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    eventually("a use is written down", async || Some(used().await).filter(|used| !used.is_empty()).ok_or("none"))
        .await;
    assert_eq!(used().await, [&token[4..20]]);
}

#[tokio::test]
async fn a_key_ends_when_its_time_has_come() {
    let mut setting = Setting::open().await;
    let secret = setting.secret.clone();
    setting.serve(access(Mode::Required, &secret, LIFETIME));
    let made = Admin::CreateKey {
        name: "ends".to_owned(),
        scopes: Vec::new(),
        ledgers: vec![],
        rate: 100.try_into().unwrap(),
        quota: counterfoil_api::Quota::default(),
        expires: Some(jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1)),
    };
    let key = administer(&setting.index.url, made).await.unwrap()[0]["key"].as_str().unwrap().to_owned();
    let ask = async |key: &str| {
        let request = Request::get("/v1/status").header("authorization", format!("Bearer {key}"));
        setting.index.send(request.body(Body::empty()).unwrap()).await.status().as_u16()
    };
    assert_eq!(ask(&key).await, 200);
    setting.index.tamper("update api_key set expires = now() - interval '1 s' where name = 'ends'").await;
    assert_eq!(ask(&key).await, 401);
    setting.index.tamper("update api_key set expires = 'infinity' where name = 'ends'").await;
    assert_eq!(ask(&key).await, 200);
    setting.index.tamper("update api_key set expires = '12000-01-01' where name = 'ends'").await;
    assert_eq!(ask(&key).await, 401, "an end that cannot be read has come");
    let listed = administer(&setting.index.url, Admin::ListKeys).await.unwrap();
    assert!(listed.iter().any(|key| key["name"] == "ends" && key.get("last_used").is_some()), "{listed:?}");
}

#[tokio::test]
async fn rates_are_counted_by_address_and_by_key_and_told() {
    let mut index = Index::open().await;
    let access =
        AccessSettings { mode: Mode::Required, address_rate: Some(3.try_into().unwrap()), ..AccessSettings::default() };
    let admin = Admin::CreateKey {
        name: "slow".to_owned(),
        scopes: Vec::new(),
        ledgers: vec![],
        rate: 2.try_into().unwrap(),
        quota: counterfoil_api::Quota::default(),
        expires: None,
    };
    let key = administer(&index.url, admin).await.unwrap()[0]["key"].as_str().unwrap().to_owned();
    index.app = app(index.pool.clone(), Settings { access, ..settings() });
    let ask = async |path: &str, token: Option<&str>| {
        let request = Request::get(path);
        let request = match token {
            Some(token) => request.header("authorization", format!("Bearer {token}")),
            None => request,
        };
        let response = index.send(request.body(Body::empty()).unwrap()).await;
        let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        (response.status().as_u16(), header("ratelimit-policy"), header("retry-after").is_some())
    };
    let (of_key, of_address) = (Some("\"key\";q=2;w=60".to_owned()), Some("\"address\";q=3;w=60".to_owned()));
    for status in [200, 200, 429] {
        assert_eq!(ask("/v1/status", Some(&key)).await, (status, of_key.clone(), status == 429));
    }
    // Guesses count, whether or not they have the form of a key.
    let guess = format!("{}{}", &key[..84], if key.ends_with('0') { '1' } else { '0' });
    assert_eq!(ask("/v1/status", Some(&guess)).await, (401, of_address.clone(), false));
    assert_eq!(ask("/v1/status", None).await, (401, of_address.clone(), false));
    assert_eq!(ask("/docs", None).await, (200, of_address.clone(), false));
    assert_eq!(ask("/docs", None).await, (429, of_address.clone(), true));
    assert_eq!(ask("/v1/status", Some(&guess)).await, (429, of_address, true));
    assert_eq!(ask("/livez", None).await, (200, None, false));
}

#[tokio::test]
async fn pages_of_the_configured_origins_alone_may_read() {
    let mut index = Index::open().await;
    let origin = "https://app.example.com";
    let access = AccessSettings {
        mode: Mode::Required,
        cors_origins: vec![origin.parse().unwrap()],
        ..AccessSettings::default()
    };
    index.app = app(index.pool.clone(), Settings { access, ..settings() });
    for (from, expected) in [(origin, Some(origin)), ("https://evil.example.com", None), ("null", None)] {
        let preflight = Request::options("/v1/ledgers")
            .header("origin", from)
            .header("access-control-request-method", "GET")
            .header("access-control-request-headers", "authorization");
        // Browsers send no credentials with it.
        let response = index.send(preflight.body(Body::empty()).unwrap()).await;
        let allowed = |response: &Response<Body>| {
            let value = response.headers().get("access-control-allow-origin");
            value.map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!((response.status().as_u16(), allowed(&response).as_deref()), (200, expected));
        // A refusal must be readable too.
        let response =
            index.send(Request::get("/v1/ledgers").header("origin", from).body(Body::empty()).unwrap()).await;
        assert_eq!((response.status().as_u16(), allowed(&response).as_deref()), (401, expected));
        assert!(!response.headers().contains_key("access-control-allow-credentials"));
    }
}
