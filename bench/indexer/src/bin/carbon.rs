//! Carbon, fed with a recording: `carbon RECORDING TRANSACTIONS`, the database in DATABASE_URL.
//!
//! Its pipeline hands each instruction to its PostgreSQL processor, which awaits one `INSERT … ON CONFLICT` for each:
//! that is how carbon writes. The row is ours, one for each event with its entries in an array, keyed by signature and
//! path: by its own table's key an inner instruction can take another's place. It recomputes and checks nothing.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context;
use async_trait::async_trait;
use carbon_core::datasource::{Datasource, DatasourceId, TransactionUpdate, Update, UpdateType};
use carbon_core::error::{CarbonResult, Error};
use carbon_core::instruction::{InstructionDecoder, InstructionMetadata};
use carbon_core::pipeline::Pipeline;
use carbon_core::postgres::operations::Upsert;
use carbon_core::postgres::processors::PostgresInstructionProcessor;
use counterfoil_client::{Recording, TransactionRecord, idl};
use counterfoil_core::event::EVENT_TAG;
use counterfoil_core::{Event, EventBody};
use futures_util::StreamExt;
use solana_instruction::{AccountMeta, Instruction};
use solana_message::compiled_instruction::CompiledInstruction;
use solana_message::{Message, MessageHeader, VersionedMessage};
use solana_pubkey::Pubkey;
use solana_signature::Signature;
use solana_transaction::versioned::VersionedTransaction;
use solana_transaction_status::{InnerInstruction, InnerInstructions, TransactionStatusMeta};
use sqlx::PgPool;
use tokio::sync::mpsc::Sender;
use tokio_util::sync::CancellationToken;

const TABLE: &str = "create table carbon_event (
    signature bytea not null, path bytea not null, slot bigint not null, ledger bytea not null, seq bigint not null,
    leaf bytea not null, entries bytea[] not null, primary key (signature, path)
)";

/// The first transactions of a file.
struct Recorded {
    path: PathBuf,
    transactions: usize,
}

#[async_trait]
impl Datasource for Recorded {
    async fn consume(
        &self,
        id: DatasourceId,
        sender: Sender<(Update, DatasourceId)>,
        _: CancellationToken,
    ) -> CarbonResult<()> {
        let mut feed = Recording::feed(&self.path);
        let mut left = self.transactions;
        while let Some(chunk) = feed.next().await {
            for transaction in chunk.map_err(|error| Error::Custom(error.to_string()))?.into_iter().take(left) {
                left -= 1;
                let update = Update::Transaction(Box::new(update(transaction)));
                sender.send((update, id.clone())).await.map_err(|error| Error::Custom(error.to_string()))?;
            }
            if left == 0 {
                break;
            }
        }
        Ok(())
    }

    fn update_types(&self) -> Vec<UpdateType> {
        vec![UpdateType::Transaction]
    }
}

/// The transaction as a server reports it: an instruction of the program, and what it called.
fn update(record: TransactionRecord) -> TransactionUpdate {
    let program = record.inner_instructions.first().map_or(0, |inner| inner.program);
    let compiled = |program, accounts, data| CompiledInstruction { program_id_index: program, accounts, data };
    let inner = record.inner_instructions.into_iter().map(|inner| InnerInstruction {
        instruction: compiled(inner.program, inner.accounts, inner.data),
        stack_height: Some(2),
    });
    let meta = TransactionStatusMeta {
        inner_instructions: Some(vec![InnerInstructions { index: 0, instructions: inner.collect() }]),
        ..TransactionStatusMeta::default()
    };
    let message = Message {
        header: MessageHeader { num_required_signatures: 1, ..MessageHeader::default() },
        account_keys: record.accounts.into_iter().map(Pubkey::new_from_array).collect(),
        instructions: vec![compiled(program, vec![0, 1], Vec::new())],
        ..Message::default()
    };
    let signature = Signature::from(record.signature);
    TransactionUpdate {
        signature,
        transaction: VersionedTransaction { signatures: vec![signature], message: VersionedMessage::Legacy(message) },
        meta,
        is_vote: false,
        slot: record.slot,
        index: None,
        block_time: None,
        block_hash: None,
    }
}

struct Decoder {
    program: Pubkey,
}

impl InstructionDecoder<'_> for Decoder {
    type InstructionType = Event;

    fn decode_instruction(&self, instruction: &Instruction) -> Option<Event> {
        let bytes = instruction.data.strip_prefix(&EVENT_TAG)?;
        if instruction.program_id == self.program { Event::decode(bytes).ok() } else { None }
    }
}

struct Row {
    event: Event,
    metadata: InstructionMetadata,
}

impl From<(Event, InstructionMetadata, Vec<AccountMeta>)> for Row {
    fn from((event, metadata, _): (Event, InstructionMetadata, Vec<AccountMeta>)) -> Self {
        Self { event, metadata }
    }
}

#[async_trait]
impl Upsert for Row {
    async fn upsert(&self, pool: &PgPool) -> CarbonResult<()> {
        let header = &self.event.header;
        let transaction = &self.metadata.transaction_metadata;
        let bigint = |value: u64| i64::try_from(value).map_err(|error| Error::Custom(error.to_string()));
        let entries: &[Vec<u8>] = match &self.event.body {
            EventBody::EntriesAppended { entries } => entries,
            _ => &[],
        };
        let statement = "insert into carbon_event (signature, path, slot, ledger, seq, leaf, entries)
            values ($1, $2, $3, $4, $5, $6, $7)
            on conflict (signature, path) do update set slot = $3, ledger = $4, seq = $5, leaf = $6, entries = $7";
        sqlx::query(statement)
            .bind(transaction.signature.as_ref())
            .bind(&self.metadata.absolute_path)
            .bind(bigint(transaction.slot)?)
            .bind(header.ledger.0)
            .bind(bigint(header.event_seq.get())?)
            .bind(self.event.leaf_bytes())
            .bind(entries)
            .execute(pool)
            .await
            .map_err(|error| Error::Custom(error.to_string()))?;
        Ok(())
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: carbon RECORDING TRANSACTIONS";
    let path = PathBuf::from(arguments.next().context(usage)?);
    let transactions = arguments.next().context(usage)?.parse()?;
    let pool = PgPool::connect(&std::env::var("DATABASE_URL")?).await?;
    sqlx::query(TABLE).execute(&pool).await?;
    let decoder = Decoder { program: Pubkey::new_from_array(idl::declared_program().0) };
    let start = Instant::now();
    Pipeline::builder()
        .datasource(Recorded { path, transactions })
        .instruction(decoder, PostgresInstructionProcessor::<Event, Row>::new(pool.clone()))
        .build()?
        .run()
        .await?;
    let seconds = start.elapsed().as_secs_f64();
    let query = "select count(*), coalesce(sum(cardinality(entries)), 0)::bigint from carbon_event";
    let (events, entries): (i64, i64) = sqlx::query_as(query).fetch_one(&pool).await?;
    println!(r#"{{"seconds":{seconds},"events":{events},"records":{entries}}}"#);
    Ok(())
}
