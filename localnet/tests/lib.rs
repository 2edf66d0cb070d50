//! The node as a library.

use counterfoil_localnet::{Config, Node, start};

fn config() -> Config {
    Config {
        rpc_port: None,
        ws_port: None,
        slot_ms: 400,
        programs: vec![],
        wallets: vec![],
        wallet_lamports: 1_000_000,
        ledger: None,
    }
}

#[tokio::test]
async fn stop_returns_when_the_ports_are_free() {
    let running = start(config()).await.expect("it starts");
    let addr = running.endpoints().rpc_url.trim_start_matches("http://").to_owned();
    std::net::TcpListener::bind(&addr).expect_err("the node listens there");

    running.stop().await;

    std::net::TcpListener::bind(&addr).expect("free again");
}

#[tokio::test]
async fn a_node_starts_again_on_the_port_of_one_that_stopped() {
    let first = start(config()).await.expect("it starts");
    let port = first.endpoints().rpc_url.rsplit(':').next().and_then(|port| port.parse().ok());
    let genesis_hash = first.endpoints().genesis_hash.clone();
    first.stop().await;

    let second = start(Config { rpc_port: port, ..config() }).await.expect("it starts again");

    assert_ne!(second.endpoints().genesis_hash, genesis_hash);
    second.stop().await;
}
