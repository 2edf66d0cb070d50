//! The program itself: its upgrade authority, its hash, and the slot of its deployment.

use counterfoil_core::bytes::Reader;
use counterfoil_core::{ProgramId, Wallet};
use sha2::{Digest, Sha256};
use solana_commitment_config::CommitmentConfig;
use solana_pubkey::Pubkey;

use crate::address::key;
use crate::{ClientError, Rpc, Source};

/// The loader of programs that can be upgraded.
const UPGRADEABLE_LOADER: Pubkey = Pubkey::from_str_const("BPFLoaderUpgradeab1e11111111111111111111111");
/// The loaders whose programs are immutable.
const IMMUTABLE_LOADERS: [Pubkey; 2] = [
    Pubkey::from_str_const("BPFLoader1111111111111111111111111111111111"),
    Pubkey::from_str_const("BPFLoader2111111111111111111111111111111111"),
];
/// Bytes before the program's own in its data account: kind (4), slot (8), authority (1 + 32).
const PROGRAM_DATA_HEADER: usize = 45;

/// A program as a server reports it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProgramInfo {
    /// The program.
    pub program: ProgramId,
    /// The authority that can replace it; none when it is immutable.
    pub upgrade_authority: Option<Wallet>,
    /// The slot in which it was last deployed; none for a program that was never upgradeable.
    pub deployed_slot: Option<u64>,
    /// SHA-256 of its bytes without the zeros after them, which the loader adds.
    pub sha256: [u8; 32],
}

/// Fetches what is known of the server's program.
///
/// # Errors
/// [`ClientError::NoProgram`], [`ClientError::Rpc`], [`ClientError::Malformed`].
pub async fn fetch_program(rpc: &Rpc) -> Result<ProgramInfo, ClientError> {
    let finalized = CommitmentConfig::finalized();
    let program = rpc.program();
    let no_program = || ClientError::NoProgram { server: rpc.name().to_owned(), program };
    let (_, account) = rpc.fetch_raw_account(key(program.0), finalized).await?;
    let (owner, data) = account.ok_or_else(no_program)?;
    if IMMUTABLE_LOADERS.contains(&owner) {
        return Ok(ProgramInfo {
            program,
            upgrade_authority: None,
            deployed_slot: None,
            sha256: hash_of_program(&data),
        });
    }
    if owner != UPGRADEABLE_LOADER {
        let what = format!("a program of loader {owner}, of which this version does not know who can replace it");
        return Err(rpc.malformed("getAccountInfo", what));
    }
    let mut reader = Reader::new(&data);
    let (Ok(2), Ok(data_address)) = (reader.u32(), reader.array()) else { return Err(no_program()) };
    let (_, account) = rpc.fetch_raw_account(key(data_address), finalized).await?;
    let (_, data) = account.ok_or_else(no_program)?;
    read_program_data(program, &data).ok_or_else(|| rpc.malformed("getAccountInfo", "a program without its data"))
}

/// Whether a single key signs for this wallet. Else only a program can, as it does for a multisig's vault.
#[must_use]
pub fn is_key(wallet: &Wallet) -> bool {
    key(wallet.0).is_on_curve()
}

fn read_program_data(program: ProgramId, data: &[u8]) -> Option<ProgramInfo> {
    let mut reader = Reader::new(data);
    if reader.u32().ok()? != 3 {
        return None;
    }
    let deployed_slot = Some(reader.u64().ok()?);
    let [has_authority] = reader.array().ok()?;
    let authority = Wallet(reader.array().ok()?);
    let upgrade_authority = (has_authority == 1).then_some(authority);
    let sha256 = hash_of_program(data.get(PROGRAM_DATA_HEADER..)?);
    Some(ProgramInfo { program, upgrade_authority, deployed_slot, sha256 })
}

fn hash_of_program(bytes: &[u8]) -> [u8; 32] {
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last.saturating_add(1));
    Sha256::digest(bytes.get(..end).unwrap_or_default()).into()
}
