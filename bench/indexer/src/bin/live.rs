//! How soon a confirmed record can be read: `live RPC_URL WALLET_FILE LEDGER APPENDS`, the index in DATABASE_URL.
//!
//! One append after the other; the chain and the index are both asked again and again, a few milliseconds apart. The
//! clock starts when the server first shows the append in the ledger's confirmed account. "Seen": its event is a row of
//! `pending` or of `event`. "Checked": the watermark is beyond it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;
use counterfoil_client::{Rpc, Signer, idl, instruction, read_keypair, send};
use counterfoil_core::{LedgerId, Wallet};
use sqlx::PgPool;
use tokio::time::sleep;

const INTERVAL: Duration = Duration::from_millis(2);
const QUERY: &str = "select exists (select from pending where pending.ledger = ledger.id and seq = $2)
        or exists (select from event where event.ledger = ledger.id and seq = $2),
        coalesce(checked_event_seq, 0) > $2
    from ledger join cursor on cursor.ledger = ledger.id where address = $1";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().context("usage: live RPC_URL WALLET_FILE LEDGER APPENDS");
    let program = idl::declared_program();
    let rpc = Rpc::new(&next()?, program);
    let wallet = read_keypair(&PathBuf::from(next()?))?;
    let ledger: LedgerId = next()?.parse()?;
    let appends: u64 = next()?.parse()?;
    let pool = PgPool::connect(&std::env::var("DATABASE_URL")?).await?;
    let (mut seen, mut checked) = (Vec::new(), Vec::new());
    for number in 0..appends {
        let events = rpc.fetch_confirmed_account(ledger).await?.account.events.size().get();
        let entry = format!("a record, number {number}").into_bytes();
        let signer = Wallet(wallet.pubkey().to_bytes());
        let append = instruction::append(program, ledger, signer, false, None, &[entry]);
        let chain = async {
            while rpc.fetch_confirmed_account(ledger).await?.account.events.size().get() == events {
                sleep(INTERVAL).await;
            }
            anyhow::Ok(Instant::now())
        };
        let index = async {
            let mut seen = None;
            loop {
                let query = sqlx::query_as(QUERY).bind(ledger.0).bind(i64::try_from(events)?);
                let (is_seen, is_checked): (bool, bool) = query.fetch_optional(&pool).await?.unwrap_or_default();
                let now = Instant::now();
                seen = seen.or(is_seen.then_some(now));
                if let Some(seen) = seen.filter(|_| is_checked) {
                    return anyhow::Ok((seen, now));
                }
                sleep(INTERVAL).await;
            }
        };
        let sent = async { Ok(send(&rpc, &wallet, append).await?) };
        let (_, confirmed, times) = tokio::try_join!(sent, chain, index)?;
        // What the index shows before the same server's account does is there at once.
        let after = |time: Instant| time.saturating_duration_since(confirmed).as_secs_f64() * 1e3;
        seen.push(after(times.0));
        checked.push(after(times.1));
    }
    println!(r#"{{"seen":{seen:?},"checked":{checked:?}}}"#);
    Ok(())
}
