//! Before every route: who calls, and whether it is too often.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};
use counterfoil_read::{Caller, CallerName, Session, Who};

use super::address::{client_address, network};
use super::asker::Asker;
use super::audit;
use super::key::{self, ApiKey};
use super::limit::RateState;
use super::sign_in::SESSION_PREFIX;
use super::{Access, Mode, Peer};
use crate::problem::{Code, Problem};

/// What says the same to everybody, or lets them in.
pub const OPEN: [&str; 6] = [LIVEZ, "/readyz", "/docs", "/v1/openapi.json", "/v1/sign-in", "/v1/sign-in/message"];
/// Not counted: whether the process lives must be heard however many others call.
const LIVEZ: &str = "/livez";

/// What came with a request to say who calls.
enum Credential {
    Nothing,
    Key(ApiKey),
    Session(Session),
    Bad,
}

/// Lets a request pass with its [`Caller`], or answers why not.
pub(crate) async fn guard<F>(access: &Arc<Access>, request: Request, answer: impl FnOnce(Request) -> F) -> Response
where
    F: Future<Output = Response>,
{
    let (mut parts, body) = request.into_parts();
    let mut standing = None;
    let admitted = access.admit(&parts, &mut standing).await;
    let is_known = admitted.as_ref().is_ok_and(|asker| asker.caller().is_known());
    let mut response = match admitted {
        Ok(asker) => {
            parts.extensions.insert(asker);
            answer(Request::from_parts(parts, body)).await
        }
        Err(problem) => {
            access.tell_refusal(&parts, &problem);
            problem.into_response()
        }
    };
    let headers = response.headers_mut();
    if let Some(standing) = standing {
        standing.write(headers);
    }
    if access.mode != Mode::Off {
        keep_private(headers, is_known);
    }
    response
}

impl Access {
    async fn admit(self: &Arc<Self>, parts: &Parts, standing: &mut Option<RateState>) -> Result<Asker, Problem> {
        let (path, network) = (parts.uri.path(), self.network(parts));
        if !self.is_known_host(parts) {
            let detail = "This server does not go by that name. Call it by localhost or its address; its operator allows \
                          other names by --host.";
            self.count(network, standing)?;
            return Err(Problem::new(Code::UnknownHost, detail));
        }
        if path == LIVEZ {
            return Ok(self.asker(Who::Anonymous, network));
        }
        if is_socket(parts) && !self.is_from_known_page(&parts.headers) {
            let detail =
                "Pages of this origin may not open sockets here: the operator allows origins by --cors-origin.";
            return Err(Problem::new(Code::Forbidden, detail));
        }
        if self.mode == Mode::Off {
            self.count(network, standing)?;
            return Ok(self.asker(Who::Anonymous, network));
        }
        let is_open = OPEN.contains(&path);
        let who = match self.credential(&parts.headers) {
            _ if is_open => Who::Anonymous,
            Credential::Nothing if self.mode == Mode::Public || is_socket(parts) => Who::Anonymous,
            Credential::Nothing => return Err(self.refuse(network, standing, WHO_ARE_YOU)),
            Credential::Bad => return Err(self.refuse(network, standing, BAD_TOKEN)),
            Credential::Session(session) => Who::Wallet(session),
            Credential::Key(key) => {
                let policy = self.policies.current().await?;
                let Some(rate) = policy.requests_per_minute(key.id, &key.secret_hash()) else {
                    return Err(self.refuse(network, standing, BAD_TOKEN));
                };
                settle(self.keys.count(key.id, rate), standing)?;
                self.uses.note(key.id);
                return Ok(self.asker(Who::Key(key.id), network));
            }
        };
        self.count(network, standing)?;
        Ok(self.asker(who, network))
    }

    fn asker(self: &Arc<Self>, who: Who, network: IpAddr) -> Asker {
        let policies = (self.mode != Mode::Off).then(|| self.policies.clone());
        Asker::new(self.clone(), Caller::new(policies, who, network))
    }

    /// Logs a refusal, but for those by rate: metrics count these, and a line for each would fill the log.
    fn tell_refusal(&self, parts: &Parts, problem: &Problem) {
        if problem.code == Code::RateLimited {
            return;
        }
        // Whose key it was that is not good any more; that it is theirs is not shown.
        let who = match self.credential(&parts.headers) {
            Credential::Key(key) => CallerName::Key(key.id),
            _ => CallerName::Network(self.network(parts)),
        };
        audit::refused(who, parts.method.as_str(), parts.uri.path(), problem);
    }

    /// A page whose own name is made to lead to this machine may read what this machine answers to that name, wherever it
    /// listens. An address is nobody's name, so it is good.
    fn is_known_host(&self, parts: &Parts) -> bool {
        let Some(hosts) = &self.hosts else { return true };
        let mut given = parts.headers.get_all(header::HOST).iter();
        let host = given.next();
        let is_plain = given.next().is_none() && parts.uri.authority().is_none();
        if is_plain && host.is_some() && host == self.good_host.get() {
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
        if let (true, true, Some(host)) = (is_known, is_plain, host) {
            let _ = self.good_host.set(host.clone());
        }
        is_known
    }

    /// Browsers let any page open a socket to any server, this machine's included, and name the page's origin. Others name
    /// none.
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

    /// Lets the caller of a socket in, who cannot send headers when it is a browser's.
    pub(super) async fn sign_on(&self, authorization: Option<&str>) -> Result<Who, Problem> {
        let bad = || Problem::new(Code::Unauthorized, BAD_TOKEN);
        let who = match authorization.map(|text| self.parse(text)) {
            None | Some(Credential::Nothing) if self.mode == Mode::Required => {
                return Err(Problem::new(Code::Unauthorized, WHO_ARE_YOU));
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

    /// Counts a request that came with none of its own, by what its caller was let in with.
    pub(super) async fn count_of(&self, who: Who, network: IpAddr) -> Result<(), Problem> {
        let Who::Key(id) = who else { return self.count(network, &mut None) };
        let policy = self.policies.current().await?;
        let rate = policy.requests_per_minute_of_admitted(id);
        let rate = rate.ok_or_else(|| Problem::new(Code::Unauthorized, BAD_TOKEN))?;
        settle(self.keys.count(id, rate), &mut None)
    }

    fn parse(&self, authorization: &str) -> Credential {
        match authorization.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
                if token.starts_with(key::PREFIX) {
                    ApiKey::parse(token).map_or(Credential::Bad, Credential::Key)
                } else if token.starts_with(SESSION_PREFIX) {
                    let session = self.sign_in.as_ref().and_then(|sign_in| sign_in.open(token));
                    session.map_or(Credential::Bad, Credential::Session)
                } else {
                    Credential::Bad
                }
            }
            _ => Credential::Bad,
        }
    }

    /// Counts a request that has no good key.
    fn count(&self, network: IpAddr, standing: &mut Option<RateState>) -> Result<(), Problem> {
        self.addresses.as_ref().map_or(Ok(()), |limiter| settle(limiter.count(network), standing))
    }

    /// Where a request comes from.
    fn network(&self, parts: &Parts) -> IpAddr {
        let peer = parts.extensions.get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0);
        network(client_address(peer, &parts.headers, &self.trusted_proxies))
    }

    /// Guesses are counted too.
    fn refuse(&self, network: IpAddr, standing: &mut Option<RateState>, detail: &str) -> Problem {
        match self.count(network, standing) {
            Ok(()) => Problem::new(Code::Unauthorized, detail),
            Err(too_many) => too_many,
        }
    }
}

/// Whose socket's first message may say who calls. All that the route does without is to open a socket.
fn is_socket(parts: &Parts) -> bool {
    let upgrade = parts.headers.get(header::UPGRADE).and_then(|value| value.to_str().ok());
    parts.uri.path() == "/graphql"
        && parts.method == Method::GET
        && upgrade.is_some_and(|upgrade| upgrade.eq_ignore_ascii_case("websocket"))
}

const WHO_ARE_YOU: &str = "This server requires authentication: send a key or a session as Authorization: Bearer. \
                           The operator makes keys; wallets sign in at /v1/sign-in, where that is set up.";
const BAD_TOKEN: &str = "The key or session is not good, or not any more. Sessions last 15 minutes: sign in again. A key \
                         that was revoked or has expired is replaced by the operator.";

fn settle(counted: RateState, standing: &mut Option<RateState>) -> Result<(), Problem> {
    *standing = Some(counted);
    counted.wait_seconds().map_or(Ok(()), |seconds| {
        let detail = format!("Too many requests: wait {seconds} s. The header RateLimit tells how many are left.");
        Err(Problem::new(Code::RateLimited, detail))
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
