//! How well a server has answered lately.

use std::time::Duration;

use tokio::time::Instant;

/// After how many seconds an answer counts half.
const HALF_LIFE_SECONDS: f64 = 60.0;

/// How a server does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Health {
    /// From 0, failing, to 1, answering at once: the share of recent requests that were answered, divided by one plus
    /// the seconds that they took. An answer of a minute ago counts half; a server that was not asked lately is at 1.
    pub score: f64,
    /// How long recent answers took; zero when there are none.
    pub latency: Duration,
    /// Requests answered since the start.
    pub answered: u64,
    /// Failures since the start.
    pub failures: Failures,
}

/// Failures by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    /// The server asked for a pause.
    pub rate_limited: u64,
    /// No answer in time.
    pub timeout: u64,
    /// No connection, or one that broke.
    pub connection: u64,
    /// An HTTP status that is no success.
    pub http: u64,
    /// A JSON-RPC error.
    pub rpc: u64,
    /// An impossible answer: unreadable, too long, or against itself.
    pub malformed: u64,
}

/// Why a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    RateLimited,
    Timeout,
    Connection,
    Http,
    Rpc,
    Malformed,
}

/// The memory of a server's answers. The first three fade.
pub struct Record {
    successes: f64,
    failed: f64,
    seconds: f64,
    as_of: Instant,
    answered: u64,
    failures: Failures,
}

impl Record {
    pub fn new(now: Instant) -> Self {
        Self { successes: 0.0, failed: 0.0, seconds: 0.0, as_of: now, answered: 0, failures: Failures::default() }
    }

    pub fn add_success(&mut self, now: Instant, latency: Duration) {
        self.fade(now);
        self.successes += 1.0;
        self.seconds += latency.as_secs_f64();
        self.answered = self.answered.saturating_add(1);
    }

    pub fn add_failure(&mut self, now: Instant, cause: Cause) {
        self.fade(now);
        self.failed += 1.0;
        let count = match cause {
            Cause::RateLimited => &mut self.failures.rate_limited,
            Cause::Timeout => &mut self.failures.timeout,
            Cause::Connection => &mut self.failures.connection,
            Cause::Http => &mut self.failures.http,
            Cause::Rpc => &mut self.failures.rpc,
            Cause::Malformed => &mut self.failures.malformed,
        };
        *count = count.saturating_add(1);
    }

    pub fn health(&mut self, now: Instant) -> Health {
        self.fade(now);
        // One good answer that took no time stands for what is not known.
        let reliability = (self.successes + 1.0) / (self.successes + self.failed + 1.0);
        let seconds = self.seconds / (self.successes + 1.0);
        let latency = if self.successes > 0.0 { self.seconds / self.successes } else { 0.0 };
        Health {
            score: reliability / (1.0 + seconds),
            latency: Duration::try_from_secs_f64(latency).unwrap_or_default(),
            answered: self.answered,
            failures: self.failures,
        }
    }

    fn fade(&mut self, now: Instant) {
        let seconds = now.saturating_duration_since(self.as_of).as_secs_f64();
        let factor = 0.5_f64.powf(seconds / HALF_LIFE_SECONDS);
        self.successes *= factor;
        self.failed *= factor;
        self.seconds *= factor;
        self.as_of = now;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{Cause, Record};

    #[test]
    fn failures_lower_the_score_and_fade() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut record = Record::new(start);
        assert_eq!(record.health(start).score, 1.0);
        record.add_success(start, Duration::ZERO);
        assert_eq!(record.health(start).score, 1.0);
        for _ in 0..8 {
            record.add_failure(start, Cause::Timeout);
        }
        let scores = [0, 60, 600].map(|seconds| record.health(after(seconds)).score);
        assert!(scores[0] < 0.25 && scores[0] < scores[1] && scores[1] < 0.5 && scores[2] > 0.98, "{scores:?}");
        let health = record.health(after(600));
        assert_eq!((health.answered, health.failures.timeout, health.failures.rpc), (1, 8, 0));
    }

    #[test]
    fn a_slow_server_scores_lower_than_a_fast_one() {
        let start = Instant::now();
        let score = |latency| {
            let mut record = Record::new(start);
            (0..100).for_each(|_| record.add_success(start, Duration::from_millis(latency)));
            (record.health(start).score * 100.0).round()
        };
        assert_eq!([0, 100, 1_000].map(score), [100.0, 91.0, 50.0]);
    }
}
