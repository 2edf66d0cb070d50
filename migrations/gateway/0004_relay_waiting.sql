-- The rows of outboxes that were read while their ledger took none, in the order in which they were read. A ledger that has such rows gets
-- none from behind them, so that its order stays the outbox's. `xid` and `position` are a row's key in its outbox.
create table gateway.relay_waiting (
    relay integer not null,
    ledger text not null,
    ordinal bigint generated always as identity,
    xid bigint not null,
    position bigint not null,
    record uuid not null,
    constraint relay_waiting_key primary key (relay, ledger, ordinal),
    constraint relay_waiting_record_unique unique (relay, record),
    constraint relay_waiting_relay foreign key (relay) references gateway.relay (id),
    constraint relay_waiting_range check (xid >= 0 and position >= 0)
);
