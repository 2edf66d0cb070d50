//! Access: every route and every field that leads to a ledger, for every kind of caller, in each mode.

mod guard;
mod matrix;
pub mod setting;
mod sign_in;
mod streams;

use std::collections::BTreeSet;
use std::path::Path;

use axum::body::Body;
use axum::http::Response;
use counterfoil_api::{Admin, Mode, OPEN};
use counterfoil_core::LedgerId;
use futures_util::StreamExt;
use serde_json::{Value, json};

use crate::index::{Index, UNKNOWN};
use crate::sockets::Socket;
use matrix::FIELDS;
pub use matrix::{ROUTES, Shows};
use setting::{CALLERS, Caller, LIFETIME, PRIVATE, PUBLIC, READER, Setting, access, wallet};

/// The first part of an answer; of a stream there is more.
async fn begin(response: Response<Body>) -> String {
    let first = response.into_body().into_data_stream().next().await;
    first.map_or_else(String::new, |chunk| String::from_utf8_lossy(&chunk.unwrap()).into_owned())
}

/// Every path that the code makes a route of.
fn routes_in_code(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            routes_in_code(&path, found);
            continue;
        }
        // Served apart, and holds nothing of any ledger.
        if path.ends_with("src/run.rs") {
            continue;
        }
        let code = std::fs::read_to_string(&path).unwrap();
        for other in [".route_service(", ".nest(", ".nest_service(", ".fallback_service("] {
            assert!(!code.contains(other), "{}: {other} would hide routes from this test", path.display());
        }
        for call in code.split(".route(").skip(1) {
            let route = call.trim_start().strip_prefix('"').and_then(|call| call.split('"').next());
            found.insert(
                route.unwrap_or_else(|| panic!("{}: a route whose path is no text", path.display())).to_owned(),
            );
        }
    }
}

#[tokio::test]
async fn every_route_has_an_entry_here() {
    let mut routes = BTreeSet::new();
    routes_in_code(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut routes);
    let described: Value = serde_json::from_str(&counterfoil_api::openapi_json()).unwrap();
    routes.extend(described["paths"].as_object().unwrap().keys().cloned());
    assert_eq!(routes, ROUTES.iter().map(|(route, ..)| (*route).to_owned()).collect());
    let open: BTreeSet<&str> =
        ROUTES.iter().filter(|(_, shows, _)| *shows == Shows::Nothing).map(|(route, ..)| *route).collect();
    assert_eq!(open, OPEN.into_iter().collect());
}

#[test]
fn the_document_says_which_routes_ask_who_calls() {
    let document: Value = serde_json::from_str(&counterfoil_api::openapi_json()).unwrap();
    let scheme = &document["components"]["securitySchemes"]["bearer"];
    assert_eq!((&scheme["type"], &scheme["scheme"]), (&json!("http"), &json!("bearer")));
    for (path, operations) in document["paths"].as_object().unwrap() {
        let (_, shows, _) = ROUTES.iter().find(|(route, ..)| route == path).unwrap();
        let expected = (*shows != Shows::Nothing).then(|| json!([{ "bearer": [] }]));
        for operation in operations.as_object().unwrap().values() {
            assert_eq!(operation.get("security"), expected.as_ref(), "{path}");
        }
    }
}

#[tokio::test]
async fn every_field_that_leads_to_a_ledger_has_an_entry_here() {
    let index = Index::open().await;
    let schema =
        index.graphql("{ __schema { types { name kind fields { name args { name } type { kind } } } } }").await;
    let mut fields = BTreeSet::new();
    for kind in schema["__schema"]["types"].as_array().unwrap() {
        let name = kind["name"].as_str().unwrap();
        for field in kind["fields"].as_array().into_iter().flatten().filter(|_| !name.starts_with("__")) {
            let takes_arguments = !field["args"].as_array().unwrap().is_empty();
            if ["Query", "Mutation", "Subscription"].contains(&name) || takes_arguments {
                fields.insert(format!("{name}.{}", field["name"].as_str().unwrap()));
            }
        }
    }
    let entries = FIELDS.iter();
    let entries: BTreeSet<String> = entries.map(|(field, ..)| (*field).to_owned()).collect();
    let missing: Vec<&String> = fields.difference(&entries).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[tokio::test]
async fn each_route_answers_whom_it_must_and_nobody_else() {
    let mut setting = Setting::open().await;
    for mode in [Mode::Off, Mode::Public, Mode::Required] {
        let secret = setting.secret.clone();
        setting.serve(access(mode, &secret, LIFETIME));
        for caller in CALLERS {
            for ledger in [PRIVATE, PUBLIC] {
                for (route, shows, example) in ROUTES {
                    expect_route(&setting, mode, caller, ledger, (route, shows, example)).await;
                }
            }
        }
    }
}

async fn expect_route(
    setting: &Setting,
    mode: Mode,
    caller: Caller,
    ledger: LedgerId,
    (route, shows, example): (&str, Shows, &str),
) {
    let path = example.replace('L', &ledger.to_string());
    let (method, body) = match route {
        "/graphql" => ("POST", json!({ "query": "{ status { version } }" }).to_string()),
        "/mcp" => ("POST", json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" }).to_string()),
        "/v1/sign-in/message" => ("POST", json!({ "address": wallet(READER).to_string() }).to_string()),
        // Without a good body; that it is read shows that the caller came so far.
        "/v1/sign-in" => ("POST", "{}".to_owned()),
        _ => ("GET", String::new()),
    };
    let request = setting
        .request(caller, method, &path)
        .header("host", "localhost")
        .header("accept", "application/json, text/event-stream");
    let response = setting.index.send(request.body(body.into()).unwrap()).await;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = begin(response).await;
    let at = format!("{mode:?} {caller:?} {path}: {status} {text}");
    let code = match caller.refused(mode, shows, ledger) {
        None if route == "/v1/sign-in" => return assert_eq!(status, 400, "{at}"),
        None => None,
        Some(code) => Some(code),
    };
    match code {
        None => assert_eq!(status, 200, "{at}"),
        Some(code) => {
            assert_eq!(status, if code == "unknown_ledger" { 404 } else { 401 }, "{at}");
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["code"], code, "{at}");
            assert_eq!(headers.contains_key("www-authenticate"), code == "unauthorized", "{at}");
        }
    }
    if shows == Shows::List && code.is_none() {
        for ledger in [PRIVATE, PUBLIC] {
            assert_eq!(text.contains(&ledger.to_string()), caller.lists(mode, ledger), "{at}");
        }
    }
    let cache = headers.get("cache-control").map_or("", |value| value.to_str().unwrap());
    let is_known = mode != Mode::Off && caller != Caller::Nobody && shows != Shows::Nothing;
    assert!(!(is_known && cache.contains("public")), "others' caches would keep it: {cache} {at}");
}

/// Whether a ledger is there is told to those alone who may read it.
#[tokio::test]
async fn a_private_ledger_is_as_unknown_as_one_that_is_not_there() {
    let mut setting = Setting::open().await;
    let secret = setting.secret.clone();
    setting.serve(access(Mode::Public, &secret, LIFETIME));
    for caller in [Caller::Nobody, Caller::KeyOfAll, Caller::KeyOfPublic, Caller::Stranger] {
        let ask = async |path: &str, ledger: LedgerId| {
            let ledger = ledger.to_string();
            let path = path.replace('L', &ledger);
            let response = setting.index.send(setting.request(caller, "GET", &path).body(Body::empty()).unwrap()).await;
            let mut headers = response.headers().clone();
            headers.remove("ratelimit");
            headers.remove("content-length");
            (response.status(), headers, begin(response).await.replace(&ledger, "L"))
        };
        for (_, shows, path) in ROUTES {
            if shows == Shows::Ledger {
                assert_eq!(ask(path, PRIVATE).await, ask(path, UNKNOWN).await, "{caller:?} {path}");
            }
        }
        for (_, shows, query) in &FIELDS {
            if *shows == Shows::Ledger {
                let mut answers = Vec::new();
                for ledger in [PRIVATE, UNKNOWN].map(|ledger| ledger.to_string()) {
                    let query = query.replace("\"L\"", &format!("\"{ledger}\"")).replace(":L", &format!(":{ledger}"));
                    let answer = begin(setting.graphql(caller, &query).await).await;
                    answers.push(answer.replace(&ledger, "L"));
                }
                assert_eq!(answers[0], answers[1], "{caller:?} {query}");
            }
        }
    }
}

#[tokio::test]
async fn a_ledger_without_readers_stays_private_until_it_is_made_public() {
    let mut setting = Setting::open().await;
    let secret = setting.secret.clone();
    setting.serve(access(Mode::Public, &secret, LIFETIME));
    let code = async |setting: &Setting, caller: Caller| {
        let path = format!("/v1/ledgers/{PRIVATE}");
        let response = setting.index.send(setting.request(caller, "GET", &path).body(Body::empty()).unwrap()).await;
        response.status().as_u16()
    };
    let expect = async |setting: &Setting, nobody: u16, reader: u16, key: u16| {
        let codes = (
            code(setting, Caller::Nobody).await,
            code(setting, Caller::Reader).await,
            code(setting, Caller::KeyOfPrivate).await,
        );
        assert_eq!(codes, (nobody, reader, key));
    };
    let administer = async |admin: Admin| counterfoil_api::administer(&setting.index.url, admin).await;
    expect(&setting, 404, 200, 200).await;
    let said = administer(Admin::RemoveReader(PRIVATE, wallet(READER))).await.unwrap();
    assert_eq!(said[0]["private"], true);
    expect(&setting, 404, 404, 200).await;
    assert_eq!(administer(Admin::ListPrivate).await.unwrap(), [json!({ "ledger": PRIVATE.to_string() })]);
    administer(Admin::AddReader(PRIVATE, wallet(READER))).await.unwrap();
    expect(&setting, 404, 200, 200).await;
    let said = administer(Admin::MakePublic(PRIVATE)).await.unwrap();
    assert_eq!(said, [json!({ "ledger": PRIVATE.to_string(), "private": false })]);
    expect(&setting, 200, 200, 200).await;
    let refused = administer(Admin::MakePublic(PRIVATE)).await.unwrap_err().to_string();
    assert!(refused.contains("is not private"), "{refused}");
    let said = administer(Admin::MakePrivate(PRIVATE)).await.unwrap();
    assert_eq!(said, [json!({ "ledger": PRIVATE.to_string(), "private": true, "in_index": true })]);
    expect(&setting, 404, 404, 200).await;
    for admin in [Admin::MakePrivate(UNKNOWN), Admin::AddReader(UNKNOWN, wallet(READER))] {
        assert_eq!(administer(admin).await.unwrap()[0]["in_index"], false);
    }
}

#[tokio::test]
async fn the_first_message_of_a_socket_says_who_calls() {
    let mut setting = Setting::open().await;
    for mode in [Mode::Off, Mode::Public, Mode::Required] {
        let secret = setting.secret.clone();
        setting.serve(access(mode, &secret, LIFETIME));
        let address = crate::sockets::serve(&setting.index).await;
        for caller in CALLERS {
            let token = &setting.tokens.iter().find(|(other, _)| *other == caller).unwrap().1;
            let scheme = if caller == Caller::OtherScheme { "Basic" } else { "Bearer" };
            let authorization = token.as_ref().map(|token| format!("{scheme} {token}"));
            let socket = Socket::sign_on(address, authorization.as_deref()).await;
            let is_let_in = caller.refused(mode, Shows::Index, PUBLIC).is_none();
            assert_eq!(socket.is_some(), is_let_in, "{caller:?} {mode:?}");
            let Some(mut socket) = socket else { continue };
            for ledger in [PRIVATE, PUBLIC] {
                socket.subscribe("a", format!("{{ ledger(address: \"{ledger}\") {{ ledger }} }}")).await;
                let answer = socket.next().await.unwrap();
                assert_eq!(socket.next().await.unwrap()["type"], "complete");
                let code = answer["payload"]["errors"][0]["extensions"]["code"].as_str();
                assert_eq!(code, caller.refused(mode, Shows::Ledger, ledger), "{caller:?} {mode:?}: {answer}");
            }
        }
    }
}

#[tokio::test]
async fn each_field_answers_whom_it_must_and_nobody_else() {
    let mut setting = Setting::open().await;
    for mode in [Mode::Off, Mode::Public, Mode::Required] {
        let secret = setting.secret.clone();
        setting.serve(access(mode, &secret, LIFETIME));
        for caller in CALLERS {
            for ledger in [PRIVATE, PUBLIC] {
                for (_, shows, query) in &FIELDS {
                    expect_field(&setting, mode, caller, ledger, *shows, query).await;
                }
            }
        }
    }
}

async fn expect_field(setting: &Setting, mode: Mode, caller: Caller, ledger: LedgerId, shows: Shows, query: &str) {
    let query = query.replace("\"L\"", &format!("\"{ledger}\"")).replace(":L", &format!(":{ledger}"));
    let response = setting.graphql(caller, &query).await;
    let status = response.status().as_u16();
    let text = begin(response).await;
    let at = format!("{mode:?} {caller:?} {query}: {status} {text}");
    match caller.refused(mode, shows, ledger) {
        Some("unauthorized") => assert_eq!(status, 401, "{at}"),
        code => {
            assert_eq!(status, 200, "{at}");
            let json = text.lines().find_map(|line| line.strip_prefix("data: ")).unwrap_or(&text);
            let answer: Value = serde_json::from_str(json).unwrap_or_else(|_| panic!("{at}"));
            assert_eq!(answer["errors"][0]["extensions"]["code"].as_str(), code, "{at}");
        }
    }
    if shows == Shows::List && status == 200 {
        for ledger in [PRIVATE, PUBLIC] {
            assert_eq!(text.contains(&ledger.to_string()), caller.lists(mode, ledger), "{at}");
        }
    }
}
