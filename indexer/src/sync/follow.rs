//! Bringing one ledger up to date, once.

use std::collections::BTreeMap;
use std::time::Instant;

use counterfoil_client::{AccountAt, ClientError, Source};
use counterfoil_core::{LedgerId, LedgerState};
use futures_util::future::join_all;
use tracing::warn;

use super::error::FollowError;
use super::follower::{Follower, Kept};
use crate::Quorum;
use crate::feed::inbox::Inbox;

/// How many events of a feed are written of one ledger before others get their turn.
const EVENTS_PER_PASS: usize = 65_536;

/// Whether the feed may still deliver what is next, so that no server need be asked for it yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Awaited {
    /// It will not.
    #[default]
    Not,
    /// It may.
    InAnyOrder,
    /// It may unless something later is there already.
    InOrder,
}

/// The deliveries of a feed for one ledger, and whether more can be expected.
#[derive(Debug, Default)]
pub struct Delivery {
    /// The events that wait for their turn.
    pub inbox: Inbox,
    /// Whether more of it can be expected.
    pub awaited: Awaited,
    /// The feed's name.
    pub feed: String,
}

/// How far a ledger is after a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Events applied.
    pub applied: u64,
    /// Events that the accounts of a quorum have reached.
    pub account: u64,
    /// Events checked.
    pub checked: u64,
}

impl<S: Source> Follower<'_, S> {
    /// Reads the ledger's account from all servers.
    ///
    /// # Errors
    /// [`FollowError::TooFewServers`].
    pub async fn read_account(&self, ledger: LedgerId) -> Result<Quorum, FollowError> {
        let readings = join_all(self.sources.iter().map(|source| source.fetch_accounts(std::slice::from_ref(&ledger))));
        let named = self.sources.iter().zip(readings.await).map(|(source, reading)| {
            let server = source.name().to_owned();
            let nothing = || ClientError::NoLedger { server: server.clone(), ledger };
            let at = reading.and_then(|mut accounts| accounts.pop().unwrap_or_else(|| Err(nothing())));
            (server, at)
        });
        self.quorum(named.collect())
    }

    /// The quorum of the servers' answers.
    ///
    /// # Errors
    /// [`FollowError::TooFewServers`].
    pub fn quorum(&self, readings: Vec<(String, Result<AccountAt, ClientError>)>) -> Result<Quorum, FollowError> {
        let asked = readings.len();
        let (mut answers, mut errors) = (Vec::new(), Vec::new());
        for (server, reading) in readings {
            match reading {
                // It could not be kept, and is no slot of any chain.
                Ok(at) if i64::try_from(at.slot).is_err() => {
                    let what = format!("slot {}", at.slot);
                    let error = ClientError::Malformed { server, method: "getMultipleAccounts", what };
                    errors.push(error.to_string());
                }
                Ok(at) => answers.push((server, at)),
                Err(error) => errors.push(error.to_string()),
            }
        }
        if answers.len() < self.quorum {
            let (answered, quorum) = (answers.len(), self.quorum);
            return Err(FollowError::TooFewServers { answered, asked, quorum, errors: errors.join("; ") });
        }
        Ok(Quorum::new(self.quorum, answers))
    }

    /// Brings one ledger up to where `quorum` stands, or as far as fits into one pass. `kept` is what the last pass
    /// left; none loads it. It is given back only after a pass without error, so that an error always leads to loading
    /// it again.
    ///
    /// The quorum was read before: whatever was appended since is the next pass's.
    ///
    /// # Errors
    /// [`FollowError`].
    pub async fn follow(
        &self,
        ledger: LedgerId,
        kept: Option<Kept>,
        quorum: &mut Quorum,
        delivery: &mut Delivery,
    ) -> Result<(Kept, Progress), FollowError> {
        let mut kept = match kept {
            Some(kept) => kept,
            None => self.load(ledger).await?,
        };
        self.compare(ledger, &kept.state, quorum).await?;
        if quorum.refuted().is_some() {
            // No server was asked yet, so none is to blame for the result of earlier rounds.
            self.drop_unchecked(ledger, quorum).await?;
            kept = self.load(ledger).await?;
            self.compare(ledger, &kept.state, quorum).await?;
            if let Some(error) = FollowError::refuted(quorum) {
                return Err(error);
            }
        }
        self.mark_if_new(quorum, ledger).await?;
        let target = quorum.event_seq_of_quorum();
        if kept.state.event_seq().get() < target {
            kept = self.catch_up(ledger, kept, quorum, delivery).await?;
        }
        if kept.state.event_seq().get() == target {
            self.look_ahead(ledger, &kept.state, quorum).await?;
        }
        let checked = self.mark_if_new(quorum, ledger).await?;
        if quorum.disagreeing().next().is_some() {
            self.database.write(ledger, &[], None, &quorum.said(ledger)).await?;
        }
        for (name, heads) in quorum.disagreeing() {
            let Some(server) = self.sources.iter().position(|source| source.name() == name) else { continue };
            if self.reputation.should_be_told(server, Instant::now()) {
                warn!(ledger.id = %ledger, server = name, "a server disagrees (told once a minute, of one ledger): {heads}");
            }
            // Its account may be true while no quorum has confirmed the history.
            if heads.account.events.size.get() <= checked {
                self.reputation.lied(server);
                self.database.metrics.lied(name);
            }
        }
        let applied = kept.state.event_seq().get();
        Ok((kept, Progress { applied, account: target, checked }))
    }

    /// Compares the accounts with the state, and those that stand before it with what is stored of their moments.
    async fn compare(&self, ledger: LedgerId, state: &LedgerState, quorum: &mut Quorum) -> Result<(), FollowError> {
        quorum.compare(state);
        for moment in quorum.past_moments(state) {
            quorum.compare_past(&self.database.load_head_at(ledger, moment).await?);
        }
        Ok(())
    }

    async fn load(&self, ledger: LedgerId) -> Result<Kept, FollowError> {
        Ok(Kept { state: self.database.load_state(ledger).await?, backlogs: Vec::new() })
    }

    /// Takes what the feed has delivered, then asks one server after the other for the missing events, until one has
    /// led to where a quorum stands.
    ///
    /// Rows that a quorum refutes are dropped at once. An event that does not follow accuses either its server or the rows
    /// that another one has led to: these are dropped when no server goes on from them, and the accusers asked again.
    async fn catch_up(
        &self,
        ledger: LedgerId,
        kept: Kept,
        quorum: &mut Quorum,
        delivery: &mut Delivery,
    ) -> Result<Kept, FollowError> {
        let target = quorum.event_seq_of_quorum();
        let mut kept = self.take_delivery(ledger, kept, quorum, delivery).await?;
        let is_enough = |kept: &mut Kept| {
            let next = kept.state.event_seq().get();
            let is_awaited = match delivery.awaited {
                Awaited::Not => false,
                Awaited::InAnyOrder => true,
                Awaited::InOrder => delivery.inbox.is_empty(),
            };
            next >= target || is_awaited || delivery.inbox.holds(next)
        };
        // A run that a quorum refutes is not enough, however far it reaches.
        if quorum.refuted().is_none()
            && let Some(kept) = kept.take_if(is_enough)
        {
            return Ok(kept);
        }
        let mut asked = self.reputation.order();
        let backlogs = kept.iter().flat_map(|kept| &kept.backlogs);
        let fruitless: BTreeMap<usize, u32> = backlogs.map(|backlog| (backlog.server, backlog.fruitless)).collect();
        asked.sort_by_key(|server| (fruitless.get(server).copied().unwrap_or(0), !fruitless.contains_key(server)));
        let mut errors = Vec::new();
        for is_asked_again in [false, true] {
            let mut accusers = Vec::new();
            for server in asked {
                let from = match kept.take() {
                    Some(kept) => kept,
                    None => self.load(ledger).await?,
                };
                let error = match self.catch_up_from(server, ledger, from, quorum).await {
                    Ok(kept) => {
                        self.reputation.succeeded(server);
                        return Ok(kept);
                    }
                    Err(error) if error.is_of_database() => return Err(error),
                    Err(error) => error,
                };
                if matches!(error, FollowError::Store(_)) {
                    // The states that were compared are not written.
                    quorum.forget(ledger);
                }
                let name = self.sources[server].name();
                warn!(ledger.id = %ledger, server = name, "no way on: {error}");
                self.reputation.failed(server);
                if matches!(error, FollowError::Refuted { .. }) || (is_asked_again && error.is_falsehood()) {
                    self.reputation.lied(server);
                    self.database.metrics.lied(name);
                    self.drop_unchecked(ledger, quorum).await?;
                } else if error.is_falsehood() {
                    accusers.push(server);
                    continue;
                }
                errors.push(error);
            }
            if !accusers.is_empty() {
                self.drop_unchecked(ledger, quorum).await?;
            }
            asked = accusers;
        }
        Err(FollowError::deciding(errors).expect("each server has ended in an error"))
    }

    /// Goes on with the events that a feed has delivered. None when they led astray: they are forgotten then, and what
    /// they led to and was never checked is dropped.
    async fn take_delivery(
        &self,
        ledger: LedgerId,
        Kept { mut state, backlogs }: Kept,
        quorum: &mut Quorum,
        delivery: &mut Delivery,
    ) -> Result<Option<Kept>, FollowError> {
        let target = quorum.event_seq_of_quorum();
        if quorum.refuted().is_some() {
            return Ok(Some(Kept { state, backlogs }));
        }
        let run = delivery.inbox.take_run(state.event_seq().get(), target, EVENTS_PER_PASS);
        if run.is_empty() {
            return Ok(Some(Kept { state, backlogs }));
        }
        match self.writer(ledger).apply(state, run, quorum, &delivery.feed).await {
            Ok(applied) => state = applied,
            Err(error) if error.is_falsehood() => {
                warn!(ledger.id = %ledger, feed = delivery.feed, "the feed is not believed: {error}");
                self.database.metrics.lied(&delivery.feed);
                *delivery = Delivery::default();
                if matches!(error, FollowError::Refuted { .. }) {
                    self.drop_unchecked(ledger, quorum).await?;
                }
                return Ok(None);
            }
            Err(error) => return Err(error),
        }
        Ok(Some(Kept { state, backlogs: Vec::new() }))
    }

    async fn drop_unchecked(&self, ledger: LedgerId, quorum: &mut Quorum) -> Result<(), FollowError> {
        let dropped = self.database.drop_unchecked(ledger).await?;
        if dropped > 0 {
            warn!(ledger.id = %ledger, "dropped {dropped} events that were applied and never checked");
            self.database.metrics.dropped(dropped);
        }
        // The comparison with them says nothing any more.
        quorum.forget(ledger);
        Ok(())
    }
}
