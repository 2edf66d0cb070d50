-- The use of each ledger by each key, by the hour: added to in the transaction that accepts, and by what transactions cost once they
-- are in the ledger. `api_key` is empty for callers without one.
create table gateway.usage (
    api_key bytea not null,
    ledger integer not null,
    hour timestamptz not null,
    records bigint not null,
    bytes bigint not null,
    lamports bigint not null default 0,
    constraint usage_key primary key (api_key, ledger, hour),
    constraint usage_ledger foreign key (ledger) references gateway.ledger (id),
    constraint usage_api_key_length check (octet_length(api_key) in (0, 8)),
    constraint usage_range check (records >= 0 and bytes >= 0 and lamports >= 0)
) with (fillfactor = 50); -- Room on its page for the next version of a row, so that no index changes.

insert into gateway.usage (api_key, ledger, hour, records, bytes)
select api_key, ledger, date_trunc('hour', accepted_at), sum(records), sum(bytes)
from gateway.request where accepted_at > now() - interval '25 hours' group by 1, 2, 3;

-- `usage` does now what this was for.
drop index gateway.request_by_time;
-- For the names that are forgotten.
create index request_by_named_time on gateway.request (accepted_at) where idempotency_key is not null;

-- All ordinals below it are in the ledger: what is older needs no look any more.
alter table gateway.sequencer add column landed_ordinal bigint not null default 0;
update gateway.sequencer set landed_ordinal = coalesce((
    select min(first_ordinal + records) from gateway.plan as this
    where this.ledger = sequencer.ledger and this.outcome = 1 and not exists (
        select from gateway.plan as next
        where next.ledger = this.ledger and next.outcome = 1 and next.first_ordinal = this.first_ordinal + this.records)
), 0);

-- The most that a transaction costs, and the wallet that pays it.
alter table gateway.attempt
    add column lamports bigint not null default 5000,
    add column payer bytea,
    add constraint attempt_lamports_range check (lamports >= 0),
    add constraint attempt_payer_length check (octet_length(payer) = 32);

-- The events of the ledger up to which each append of the gateway's wallet is one that this database has.
alter table gateway.ledger
    add column own_events bigint not null default 0,
    add constraint ledger_own_events_range check (own_events >= 0);

-- The server that these tables stand on, as it names itself: where it is another one, they may have been restored from before.
create table gateway.origin (
    is_only boolean not null default true,
    server text not null,
    constraint origin_one_row primary key (is_only),
    constraint origin_is_only check (is_only)
);
