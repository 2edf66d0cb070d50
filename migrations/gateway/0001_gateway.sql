-- The records that the gateway has accepted, and their way to the chain. Apart from the index, for it has another durability: what is here
-- and not on the chain yet stands nowhere else. Rows are inserted; what changes is the outcome of plans and attempts, the
-- sequencer's row and the end of streams.
create schema if not exists gateway;

-- The number stands for the 32-byte address in the big tables. `by_grant` and `grant_expires_at` are what a server of the chain
-- said last of the gateway's right to append there, for a gateway that starts while the chain is away.
create table gateway.ledger (
    id integer generated always as identity,
    address bytea not null,
    by_grant boolean not null,
    grant_expires_at bigint not null,
    constraint ledger_key primary key (id),
    constraint ledger_address_unique unique (address),
    constraint ledger_address_length check (octet_length(address) = 32)
);

-- One HTTP request, committed with its records. `idempotency_key` is unique for a caller and a ledger; `api_key` is empty for
-- callers without one. The terms of the promise are here and its signature is not: signing them again gives the same bytes.
create table gateway.request (
    id uuid not null,
    ledger integer not null,
    api_key bytea not null,
    idempotency_key text,
    fingerprint bytea not null,
    records integer not null,
    bytes bigint not null,
    promise_from bigint,
    promise_deadline bigint,
    promise_root bytea,
    promise_copies smallint,
    accepted_at timestamptz not null default now(),
    constraint request_key primary key (id),
    constraint request_ledger foreign key (ledger) references gateway.ledger (id),
    constraint request_api_key_length check (octet_length(api_key) in (0, 8)),
    constraint request_idempotency_key_length check (char_length(idempotency_key) between 1 and 255),
    constraint request_fingerprint_length check (octet_length(fingerprint) = 32),
    constraint request_has_records check (records > 0),
    constraint request_promise_whole check (
        (promise_from is null) = (promise_deadline is null)
        and (promise_from is null) = (promise_root is null)
        and (promise_from is null) = (promise_copies is null)
    ),
    constraint request_promise_root_length check (octet_length(promise_root) = 32)
);

create unique index request_by_idempotency_key on gateway.request (ledger, api_key, idempotency_key)
    where idempotency_key is not null;
-- For what a key used in a day.
create index request_by_time on gateway.request (accepted_at);

-- `number` is drawn under a lock that the transaction holds until its end, so that numbers are in the order of commits: a reader
-- who has read on to a number has missed none below it. The order of transactions' numbers would not do: one that is still
-- running, in whichever database of the server, would hold everything up.
-- `form`: 0 a statement is made of it, 1 the content is the entry itself. `commitment` is SHA-256(salt || content).
create sequence gateway.record_number;

create table gateway.record (
    id uuid not null,
    ledger integer not null,
    number bigint not null default nextval('gateway.record_number'),
    request uuid not null,
    form smallint not null,
    content_type text not null,
    content bytea not null,
    salt bytea not null,
    commitment bytea not null,
    stream bytea not null,
    subject bytea,
    author_time_ms bigint not null,
    constraint record_key primary key (id),
    constraint record_form_known check (form in (0, 1)),
    constraint record_salt_length check (octet_length(salt) = 32),
    constraint record_commitment_length check (octet_length(commitment) = 32),
    constraint record_stream_length check (octet_length(stream) = 32),
    constraint record_subject_length check (octet_length(subject) = 32),
    constraint record_author_time_range check (author_time_ms >= 0)
);

create unique index record_in_order on gateway.record (ledger, number);

-- The gateway process that plans for a ledger, and how far it is. Each holder of the lease has an epoch of its own, which each of its writes names.
-- Ordinals number a ledger's sealed records from 0, without holes.
create table gateway.sequencer (
    ledger integer not null,
    epoch bigint not null default 0,
    renewed_at timestamptz not null default '-infinity',
    sealed_number bigint not null default 0,
    next_ordinal bigint not null default 0,
    constraint sequencer_key primary key (ledger),
    constraint sequencer_ledger foreign key (ledger) references gateway.ledger (id)
);

-- A record's entry: its bytes and its place are fixed once, whatever becomes of the transactions that carry it.
create table gateway.sealed (
    ledger integer not null,
    ordinal bigint not null,
    record uuid not null,
    entry bytea not null,
    constraint sealed_key primary key (ledger, ordinal),
    constraint sealed_once unique (record),
    constraint sealed_ordinal_range check (ordinal >= 0),
    constraint sealed_entry_length check (octet_length(entry) between 1 and 65535)
);

-- The last statement of each stream.
create table gateway.stream (
    ledger integer not null,
    stream bytea not null,
    sequence bigint not null,
    leaf_hash bytea not null,
    constraint stream_key primary key (ledger, stream),
    constraint stream_leaf_hash_length check (octet_length(leaf_hash) = 32)
);

-- A run of ordinals that is to follow the ledger's first `first_index` leaves. `outcome`: null open, 1 landed, 2 it never will.
create table gateway.plan (
    id bigint generated always as identity,
    ledger integer not null,
    first_ordinal bigint not null,
    records bigint not null,
    first_index bigint not null,
    -- The leaves by the hashes of their subtrees, one after the other; null where the transaction carries the entries.
    subtrees bytea,
    root bytea not null,
    epoch bigint not null,
    planned_at timestamptz not null default now(),
    confirmed_slot bigint,
    confirmed_at timestamptz,
    outcome smallint,
    event_seq bigint,
    -- Nothing is left to do: its entries are in the index, or it never lands.
    is_done boolean not null default false,
    constraint plan_key primary key (id),
    constraint plan_ledger foreign key (ledger) references gateway.ledger (id),
    constraint plan_has_records check (records > 0),
    constraint plan_first_index_range check (first_index >= 0),
    constraint plan_root_length check (octet_length(root) = 32),
    constraint plan_outcome_known check (outcome in (1, 2)),
    constraint plan_event_of_landed check ((outcome = 1) = (event_seq is not null) or outcome is null)
);

-- No ordinal is in two plans that may land, or have, at different sizes.
create unique index plan_live on gateway.plan (ledger, first_ordinal) where outcome is null or outcome = 1;
create index plan_by_index on gateway.plan (ledger, first_index);
create index plan_open on gateway.plan (ledger, first_index) where not is_done;

-- The signed transactions of a plan, each written before it is sent. One alone can land, for each expects the plan's size.
create table gateway.attempt (
    plan bigint not null,
    number integer not null,
    signature bytea not null,
    transaction bytea not null,
    last_valid_height bigint not null,
    constraint attempt_key primary key (plan, number),
    constraint attempt_plan foreign key (plan) references gateway.plan (id),
    constraint attempt_signature_length check (octet_length(signature) = 64)
);
