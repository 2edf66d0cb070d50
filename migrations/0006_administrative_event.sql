-- Who may do what, and since when, is in a few events among millions: those that append nothing. They have an index of
-- their own, which an append does not write to. The kinds are those of docs/protocol.md: EntriesAppended, SubtreesAppended.

set local statement_timeout = 0;

create index event_administrative on event (ledger, seq)
    where substring(leaf, 1, 8) not in ('\xf3a80463435d2aa5', '\xb62d6df3e004e071');
