//! The quorum of servers: their accounts are compared with the state as it passes the events at which they stand.

use std::collections::BTreeSet;

use counterfoil_client::AccountAt;
use counterfoil_core::{CheckError, CheckedHead, HeadMismatch, LedgerHead, LedgerId, LedgerState};
use counterfoil_store::Said;
use merkle_log::TreeSize;

/// One reading of a ledger's account from each server, compared with the state as it passes by.
#[derive(Debug)]
pub struct Quorum {
    /// How many servers must say the same.
    quorum: usize,
    readings: Vec<Reading>,
    /// The accounts that were compared with a state that was given up.
    said_before: Vec<Said>,
}

#[derive(Debug)]
struct Reading {
    server: String,
    at: AccountAt,
    verdict: Option<Result<CheckedHead, Box<HeadMismatch>>>,
}

impl Quorum {
    /// Starts with one reading from each server that answered.
    #[must_use]
    pub fn new(quorum: usize, readings: Vec<(String, AccountAt)>) -> Self {
        let reading = |(server, at)| Reading { server, at, verdict: None };
        Self { quorum, readings: readings.into_iter().map(reading).collect(), said_before: Vec::new() }
    }

    /// Compares the state with all accounts that stand where it stands.
    pub fn compare(&mut self, state: &LedgerState) {
        for reading in &mut self.readings {
            match state.check(&reading.at.account) {
                Ok(head) => reading.verdict = Some(Ok(head)),
                Err(CheckError::Differs(heads)) => reading.verdict = Some(Err(heads)),
                Err(CheckError::DifferentMoment { .. }) => {}
            }
        }
    }

    /// The moments before the state's at which accounts stand that were not compared: what is stored of them is to be
    /// compared, or an account that went back would never be.
    #[must_use]
    pub fn past_moments(&self, state: &LedgerState) -> BTreeSet<TreeSize> {
        let sizes = self
            .readings
            .iter()
            .filter(|reading| reading.verdict.is_none())
            .map(|reading| reading.at.account.events.size());
        sizes.filter(|size| *size < state.event_seq() && size.get() > 0).collect()
    }

    /// Compares accounts that stand at a moment before the state's with the heads stored of it. Equal ones confirm nothing
    /// new; others are held against the history that the state goes on from.
    pub fn compare_past(&mut self, head: &LedgerHead) {
        let stands_there = |reading: &&mut Reading| reading.at.account.events.size() == head.events.size;
        for reading in self.readings.iter_mut().filter(stands_there) {
            let account = reading.at.account.head(head.ledger);
            if account != *head {
                reading.verdict = Some(Err(Box::new(HeadMismatch { computed: *head, account })));
            }
        }
    }

    /// Forgets all comparisons: for when the state that was compared is given up.
    pub fn forget(&mut self, ledger: LedgerId) {
        self.said_before = self.said_last(ledger);
        self.readings.iter_mut().for_each(|reading| reading.verdict = None);
    }

    /// The number of events that a quorum's accounts have reached; what one server alone claims moves nothing.
    #[must_use]
    pub fn event_seq_of_quorum(&self) -> u64 {
        let mut sizes: Vec<u64> = self.readings.iter().map(|reading| reading.at.account.events.size().get()).collect();
        sizes.sort_unstable_by(|a, b| b.cmp(a));
        self.quorum.checked_sub(1).and_then(|index| sizes.get(index).copied()).unwrap_or(0)
    }

    /// Whether all servers that answered stand exactly at these heads.
    #[must_use]
    pub fn is_at(&self, heads: &LedgerHead) -> bool {
        self.readings.iter().all(|reading| reading.at.account.head(heads.ledger) == *heads)
    }

    /// The numbers of events at which accounts stand: where the state has to be compared.
    #[must_use]
    pub fn moments(&self) -> Vec<u64> {
        self.readings.iter().map(|reading| reading.at.account.events.size().get()).collect()
    }

    /// The highest slot that a quorum's readings have reached: what was confirmed before it and is not in them is dead.
    #[must_use]
    pub fn slot_of_quorum(&self) -> u64 {
        let mut slots: Vec<u64> = self.readings.iter().map(|reading| reading.at.slot).collect();
        slots.sort_unstable_by(|a, b| b.cmp(a));
        self.quorum.checked_sub(1).and_then(|index| slots.get(index).copied()).unwrap_or(0)
    }

    /// A slot as of which a quorum's accounts have no more events than [`Self::event_seq_of_quorum`]: one at which an account
    /// has exactly this number, and which a quorum has reached.
    #[must_use]
    pub fn slot_of_events(&self) -> u64 {
        let events = self.event_seq_of_quorum();
        let of_so_many = self.readings.iter().filter(|reading| reading.at.account.events.size().get() == events);
        of_so_many.map(|reading| reading.at.slot).max().unwrap_or(0).min(self.slot_of_quorum())
    }

    /// The slot of the newest append that an account tells of, as far as a quorum's readings have come.
    #[must_use]
    pub fn slot_of_last_append(&self) -> u64 {
        let slots = self.readings.iter().map(|reading| reading.at.account.appended_slot);
        slots.max().unwrap_or(0).min(self.slot_of_quorum())
    }

    /// The number of events that the account furthest ahead has.
    #[must_use]
    pub fn newest_event_seq(&self) -> u64 {
        self.readings.iter().map(|reading| reading.at.account.events.size().get()).max().unwrap_or(0)
    }

    /// The newest heads that a quorum of servers confirmed, with the slot of the reading: those servers' accounts
    /// equalled the state there or further on, and the state only ever grew. No server alone moves the slot: it is one that
    /// a quorum's readings have reached.
    #[must_use]
    pub fn checked(&self) -> Option<(CheckedHead, u64)> {
        let mut agreed: Vec<(CheckedHead, u64)> = self
            .readings
            .iter()
            .filter_map(|reading| Some((*reading.verdict.as_ref()?.as_ref().ok()?, reading.at.slot)))
            .collect();
        agreed.sort_by_key(|(head, _)| std::cmp::Reverse(head.head().events.size));
        let (head, slot) = agreed.get(self.quorum.checked_sub(1)?).copied()?;
        Some((head, slot.min(self.slot_of_quorum())))
    }

    /// The heads that a quorum of servers holds against ours, with the servers' names.
    #[must_use]
    pub fn refuted(&self) -> Option<(&HeadMismatch, Vec<&str>)> {
        let against = |heads: &HeadMismatch| -> Vec<&str> {
            let same = self.disagreeing().filter(|(_, other)| other.account == heads.account);
            same.map(|(server, _)| server).collect()
        };
        self.disagreeing().map(|(_, heads)| (heads, against(heads))).find(|(_, servers)| servers.len() >= self.quorum)
    }

    /// The evidence of each server whose account was compared.
    #[must_use]
    pub fn said(&self, ledger: LedgerId) -> Vec<Said> {
        let compared = self.readings.iter().filter_map(|reading| Some((reading, reading.verdict.as_ref()?.is_ok())));
        let said = compared.map(|(Reading { server, at, .. }, agrees)| Said {
            server: server.clone(),
            slot: at.slot,
            head: at.account.head(ledger),
            agrees,
        });
        said.collect()
    }

    /// The same, of the state that was given up last where none was compared since: why a ledger halts.
    #[must_use]
    pub fn said_last(&self, ledger: LedgerId) -> Vec<Said> {
        let said = self.said(ledger);
        if said.is_empty() { self.said_before.clone() } else { said }
    }

    /// Each server whose account differs from the state.
    pub fn disagreeing(&self) -> impl Iterator<Item = (&str, &HeadMismatch)> {
        self.readings.iter().filter_map(|reading| match &reading.verdict {
            Some(Err(heads)) => Some((reading.server.as_str(), &**heads)),
            _ => None,
        })
    }
}
