-- The index of the ledgers: what is needed to serve every entry with its proof, and to rebuild and prove the
-- whole from it. Rows are inserted once and never changed, but for the cursor; those above the checked watermark
-- can be deleted. Hashes are SHA-256. "Applied" is
-- what was recomputed from events; "checked" is what moreover equals the account on the chain.

-- The one cluster and program that all rows come from.
create table cluster (
    is_only boolean not null default true,
    genesis_hash bytea not null,
    program bytea not null,
    constraint cluster_one_row primary key (is_only),
    constraint cluster_is_only check (is_only),
    constraint cluster_genesis_hash_length check (octet_length(genesis_hash) = 32),
    constraint cluster_program_length check (octet_length(program) = 32)
);

-- The number stands for the 32-byte address in the big tables.
create table ledger (
    id integer generated always as identity,
    address bytea not null,
    constraint ledger_key primary key (id),
    constraint ledger_address_unique unique (address),
    constraint ledger_address_length check (octet_length(address) = 32)
);

create table transaction (
    id bigint generated always as identity,
    signature bytea not null,
    slot bigint not null,
    constraint transaction_key primary key (id),
    constraint transaction_signature_unique unique (signature),
    constraint transaction_signature_length check (octet_length(signature) = 64),
    constraint transaction_slot_range check (slot >= 0)
);

-- The event log: leaf `seq` has the preimage `leaf` (kind, header, body), without the entries.
create table event (
    ledger integer not null,
    seq bigint not null,
    transaction bigint not null,
    leaf_hash bytea not null,
    leaf bytea not null,
    constraint event_key primary key (ledger, seq),
    constraint event_ledger foreign key (ledger) references ledger (id),
    constraint event_of_transaction foreign key (transaction) references transaction (id),
    constraint event_seq_range check (seq >= 0),
    constraint event_leaf_hash_length check (octet_length(leaf_hash) = 32),
    constraint event_leaf_length check (octet_length(leaf) >= 152)
);

-- For taking back what was never checked: a transaction is deleted with the last event that refers to it.
create index event_by_transaction on event (transaction);

create table entry (
    ledger integer not null,
    index bigint not null,
    event_seq bigint not null,
    leaf_hash bytea not null,
    payload bytea not null,
    constraint entry_key primary key (ledger, index),
    constraint entry_event foreign key (ledger, event_seq) references event (ledger, seq),
    constraint entry_index_range check (index >= 0),
    constraint entry_leaf_hash_length check (octet_length(leaf_hash) = 32),
    constraint entry_payload_length check (octet_length(payload) between 1 and 65535)
);

-- Full tiles only: 256 hashes of tree level 8 * `level`. The right edge follows from the newest leaf hashes and
-- from the roots of full tiles. `log`: 0 the entries, 1 the events.
create table tile (
    ledger integer not null,
    log smallint not null,
    level smallint not null,
    index bigint not null,
    root bytea not null,
    hashes bytea not null,
    constraint tile_key primary key (ledger, log, level, index),
    constraint tile_ledger foreign key (ledger) references ledger (id),
    constraint tile_log_known check (log in (0, 1)),
    constraint tile_level_range check (level between 0 and 5),
    constraint tile_index_range check (index >= 0),
    constraint tile_root_length check (octet_length(root) = 32),
    constraint tile_hashes_length check (octet_length(hashes) = 8192)
);

-- Roots of perfect subtrees of 2^level leaves whose leaves the index lacks, kept for good.
create table subtree (
    ledger integer not null,
    level smallint not null,
    index bigint not null,
    root bytea not null,
    constraint subtree_key primary key (ledger, level, index),
    constraint subtree_ledger foreign key (ledger) references ledger (id),
    constraint subtree_level_range check (level between 0 and 47),
    constraint subtree_index_range check (index >= 0),
    constraint subtree_root_length check (octet_length(root) = 32)
);

-- How far each ledger is: the one table whose rows change. It moves by compare-and-swap on `event_seq`, in the
-- transaction that inserts the rows.
create table cursor (
    ledger integer not null,
    event_seq bigint not null default 0,
    size bigint not null default 0,
    checked_event_seq bigint not null default 0,
    checked_size bigint not null default 0,
    checked_root bytea,
    checked_event_root bytea,
    checked_slot bigint,
    constraint cursor_key primary key (ledger),
    constraint cursor_ledger foreign key (ledger) references ledger (id),
    constraint cursor_checked_not_above_applied check (
        checked_event_seq between 0 and event_seq and checked_size between 0 and size
    ),
    constraint cursor_checked_complete check (
        (checked_event_seq = 0) = (checked_root is null)
        and (checked_root is null) = (checked_event_root is null)
        and (checked_root is null) = (checked_slot is null)
    ),
    constraint cursor_root_lengths check (
        octet_length(checked_root) = 32 and octet_length(checked_event_root) = 32
    ),
    constraint cursor_slot_range check (checked_slot >= 0)
);

-- A ledger that must not go on: what was recomputed differs from what the chain says. What is checked is served
-- on; a person looks, and has the row deleted to let the ledger be tried again.
create table halt (
    ledger integer not null,
    since timestamptz not null default now(),
    reason text not null,
    constraint halt_key primary key (ledger),
    constraint halt_ledger foreign key (ledger) references ledger (id)
);
