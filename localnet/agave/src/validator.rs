//! Agave's validator on 127.0.0.1, as its own test validator sets it up, with two differences: the servers listen on
//! the loopback interface only (theirs on all), on ports of the caller's choice.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::Path;
use std::sync::{Arc, Mutex, RwLock};
use std::thread;

use agave_snapshots::SnapshotInterval;
use agave_snapshots::snapshot_config::SnapshotConfig;
use anyhow::{Context, Error, Result};
use counterfoil_localnet_base::Config;
use crossbeam_channel::unbounded;
use solana_accounts_db::accounts_db::{ACCOUNTS_DB_CONFIG_FOR_TESTING, AccountsDbConfig};
use solana_accounts_db::accounts_index::{AccountsIndexConfig, ScanFilter};
use solana_accounts_db::utils::create_accounts_run_and_snapshot_dirs;
use solana_core::consensus::tower_storage::FileTowerStorage;
use solana_core::validator::{Validator, ValidatorConfig, ValidatorTpuConfig};
use solana_faucet::faucet::{Faucet, run_faucet};
use solana_genesis_utils::MAX_GENESIS_ARCHIVE_UNPACKED_SIZE;
use solana_gossip::cluster_info::NodeConfig;
use solana_gossip::node::Node;
use solana_keypair::Keypair;
use solana_ledger::blockstore::create_new_ledger;
use solana_ledger::blockstore_options::LedgerColumnOptions;
use solana_net_utils::SocketAddrSpace;
use solana_net_utils::multihomed_sockets::BindIpAddrs;
use solana_rpc::rpc::JsonRpcConfig;
use solana_rpc::rpc_pubsub_service::PubSubConfig;
use solana_signer::Signer;
use solana_streamer::quic::DEFAULT_QUIC_ENDPOINTS;

use crate::genesis::{Keys, genesis};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Where Agave looks for the ports that validators use among themselves: each is bound before it is taken, so that
/// several nodes get along. Below the range from which the system hands out ports.
const PEER_PORTS: (u16, u16) = (20_000, 21_000);
/// The size of a ledger that is not kept, in shreds of 1,228 bytes: older blocks and transactions are forgotten.
const MAX_SHREDS: u64 = 2_000_000;
/// How often the accounts of a kept ledger are saved: a start executes again what came after.
const SNAPSHOT_INTERVAL_SLOTS: NonZeroU64 = NonZeroU64::new(1_000).unwrap();

/// Makes the ledger of a new chain in `folder`, and returns the hash of its genesis.
pub(crate) fn make_ledger(config: &Config, keys: &Keys, folder: &Path) -> Result<String> {
    let genesis = genesis(config, keys);
    create_new_ledger(folder, &genesis, MAX_GENESIS_ARCHIVE_UNPACKED_SIZE, LedgerColumnOptions::default())
        .with_context(|| format!("cannot make a ledger in {}", folder.display()))?;
    Ok(genesis.hash().to_string())
}

/// Starts a validator whose ledger is in `folder`, and of the chain of that hash.
///
/// Not to be called on a thread of an event loop: Agave has some of its own, and blocks on them.
pub(crate) fn start(
    config: &Config,
    keys: Keys,
    folder: &Path,
    genesis_hash: &str,
    rpc: SocketAddr,
    ws: SocketAddr,
) -> Result<Validator> {
    let is_kept = config.ledger.is_some();
    let accounts = create_accounts_run_and_snapshot_dirs(folder.join("accounts"))
        .with_context(|| format!("cannot make a folder for accounts in {}", folder.display()))?;

    let faucet = start_faucet(keys.faucet)?;
    let validator_config = ValidatorConfig {
        rpc_addrs: Some((rpc, ws)),
        rpc_config: JsonRpcConfig {
            enable_rpc_transaction_history: true,
            enable_extended_tx_metadata_storage: true,
            faucet_addr: Some(faucet),
            ..JsonRpcConfig::default_for_test()
        },
        pubsub_config: PubSubConfig {
            enable_block_subscription: true,
            enable_vote_subscription: true,
            ..PubSubConfig::default_for_tests()
        },
        account_paths: vec![accounts.0],
        accounts_db_config: AccountsDbConfig {
            index: Some(AccountsIndexConfig::default()),
            scan_filter_for_shrinking: ScanFilter::All,
            ..ACCOUNTS_DB_CONFIG_FOR_TESTING
        },
        max_ledger_shreds: (!is_kept).then_some(MAX_SHREDS),
        expected_genesis_hash: Some(genesis_hash.parse().context("the genesis hash is none")?),
        snapshot_config: if is_kept { snapshots(folder)? } else { SnapshotConfig::new_load_only() },
        // Says what was voted for, so that a start does not vote otherwise.
        tower_storage: Arc::new(FileTowerStorage::new(folder.to_owned())),
        run_verification: false,
        ..ValidatorConfig::default_for_test()
    };
    let vote_account = keys.vote.pubkey();
    let identity = Arc::new(keys.identity);
    Validator::new(
        peer(&identity, rpc, ws)?,
        identity,
        folder,
        &vote_account,
        Arc::new(RwLock::new(vec![Arc::new(keys.vote)])),
        Vec::new(),
        &validator_config,
        None,
        Arc::default(),
        SocketAddrSpace::Unspecified,
        ValidatorTpuConfig::new_for_tests(),
        Arc::default(),
        None,
    )
    .map_err(|error| Error::from_boxed(error.into()))
    .context("the validator does not start")
}

/// How the accounts of a kept ledger are saved.
fn snapshots(folder: &Path) -> Result<SnapshotConfig> {
    let (archives, banks) = (folder.join("snapshots"), folder.join("banks"));
    for folder in [&archives, &banks] {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    Ok(SnapshotConfig {
        full_snapshot_archive_interval: SnapshotInterval::Slots(SNAPSHOT_INTERVAL_SLOTS),
        incremental_snapshot_archive_interval: SnapshotInterval::Disabled,
        full_snapshot_archives_dir: archives.clone(),
        incremental_snapshot_archives_dir: archives,
        bank_snapshots_dir: banks,
        // Not every file system has it.
        use_direct_io: false,
        use_registered_io_uring_buffers: false,
        ..SnapshotConfig::default()
    })
}

/// The sockets that other validators would use.
fn peer(identity: &Keypair, rpc: SocketAddr, ws: SocketAddr) -> Result<Node> {
    let one = NonZeroUsize::MIN;
    let mut node = Node::new_with_external_ip(
        &identity.pubkey(),
        NodeConfig {
            bind_ip_addrs: BindIpAddrs::new(vec![LOOPBACK]).map_err(Error::msg)?,
            gossip_port: 0,
            port_range: PEER_PORTS,
            advertised_ip: LOOPBACK,
            public_tvu_addr: None,
            public_tpu_addr: None,
            public_tpu_forwards_addr: None,
            num_tvu_receive_sockets: one,
            num_tvu_retransmit_sockets: one,
            num_quic_endpoints: NonZeroUsize::new(DEFAULT_QUIC_ENDPOINTS).unwrap_or(one),
        },
    );
    node.info.set_rpc((LOOPBACK, rpc.port())).context("the RPC port cannot be announced")?;
    node.info.set_rpc_pubsub((LOOPBACK, ws.port())).context("the WebSocket port cannot be announced")?;
    Ok(node)
}

/// Starts what `requestAirdrop` asks; its thread ends with the process.
fn start_faucet(key: Keypair) -> Result<SocketAddr> {
    let (bound_tx, bound) = unbounded();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    thread::Builder::new().name("faucet".into()).spawn(move || {
        let faucet = Arc::new(Mutex::new(Faucet::new(key, None, None, None)));
        runtime.block_on(run_faucet(faucet, SocketAddr::new(LOOPBACK, 0), Some(bound_tx)));
    })?;
    bound.recv().context("the faucet's thread panicked")?.map_err(Error::msg)
}
