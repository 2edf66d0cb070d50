//! Callers of every kind, and a service that knows them.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Request, Response};
use counterfoil_api::{AccessSettings, Admin, Chain, Mode, NoteKey, Secret, Settings, SignIn, administer, app};
use counterfoil_core::{LedgerId, Wallet};
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};

use super::matrix::Shows;
use crate::index::{BIG, Index, SMALL, settings};

pub const PRIVATE: LedgerId = BIG;
pub const PUBLIC: LedgerId = SMALL;
pub const READER: [u8; 32] = [7; 32];
pub const STRANGER: [u8; 32] = [8; 32];
pub const LIFETIME: Duration = Duration::from_secs(900);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
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

pub const CALLERS: [Caller; 13] = [
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
    /// The code of the refusal expected, or none.
    pub fn refused(self, mode: Mode, shows: Shows, ledger: LedgerId) -> Option<&'static str> {
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
        (shows == Shows::Ledger && !reads).then_some("unknown_ledger")
    }

    pub fn lists(self, mode: Mode, ledger: LedgerId) -> bool {
        self.refused(mode, Shows::Ledger, ledger).is_none()
    }
}

pub struct Setting {
    pub index: Index,
    pub secret: Secret,
    pub tokens: Vec<(Caller, Option<String>)>,
}

fn sign_in(secret: &Secret, lifetime: Duration) -> Option<SignIn> {
    Some(SignIn::new("https://app.example.com/sign-in", Chain::Devnet, secret.clone(), lifetime).unwrap())
}

pub fn access(mode: Mode, secret: &Secret, lifetime: Duration) -> AccessSettings {
    let sign_in = sign_in(secret, lifetime);
    AccessSettings { mode, sign_in, patience: Duration::ZERO, ..AccessSettings::default() }
}

impl Setting {
    pub async fn open() -> Self {
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

    pub fn serve(&mut self, access: AccessSettings) {
        let note_key = Some(NoteKey::generate("log.example.com").unwrap());
        self.index.app = app(self.index.pool.clone(), Settings { access, note_key, ..settings() });
    }

    /// Signs in by the routes, with a signer that shares nothing with the project.
    pub async fn session(&self, seed: [u8; 32]) -> String {
        let address = wallet(seed).to_string();
        let issued = post(&self.index, "/v1/sign-in/message", &json!({ "address": address })).await.1;
        let message = issued["message"].as_str().unwrap();
        let body = json!({ "address": address, "message": message, "signature": sign(seed, message) });
        let (status, session) = post(&self.index, "/v1/sign-in", &body).await;
        assert_eq!((status, &session["wallet"]), (200, &json!(address)), "{session}");
        session["token"].as_str().unwrap().to_owned()
    }

    pub fn request(&self, caller: Caller, method: &str, path: &str) -> axum::http::request::Builder {
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        let token = &self.tokens.iter().find(|(other, _)| *other == caller).unwrap().1;
        let scheme = if caller == Caller::OtherScheme { "Basic" } else { "Bearer" };
        match token {
            Some(token) => request.header("authorization", format!("{scheme} {token}")),
            None => request,
        }
    }

    pub async fn graphql(&self, caller: Caller, query: &str) -> Response<Body> {
        let accept = if query.starts_with("subscription") { "text/event-stream" } else { "application/json" };
        let request = self.request(caller, "POST", "/graphql").header("accept", accept);
        self.index.send(request.body(json!({ "query": query }).to_string().into()).unwrap()).await
    }
}

pub fn wallet(seed: [u8; 32]) -> Wallet {
    Wallet(signer(seed).public_key().as_ref().try_into().unwrap())
}

fn signer(seed: [u8; 32]) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&seed).unwrap()
}

pub fn sign(seed: [u8; 32], message: &str) -> String {
    bs58::encode(signer(seed).sign(message.as_bytes()).as_ref()).into_string()
}

pub async fn key(index: &Index, ledgers: Vec<LedgerId>) -> String {
    let admin = Admin::CreateKey {
        name: "test".to_owned(),
        scopes: Vec::new(),
        ledgers,
        rate: 1_000_000.try_into().unwrap(),
        quota: counterfoil_api::Quota::default(),
        expires: None,
    };
    administer(&index.url, admin).await.unwrap()[0]["key"].as_str().unwrap().to_owned()
}

pub async fn post(index: &Index, path: &str, body: &Value) -> (u16, Value) {
    let request = Request::post(path).header("content-type", "application/json");
    let response = index.send(request.body(body.to_string().into()).unwrap()).await;
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}
