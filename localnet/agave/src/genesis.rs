//! The first block of the cluster: who has what, how long a slot is, which features are on.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use agave_feature_set::{
    FeatureSet, alpenglow, reduce_slot_time_to_200ms, reduce_slot_time_to_250ms, reduce_slot_time_to_300ms,
    reduce_slot_time_to_350ms, validator_admission_ticket,
};
use anyhow::{Context, Result, anyhow};
use counterfoil_localnet_base::Config;
use solana_account::AccountSharedData;
use solana_cluster_type::ClusterType;
use solana_epoch_schedule::EpochSchedule;
use solana_fee_calculator::FeeRateGovernor;
use solana_genesis_config::GenesisConfig;
use solana_keypair::Keypair;
use solana_loader_v3_interface::state::UpgradeableLoaderState;
use solana_poh_config::PohConfig;
use solana_program_binaries::{core_bpf_programs, spl_programs};
use solana_rent::Rent;
use solana_runtime::genesis_utils::create_genesis_config_with_leader_ex;
use solana_sdk_ids::{bpf_loader_upgradeable, system_program};
use solana_signer::Signer;

const LAMPORTS_PER_SOL: u64 = 1_000_000_000;
/// A clock's beats. Few, since each wakes several threads, but enough for a slot to end soon after its time.
const TICKS_PER_SLOT: u32 = 8;

/// The file with the keys of a kept chain.
const KEYS: &str = "keys.json";

/// The keys that the cluster is made with. All are new with each cluster.
pub(crate) struct Keys {
    /// The validator's own.
    pub(crate) identity: Keypair,
    /// Its vote account, which is also who may vote with it.
    pub(crate) vote: Keypair,
    /// Pays for what is deployed.
    pub(crate) deployer: Keypair,
    /// The account that airdrops come from.
    pub(crate) faucet: Keypair,
    stake: Keypair,
}

impl Keys {
    pub(crate) fn new() -> Self {
        Self {
            identity: Keypair::new(),
            vote: Keypair::new(),
            deployer: Keypair::new(),
            faucet: Keypair::new(),
            stake: Keypair::new(),
        }
    }

    /// The keys of the chain in a folder.
    pub(crate) fn load(folder: &Path) -> Result<Self> {
        let path = folder.join(KEYS);
        let json = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let keys: [String; 5] =
            serde_json::from_str(&json).with_context(|| format!("{} holds no keys", path.display()))?;
        let [identity, vote, deployer, faucet, stake] = keys
            .map(|key| Keypair::try_from_base58_string(&key).map_err(|_| anyhow!("{} holds no keys", path.display())));
        Ok(Self { identity: identity?, vote: vote?, deployer: deployer?, faucet: faucet?, stake: stake? })
    }

    /// Puts the keys into a folder, readable by its owner alone.
    pub(crate) fn save(&self, folder: &Path) -> Result<()> {
        let path = folder.join(KEYS);
        let keys =
            [&self.identity, &self.vote, &self.deployer, &self.faucet, &self.stake].map(Keypair::to_base58_string);
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(&path);
        file.and_then(|mut file| {
            serde_json::to_writer(&mut file, &keys)?;
            file.sync_all()
        })
        .with_context(|| format!("cannot write {}", path.display()))
    }
}

/// The genesis of a cluster of one validator.
pub(crate) fn genesis(config: &Config, keys: &Keys) -> GenesisConfig {
    let (rent, features) = (Rent::default(), features());
    let mut accounts = spl_programs(&rent);
    accounts.extend(core_bpf_programs(&rent, |feature| features.is_active(feature)));
    accounts.extend(config.wallets.iter().map(|wallet| (*wallet, wallet_of(config.wallet_lamports))));
    accounts.push((keys.deployer.pubkey(), wallet_of(1_000_000 * LAMPORTS_PER_SOL)));
    accounts.extend(config.programs.iter().map(|program| (program.id, blank_program(&rent))));

    let mut genesis = create_genesis_config_with_leader_ex(
        500_000_000 * LAMPORTS_PER_SOL,
        &keys.faucet.pubkey(),
        &keys.identity.pubkey(),
        &keys.vote.pubkey(),
        &keys.stake.pubkey(),
        None,
        1_000_000 * LAMPORTS_PER_SOL,
        500 * LAMPORTS_PER_SOL,
        FeeRateGovernor::default(),
        rent,
        ClusterType::Development,
        &features,
        accounts,
    );
    genesis.epoch_schedule = EpochSchedule::without_warmup();
    genesis.ticks_per_slot = TICKS_PER_SLOT.into();
    // Sleeps between ticks in place of hashing.
    genesis.poh_config = PohConfig::new_sleep(Duration::from_millis(config.slot_ms) / TICKS_PER_SLOT);
    genesis
}

/// All that Agave knows, as its own test validator has them, but for the next consensus (and the ticket to it, without
/// which a validator needs no further key), and for what would shorten the slots that were asked for.
fn features() -> FeatureSet {
    let mut features = FeatureSet::all_enabled();
    for feature in [
        alpenglow::id(),
        validator_admission_ticket::id(),
        reduce_slot_time_to_350ms::id(),
        reduce_slot_time_to_300ms::id(),
        reduce_slot_time_to_250ms::id(),
        reduce_slot_time_to_200ms::id(),
    ] {
        features.deactivate(&feature);
    }
    features
}

fn wallet_of(lamports: u64) -> AccountSharedData {
    AccountSharedData::new(lamports, 0, &system_program::id())
}

/// A program's address right before it is deployed: an account of the loader's, without content.
///
/// On a cluster the deployer makes it, in the same transaction, with the address's secret key; no one here has that.
fn blank_program(rent: &Rent) -> AccountSharedData {
    let size = UpgradeableLoaderState::size_of_program();
    AccountSharedData::new(rent.minimum_balance(size), size, &bpf_loader_upgradeable::id())
}
