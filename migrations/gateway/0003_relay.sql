-- The outboxes that are relayed, and how far each is. A row is moved on in the transaction that accepts the records which were read, so
-- that each row of an outbox is accepted once. `installation` was drawn at random when the outbox was installed; `server` is the
-- database's server as it named itself then, and `adoptions` how often the outbox was taken over to another one.
create table gateway.relay (
    id integer generated always as identity,
    installation uuid not null,
    server text not null,
    adoptions bigint not null,
    -- All that this snapshot sees has been read; and of what `reading` sees more, the rows up to `position`.
    seen text not null,
    reading text,
    position bigint not null default 0,
    -- The newest row of all: that it is not there any more, or is another one, tells a database that was restored or copied.
    newest_position bigint,
    newest_record uuid,
    moved_at timestamptz not null default now(),
    constraint relay_key primary key (id),
    constraint relay_installation_unique unique (installation),
    constraint relay_newest_whole check ((newest_position is null) = (newest_record is null)),
    constraint relay_range check (position >= 0 and adoptions >= 0)
);

-- The outbox that a request's records came from.
alter table gateway.request
    add column relay integer,
    add constraint request_relay foreign key (relay) references gateway.relay (id);

-- The ordinals below which each record of an outbox has its receipt there.
create table gateway.relay_receipts (
    relay integer not null,
    ledger integer not null,
    ordinal bigint not null default 0,
    constraint relay_receipts_key primary key (relay, ledger),
    constraint relay_receipts_relay foreign key (relay) references gateway.relay (id),
    constraint relay_receipts_ledger foreign key (ledger) references gateway.ledger (id),
    constraint relay_receipts_range check (ordinal >= 0)
);
