-- Who may read through the API. Nothing here follows from the chain, and what is on the chain stays public whatever
-- stands here. Ledgers are named by their addresses, so that a list can be there before the index knows the ledger.

-- Keys for programs. `id` is the public part of a key's text. The secret part is 256 random bits, which no dictionary
-- holds, so one SHA-256 of it is as good at rest as a slow hash. `ledgers`: those that the key reads; null for all
-- that have no list of readers.
create table api_key (
    id bytea not null,
    name text not null,
    secret_hash bytea not null,
    ledgers bytea[],
    requests_per_minute integer not null,
    created timestamptz not null default now(),
    revoked timestamptz,
    constraint api_key_key primary key (id),
    constraint api_key_id_length check (octet_length(id) = 8),
    constraint api_key_name_length check (char_length(name) between 1 and 100),
    constraint api_key_secret_hash_length check (octet_length(secret_hash) = 32),
    constraint api_key_ledgers_not_empty check (cardinality(ledgers) > 0),
    constraint api_key_rate_range check (requests_per_minute > 0)
);

-- Readers by list: a ledger that stands here is private to the wallets beside it.
create table reader (
    ledger bytea not null,
    wallet bytea not null,
    constraint reader_key primary key (ledger, wallet),
    constraint reader_ledger_length check (octet_length(ledger) = 32),
    constraint reader_wallet_length check (octet_length(wallet) = 32)
);
