//! Who may read what: every route and every field that leads to a ledger, for every kind of caller, in each mode.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Request, Response};
use counterfoil_api::{AccessSettings, Admin, Chain, Mode, NoteKey, OPEN, Secret, Settings, SignIn, administer, app};
use counterfoil_core::{LedgerId, Wallet};
use futures_util::StreamExt;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};

use crate::history::History;
use crate::index::{BIG, Index, SMALL, settings};
use crate::sockets::Socket;

const PRIVATE: LedgerId = BIG;
const PUBLIC: LedgerId = SMALL;
const READER: [u8; 32] = [7; 32];
const STRANGER: [u8; 32] = [8; 32];
const LIFETIME: Duration = Duration::from_secs(900);

/// What a route shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shows {
    /// The same to everybody.
    Nothing,
    /// What is of no ledger.
    Index,
    /// Those ledgers that the caller may read.
    List,
    /// The ledger in its path.
    Ledger,
}

/// Each route, what it shows, and a request that is answered 200.
const ROUTES: [(&str, Shows, &str); 32] = [
    ("/livez", Shows::Nothing, "/livez"),
    ("/readyz", Shows::Nothing, "/readyz"),
    ("/docs", Shows::Nothing, "/docs"),
    ("/graphiql", Shows::Nothing, "/graphiql"),
    ("/v1/openapi.json", Shows::Nothing, "/v1/openapi.json"),
    ("/v1/sign-in", Shows::Nothing, "/v1/sign-in"),
    ("/v1/sign-in/message", Shows::Nothing, "/v1/sign-in/message"),
    ("/graphql", Shows::Index, "/graphql"),
    ("/v1/status", Shows::Index, "/v1/status"),
    ("/v1/ledgers", Shows::List, "/v1/ledgers"),
    ("/v1/ledgers/{ledger}", Shows::Ledger, "/v1/ledgers/L"),
    ("/v1/ledgers/{ledger}/entries", Shows::Ledger, "/v1/ledgers/L/entries"),
    ("/v1/ledgers/{ledger}/entries/{index}", Shows::Ledger, "/v1/ledgers/L/entries/1"),
    ("/v1/ledgers/{ledger}/entries/{index}/receipt", Shows::Ledger, "/v1/ledgers/L/entries/1/receipt"),
    ("/v1/ledgers/{ledger}/entries/find", Shows::Ledger, "/v1/ledgers/L/entries/find"),
    ("/v1/ledgers/{ledger}/events/find", Shows::Ledger, "/v1/ledgers/L/events/find"),
    ("/v1/ledgers/{ledger}/aggregate", Shows::Ledger, "/v1/ledgers/L/aggregate"),
    ("/v1/ledgers/{ledger}/standing", Shows::Ledger, "/v1/ledgers/L/standing"),
    ("/v1/ledgers/{ledger}/missing", Shows::Ledger, "/v1/ledgers/L/missing"),
    ("/v1/ledgers/{ledger}/heads", Shows::Ledger, "/v1/ledgers/L/heads"),
    ("/v1/ledgers/{ledger}/pending", Shows::Ledger, "/v1/ledgers/L/pending"),
    ("/v1/ledgers/{ledger}/events", Shows::Ledger, "/v1/ledgers/L/events"),
    ("/v1/ledgers/{ledger}/inclusion", Shows::Ledger, "/v1/ledgers/L/inclusion?log=entries&index=1"),
    ("/v1/ledgers/{ledger}/consistency", Shows::Ledger, "/v1/ledgers/L/consistency?log=events&first=1"),
    ("/v1/ledgers/{ledger}/export", Shows::Ledger, "/v1/ledgers/L/export?log=entries"),
    ("/v1/ledgers/{ledger}/live", Shows::Ledger, "/v1/ledgers/L/live"),
    ("/v1/ledgers/{ledger}/entries/live", Shows::Ledger, "/v1/ledgers/L/entries/live?after=0"),
    ("/v1/ledgers/{ledger}/events/live", Shows::Ledger, "/v1/ledgers/L/events/live?after=0"),
    ("/tlog/{ledger}/{log}/checkpoint", Shows::Ledger, "/tlog/L/entries/checkpoint"),
    // Of the operator's key and the ledger's name alone.
    ("/tlog/{ledger}/{log}/key", Shows::Index, "/tlog/L/entries/key"),
    ("/tlog/{ledger}/{log}/tile/{*path}", Shows::Ledger, "/tlog/L/entries/tile/0/000.p/2"),
    ("/tlog/{ledger}/{log}/tile/{*path}", Shows::Ledger, "/tlog/L/events/tile/entries/000.p/2"),
];

/// Each field of a root, and each that takes arguments, with a query that reaches it. Those that begin with `subscription`
/// are streams.
const FIELDS: [(&str, Shows, &str); 25] = [
    ("Query.status", Shows::Index, "{ status { version } }"),
    ("Query._service", Shows::Index, "{ _service { sdl } }"),
    ("Query.ledgers", Shows::List, "{ ledgers { edges { node { ledger } } } }"),
    ("Query.findLedgers", Shows::List, "{ findLedgers { totalCount { value } edges { node { ledger } } } }"),
    ("Query.ledger", Shows::Ledger, "{ ledger(address: \"L\") { ledger } }"),
    ("Query.node", Shows::Ledger, "{ node(id: \"ledger:L\") { id } }"),
    ("Query.node", Shows::Ledger, "{ node(id: \"entry:L:1\") { id } }"),
    ("Query.node", Shows::Ledger, "{ node(id: \"event:L:1\") { id } }"),
    (
        "Query._entities",
        Shows::Ledger,
        "{ _entities(representations: [{ __typename: \"Ledger\", id: \"ledger:L\" }]) { __typename } }",
    ),
    ("Ledger.missing", Shows::Ledger, "{ ledger(address: \"L\") { missing { leaves } } }"),
    ("Ledger.heads", Shows::Ledger, "{ ledger(address: \"L\") { heads { agreesSince } } }"),
    ("Ledger.pending", Shows::Ledger, "{ ledger(address: \"L\") { pending { seq } } }"),
    ("Ledger.entries", Shows::Ledger, "{ ledger(address: \"L\") { entries(first: 2) { edges { node { proof } } } } }"),
    ("Ledger.entry", Shows::Ledger, "{ ledger(address: \"L\") { entry(index: \"1\") { payload } } }"),
    ("Ledger.events", Shows::Ledger, "{ ledger(address: \"L\") { events(first: 2) { edges { node { proof } } } } }"),
    ("Ledger.event", Shows::Ledger, "{ ledger(address: \"L\") { event(seq: \"1\") { leaf } } }"),
    (
        "Ledger.findEntries",
        Shows::Ledger,
        "{ ledger(address: \"L\") { findEntries { totalCount { value } edges { cursor } } } }",
    ),
    (
        "Ledger.findEvents",
        Shows::Ledger,
        "{ ledger(address: \"L\") { findEvents { totalCount { value } edges { cursor } } } }",
    ),
    ("Ledger.aggregateEntries", Shows::Ledger, "{ ledger(address: \"L\") { aggregateEntries { buckets { count } } } }"),
    ("Ledger.standing", Shows::Ledger, "{ ledger(address: \"L\") { standing { eventSeq } } }"),
    (
        "Ledger.inclusion",
        Shows::Ledger,
        "{ ledger(address: \"L\") { inclusion(log: ENTRIES, index: \"1\") { proof } } }",
    ),
    (
        "Ledger.consistency",
        Shows::Ledger,
        "{ ledger(address: \"L\") { consistency(log: EVENTS, first: \"1\") { proof } } }",
    ),
    ("Subscription.ledger", Shows::Ledger, "subscription { ledger(address: \"L\") { ledger } }"),
    (
        "Subscription.entries",
        Shows::Ledger,
        "subscription { entries(ledger: \"L\", after: \"0\") { edges { cursor } } }",
    ),
    ("Subscription.events", Shows::Ledger, "subscription { events(ledger: \"L\", after: \"0\") { edges { cursor } } }"),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Caller {
    Nobody,
    KeyOfAll,
    KeyOfPrivate,
    KeyOfPublic,
    RevokedKey,
    KeyWithAnotherSecret,
    Reader,
    Stranger,
    ExpiredSession,
    ForgedSession,
    OtherServersSession,
    OtherScheme,
    Garbage,
}

const CALLERS: [Caller; 13] = [
    Caller::Nobody,
    Caller::KeyOfAll,
    Caller::KeyOfPrivate,
    Caller::KeyOfPublic,
    Caller::RevokedKey,
    Caller::KeyWithAnotherSecret,
    Caller::Reader,
    Caller::Stranger,
    Caller::ExpiredSession,
    Caller::ForgedSession,
    Caller::OtherServersSession,
    Caller::OtherScheme,
    Caller::Garbage,
];

impl Caller {
    /// What must come of it: a code of a refusal, or nothing.
    fn refused(self, mode: Mode, shows: Shows, ledger: LedgerId) -> Option<&'static str> {
        use Caller::{KeyOfAll, KeyOfPrivate, KeyOfPublic, Nobody, Reader, Stranger};
        if mode == Mode::Off || shows == Shows::Nothing {
            return None;
        }
        let reads = match self {
            Nobody if mode == Mode::Required => return Some("unauthorized"),
            Nobody | KeyOfAll | Stranger | KeyOfPublic => ledger == PUBLIC,
            Reader => true,
            KeyOfPrivate => ledger == PRIVATE,
            _ => return Some("unauthorized"),
        };
        (shows == Shows::Ledger && !reads).then_some("forbidden")
    }

    fn lists(self, mode: Mode, ledger: LedgerId) -> bool {
        self.refused(mode, Shows::Ledger, ledger).is_none()
    }
}

struct Setting {
    index: Index,
    secret: Secret,
    tokens: Vec<(Caller, Option<String>)>,
}

fn sign_in(secret: &Secret, lifetime: Duration) -> Option<SignIn> {
    Some(SignIn::new("https://app.example.com/sign-in", Chain::Devnet, secret.clone(), lifetime).unwrap())
}

fn access(mode: Mode, secret: &Secret, lifetime: Duration) -> AccessSettings {
    let sign_in = sign_in(secret, lifetime);
    AccessSettings { mode, sign_in, patience: Duration::ZERO, ..AccessSettings::default() }
}

impl Setting {
    async fn open() -> Self {
        let mut index = Index::open().await;
        let secret = Secret::generate().unwrap();
        administer(&index.url, Admin::AddReader(PRIVATE, wallet(READER))).await.unwrap();
        let revoked = key(&index, vec![]).await;
        administer(&index.url, Admin::RevokeKey { id: revoked[4..20].to_owned() }).await.unwrap();
        let of_all = key(&index, vec![]).await;
        let tokens = vec![
            (Caller::Nobody, None),
            (Caller::KeyWithAnotherSecret, Some(format!("{}{}", &of_all[..21], &revoked[21..]))),
            (Caller::RevokedKey, Some(revoked)),
            (Caller::KeyOfAll, Some(of_all)),
            (Caller::KeyOfPrivate, Some(key(&index, vec![PRIVATE]).await)),
            (Caller::KeyOfPublic, Some(key(&index, vec![PUBLIC]).await)),
            (Caller::Garbage, Some("cfs_".to_owned())),
        ];
        index.app = app(index.pool.clone(), Settings { access: access(Mode::Off, &secret, LIFETIME), ..settings() });
        let mut setting = Self { index, secret, tokens };
        let session = setting.session(READER).await;
        let forged = format!("{}AAAA", &session[..session.len() - 4]);
        let stranger = setting.session(STRANGER).await;
        let own = setting.secret.clone();
        setting.serve(access(Mode::Off, &own, Duration::ZERO));
        let expired = setting.session(READER).await;
        setting.serve(access(Mode::Off, &Secret::generate().unwrap(), LIFETIME));
        let other = setting.session(READER).await;
        setting.tokens.extend([
            (Caller::Reader, Some(session.clone())),
            (Caller::OtherScheme, Some(session)),
            (Caller::ForgedSession, Some(forged)),
            (Caller::Stranger, Some(stranger)),
            (Caller::ExpiredSession, Some(expired)),
            (Caller::OtherServersSession, Some(other)),
        ]);
        setting
    }

    fn serve(&mut self, access: AccessSettings) {
        let note_key = Some(NoteKey::generate("log.example.com").unwrap());
        self.index.app = app(self.index.pool.clone(), Settings { access, note_key, ..settings() });
    }

    /// Signs in by the routes, with a signer that shares nothing with the project.
    async fn session(&self, seed: [u8; 32]) -> String {
        let address = wallet(seed).to_string();
        let issued = post(&self.index, "/v1/sign-in/message", &json!({ "address": address })).await.1;
        let message = issued["message"].as_str().unwrap();
        let body = json!({ "address": address, "message": message, "signature": sign(seed, message) });
        let (status, session) = post(&self.index, "/v1/sign-in", &body).await;
        assert_eq!((status, &session["wallet"]), (200, &json!(address)), "{session}");
        session["token"].as_str().unwrap().to_owned()
    }

    fn request(&self, caller: Caller, method: &str, path: &str) -> axum::http::request::Builder {
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        let token = &self.tokens.iter().find(|(other, _)| *other == caller).unwrap().1;
        let scheme = if caller == Caller::OtherScheme { "Basic" } else { "Bearer" };
        match token {
            Some(token) => request.header("authorization", format!("{scheme} {token}")),
            None => request,
        }
    }

    async fn graphql(&self, caller: Caller, query: &str) -> Response<Body> {
        let accept = if query.starts_with("subscription") { "text/event-stream" } else { "application/json" };
        let request = self.request(caller, "POST", "/graphql").header("accept", accept);
        self.index.send(request.body(json!({ "query": query }).to_string().into()).unwrap()).await
    }
}

fn wallet(seed: [u8; 32]) -> Wallet {
    Wallet(signer(seed).public_key().as_ref().try_into().unwrap())
}

fn signer(seed: [u8; 32]) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&seed).unwrap()
}

fn sign(seed: [u8; 32], message: &str) -> String {
    bs58::encode(signer(seed).sign(message.as_bytes()).as_ref()).into_string()
}

async fn key(index: &Index, ledgers: Vec<LedgerId>) -> String {
    let admin = Admin::CreateKey { name: "test".to_owned(), ledgers, rate: 1_000_000.try_into().unwrap() };
    administer(&index.url, admin).await.unwrap()[0]["key"].as_str().unwrap().to_owned()
}

async fn post(index: &Index, path: &str, body: &Value) -> (u16, Value) {
    let request = Request::post(path).header("content-type", "application/json");
    let response = index.send(request.body(body.to_string().into()).unwrap()).await;
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}

/// What comes first; of a stream there is more.
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
        "/v1/sign-in/message" => ("POST", json!({ "address": wallet(READER).to_string() }).to_string()),
        // Without a good body; that it is read shows that the caller came so far.
        "/v1/sign-in" => ("POST", "{}".to_owned()),
        _ => ("GET", String::new()),
    };
    let response = setting.index.send(setting.request(caller, method, &path).body(body.into()).unwrap()).await;
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
            assert_eq!(status, if code == "forbidden" { 403 } else { 401 }, "{at}");
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
        let mut next = async || String::from_utf8(stream.next().await.unwrap().unwrap().to_vec()).unwrap();
        assert!(next().await.contains("data:"), "{path}");
        administer(&setting.index.url, Admin::RevokeKey { id: key[4..20].to_owned() }).await.unwrap();
        history.append(1);
        history.check(&setting.index.pool).await;
        let last = next().await;
        assert!(last.contains("event: problem") && last.contains("unauthorized"), "{path}: {last}");
    }
}

#[tokio::test]
async fn a_message_is_taken_once_unchanged_and_signed_by_its_address() {
    let mut setting = Setting::open().await;
    let address = wallet(READER).to_string();
    let issue = async |setting: &Setting| {
        let issued = post(&setting.index, "/v1/sign-in/message", &json!({ "address": address })).await.1;
        issued["message"].as_str().unwrap().to_owned()
    };
    let secret = setting.secret.clone();
    setting.serve(access(Mode::Required, &secret, LIFETIME));
    let message = issue(&setting).await;
    let take = async |setting: &Setting, address: &str, message: &str, signature: String| {
        let body = json!({ "address": address, "message": message, "signature": signature });
        post(&setting.index, "/v1/sign-in", &body).await
    };
    let lines: Vec<&str> = message.lines().collect();
    assert_eq!(lines.len(), 11, "{message}");
    // Each line changed at its end, left out, and said twice; signed as it is then.
    for at in 0..lines.len() {
        let changed = format!("{}x", lines[at]);
        let [mut altered, mut without, mut twice] = [lines.clone(), lines.clone(), lines.clone()];
        altered[at] = &changed;
        without.remove(at);
        twice.insert(at, lines[at]);
        for lines in [altered, without, twice] {
            let text = lines.join("\n");
            let (status, body) = take(&setting, &address, &text, sign(READER, &text)).await;
            assert_eq!((status, &body["code"]), (401, &json!("unauthorized")), "{text}");
        }
    }
    for text in [format!("{message}\n"), message.replace('\n', "\r\n"), String::new()] {
        assert_eq!(take(&setting, &address, &text, sign(READER, &text)).await.0, 401, "{text}");
    }
    // Another's signature, over another text, and another's address.
    assert_eq!(take(&setting, &address, &message, sign(STRANGER, &message)).await.0, 401);
    assert_eq!(take(&setting, &address, &message, sign(READER, "another text")).await.0, 401);
    assert_eq!(take(&setting, &wallet(STRANGER).to_string(), &message, sign(STRANGER, &message)).await.0, 401);
    assert_eq!(take(&setting, &address, &message, "1".repeat(64)).await.0, 401);
    for signature in ["", "0", &"1".repeat(63), &"z".repeat(60_000)] {
        assert_eq!(take(&setting, &address, &message, signature.to_owned()).await.0, 400);
    }
    // None of this has used it up.
    assert_eq!(take(&setting, &address, &message, sign(READER, &message)).await.0, 200);
    let (status, body) = take(&setting, &address, &message, sign(READER, &message)).await;
    assert_eq!(status, 401);
    assert!(body["detail"].as_str().unwrap().contains("used"), "{body}");

    let message = issue(&setting).await;
    setting.serve(access(Mode::Required, &Secret::generate().unwrap(), LIFETIME));
    assert_eq!(take(&setting, &address, &message, sign(READER, &message)).await.0, 401, "another server's");
    setting.serve(AccessSettings { mode: Mode::Required, ..AccessSettings::default() });
    let (status, body) = post(&setting.index, "/v1/sign-in/message", &json!({ "address": address })).await;
    assert_eq!((status, &body["code"]), (501, &json!("not_configured")));
}

#[tokio::test]
async fn rates_are_counted_by_address_and_by_key_and_told() {
    let mut index = Index::open().await;
    let access =
        AccessSettings { mode: Mode::Required, address_rate: Some(3.try_into().unwrap()), ..AccessSettings::default() };
    let admin = Admin::CreateKey { name: "slow".to_owned(), ledgers: vec![], rate: 2.try_into().unwrap() };
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
