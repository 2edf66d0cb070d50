//! The actions of a random sequence: by any wallet, on any ledger, right or wrong.

use proptest::prelude::*;

/// How many wallets act.
pub const WALLETS: usize = 3;
/// How many ledgers there may be: of the same id, each by another creator.
pub const LEDGERS: usize = 2;

/// One instruction, or time that passes. Wallets and ledgers are numbers.
#[derive(Clone, Debug)]
pub enum Action {
    Create { ledger: usize, flags: u32 },
    Append { by: usize, ledger: usize, grant: Grant, size: Size, entries: Vec<usize> },
    AppendSubtrees { by: usize, ledger: usize, grant: Grant, size: Size, leaves: u64, fault: Fault },
    GrantWriter { by: usize, ledger: usize, wallet: usize, permissions: u32, expires_in: Option<i64> },
    RevokeWriter { by: usize, ledger: usize, wallet: usize },
    ProposeAuthority { by: usize, ledger: usize, to: Option<usize> },
    AcceptAuthority { by: usize, ledger: usize },
    DisallowSubtrees { by: usize, ledger: usize },
    SealLedger { by: usize, ledger: usize, size: Size },
    VerifyInclusion { ledger: usize, index: prop::sample::Index, target: Target, forged: bool },
    Wait { seconds: i64 },
}

impl Action {
    /// The instruction's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Create { .. } => "create_ledger",
            Self::Append { .. } => "append",
            Self::AppendSubtrees { .. } => "append_subtrees",
            Self::GrantWriter { .. } => "grant_writer",
            Self::RevokeWriter { .. } => "revoke_writer",
            Self::ProposeAuthority { .. } => "propose_authority",
            Self::AcceptAuthority { .. } => "accept_authority",
            Self::DisallowSubtrees { .. } => "disallow_subtrees",
            Self::SealLedger { .. } => "seal_ledger",
            Self::VerifyInclusion { .. } => "verify_inclusion",
            Self::Wait { .. } => "no instruction",
        }
    }
}

/// Which grant comes along.
#[derive(Clone, Copy, Debug)]
pub enum Grant {
    None,
    /// The grant of this wallet on this ledger, whichever wallet appends to whichever ledger.
    Of {
        wallet: usize,
        ledger: usize,
    },
}

/// The expected size.
#[derive(Clone, Copy, Debug)]
pub enum Size {
    Unsaid,
    Right,
    Wrong,
}

/// The fault of the hashes of subtrees.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    None,
    TooFew,
    TooMany,
    Zero,
}

/// Where a proof ends.
#[derive(Clone, Copy, Debug)]
pub enum Target {
    CurrentHead,
    /// The head that many heads back.
    KeptHead {
        back: usize,
    },
    Peak,
}

/// A ledger, and mostly what the rules allow, so that most sequences go far.
pub fn any_sequence() -> impl Strategy<Value = Vec<Action>> {
    (any_flags(), prop::collection::vec(any_action(), 1..60)).prop_map(|(flags, mut actions)| {
        actions.insert(0, Action::Create { ledger: 0, flags });
        actions
    })
}

fn any_flags() -> impl Strategy<Value = u32> {
    prop_oneof![8 => Just(4_u32), 4 => Just(6), 2 => Just(0), 2 => Just(2), 1 => 0..16_u32]
}

fn any_action() -> impl Strategy<Value = Action> {
    let wallet = || prop_oneof![5 => Just(0), 2 => 0..WALLETS];
    let ledger = || prop_oneof![8 => Just(0), 1 => 0..LEDGERS];
    // The wallet, the ledger, and the grant: none, its own, or any.
    let appender = || {
        (wallet(), ledger(), 0..9, (0..WALLETS, 0..LEDGERS)).prop_map(|(by, ledger, choice, any)| match choice {
            0..5 => (by, ledger, Grant::None),
            5..8 => (by, ledger, Grant::Of { wallet: by, ledger }),
            _ => (by, ledger, Grant::Of { wallet: any.0, ledger: any.1 }),
        })
    };
    let size = || prop_oneof![2 => Just(Size::Unsaid), 8 => Just(Size::Right), 1 => Just(Size::Wrong)];
    let length = prop_oneof![20 => 1..200_usize, 2 => Just(0_usize), 1 => 2_000..5_000_usize];
    let entries = prop_oneof![20 => prop::collection::vec(length, 1..5), 1 => Just(Vec::new())];
    let leaves = prop_oneof![1 => Just(0_u64), 10 => 1..40_u64];
    let fault = prop_oneof![
        20 => Just(Fault::None),
        1 => Just(Fault::TooFew),
        1 => Just(Fault::TooMany),
        1 => Just(Fault::Zero),
    ];
    let expires_in = prop_oneof![3 => Just(None), 3 => (1..60_i64).prop_map(Some), 1 => (-2..=0_i64).prop_map(Some)];
    let target = prop_oneof![
        Just(Target::CurrentHead),
        (0..20_usize).prop_map(|back| Target::KeptHead { back }),
        Just(Target::Peak),
    ];
    let any_wallet = || 0..WALLETS;
    prop_oneof![
        3 => (0..LEDGERS, any_flags()).prop_map(|(ledger, flags)| Action::Create { ledger, flags }),
        16 => (appender(), size(), entries)
            .prop_map(|((by, ledger, grant), size, entries)| Action::Append { by, ledger, grant, size, entries }),
        16 => (appender(), size(), leaves, fault).prop_map(
            |((by, ledger, grant), size, leaves, fault)| Action::AppendSubtrees { by, ledger, grant, size, leaves, fault }
        ),
        8 => (wallet(), ledger(), any_wallet(), prop_oneof![8 => 1..4_u32, 1 => 0..16_u32], expires_in).prop_map(
            |(by, ledger, wallet, permissions, expires_in)| {
                Action::GrantWriter { by, ledger, wallet, permissions, expires_in }
            }
        ),
        4 => (wallet(), ledger(), any_wallet())
            .prop_map(|(by, ledger, wallet)| Action::RevokeWriter { by, ledger, wallet }),
        2 => (wallet(), ledger(), prop::option::weighted(0.8, any_wallet()))
            .prop_map(|(by, ledger, to)| Action::ProposeAuthority { by, ledger, to }),
        2 => (any_wallet(), ledger()).prop_map(|(by, ledger)| Action::AcceptAuthority { by, ledger }),
        1 => (wallet(), ledger()).prop_map(|(by, ledger)| Action::DisallowSubtrees { by, ledger }),
        1 => (wallet(), ledger(), size()).prop_map(|(by, ledger, size)| Action::SealLedger { by, ledger, size }),
        16 => (ledger(), any::<prop::sample::Index>(), target, prop::bool::weighted(0.2)).prop_map(
            |(ledger, index, target, forged)| Action::VerifyInclusion { ledger, index, target, forged }
        ),
        3 => (1..40_i64).prop_map(|seconds| Action::Wait { seconds }),
    ]
}
