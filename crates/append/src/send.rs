//! Sending a transaction so that its outcome is known.

use std::future::Future;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use counterfoil_client::address::key;
use counterfoil_client::{CallError, Few, Rpc, Source};
use counterfoil_core::Wallet;
use serde::Deserialize;
use serde_json::json;
use solana_commitment_config::CommitmentConfig;
use solana_hash::Hash;
use solana_instruction::Instruction;
use solana_message::Message;
use solana_signature::Signature;
use solana_signer::{Signer, SignerError};
use solana_transaction_status_client_types::TransactionStatus;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use crate::error::SendError;
use crate::in_flight::InFlight;
use crate::keypair::wallet_of;
use crate::payment::{Payment, price_instructions};
use crate::refusal::{Payer, failure, leaves_open, refusal};
use crate::signer::TransactionSigner;

const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// How long a poll may take: one that hangs must not keep the bytes from being sent again.
const POLL_LIMIT: Duration = Duration::from_secs(10);
/// How long the polls go on before the same bytes are sent again.
const ROUND: Duration = Duration::from_secs(2);
/// How long sending may take where the servers do not tell that the blockhash has expired: well beyond the minute or so in
/// which it does.
const PATIENCE: Duration = Duration::from_secs(180);
/// In how many rounds the outcome is asked for once the blockhash has expired: it changes no more.
const ROUNDS_AFTER_EXPIRY: u32 = 5;

/// A transaction that the cluster confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Its signature, base58.
    pub signature: String,
    /// Its slot.
    pub slot: u64,
}

/// Signs a transaction, sends it, and waits until the cluster has confirmed it.
///
/// The same signed bytes are sent again until their blockhash has expired at finalized, so nothing is written twice. That is
/// about 150 slots, and three minutes at most.
///
/// # Errors
/// [`SendError::Refused`], [`SendError::NoSol`], [`SendError::TransactionFailed`]; [`SendError::NotSent`], [`SendError::Expired`] and
/// [`SendError::SentByAnother`] when it is certain that this call wrote nothing; [`SendError::OutcomeUnknown`] when
/// the server does not say what became of it; [`SendError::Client`] and [`SendError::Signer`]
/// when nothing was sent yet.
pub async fn send(rpc: &Rpc, signer: &(dyn Signer + Send + Sync), instruction: Instruction) -> Result<Sent, SendError> {
    send_watched(rpc, signer, instruction, &InFlight::default()).await
}

/// As [`send`], and lets others see meanwhile how far it is.
///
/// # Errors
/// As [`send`].
pub async fn send_watched(
    rpc: &Rpc,
    signer: &(dyn Signer + Send + Sync),
    instruction: Instruction,
    in_flight: &InFlight,
) -> Result<Sent, SendError> {
    in_flight.begin();
    let signed = sign(rpc, signer, instruction).await?;
    send_signed(rpc, wallet_of(signer), &signed, in_flight).await
}

/// Signs a transaction of one instruction with the cluster's newest blockhash; `signer` pays. Nothing is sent.
///
/// # Errors
/// [`SendError::Client`], [`SendError::Signer`].
pub async fn sign(
    rpc: &Rpc,
    signer: &(dyn Signer + Send + Sync),
    instruction: Instruction,
) -> Result<Signed, SendError> {
    let (blockhash, last_valid_height) = fetch_blockhash(rpc).await?;
    let message = Message::new_with_blockhash(&[instruction], Some(&signer.pubkey()), &blockhash);
    let bytes = message.serialize();
    let signature = signer.try_sign_message(&bytes).map_err(SendError::Signer)?;
    Ok(Signed::new(&[signature], bytes, last_valid_height))
}

/// Signs a transaction that another wallet than the appender's may pay, and that may bid a price. Nothing is sent.
///
/// # Errors
/// [`SendError::Client`]; [`SendError::Signer`], also when neither key is one that the transaction wants.
pub async fn sign_paid(
    rpc: &Rpc,
    appender: &dyn TransactionSigner,
    payment: &Payment<'_>,
    instruction: Instruction,
) -> Result<Signed, SendError> {
    let (blockhash, last_valid_height) = fetch_blockhash(rpc).await?;
    let mut instructions = payment.price.map(price_instructions).into_iter().flatten().collect::<Vec<_>>();
    instructions.push(instruction);
    let message = Message::new_with_blockhash(&instructions, Some(&key(payment.payer.wallet().0)), &blockhash);
    let bytes = message.serialize();
    let mut signatures = Vec::new();
    for wanted in message.account_keys.iter().take(message.header.num_required_signatures.into()) {
        let signers = [payment.payer, appender];
        let signer = signers.into_iter().find(|signer| signer.wallet().0 == wanted.to_bytes());
        let signer = signer.ok_or(SendError::Signer(SignerError::KeypairPubkeyMismatch))?;
        signatures.push(signer.sign(&bytes).await.map_err(SendError::Signer)?);
    }
    Ok(Signed::new(&signatures, bytes, last_valid_height))
}

async fn fetch_blockhash(rpc: &Rpc) -> Result<(Hash, u64), SendError> {
    let newest = rpc.client().get_latest_blockhash_with_commitment(CommitmentConfig::confirmed()).await;
    Ok(newest.map_err(rpc.failed("getLatestBlockhash"))?)
}

/// Sends a signed transaction, also one that was sent before, and waits as [`send`] does.
///
/// # Errors
/// As [`send`].
pub async fn send_signed(rpc: &Rpc, payer: Wallet, signed: &Signed, in_flight: &InFlight) -> Result<Sent, SendError> {
    let payer = Payer { wallet: payer, server: rpc.name() };
    let sent = settle(rpc, signed, &payer, in_flight).await;
    if !matches!(sent, Err(SendError::OutcomeUnknown { .. })) {
        in_flight.begin();
    }
    sent
}

/// A signed transaction. A caller that keeps it can send it again after its process has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Its signature, which names it.
    pub signature: Signature,
    /// As it is on the wire.
    pub bytes: Vec<u8>,
    /// The height of the last block that can have it.
    pub last_valid_height: u64,
}

impl Signed {
    /// `signatures` are the payer's and, where that is another wallet, the appender's.
    fn new(signatures: &[Signature], message: Vec<u8>, last_valid_height: u64) -> Self {
        // The count of signatures, a compact-u16, which is one byte up to 127.
        let mut bytes = vec![u8::try_from(signatures.len()).unwrap_or(u8::MAX)];
        for signature in signatures {
            bytes.extend_from_slice(signature.as_ref());
        }
        bytes.extend(message);
        Self { signature: signatures.first().copied().unwrap_or_default(), bytes, last_valid_height }
    }
}

/// A cluster, as sending uses it. Implemented by a server, and by scripts in tests.
trait Cluster {
    /// Hands the bytes over, and waits for no pause that the server wants.
    fn submit(&self, signed: &Signed, is_simulated: bool) -> impl Future<Output = Result<(), CallError>> + Send;
    /// The transaction's status; by the server's history, where it is long past.
    fn fetch_status(
        &self,
        signature: &Signature,
        is_past: bool,
    ) -> impl Future<Output = Result<Option<TransactionStatus>, CallError>> + Send;
    /// The height of the newest finalized block.
    fn fetch_height(&self) -> impl Future<Output = Result<u64, CallError>> + Send;
}

/// The answer for one signature.
#[derive(Deserialize)]
struct Statuses {
    value: Few<Option<TransactionStatus>, 1>,
}

impl Cluster for Rpc {
    async fn submit(&self, signed: &Signed, is_simulated: bool) -> Result<(), CallError> {
        let config = json!({
            "encoding": "base64", "skipPreflight": !is_simulated, "preflightCommitment": "confirmed",
        });
        let params = json!([BASE64_STANDARD.encode(&signed.bytes), config]);
        let signature: String = self.call_at_once("sendTransaction", params).await?;
        match signature == signed.signature.to_string() {
            true => Ok(()),
            false => Err(CallError::Malformed("the signature of another transaction".to_owned())),
        }
    }

    async fn fetch_status(&self, signature: &Signature, is_past: bool) -> Result<Option<TransactionStatus>, CallError> {
        let params = json!([[signature.to_string()], { "searchTransactionHistory": is_past }]);
        let Statuses { value: Few(statuses) } = self.call_at_once("getSignatureStatuses", params).await?;
        // A list without it says nothing of it.
        let status = statuses.into_iter().next();
        status.ok_or_else(|| CallError::Malformed("nothing of the transaction that it was asked for".to_owned()))
    }

    async fn fetch_height(&self) -> Result<u64, CallError> {
        let params = json!([{ "commitment": "finalized" }]);
        self.call_at_once("getBlockHeight", params).await
    }
}

async fn settle(
    cluster: &impl Cluster,
    signed: &Signed,
    payer: &Payer<'_>,
    in_flight: &InFlight,
) -> Result<Sent, SendError> {
    let deadline = Instant::now().checked_add(PATIENCE).unwrap_or_else(Instant::now);
    match timeout_at(deadline, settle_while_valid(cluster, signed, payer, in_flight)).await {
        Ok(settled) => settled,
        Err(_) if !in_flight.may_have_arrived() => Err(not_sent(payer, in_flight)),
        Err(_) => Err(unknown(signed, in_flight)),
    }
}

async fn settle_while_valid(
    cluster: &impl Cluster,
    signed: &Signed,
    payer: &Payer<'_>,
    in_flight: &InFlight,
) -> Result<Sent, SendError> {
    let signature = signed.signature.to_string();
    let mut rounds_after_expiry = 0;
    loop {
        let round_end = Instant::now().checked_add(ROUND).unwrap_or_else(Instant::now);
        let was_there = in_flight.may_have_arrived();
        in_flight.hand_over();
        // Simulated while it is there for certain not, for the error's sake; after that the outcome is what the chain says.
        match cluster.submit(signed, !was_there).await {
            Ok(()) => in_flight.taken(),
            Err(error) => {
                // A server that has the bytes already may refuse them.
                if !was_there && let Some(refusal) = refusal(&error, &signature, payer) {
                    return Err(refusal);
                }
                in_flight.not_taken(error.reason(), leaves_open(&error));
            }
        }
        if in_flight.may_have_arrived() {
            loop {
                // A failing poll is no outcome.
                let status = bounded(cluster.fetch_status(&signed.signature, false)).await;
                if let Some(status) = in_flight.polled(status).flatten()
                    && status.satisfies_commitment(CommitmentConfig::confirmed())
                {
                    return outcome(&signature, status, payer);
                }
                if Instant::now() >= round_end {
                    break;
                }
                sleep(POLL_INTERVAL).await;
            }
        } else {
            sleep_until(round_end).await;
        }
        let height = in_flight.polled(bounded(cluster.fetch_height()).await);
        if height.is_none_or(|height| height <= signed.last_valid_height) {
            continue;
        }
        if !in_flight.may_have_arrived() {
            return Err(not_sent(payer, in_flight));
        }
        match in_flight.polled(bounded(cluster.fetch_status(&signed.signature, true)).await) {
            Some(Some(status)) => return outcome(&signature, status, payer),
            Some(None) => return Err(SendError::Expired { signature, reason: in_flight.why_not_taken() }),
            None => rounds_after_expiry += 1,
        }
        if rounds_after_expiry == ROUNDS_AFTER_EXPIRY {
            return Err(unknown(signed, in_flight));
        }
    }
}

async fn bounded<T>(poll: impl Future<Output = Result<T, CallError>>) -> Result<T, CallError> {
    let late = |_| Err(CallError::Failed("no answer in time".to_owned()));
    timeout(POLL_LIMIT, poll).await.unwrap_or_else(late)
}

fn outcome(signature: &str, status: TransactionStatus, payer: &Payer<'_>) -> Result<Sent, SendError> {
    match status.err {
        None => Ok(Sent { signature: signature.to_owned(), slot: status.slot }),
        Some(error) => Err(failure(&error, payer)),
    }
}

fn not_sent(payer: &Payer<'_>, in_flight: &InFlight) -> SendError {
    let reason = in_flight.last_error().unwrap_or_else(|| "no answer in time".to_owned());
    SendError::NotSent { server: payer.server.to_owned(), reason }
}

fn unknown(signed: &Signed, in_flight: &InFlight) -> SendError {
    let reason = in_flight.last_error().unwrap_or_else(|| "the server does not know it".to_owned());
    SendError::OutcomeUnknown { signature: signed.signature.to_string(), reason }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use counterfoil_client::CallError;
    use counterfoil_core::Wallet;
    use serde_json::json;
    use solana_signature::Signature;
    use solana_transaction_status_client_types::TransactionStatus;
    use tokio::time::Instant;

    use super::{Cluster, Sent, Signed, settle};
    use crate::error::SendError;
    use crate::in_flight::InFlight;
    use crate::refusal::Payer;

    type Answer<T> = Option<Result<T, CallError>>;

    /// A cluster that answers by the count of submissions; where it has no answer it never gives one.
    struct Script<S, T> {
        submit: S,
        status: T,
        /// None where the cluster does not answer.
        first_height: Option<u64>,
        start: Instant,
        submitted: Mutex<Vec<bool>>,
    }

    impl<S, T> Script<S, T> {
        fn count(&self) -> usize {
            self.submitted.lock().unwrap().len()
        }
    }

    async fn or_never<T>(answer: Answer<T>) -> Result<T, CallError> {
        match answer {
            Some(answer) => answer,
            None => std::future::pending().await,
        }
    }

    impl<S, T> Cluster for Script<S, T>
    where
        S: Fn(usize) -> Answer<()> + Sync,
        T: Fn(usize) -> Answer<Option<TransactionStatus>> + Sync,
    {
        async fn submit(&self, _: &Signed, is_simulated: bool) -> Result<(), CallError> {
            self.submitted.lock().unwrap().push(is_simulated);
            or_never((self.submit)(self.count())).await
        }

        async fn fetch_status(&self, _: &Signature, _: bool) -> Result<Option<TransactionStatus>, CallError> {
            or_never((self.status)(self.count())).await
        }

        async fn fetch_height(&self) -> Result<u64, CallError> {
            let slots = self.start.elapsed().as_millis() as u64 / 400;
            or_never(self.first_height.map(|first| Ok(first + slots))).await
        }
    }

    /// The outcome, the seconds that it took, and for each submission whether it was to be simulated first.
    async fn send_to<S, T>(first_height: Option<u64>, submit: S, status: T) -> (Result<Sent, SendError>, u64, Vec<bool>)
    where
        S: Fn(usize) -> Answer<()> + Sync,
        T: Fn(usize) -> Answer<Option<TransactionStatus>> + Sync,
    {
        let script = Script { submit, status, first_height, start: Instant::now(), submitted: Mutex::default() };
        let signed = Signed { signature: Signature::default(), bytes: Vec::new(), last_valid_height: 150 };
        let payer = Payer { wallet: Wallet([7; 32]), server: "http://server" };
        let sent = settle(&script, &signed, &payer, &InFlight::default()).await;
        (sent, script.start.elapsed().as_secs(), script.submitted.into_inner().unwrap())
    }

    fn unknown_to_it(_: usize) -> Answer<Option<TransactionStatus>> {
        Some(Ok(None))
    }

    fn confirmed() -> Answer<Option<TransactionStatus>> {
        let status = json!({ "slot": 7, "confirmations": null, "status": { "Ok": null }, "err": null,
                             "confirmationStatus": "confirmed" });
        Some(Ok(Some(serde_json::from_value(status).unwrap())))
    }

    fn refused(code: i64) -> CallError {
        CallError::Refused { code, message: "no".to_owned(), data: json!(null) }
    }

    fn busy() -> CallError {
        let pause = Duration::from_secs(9);
        CallError::Paused { pause, is_asked: true, is_unavailable: false, may_have_arrived: false }
    }

    #[tokio::test(start_paused = true)]
    async fn a_permanent_refusal_ends_at_once_and_says_that_nothing_was_sent() {
        for (error, words) in [
            ((|| CallError::Status(403)) as fn() -> CallError, "HTTP status 403"),
            (|| CallError::Status(404), "HTTP status 404"),
            (|| refused(-32_601), "no (error -32601)"),
            (|| refused(-32_002), "no (error -32002)"),
        ] {
            let (sent, seconds, submitted) = send_to(Some(0), |_| Some(Err(error())), unknown_to_it).await;
            let error = sent.unwrap_err();
            assert!(matches!(error, SendError::NotSent { .. }), "{error}");
            assert!(error.to_string().contains(words) && error.to_string().contains("nothing was sent"), "{error}");
            assert_eq!((seconds, submitted.len()), (0, 1));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_no_server_takes_ends_with_its_blockhash_and_with_the_servers_last_error() {
        for error in [|| CallError::Status(500), || CallError::Failed("HTTP status 500, so to say".to_owned())] {
            let (sent, seconds, _) = send_to(Some(0), |_| Some(Err(error())), unknown_to_it).await;
            let error = sent.unwrap_err();
            assert!(matches!(error, SendError::Expired { reason: Some(_), .. }), "{error}");
            assert!(error.to_string().contains("HTTP status 500"), "{error}");
            assert!((60..70).contains(&seconds), "{seconds}");
        }
        for error in [busy, || CallError::Unreached("refused".to_owned())] {
            let (sent, seconds, submitted) = send_to(Some(0), |_| Some(Err(error())), |_| None).await;
            assert!(matches!(sent, Err(SendError::NotSent { .. })), "{sent:?}");
            assert!((60..70).contains(&seconds), "{seconds}");
            assert!(submitted.len() > 20 && submitted.into_iter().all(|is_simulated| is_simulated));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_hangs_does_not_hold_the_outcome_up_for_longer_than_a_blockhash_is_valid() {
        let (sent, seconds, _) = send_to(None, |_| Some(Ok(())), |_| None).await;
        let error = sent.unwrap_err();
        assert!(matches!(error, SendError::OutcomeUnknown { .. }), "{error}");
        assert!(error.to_string().contains("no answer in time"), "{error}");
        assert_eq!(seconds, 180);
        let (sent, seconds, _) = send_to(None, |_| None, |_| None).await;
        assert!(matches!(sent, Err(SendError::OutcomeUnknown { .. })), "{sent:?}");
        assert_eq!(seconds, 180);
        let (sent, seconds, _) = send_to(None, |_| Some(Err(busy())), |_| None).await;
        let error = sent.unwrap_err();
        assert!(error.to_string().contains("wants a pause of 9 s; nothing was sent"), "{error}");
        assert_eq!(seconds, 180);
    }

    #[tokio::test(start_paused = true)]
    async fn an_outcome_that_is_not_told_after_the_blockhash_has_expired_is_unknown_soon() {
        let malformed = |_| Some(Err(CallError::Malformed("nothing of it".to_owned())));
        let (sent, seconds, _) = send_to(Some(0), |_| Some(Ok(())), malformed).await;
        let error = sent.unwrap_err();
        assert!(matches!(error, SendError::OutcomeUnknown { .. }), "{error}");
        assert!(error.to_string().contains("nothing of it"), "{error}");
        assert!((60..80).contains(&seconds), "{seconds}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_server_took_and_the_chain_never_had_has_expired() {
        let (sent, _, _) = send_to(Some(0), |_| Some(Ok(())), unknown_to_it).await;
        assert!(matches!(sent, Err(SendError::Expired { reason: None, .. })), "{sent:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_have_arrived_is_refused_by_the_chain_alone() {
        let submit = |count| {
            Some(Err(match count {
                1 => busy(),
                2 => CallError::Status(500),
                _ => CallError::Status(403),
            }))
        };
        let status = |count| if count == 4 { confirmed() } else { unknown_to_it(count) };
        let (sent, _, submitted) = send_to(Some(0), submit, status).await;
        assert_eq!(sent.unwrap().slot, 7);
        // Simulated as long as it was certain that none had it.
        assert_eq!(submitted, [true, true, false, false]);
    }

    #[test]
    fn a_transaction_may_have_arrived_from_its_handing_over_until_a_server_shows_that_it_has_not() {
        let in_flight = InFlight::default();
        in_flight.hand_over();
        assert!(in_flight.may_have_arrived());
        in_flight.not_taken("busy".to_owned(), false);
        assert!(!in_flight.may_have_arrived());
        assert_eq!(in_flight.last_error().as_deref(), Some("busy"));
        in_flight.hand_over();
        in_flight.not_taken("hung".to_owned(), true);
        in_flight.hand_over();
        in_flight.not_taken("busy".to_owned(), false);
        assert!(in_flight.may_have_arrived());
        assert_eq!(in_flight.why_not_taken().as_deref(), Some("busy"));
        in_flight.taken();
        assert_eq!((in_flight.last_error(), in_flight.why_not_taken()), (None, None));
        in_flight.not_taken("it was processed already".to_owned(), true);
        assert_eq!(in_flight.last_error(), None);
        in_flight.polled::<()>(Err(busy()));
        assert!(in_flight.last_error().unwrap().contains("too many requests"));
        in_flight.begin();
        assert!(!in_flight.may_have_arrived());
    }
}
