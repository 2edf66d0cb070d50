//! Rate limits, in requests a minute.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use counterfoil_read::KeyId;
use governor::clock::{Clock, DefaultClock};
use governor::middleware::{StateInformationMiddleware, StateSnapshot};
use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, NotUntil, Quota, RateLimiter};

use super::address::network;

/// Addresses are counted in this many places, which bounds memory for any number of callers. Two addresses in one place
/// share a rate: of 1,000 at a time one in 260 does.
const PLACES: u64 = 1 << 18;
const WINDOW: Duration = Duration::from_secs(60);

type Instant = <DefaultClock as Clock>::Instant;

/// The state of a rate limit after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RateState {
    /// The kind of caller that the rate is of.
    name: &'static str,
    rate: NonZeroU32,
    remaining: u32,
    /// How long to wait before the next request; none while requests are left.
    wait: Option<Duration>,
}

/// The limit of each address, for callers without a good key.
#[derive(Debug)]
pub(super) struct AddressLimiter {
    rate: NonZeroU32,
    hasher: RandomState,
    limiter: DefaultKeyedRateLimiter<u64, StateInformationMiddleware>,
}

/// The limit of each good key. The operator makes keys, so that their number is bounded.
#[derive(Debug, Default)]
pub(super) struct KeyLimiters(Mutex<HashMap<KeyId, Arc<KeyLimiter>>>);

#[derive(Debug)]
struct KeyLimiter {
    rate: NonZeroU32,
    limiter: DefaultDirectRateLimiter<StateInformationMiddleware>,
}

impl AddressLimiter {
    pub(super) fn new(rate: NonZeroU32) -> Self {
        Self { rate, hasher: RandomState::new(), limiter: RateLimiter::hashmap(quota(rate)).with_middleware() }
    }

    /// Counts a request.
    pub(super) fn count(&self, address: IpAddr) -> RateState {
        let place = self.hasher.hash_one(network(address)) % PLACES;
        RateState::new("address", self.rate, self.limiter.check_key(&place))
    }
}

impl KeyLimiters {
    /// Counts a request with a key that has this rate at present. A changed rate begins full.
    pub(super) fn count(&self, id: KeyId, rate: NonZeroU32) -> RateState {
        let mut limiters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let limiter = limiters.entry(id).or_insert_with(|| Arc::new(KeyLimiter::new(rate)));
        if limiter.rate != rate {
            *limiter = Arc::new(KeyLimiter::new(rate));
        }
        let limiter = limiter.clone();
        drop(limiters);
        RateState::new("key", rate, limiter.limiter.check())
    }
}

impl KeyLimiter {
    fn new(rate: NonZeroU32) -> Self {
        Self { rate, limiter: RateLimiter::direct(quota(rate)).with_middleware() }
    }
}

impl RateState {
    fn new(name: &'static str, rate: NonZeroU32, checked: Result<StateSnapshot, NotUntil<Instant>>) -> Self {
        let (remaining, wait) = match checked {
            Ok(state) => (state.remaining_burst_capacity(), None),
            Err(until) => (0, Some(until.wait_time_from(DefaultClock::default().now()))),
        };
        Self { name, rate, remaining, wait }
    }

    /// Seconds to wait, for a request beyond the rate.
    pub(super) fn wait_seconds(&self) -> Option<u64> {
        self.wait.map(|wait| wait.as_secs().saturating_add(1))
    }

    /// Writes the headers RateLimit and Retry-After. Source: draft-ietf-httpapi-ratelimit-headers-10.
    pub(super) fn write(&self, headers: &mut HeaderMap) {
        let Self { name, rate, remaining, .. } = self;
        let used = u64::from(rate.get().saturating_sub(*remaining));
        let until_full = (used * WINDOW.as_secs()).div_ceil(u64::from(rate.get()));
        let policy = format!("\"{name}\";q={rate};w={}", WINDOW.as_secs());
        let state = format!("\"{name}\";r={remaining};t={}", self.wait_seconds().unwrap_or(until_full));
        set(headers, HeaderName::from_static("ratelimit-policy"), &policy);
        set(headers, HeaderName::from_static("ratelimit"), &state);
        if let Some(wait) = self.wait_seconds() {
            set(headers, header::RETRY_AFTER, &wait.to_string());
        }
    }
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    headers.insert(name, HeaderValue::from_str(value).expect("letters, digits and signs"));
}

/// A burst of a minute's requests, refilled evenly over the minute.
fn quota(rate: NonZeroU32) -> Quota {
    Quota::per_minute(rate)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use axum::http::HeaderMap;

    use super::{AddressLimiter, PLACES};

    #[test]
    fn each_address_has_its_rate_and_is_told() {
        let limiter = AddressLimiter::new(NonZeroU32::new(2).unwrap());
        let count = |address: &str| {
            let state = limiter.count(address.parse().unwrap());
            let mut headers = HeaderMap::new();
            state.write(&mut headers);
            assert_eq!(headers["ratelimit-policy"], "\"address\";q=2;w=60");
            assert_eq!(headers.contains_key("retry-after"), state.wait_seconds().is_some());
            (state.remaining, state.wait_seconds().is_some(), headers["ratelimit"].to_str().unwrap().to_owned())
        };
        assert_eq!(count("2001:db8::1"), (1, false, "\"address\";r=1;t=30".to_owned()));
        assert_eq!(count("2001:db8::2"), (0, false, "\"address\";r=0;t=60".to_owned()));
        let (remaining, is_refused, state) = count("2001:db8::ffff:3");
        assert_eq!((remaining, is_refused), (0, true));
        let seconds: u64 = state.strip_prefix("\"address\";r=0;t=").unwrap().parse().unwrap();
        assert!((1..=30).contains(&seconds), "{state}");
        assert_eq!(count("2001:db8:0:1::1").0, 1);
    }

    #[test]
    fn memory_has_a_bound_whoever_calls() {
        let limiter = AddressLimiter::new(NonZeroU32::new(2).unwrap());
        for number in 0..2 * u32::try_from(PLACES).unwrap() {
            limiter.count(std::net::Ipv4Addr::from(number).into());
        }
        assert!(limiter.limiter.len() as u64 <= PLACES);
    }
}
