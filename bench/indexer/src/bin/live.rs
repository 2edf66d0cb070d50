//! How soon a confirmed record can be read: `live RPC_URL WALLET_FILE LEDGER APPENDS`, the index in DATABASE_URL.
//!
//! One append after the other, each as soon as the last one is seen; the chain and the index are asked again and again, a
//! few milliseconds apart. The clock starts when the server first shows the append in the ledger's confirmed account.
//! "Seen": its event is a row of `pending` or of `event`. "Checked": the watermark is beyond it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;
use counterfoil_append::{instruction, read_keypair, send, wallet_of};
use counterfoil_client::{Rpc, idl};
use counterfoil_core::LedgerId;
use sqlx::PgPool;
use tokio::time::sleep;

const INTERVAL: Duration = Duration::from_millis(2);
const SEEN: &str = "select exists (select from pending where pending.ledger = ledger.id and seq = $2)
        or exists (select from event where event.ledger = ledger.id and seq = $2)
    from ledger where address = $1";
const CHECKED: &str = "select coalesce(checked_event_seq, 0) from ledger join cursor on cursor.ledger = ledger.id
    where address = $1";

/// When the watermark came to each event, up to number `last`.
async fn watch_checked(pool: PgPool, ledger: LedgerId, last: u64) -> anyhow::Result<Vec<(u64, Instant)>> {
    let (mut moments, mut known) = (Vec::new(), 0);
    while known <= last {
        let checked: Option<i64> = sqlx::query_scalar(CHECKED).bind(ledger.0).fetch_optional(&pool).await?;
        let checked = u64::try_from(checked.unwrap_or_default())?;
        moments.extend((known..checked).map(|seq| (seq, Instant::now())));
        known = checked.max(known);
        sleep(INTERVAL).await;
    }
    Ok(moments)
}

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
    let first = rpc.fetch_confirmed_account(ledger).await?.account.events.size().get();
    let last = first.checked_add(appends).and_then(|end| end.checked_sub(1)).context("no appends")?;
    let watch = tokio::spawn(watch_checked(pool.clone(), ledger, last));
    // An event that the index shows before the same server's account does counts as there at once.
    let after = |time: Instant, confirmed| time.saturating_duration_since(confirmed).as_secs_f64() * 1e3;
    let (mut seen, mut confirmations) = (Vec::new(), BTreeMap::new());
    for number in 0..appends {
        let events = rpc.fetch_confirmed_account(ledger).await?.account.events.size().get();
        let entry = format!("a record, number {number}").into_bytes();
        let signer = wallet_of(&wallet);
        let append = instruction::append(program, ledger, signer, false, None, &[entry]);
        let chain = async {
            while rpc.fetch_confirmed_account(ledger).await?.account.events.size().get() == events {
                sleep(INTERVAL).await;
            }
            anyhow::Ok(Instant::now())
        };
        let index = async {
            while sqlx::query_scalar(SEEN).bind(ledger.0).bind(i64::try_from(events)?).fetch_optional(&pool).await?
                != Some(true)
            {
                sleep(INTERVAL).await;
            }
            anyhow::Ok(Instant::now())
        };
        let sent = async { Ok(send(&rpc, &wallet, append).await?) };
        let (_, confirmed, shown) = tokio::try_join!(sent, chain, index)?;
        seen.push(after(shown, confirmed));
        confirmations.insert(events, confirmed);
    }
    let moments = watch.await??.into_iter();
    let checked: Vec<f64> =
        moments.filter_map(|(seq, time)| confirmations.get(&seq).map(|confirmed| after(time, *confirmed))).collect();
    println!(r#"{{"seen":{seen:?},"checked":{checked:?}}}"#);
    Ok(())
}
