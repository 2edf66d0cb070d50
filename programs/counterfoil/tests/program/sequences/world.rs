//! The rules once more, plainly: what each action must do to all accounts, or with which error it must be refused.

use std::collections::BTreeMap;

use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use counterfoil::errors::CounterfoilError as Error;
use counterfoil::instructions::ProofTarget;
use solana_instruction::error::InstructionError;
use solana_keypair::Keypair;
use solana_signer::Signer;

use super::action::{Action, Fault, Grant, LEDGERS, Size, Target, WALLETS};
use crate::setup::{
    Chain, Hash, Model, Moment, START, anchor, custom, find_ledger, find_writer, instruction, leaf, naive_proof,
    naive_root, peak_proof, refused_by, subtree_levels, writer_bytes,
};

const SEALED: u32 = 1;
const OPEN: u32 = 2;
const SUBTREES_ALLOWED: u32 = 4;
const APPEND: u32 = 1;
const APPEND_SUBTREES: u32 = 2;

/// All that the program may have written.
pub struct World {
    now: Moment,
    wallets: [Keypair; WALLETS],
    id: [u8; 32],
    ledgers: [Option<Ledger>; LEDGERS],
    grants: BTreeMap<(usize, usize), WriterGrant>,
    /// Makes every entry and every hash another one.
    number: u64,
}

/// A ledger with all its leaves, so that each head can be computed again.
struct Ledger {
    model: Model,
    leaves: Vec<Hash>,
    sizes: Vec<usize>,
}

#[derive(Clone, Copy)]
struct WriterGrant {
    permissions: u32,
    expires_at: i64,
}

/// An action made concrete: the instruction, who signs it, and what must come of it.
struct Trial {
    instruction: Instruction,
    signer: usize,
    /// The event's bytes, if it writes.
    expected: Result<Option<Vec<u8>>, InstructionError>,
}

impl World {
    pub fn new(chain: &mut Chain, id: [u8; 32]) -> Self {
        let wallets = std::array::from_fn(|number| chain.wallet_of([0x70 + number as u8; 32]));
        chain.set_clock(START);
        Self { now: START, wallets, id, ledgers: [None, None], grants: BTreeMap::new(), number: 0 }
    }

    /// Tries the action; outcome, event and all accounts must be the model's. Whether it was done.
    pub fn step(&mut self, chain: &mut Chain, action: &Action) -> bool {
        let Some(trial) = self.apply(action) else {
            chain.set_clock(self.now);
            return true;
        };
        let is_done = trial.expected.is_ok();
        let is_signed = trial.instruction.accounts.iter().any(|account| account.is_signer);
        let signers: Vec<&Keypair> = is_signed.then_some(&self.wallets[trial.signer]).into_iter().collect();
        match trial.expected {
            Ok(event) => assert_eq!(chain.succeed_with(trial.instruction, &signers).0, event),
            Err(error) => chain.refuse(&trial.instruction, &signers, error),
        }
        self.expect_accounts(chain);
        is_done
    }

    fn expect_accounts(&self, chain: &Chain) {
        for number in 0..LEDGERS {
            let address = self.address(number).0;
            let expected = self.ledgers[number].as_ref().map(|ledger| ledger.model.bytes());
            self.expect_account(chain, &address, expected);
            for wallet in 0..WALLETS {
                let (grant, bump) = self.grant_address(number, wallet);
                let expected = self
                    .grants
                    .get(&(number, wallet))
                    .map(|grant| writer_bytes(&address, &self.key(wallet), grant.permissions, grant.expires_at, bump));
                self.expect_account(chain, &grant, expected);
            }
        }
    }

    fn expect_account(&self, chain: &Chain, address: &Pubkey, expected: Option<Vec<u8>>) {
        let account = chain.account(address);
        assert_eq!(account.as_ref().map(|account| &account.data), expected.as_ref());
        if let Some(account) = account {
            assert_eq!(account.owner, counterfoil::ID);
            assert_eq!(account.lamports, chain.svm.minimum_balance_for_rent_exemption(account.data.len()));
        }
    }

    /// At the end: the heads once more, by the recursion of RFC 6962 over all leaves.
    pub fn expect_roots(&self) {
        for ledger in self.ledgers.iter().flatten() {
            assert_eq!(ledger.model.entries.size, ledger.leaves.len() as u64);
            assert_eq!(ledger.model.entries.root(), naive_root(&ledger.leaves));
        }
    }

    fn key(&self, wallet: usize) -> Pubkey {
        self.wallets[wallet].pubkey()
    }

    /// Wallet `n` creates ledger `n`.
    fn address(&self, ledger: usize) -> (Pubkey, u8) {
        find_ledger(&self.key(ledger), &self.id)
    }

    fn grant_address(&self, ledger: usize, wallet: usize) -> (Pubkey, u8) {
        find_writer(&self.address(ledger).0, &self.key(wallet))
    }

    fn fresh(&mut self) -> Hash {
        self.number += 1;
        leaf(&self.number.to_le_bytes())
    }

    fn apply(&mut self, action: &Action) -> Option<Trial> {
        let trial = match *action {
            Action::Wait { seconds } => {
                self.now = Moment { slot: self.now.slot + 1 + seconds as u64 * 2, time: self.now.time + seconds };
                return None;
            }
            Action::Create { ledger, flags } => self.create(ledger, flags),
            Action::Append { by, ledger, grant, size, ref entries } => self.append(by, ledger, grant, size, entries),
            Action::AppendSubtrees { by, ledger, grant, size, leaves, fault } => {
                self.append_subtrees(by, ledger, grant, size, leaves, fault)
            }
            Action::GrantWriter { by, ledger, wallet, permissions, expires_in } => {
                self.grant(by, ledger, wallet, permissions, expires_in)
            }
            Action::RevokeWriter { by, ledger, wallet } => self.revoke(by, ledger, wallet),
            Action::ProposeAuthority { by, ledger, to } => self.propose(by, ledger, to),
            Action::AcceptAuthority { by, ledger } => self.accept(by, ledger),
            Action::DisallowSubtrees { by, ledger } => self.disallow(by, ledger),
            Action::SealLedger { by, ledger, size } => self.seal(by, ledger, size),
            Action::VerifyInclusion { ledger, index, target, forged } => {
                let leaves = self.ledgers[ledger].as_ref().map_or(0, |ledger| ledger.leaves.len());
                // One more than there are: the index after the last is tried too.
                self.verify(ledger, index.index(leaves + 1), target, forged)
            }
        };
        Some(trial)
    }

    fn create(&mut self, ledger: usize, flags: u32) -> Trial {
        let creator = self.key(ledger);
        let (address, bump) = self.address(ledger);
        let instruction = instruction::create_ledger(&creator, &address, self.id, flags);
        let expected = if self.ledgers[ledger].is_some() {
            // The system program's: the account is in use.
            Err(custom(0))
        } else if flags & !(OPEN | SUBTREES_ALLOWED) != 0 {
            Err(refused_by(Error::UnknownFlags))
        } else {
            let mut model = Model::new((address, bump), creator, self.id, flags, self.now);
            let event = model.create(self.now);
            self.ledgers[ledger] = Some(Ledger { model, leaves: Vec::new(), sizes: Vec::new() });
            Ok(Some(event))
        };
        Trial { instruction, signer: ledger, expected }
    }

    fn append(&mut self, by: usize, ledger: usize, grant: Grant, size: Size, lengths: &[usize]) -> Trial {
        let entries: Vec<Vec<u8>> =
            lengths.iter().map(|length| self.fresh().iter().copied().cycle().take(*length).collect()).collect();
        let expected_size = self.expected_size(ledger, size);
        let instruction = instruction::append(
            &self.key(by),
            &self.address(ledger).0,
            self.grant_account(grant),
            expected_size,
            &entries,
        );
        let expected = self
            .expect_ledger(ledger)
            .and_then(|()| self.expect_grant_account(grant))
            .and_then(|()| self.expect_unsealed(ledger))
            .and_then(|()| self.expect_size(ledger, expected_size))
            .and_then(|()| {
                if self.model(ledger).flags & OPEN != 0 {
                    Ok(())
                } else {
                    self.expect_permitted(by, ledger, grant, APPEND)
                }
            })
            .and_then(|()| expect_entries(&entries))
            .map(|()| {
                let (now, signer) = (self.now, self.key(by));
                let ledger = self.ledgers[ledger].as_mut().expect("it is there");
                ledger.leaves.extend(entries.iter().map(|entry| leaf(entry)));
                ledger.sizes.push(ledger.leaves.len());
                Some(ledger.model.append(signer, &entries, now))
            });
        Trial { instruction, signer: by, expected }
    }

    fn append_subtrees(
        &mut self,
        by: usize,
        ledger: usize,
        grant: Grant,
        size: Size,
        count: u64,
        fault: Fault,
    ) -> Trial {
        let leaves: Vec<Hash> = (0..count).map(|_| self.fresh()).collect();
        let before = self.ledgers[ledger].as_ref().map_or(0, |ledger| ledger.leaves.len() as u64);
        let mut rest = leaves.as_slice();
        let mut hashes = Vec::new();
        for level in subtree_levels(before, count) {
            let (subtree, after) = rest.split_at(1 << level);
            hashes.push(naive_root(subtree));
            rest = after;
        }
        match fault {
            Fault::None => {}
            Fault::TooFew => drop(hashes.pop()),
            Fault::TooMany => hashes.push([7; 32]),
            Fault::Zero => drop(hashes.last_mut().map(|hash| *hash = [0; 32])),
        }
        // This instruction always says a size.
        let expected_size = self.expected_size(ledger, size).unwrap_or(before);
        let instruction = instruction::append_subtrees(
            &self.key(by),
            &self.address(ledger).0,
            self.grant_account(grant),
            expected_size,
            count,
            &hashes,
        );
        let expected = self
            .expect_ledger(ledger)
            .and_then(|()| self.expect_grant_account(grant))
            .and_then(|()| self.expect_unsealed(ledger))
            .and_then(|()| self.expect_subtrees_allowed(ledger))
            .and_then(|()| self.expect_size(ledger, Some(expected_size)))
            .and_then(|()| self.expect_permitted(by, ledger, grant, APPEND_SUBTREES))
            .and_then(|()| match fault {
                _ if count == 0 => Err(refused_by(Error::NoEntries)),
                Fault::None => Ok(()),
                Fault::TooFew | Fault::TooMany => Err(refused_by(Error::WrongSubtreeCount)),
                Fault::Zero => Err(refused_by(Error::ZeroHash)),
            })
            .map(|()| {
                let (now, signer) = (self.now, self.key(by));
                let ledger = self.ledgers[ledger].as_mut().expect("it is there");
                ledger.leaves.extend(leaves);
                ledger.sizes.push(ledger.leaves.len());
                Some(ledger.model.append_subtrees(signer, count, &hashes, now))
            });
        Trial { instruction, signer: by, expected }
    }

    fn grant(&mut self, by: usize, ledger: usize, wallet: usize, permissions: u32, expires_in: Option<i64>) -> Trial {
        let (address, now) = (self.address(ledger).0, self.now);
        let expires_at = expires_in.map_or(i64::MAX, |seconds| now.time + seconds);
        let instruction =
            instruction::grant_writer(&self.key(by), &address, &self.key(wallet), permissions, expires_at);
        let expected = self
            .expect_ledger(ledger)
            .and_then(|()| self.expect_authority(by, ledger))
            .and_then(|()| self.expect_unsealed(ledger))
            .and_then(|()| match permissions {
                1..=3 => Ok(()),
                _ => Err(refused_by(Error::UnknownPermissions)),
            })
            .and_then(|()| if now.time < expires_at { Ok(()) } else { Err(refused_by(Error::ExpiryInThePast)) })
            .map(|()| {
                self.grants.insert((ledger, wallet), WriterGrant { permissions, expires_at });
                let wallet = self.key(wallet);
                Some(self.model_mut(ledger).grant(wallet, permissions, expires_at, now))
            });
        Trial { instruction, signer: by, expected }
    }

    fn revoke(&mut self, by: usize, ledger: usize, wallet: usize) -> Trial {
        let (address, now, key) = (self.address(ledger).0, self.now, self.key(wallet));
        let instruction = instruction::revoke_writer(&self.key(by), &address, &self.grant_address(ledger, wallet).0);
        let expected = self
            .expect_ledger(ledger)
            .and_then(|()| self.expect_grant_account(Grant::Of { wallet, ledger }))
            .and_then(|()| self.expect_authority(by, ledger))
            .map(|()| {
                self.grants.remove(&(ledger, wallet));
                Some(self.model_mut(ledger).revoke(key, now))
            });
        Trial { instruction, signer: by, expected }
    }

    fn propose(&mut self, by: usize, ledger: usize, to: Option<usize>) -> Trial {
        let (now, pending) = (self.now, to.map_or(Pubkey::default(), |wallet| self.key(wallet)));
        let instruction = instruction::propose_authority(&self.key(by), &self.address(ledger).0, &pending);
        let expected = self
            .expect_ledger(ledger)
            .and_then(|()| self.expect_authority(by, ledger))
            .map(|()| Some(self.model_mut(ledger).propose(pending, now)));
        Trial { instruction, signer: by, expected }
    }

    fn accept(&mut self, by: usize, ledger: usize) -> Trial {
        let (now, key) = (self.now, self.key(by));
        let instruction = instruction::accept_authority(&key, &self.address(ledger).0);
        let expected = self
            .expect_ledger(ledger)
            .and_then(|()| {
                let is_offered = self.model(ledger).pending_authority == key;
                if is_offered { Ok(()) } else { Err(refused_by(Error::NotThePendingAuthority)) }
            })
            .map(|()| Some(self.model_mut(ledger).accept(now)));
        Trial { instruction, signer: by, expected }
    }

    fn disallow(&mut self, by: usize, ledger: usize) -> Trial {
        let now = self.now;
        let instruction = instruction::disallow_subtrees(&self.key(by), &self.address(ledger).0);
        let expected = self
            .expect_ledger(ledger)
            .and_then(|()| self.expect_authority(by, ledger))
            .and_then(|()| self.expect_unsealed(ledger))
            .and_then(|()| self.expect_subtrees_allowed(ledger))
            .map(|()| Some(self.model_mut(ledger).disallow_subtrees(now)));
        Trial { instruction, signer: by, expected }
    }

    fn seal(&mut self, by: usize, ledger: usize, size: Size) -> Trial {
        let now = self.now;
        let expected_size = self.expected_size(ledger, size).unwrap_or(0);
        let instruction = instruction::seal_ledger(&self.key(by), &self.address(ledger).0, expected_size);
        let expected = self
            .expect_ledger(ledger)
            .and_then(|()| self.expect_authority(by, ledger))
            .and_then(|()| self.expect_unsealed(ledger))
            .and_then(|()| self.expect_size(ledger, Some(expected_size)))
            .map(|()| Some(self.model_mut(ledger).seal(now)));
        Trial { instruction, signer: by, expected }
    }

    fn verify(&mut self, ledger: usize, index: usize, target: Target, forged: bool) -> Trial {
        let (leaves, sizes) =
            self.ledgers[ledger].as_ref().map_or((&[][..], &[][..]), |ledger| (&ledger.leaves, &ledger.sizes));
        let back = match target {
            Target::KeptHead { back } => back,
            _ => 0,
        };
        // The size whose head the proof is for; none where no such head was ever written.
        let size = sizes.iter().rev().nth(back).copied();
        let proof = match target {
            _ if index >= size.unwrap_or(0) => Vec::new(),
            Target::Peak => peak_proof(index, leaves),
            _ => naive_proof(index, &leaves[..size.unwrap_or(0)]),
        };
        let mut leaf_hash = leaves.get(index).copied().unwrap_or([7; 32]);
        if forged {
            leaf_hash[0] ^= 1;
        }
        let proof_target = match target {
            Target::CurrentHead => ProofTarget::CurrentHead,
            Target::KeptHead { .. } => ProofTarget::KeptHead { size: size.unwrap_or(0) as u64 },
            Target::Peak => ProofTarget::Peak,
        };
        let is_kept = size.is_some() && back < 16;
        let instruction =
            instruction::verify_inclusion(&self.address(ledger).0, leaf_hash, index as u64, proof_target, &proof);
        let expected = self.expect_ledger(ledger).and_then(|()| match target {
            Target::CurrentHead | Target::KeptHead { .. } if !is_kept => Err(refused_by(Error::HeadNotKept)),
            _ if index >= size.unwrap_or(0) => Err(refused_by(Error::IndexOutOfRange)),
            _ if forged => Err(refused_by(Error::NotProven)),
            _ => Ok(None),
        });
        Trial { instruction, signer: 0, expected }
    }

    fn model(&self, ledger: usize) -> &Model {
        &self.ledgers[ledger].as_ref().expect("it is there").model
    }

    fn model_mut(&mut self, ledger: usize) -> &mut Model {
        &mut self.ledgers[ledger].as_mut().expect("it is there").model
    }

    fn expected_size(&self, ledger: usize, size: Size) -> Option<u64> {
        let right = self.ledgers[ledger].as_ref().map_or(0, |ledger| ledger.leaves.len() as u64);
        match size {
            Size::Unsaid => None,
            Size::Right => Some(right),
            Size::Wrong => Some(right + 1),
        }
    }

    fn grant_account(&self, grant: Grant) -> Option<Pubkey> {
        match grant {
            Grant::None => None,
            Grant::Of { wallet, ledger } => Some(self.grant_address(ledger, wallet).0),
        }
    }

    fn expect_ledger(&self, ledger: usize) -> Result<(), InstructionError> {
        // An account that does not exist belongs to the system program.
        if self.ledgers[ledger].is_some() { Ok(()) } else { Err(anchor(ErrorCode::AccountOwnedByWrongProgram)) }
    }

    fn expect_grant_account(&self, grant: Grant) -> Result<(), InstructionError> {
        match grant {
            Grant::Of { wallet, ledger } if !self.grants.contains_key(&(ledger, wallet)) => {
                Err(anchor(ErrorCode::AccountNotInitialized))
            }
            _ => Ok(()),
        }
    }

    fn expect_authority(&self, by: usize, ledger: usize) -> Result<(), InstructionError> {
        let is_authority = self.model(ledger).authority == self.key(by);
        if is_authority { Ok(()) } else { Err(refused_by(Error::NotTheAuthority)) }
    }

    fn expect_unsealed(&self, ledger: usize) -> Result<(), InstructionError> {
        if self.model(ledger).flags & SEALED == 0 { Ok(()) } else { Err(refused_by(Error::Sealed)) }
    }

    fn expect_subtrees_allowed(&self, ledger: usize) -> Result<(), InstructionError> {
        let is_allowed = self.model(ledger).flags & SUBTREES_ALLOWED != 0;
        if is_allowed { Ok(()) } else { Err(refused_by(Error::SubtreesNotAllowed)) }
    }

    fn expect_size(&self, ledger: usize, expected: Option<u64>) -> Result<(), InstructionError> {
        let is_right = expected.is_none_or(|expected| expected == self.model(ledger).entries.size);
        if is_right { Ok(()) } else { Err(refused_by(Error::UnexpectedSize)) }
    }

    fn expect_permitted(
        &self,
        by: usize,
        ledger: usize,
        grant: Grant,
        permission: u32,
    ) -> Result<(), InstructionError> {
        let error = match grant {
            _ if self.model(ledger).authority == self.key(by) => return Ok(()),
            Grant::None => Error::NotAWriter,
            Grant::Of { wallet, ledger: of } if (wallet, of) != (by, ledger) => Error::WrongWriter,
            Grant::Of { .. } => {
                let held = self.grants[&(ledger, by)];
                if held.permissions & permission == 0 {
                    Error::PermissionMissing
                } else if self.now.time >= held.expires_at {
                    Error::WriterExpired
                } else {
                    return Ok(());
                }
            }
        };
        Err(refused_by(error))
    }
}

/// Entries are looked at in order: what is wrong first is what is said.
fn expect_entries(entries: &[Vec<u8>]) -> Result<(), InstructionError> {
    if entries.is_empty() {
        return Err(refused_by(Error::NoEntries));
    }
    let mut bytes = 0;
    for entry in entries {
        bytes += entry.len();
        if entry.is_empty() {
            return Err(refused_by(Error::EntryLength));
        }
        if bytes > 4_096 {
            return Err(refused_by(Error::AppendTooLarge));
        }
    }
    Ok(())
}
