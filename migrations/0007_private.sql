-- That a ledger is private is said, and not read from whether anybody stands on its list: who takes the last reader off, to
-- put another on it, published the ledger meanwhile. Keys can end by themselves, and tell when they were last used.
create table private_ledger (
    ledger bytea not null,
    constraint private_ledger_key primary key (ledger),
    constraint private_ledger_length check (octet_length(ledger) = 32)
);
insert into private_ledger (ledger) select distinct ledger from reader;

alter table api_key add column expires timestamptz;
alter table api_key add column last_used timestamptz;
