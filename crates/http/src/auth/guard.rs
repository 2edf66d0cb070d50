//! The step before every route: authentication and rates.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};
use counterfoil_read::{Caller, CallerName, Session, Who};
use counterfoil_wire::Code;
use jiff::Timestamp;

use super::address::{client_address, network};
use super::audit;
use super::caller::RequestCaller;
use super::key::{self, ApiKey};
use super::limit::RateState;
use super::sign_in::SESSION_PREFIX;
use super::{Access, Mode, Peer};
use crate::rejection::Rejection;

/// The credential that came with a request.
enum Credential {
    Nothing,
    Key(ApiKey),
    Session(Session),
    Bad,
}

/// Passes a request on with its [`RequestCaller`], or refuses it.
pub(crate) async fn guard<F>(access: &Arc<Access>, request: Request, answer: impl FnOnce(Request) -> F) -> Response
where
    F: Future<Output = Response>,
{
    let (mut parts, body) = request.into_parts();
    let mut rate = None;
    let admitted = access.admit(&parts, &mut rate).await;
    let is_known = admitted.as_ref().is_ok_and(|caller| caller.caller().is_known());
    let mut response = match admitted {
        Ok(caller) => {
            parts.extensions.insert(caller);
            answer(Request::from_parts(parts, body)).await
        }
        Err(problem) => {
            access.tell_refusal(&parts, &problem);
            problem.into_response()
        }
    };
    let headers = response.headers_mut();
    if let Some(rate) = rate {
        rate.write(headers);
    }
    if access.mode != Mode::Off {
        keep_private(headers, is_known);
    }
    response
}

impl Access {
    async fn admit(self: &Arc<Self>, parts: &Parts, rate: &mut Option<RateState>) -> Result<RequestCaller, Rejection> {
        let (path, network) = (parts.uri.path(), self.network(parts));
        if !self.is_known_host(parts) {
            let detail = "This server does not go by that name. Call it by localhost or its address; its operator allows \
                          other names by --host.";
            self.count(network, rate)?;
            return Err(Rejection::new(Code::UnknownHost, detail));
        }
        if self.paths.liveness == Some(path) {
            return Ok(self.caller(Who::Anonymous, network));
        }
        let is_for_own_pages = self.is_socket(parts) || self.paths.own_pages.contains(&path);
        if is_for_own_pages && !self.is_from_known_page(&parts.headers) {
            let detail = "Pages of this origin may not call this: the operator allows origins by --cors-origin.";
            return Err(Rejection::new(Code::Forbidden, detail));
        }
        if self.mode == Mode::Off {
            self.count(network, rate)?;
            return Ok(self.caller(Who::Anonymous, network));
        }
        let is_open = self.paths.open.contains(&path);
        let who = match self.credential(&parts.headers) {
            _ if is_open => Who::Anonymous,
            Credential::Nothing if self.mode == Mode::Public || self.is_socket(parts) => Who::Anonymous,
            Credential::Nothing => return Err(self.refuse(network, rate, WHO_ARE_YOU)),
            Credential::Bad => return Err(self.refuse(network, rate, BAD_TOKEN)),
            Credential::Session(session) => Who::Wallet(session),
            Credential::Key(key) => {
                let policy = self.policies.current().await?;
                let Some(limit) = policy.requests_per_minute(key.id, &key.secret_hash()) else {
                    return Err(self.refuse(network, rate, BAD_TOKEN));
                };
                settle(self.keys.count(key.id, limit), rate)?;
                self.uses.note(key.id);
                return Ok(self.caller(Who::Key(key.id), network));
            }
        };
        self.count(network, rate)?;
        Ok(self.caller(who, network))
    }

    fn caller(self: &Arc<Self>, who: Who, network: IpAddr) -> RequestCaller {
        let policies = (self.mode != Mode::Off).then(|| self.policies.clone());
        RequestCaller::new(self.clone(), Caller::new(policies, who, network))
    }

    /// Logs a refusal, but for those by rate: metrics count these, and a line for each would fill the log.
    fn tell_refusal(&self, parts: &Parts, problem: &Rejection) {
        if problem.code == Code::RateLimited {
            return;
        }
        // The id of a key that is no longer good may be logged; the client is not told whether it was one.
        let who = match self.credential(&parts.headers) {
            Credential::Key(key) => CallerName::Key(key.id),
            _ => CallerName::Network(self.network(parts)),
        };
        audit::refused(who, parts.method.as_str(), parts.uri.path(), problem);
    }

    /// Whether the request calls the server by one of its names. Otherwise a page whose own name is made to lead to this machine
    /// could read what it answers, wherever it listens (DNS rebinding). An address is no page's name, so it is accepted.
    fn is_known_host(&self, parts: &Parts) -> bool {
        let Some(hosts) = &self.hosts else { return true };
        let mut given = parts.headers.get_all(header::HOST).iter();
        // HTTP/2 names the host in the request's authority, HTTP/1 in the header.
        let one_name = match (given.next(), given.next(), parts.uri.authority()) {
            (Some(host), None, None) => Some(host.as_bytes()),
            (None, _, Some(authority)) => Some(authority.as_str().as_bytes()),
            _ => None,
        };
        if one_name.is_some() && one_name == self.good_host.get().map(HeaderValue::as_bytes) {
            return true;
        }
        let headers = parts.headers.get_all(header::HOST).iter().map(|host| host.to_str().unwrap_or_default());
        let named = headers.chain(parts.uri.authority().map(Authority::as_str));
        let is_known = named.map(str::parse::<Authority>).all(|authority| {
            authority.is_ok_and(|authority| {
                let host = authority.host();
                let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
                let is_named = |name: &str| host.trim_end_matches('.').eq_ignore_ascii_case(name);
                address.parse::<IpAddr>().is_ok() || is_named("localhost") || hosts.iter().any(|name| is_named(name))
            })
        });
        if let (true, Some(Ok(host))) = (is_known, one_name.map(HeaderValue::from_bytes)) {
            let _ = self.good_host.set(host);
        }
        is_known
    }

    /// Whether a request is of a page that may make it. Browsers let any page open a socket to any server, this machine included,
    /// and send the page's origin. Other clients send none.
    fn is_from_known_page(&self, headers: &HeaderMap) -> bool {
        let Some(origin) = headers.get(header::ORIGIN) else { return true };
        let own = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let is_own = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, host)| host) == own;
        is_own && own.is_some() || self.origins.contains(origin)
    }

    fn credential(&self, headers: &HeaderMap) -> Credential {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        match (values.next(), values.next()) {
            (None, _) => Credential::Nothing,
            (Some(value), None) => value.to_str().map_or(Credential::Bad, |text| self.parse(text)),
            (Some(_), Some(_)) => Credential::Bad,
        }
    }

    /// Authenticates the caller of a socket by its first message: browsers cannot set headers on a WebSocket.
    pub(super) async fn sign_on(&self, authorization: Option<&str>) -> Result<Who, Rejection> {
        let bad = || Rejection::new(Code::Unauthorized, BAD_TOKEN);
        let who = match authorization.map(|text| self.parse(text)) {
            None | Some(Credential::Nothing) if self.mode == Mode::Required => {
                return Err(Rejection::new(Code::Unauthorized, WHO_ARE_YOU));
            }
            None | Some(Credential::Nothing) => Who::Anonymous,
            Some(Credential::Bad) => return Err(bad()),
            Some(Credential::Session(session)) => Who::Wallet(session),
            Some(Credential::Key(key)) => {
                let policy = self.policies.current().await?;
                let rate = policy.requests_per_minute(key.id, &key.secret_hash()).ok_or_else(bad)?;
                settle(self.keys.count(key.id, rate), &mut None)?;
                self.uses.note(key.id);
                Who::Key(key.id)
            }
        };
        Ok(who)
    }

    /// Counts a request without a credential of its own, by the credential of its caller.
    pub(super) async fn count_of(&self, who: Who, network: IpAddr) -> Result<(), Rejection> {
        let Who::Key(id) = who else { return self.count(network, &mut None) };
        let policy = self.policies.current().await?;
        let rate = policy.requests_per_minute_of_admitted(id);
        let rate = rate.ok_or_else(|| Rejection::new(Code::Unauthorized, BAD_TOKEN))?;
        settle(self.keys.count(id, rate), &mut None)
    }

    fn parse(&self, authorization: &str) -> Credential {
        match authorization.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
                if token.starts_with(key::PREFIX) {
                    ApiKey::parse(token).map_or(Credential::Bad, Credential::Key)
                } else if token.starts_with(SESSION_PREFIX) {
                    let session = self.sign_in.as_ref().and_then(|sign_in| sign_in.open(token, Timestamp::now()));
                    session.map_or(Credential::Bad, Credential::Session)
                } else {
                    Credential::Bad
                }
            }
            _ => Credential::Bad,
        }
    }

    /// Counts a request that has no good key.
    fn count(&self, network: IpAddr, rate: &mut Option<RateState>) -> Result<(), Rejection> {
        self.addresses.as_ref().map_or(Ok(()), |limiter| settle(limiter.count(network), rate))
    }

    /// The network that a request comes from.
    fn network(&self, parts: &Parts) -> IpAddr {
        let peer = parts.extensions.get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0);
        network(client_address(peer, &parts.headers, &self.trusted_proxies))
    }

    /// Whether a request opens a WebSocket that may authenticate by its first message. The route does nothing else without.
    fn is_socket(&self, parts: &Parts) -> bool {
        let upgrade = parts.headers.get(header::UPGRADE).and_then(|value| value.to_str().ok());
        self.paths.socket == Some(parts.uri.path())
            && parts.method == Method::GET
            && upgrade.is_some_and(|upgrade| upgrade.eq_ignore_ascii_case("websocket"))
    }

    /// Refuses a request. Guesses are counted too.
    fn refuse(&self, network: IpAddr, rate: &mut Option<RateState>, detail: &str) -> Rejection {
        match self.count(network, rate) {
            Ok(()) => Rejection::new(Code::Unauthorized, detail),
            Err(too_many) => too_many,
        }
    }
}

const WHO_ARE_YOU: &str = "This server requires authentication: send a key or a session as Authorization: Bearer. \
                           The operator makes keys; wallets sign in at /v1/sign-in, where that is set up.";
const BAD_TOKEN: &str = "The key or session is not good, or not any more. Sessions last 15 minutes: sign in again. A key \
                         that was revoked or has expired is replaced by the operator.";

fn settle(counted: RateState, rate: &mut Option<RateState>) -> Result<(), Rejection> {
    *rate = Some(counted);
    counted.wait_seconds().map_or(Ok(()), |seconds| {
        let detail = format!("Too many requests: wait {seconds} s. The header RateLimit tells how many are left.");
        Err(Rejection::new(Code::RateLimited, detail))
    })
}

/// Keeps caches that others share from answering one caller with what another was told.
fn keep_private(headers: &mut HeaderMap, is_known: bool) {
    headers.append(header::VARY, HeaderValue::from_static("authorization"));
    let public = headers.get(header::CACHE_CONTROL).and_then(|value| value.to_str().ok()?.strip_prefix("public"));
    if let Some(rest) = public.filter(|_| is_known) {
        let private = HeaderValue::from_str(&format!("private{rest}")).expect("it was one");
        headers.insert(header::CACHE_CONTROL, private);
    }
}
