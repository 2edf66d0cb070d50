-- Leaves that a ledger appended by the hashes of their subtrees. No earlier version wrote a row of `subtree`.

-- Roots of perfect subtrees of 2^level leaves, kept for good, also when the entries below have come. Either the subtree
-- was appended by its hash; or (`is_tile`) it is a tile of 256 hashes of tree level `level` - 8 that could not become a
-- row of `tile`, because hashes were not known when it became as wide. `event_seq`: the event with which that was.
alter table subtree
    add column event_seq bigint not null,
    add column is_tile boolean not null,
    add constraint subtree_event_seq_range check (event_seq >= 0),
    add constraint subtree_is_of_tile_level check (not is_tile or level in (8, 16, 24, 32, 40));

-- Those appended by their hashes, in the order of the log: they do not overlap.
create unique index subtree_by_first_index on subtree (ledger, (index << level)) where not is_tile;

-- Of the leaves below `checked_size`, how many entries are not here. It grows with the watermark and shrinks as
-- entries are filled in, which is done below the watermark alone.
alter table cursor
    add column missing bigint not null default 0,
    add constraint cursor_missing_range check (missing between 0 and checked_size);
