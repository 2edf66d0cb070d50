//! Every account of every instruction, replaced in every way: refused, and nothing changed.
//!
//! The instructions and their accounts are those of the IDL, so that none can be forgotten. Substitutions that the program accepts all the
//! same stands in [`ACCEPTED`], with the reason why it does no harm.

use std::collections::BTreeSet;

use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::{AccountMeta, Instruction};
use anchor_lang::solana_program::system_program;
use counterfoil::instructions::ProofTarget;
use litesvm::types::{FailedTransactionMetadata, TransactionMetadata};
use serde_json::Value;
use solana_account::Account;
use solana_keypair::Keypair;
use solana_signer::Signer;

use super::setup::{Chain, Hash, ID, Scene, find_ledger, find_writer, instruction, leaf};

const SUBTREES_ALLOWED: u32 = 4;
const NEVER: i64 = i64::MAX;
const ENTRY: &[u8] = b"the one entry";

/// The account that takes another's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Substitute {
    /// The same bytes, of another program, at the same address.
    WrongOwner,
    /// The same bytes, of the right program, at another address.
    WrongAddress,
    /// The account of the same kind that belongs to another ledger of the same creator.
    OtherLedgers,
    /// The account of the same kind that belongs to the ledger of the same id by another creator.
    OtherCreators,
    /// Somebody else's grant on the same ledger.
    SomeoneElses,
    /// A wallet without any role here, which signs where a signature is needed.
    Stranger,
    /// The account without its signature.
    Unsigned,
    /// The account, read-only.
    ReadOnly,
    /// At the same address: closed.
    Closed,
    /// At the same address: of the right program and length, all zero.
    Uninitialised,
    /// The account itself twice, in the place of this one: the first of the instruction, the second, ...
    Duplicate(usize),
    /// Neither this nor any account after it.
    Missing,
}

/// Instruction, account, substitute, and why it does no harm.
const ACCEPTED: &[(&str, &str, Substitute, &str)] = &[
    ("accept_authority", "ledger", Substitute::WrongAddress, NO_SUCH_ACCOUNT),
    ("append", "writer", Substitute::WrongAddress, NO_SUCH_ACCOUNT),
    ("append_subtrees", "writer", Substitute::WrongAddress, NO_SUCH_ACCOUNT),
    ("disallow_subtrees", "ledger", Substitute::WrongAddress, NO_SUCH_ACCOUNT),
    ("propose_authority", "ledger", Substitute::WrongAddress, NO_SUCH_ACCOUNT),
    ("revoke_writer", "writer", Substitute::WrongAddress, NO_SUCH_ACCOUNT),
    ("seal_ledger", "ledger", Substitute::WrongAddress, NO_SUCH_ACCOUNT),
    ("verify_inclusion", "ledger", Substitute::WrongAddress, NO_SUCH_ACCOUNT),
    ("disallow_subtrees", "ledger", Substitute::OtherLedgers, ITS_OWN),
    ("propose_authority", "ledger", Substitute::OtherLedgers, ITS_OWN),
    ("revoke_writer", "writer", Substitute::SomeoneElses, ITS_OWN),
    ("create_ledger", "payer", Substitute::Stranger, PAYS),
    ("grant_writer", "payer", Substitute::Stranger, PAYS),
];

/// This test writes it past the program. On a chain only `create_ledger` and `grant_writer` make accounts with these
/// first bytes, at their own addresses alone, and another program can hand over none that is not all zero. Deriving the
/// address again would cost each instruction 1,500 compute units.
const NO_SUCH_ACCOUNT: &str = "no such account can exist";
/// The authority acts on what is its own: another honest instruction.
const ITS_OWN: &str = "it is the authority's too";
/// Any wallet that signs for it may pay the rent.
const PAYS: &str = "it pays, and signs for that";

/// A ledger with one entry and a grant each for two wallets; a second ledger of the creator's; and one of the same id by
/// another creator.
struct Stage {
    chain: Chain,
    authority: Keypair,
    writer: Keypair,
    other: Keypair,
    heir: Keypair,
    stranger: Keypair,
    ledger: Pubkey,
    others_ledger: Pubkey,
    second_ledger: Pubkey,
}

impl Stage {
    fn new() -> Self {
        let mut scene = Scene::new(SUBTREES_ALLOWED);
        let [writer, other, heir, stranger] = [2, 3, 4, 5].map(|seed| scene.chain.wallet_of([seed; 32]));
        scene.grant(&writer.pubkey(), 3, NEVER);
        scene.grant(&other.pubkey(), 3, NEVER);
        scene.append(&[ENTRY.to_vec()]);
        scene.propose(&heir.pubkey());
        let Scene { mut chain, authority, ledger, .. } = scene;

        let (second_ledger, _) = find_ledger(&authority.pubkey(), &[0xb6; 32]);
        let create = instruction::create_ledger(&authority.pubkey(), &second_ledger, [0xb6; 32], SUBTREES_ALLOWED);
        chain.succeed(create, &[&authority]);
        let (others_ledger, _) = find_ledger(&other.pubkey(), &ID);
        let create = instruction::create_ledger(&other.pubkey(), &others_ledger, ID, SUBTREES_ALLOWED);
        chain.succeed(create, &[&other]);
        for (ledger, creator) in [(second_ledger, &authority), (others_ledger, &other)] {
            let grant = instruction::grant_writer(&creator.pubkey(), &ledger, &writer.pubkey(), 3, NEVER);
            chain.succeed(grant, &[creator]);
        }
        Self { chain, authority, writer, other, heir, stranger, ledger: ledger.address, others_ledger, second_ledger }
    }

    fn grant(&self) -> Pubkey {
        find_writer(&self.ledger, &self.writer.pubkey()).0
    }

    /// The instruction as it succeeds.
    fn honest(&self, name: &str) -> Instruction {
        let (authority, ledger, writer) = (self.authority.pubkey(), self.ledger, self.writer.pubkey());
        match name {
            "create_ledger" => {
                let ledger = find_ledger(&authority, &[0xc7; 32]).0;
                instruction::create_ledger(&authority, &ledger, [0xc7; 32], 0)
            }
            "append" => instruction::append(&writer, &ledger, Some(self.grant()), None, &[ENTRY.to_vec()]),
            "append_subtrees" => instruction::append_subtrees(&writer, &ledger, Some(self.grant()), 1, 1, &[[7; 32]]),
            "grant_writer" => instruction::grant_writer(&authority, &ledger, &self.heir.pubkey(), 1, NEVER),
            "revoke_writer" => instruction::revoke_writer(&authority, &ledger, &self.grant()),
            "propose_authority" => instruction::propose_authority(&authority, &ledger, &writer),
            "accept_authority" => instruction::accept_authority(&self.heir.pubkey(), &ledger),
            "disallow_subtrees" => instruction::disallow_subtrees(&authority, &ledger),
            "seal_ledger" => instruction::seal_ledger(&authority, &ledger, 1),
            "verify_inclusion" => {
                let none: &[Hash] = &[];
                instruction::verify_inclusion(&ledger, leaf(ENTRY), 0, ProofTarget::CurrentHead, none)
            }
            other => panic!("no honest {other}: write one"),
        }
    }

    /// Executes it, signed by whom it names.
    fn execute(&mut self, instruction: Instruction) -> Result<TransactionMetadata, Box<FailedTransactionMetadata>> {
        let all = [&self.authority, &self.writer, &self.other, &self.heir, &self.stranger];
        let signs = |wallet: &&&Keypair| {
            instruction.accounts.iter().any(|account| account.is_signer && account.pubkey == wallet.pubkey())
        };
        let signers: Vec<&Keypair> = all.iter().filter(signs).copied().collect();
        self.chain.execute(std::slice::from_ref(&instruction), &signers)
    }

    /// The account of the same kind that belongs to another ledger; none where there is no such thing.
    fn of_ledger(&self, account: &AccountMeta, ledger: Pubkey) -> Option<Pubkey> {
        let is_grant = self.chain.account(&account.pubkey).is_some_and(|account| account.data.len() == 85);
        match account.pubkey {
            address if address == self.ledger => Some(ledger),
            _ if is_grant => Some(find_writer(&ledger, &self.writer.pubkey()).0),
            _ => None,
        }
    }

    /// Puts the substitute in the account's place. None where there is no such substitute.
    fn substitute(&mut self, honest: &Instruction, place: usize, substitute: Substitute) -> Option<Instruction> {
        let mut changed = honest.clone();
        let meta = &mut changed.accounts[place];
        let account = self.chain.account(&meta.pubkey);
        let is_ours = account.as_ref().is_some_and(|account| account.owner == counterfoil::ID);
        match substitute {
            Substitute::WrongOwner if is_ours => {
                self.chain.seed_of(Pubkey::new_unique(), meta.pubkey, account?.data);
            }
            Substitute::WrongAddress if is_ours => {
                let address = Pubkey::new_unique();
                self.chain.seed(address, account?.data);
                meta.pubkey = address;
            }
            Substitute::WrongAddress => {
                // Nothing is there, or what is there can only be itself.
                meta.pubkey = Pubkey::new_unique();
                meta.is_signer = false;
            }
            Substitute::OtherLedgers => meta.pubkey = self.of_ledger(meta, self.second_ledger)?,
            Substitute::OtherCreators => meta.pubkey = self.of_ledger(meta, self.others_ledger)?,
            Substitute::SomeoneElses if account.as_ref().is_some_and(|account| account.data.len() == 85) => {
                meta.pubkey = find_writer(&self.ledger, &self.other.pubkey()).0;
            }
            Substitute::Stranger => meta.pubkey = self.stranger.pubkey(),
            Substitute::Unsigned if meta.is_signer => {
                // In every place: a wallet that signs in one signs in all.
                let address = meta.pubkey;
                changed
                    .accounts
                    .iter_mut()
                    .filter(|meta| meta.pubkey == address)
                    .for_each(|meta| meta.is_signer = false);
            }
            Substitute::ReadOnly if meta.is_writable => {
                let address = meta.pubkey;
                changed
                    .accounts
                    .iter_mut()
                    .filter(|meta| meta.pubkey == address)
                    .for_each(|meta| meta.is_writable = false);
            }
            Substitute::Closed if is_ours => {
                self.chain.svm.set_account(meta.pubkey, Account::default()).expect("it is set");
            }
            Substitute::Uninitialised if is_ours => self.chain.seed(meta.pubkey, vec![0; account?.data.len()]),
            Substitute::Duplicate(of) if of < honest.accounts.len() && honest.accounts[of].pubkey != meta.pubkey => {
                meta.pubkey = honest.accounts[of].pubkey;
                meta.is_signer &= honest.accounts[of].is_signer;
            }
            Substitute::Missing => changed.accounts.truncate(place),
            _ => return None,
        }
        Some(changed)
    }
}

fn substitutes() -> Vec<Substitute> {
    let mut all = vec![
        Substitute::WrongOwner,
        Substitute::WrongAddress,
        Substitute::OtherLedgers,
        Substitute::OtherCreators,
        Substitute::SomeoneElses,
        Substitute::Stranger,
        Substitute::Unsigned,
        Substitute::ReadOnly,
        Substitute::Closed,
        Substitute::Uninitialised,
        Substitute::Missing,
    ];
    all.extend((0..8).map(Substitute::Duplicate));
    all
}

/// The instructions and the names of their accounts, in order.
fn instructions() -> Vec<(String, Vec<String>)> {
    let idl: Value = serde_json::from_str(include_str!("../../../../idls/counterfoil.json")).expect("JSON");
    let name = |value: &Value| value["name"].as_str().expect("a name").to_owned();
    let list = |value: &Value| value.as_array().expect("a list").clone();
    list(&idl["instructions"])
        .iter()
        .map(|instruction| (name(instruction), list(&instruction["accounts"]).iter().map(name).collect()))
        .collect()
}

#[test]
fn what_is_honest_succeeds() {
    for (name, accounts) in instructions() {
        let mut stage = Stage::new();
        let honest = stage.honest(&name);
        assert_eq!(honest.accounts.len(), accounts.len(), "{name}");
        stage.execute(honest).unwrap_or_else(|failed| panic!("{name}: {failed:#?}"));
    }
}

#[test]
fn no_account_can_be_replaced() {
    let mut accepted = BTreeSet::new();
    let mut tried = 0;
    let mut stage = Stage::new();
    for (name, accounts) in instructions() {
        for (place, account) in accounts.iter().enumerate() {
            for substitute in substitutes() {
                let honest = stage.honest(&name);
                let address = honest.accounts[place].pubkey;
                let original = stage.chain.svm.get_account(&address).unwrap_or_default();
                let Some(changed) = stage.substitute(&honest, place, substitute) else { continue };
                tried += 1;
                let all = honest.accounts.iter().chain(&changed.accounts).map(|account| account.pubkey);
                let all: BTreeSet<Pubkey> = all.filter(|key| *key != system_program::ID).collect();
                let state = |chain: &Chain| all.iter().map(|key| chain.svm.get_account(key)).collect::<Vec<_>>();
                let before = state(&stage.chain);
                match stage.execute(changed) {
                    Ok(_) => {
                        accepted.insert((name.clone(), account.clone(), substitute));
                        stage = Stage::new();
                    }
                    Err(_) => {
                        assert_eq!(state(&stage.chain), before, "{name}, {account}, {substitute:?}");
                        stage.chain.svm.set_account(address, original).expect("as it was");
                    }
                }
            }
        }
    }
    println!("{tried} substitutions, {} accepted", accepted.len());
    let expected: BTreeSet<_> = ACCEPTED
        .iter()
        .map(|(name, account, substitute, _)| ((*name).to_owned(), (*account).to_owned(), *substitute))
        .collect();
    assert_eq!(accepted, expected);
}
