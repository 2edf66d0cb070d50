-- The big tables are partitioned by ledger, so that vacuum, reindex and backup work on pieces, and each of them is
-- what a sharded database would hold of its own. A transaction's signature stands with its event: a table of
-- transactions would cost a row, two index entries and a look-up for every record, and no proof covers it.
--
-- An event's ledger and an entry's event are not foreign keys any more, each of which was a look-up per row: all rows
-- are written by one statement path, in one transaction with the cursor, and `fsck` derives them anew.

set local statement_timeout = 0;

alter table event rename to event_before;
alter table entry rename to entry_before;
alter table tile rename to tile_before;

-- The event log: leaf `seq` has the preimage `leaf` (kind, header, body), without the entries. `signature` names the
-- transaction that it came in: a hint.
create table event (
    ledger integer not null,
    seq bigint not null,
    signature bytea not null,
    leaf_hash bytea not null,
    leaf bytea not null,
    constraint event_key_by_ledger primary key (ledger, seq),
    constraint event_seq_range check (seq >= 0),
    constraint event_signature_length check (octet_length(signature) = 64),
    constraint event_leaf_hash_length check (octet_length(leaf_hash) = 32),
    constraint event_leaf_length check (octet_length(leaf) >= 152)
) partition by hash (ledger);

create table entry (
    ledger integer not null,
    index bigint not null,
    event_seq bigint not null,
    leaf_hash bytea not null,
    payload bytea not null,
    constraint entry_key_by_ledger primary key (ledger, index),
    constraint entry_index_range check (index >= 0),
    constraint entry_event_seq_range check (event_seq >= 0),
    constraint entry_leaf_hash_length check (octet_length(leaf_hash) = 32),
    constraint entry_payload_length check (octet_length(payload) between 1 and 65535)
) partition by hash (ledger);

-- Full tiles only: 256 hashes of tree level 8 * `level`. The right edge follows from the newest leaf hashes and
-- from the roots of full tiles. `log`: 0 the entries, 1 the events.
create table tile (
    ledger integer not null,
    log smallint not null,
    level smallint not null,
    index bigint not null,
    root bytea not null,
    hashes bytea not null,
    constraint tile_key_by_ledger primary key (ledger, log, level, index),
    constraint tile_log_known check (log in (0, 1)),
    constraint tile_level_range check (level between 0 and 5),
    constraint tile_index_range check (index >= 0),
    constraint tile_root_length check (octet_length(root) = 32),
    constraint tile_hashes_length check (octet_length(hashes) = 8192)
) partition by hash (ledger);

-- Hashes do not compress.
alter table tile alter column hashes set storage external;

do $$
begin
    for number in 0..7 loop
        execute format('create table event_%s partition of event for values with (modulus 8, remainder %s)', number, number);
        execute format('create table entry_%s partition of entry for values with (modulus 8, remainder %s)', number, number);
        execute format('create table tile_%s partition of tile for values with (modulus 8, remainder %s)', number, number);
    end loop;
end
$$;

insert into event (ledger, seq, signature, leaf_hash, leaf)
select event_before.ledger, seq, signature, leaf_hash, leaf
from event_before join transaction on transaction.id = event_before.transaction;

insert into entry (ledger, index, event_seq, leaf_hash, payload)
select ledger, index, event_seq, leaf_hash, payload from entry_before;

insert into tile (ledger, log, level, index, root, hashes)
select ledger, log, level, index, root, hashes from tile_before;

drop table entry_before;
drop table event_before;
drop table tile_before;
drop table transaction;

-- What the cluster has confirmed and not finalized: shown as pending, never proven from, replaced or dropped when
-- finality decides. Unlogged, for it is worth nothing after a crash. `entries` are those of an append.
create unlogged table pending (
    ledger integer not null,
    seq bigint not null,
    signature bytea not null,
    slot bigint not null,
    leaf bytea not null,
    entries bytea[] not null,
    constraint pending_key primary key (ledger, seq),
    constraint pending_ledger foreign key (ledger) references ledger (id),
    constraint pending_seq_range check (seq >= 0),
    constraint pending_signature_length check (octet_length(signature) = 64),
    constraint pending_slot_range check (slot >= 0),
    constraint pending_leaf_length check (octet_length(leaf) >= 152)
);
