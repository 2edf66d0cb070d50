-- What servers said of a ledger when the indexer compared their accounts with what it rebuilt. Evidence, for people: no
-- proof rests on it and no event leads to it, so that it cannot be made anew.

-- Of each server the newest 16 answers that agreed and the newest 64 that did not, each at a `place` of its own that the
-- next one after so many takes over: the table stays small without anything being deleted. `number` counts a server's
-- answers. `since`: since when the server has agreed without an answer that did not.
create table evidence (
    ledger integer not null,
    server text not null,
    agrees boolean not null,
    place smallint not null,
    number bigint not null,
    slot bigint not null,
    event_seq bigint not null,
    size bigint not null,
    root bytea not null,
    event_root bytea not null,
    since timestamptz,
    observed_at timestamptz not null default now(),
    constraint evidence_key primary key (ledger, server, agrees, place),
    constraint evidence_ledger foreign key (ledger) references ledger (id),
    constraint evidence_place_range check (place >= 0 and place < case when agrees then 16 else 64 end),
    constraint evidence_numbers_range check (number >= 0 and slot >= 0 and event_seq >= 0 and size >= 0),
    constraint evidence_root_lengths check (octet_length(root) = 32 and octet_length(event_root) = 32),
    constraint evidence_since_of_agreement check (agrees = (since is not null))
);
