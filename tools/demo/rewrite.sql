-- The attack of an operator with full power over the database: replace an entry and make everything that depends on
-- it fit again: its leaf hash, the tiles, the roots that later events name, the event log, the checked heads. It does so
-- for ledgers of up to 65,536 entries and events; beyond that the tiles of the next level would need it too. The
-- functions are gone with the session.

-- RFC 6962's tree hash over leaf hashes.
create function pg_temp.counterfoil_root(leaves bytea[]) returns bytea language plpgsql immutable as $$
declare
    size integer := cardinality(leaves);
    split integer := 1;
begin
    if size = 1 then
        return leaves[array_lower(leaves, 1)];
    end if;
    while split * 2 < size loop
        split := split * 2;
    end loop;
    return sha256('\x01'::bytea || pg_temp.counterfoil_root(leaves[1:split])
        || pg_temp.counterfoil_root(leaves[split + 1:size]));
end $$;

-- The full tiles of level 0 over leaf hashes. `in_log`: 0 the entries, 1 the events.
create function pg_temp.counterfoil_tiles(in_ledger integer, in_log smallint, leaves bytea[]) returns void
language sql as $$
    update tile
    set hashes = (select string_agg(leaf, ''::bytea order by number) from unnest(part) with ordinality as p (leaf, number)),
        root = pg_temp.counterfoil_root(part)
    from (select index, leaves[index * 256 + 1:index * 256 + 256] as part from tile
          where ledger = in_ledger and log = in_log and level = 0) as parts
    where ledger = in_ledger and log = in_log and level = 0 and tile.index = parts.index
$$;

create function pg_temp.counterfoil_rewrite(in_ledger integer, in_index bigint, forged text) returns text
language plpgsql as $$
declare
    forged_bytes bytea := convert_to(forged, 'UTF8');
    root_offset constant integer := 121; -- of the header's root in an event's leaf, from 1
    leaves bytea[];
    event_leaves bytea[];
begin
    update entry set payload = forged_bytes, leaf_hash = sha256('\x00'::bytea || forged_bytes)
    where ledger = in_ledger and index = in_index;
    select array_agg(leaf_hash order by index) into leaves from entry where ledger = in_ledger;
    perform pg_temp.counterfoil_tiles(in_ledger, 0::smallint, leaves);

    update event
    set leaf = overlay(leaf placing pg_temp.counterfoil_root(leaves[1:after.size]) from root_offset for 32)
    from (select seq, (select count(*) from entry where ledger = in_ledger and event_seq <= seq)::integer as size
          from event where ledger = in_ledger) as after
    where ledger = in_ledger and event.seq = after.seq and after.size > in_index;
    update event set leaf_hash = sha256('\x00'::bytea || leaf) where ledger = in_ledger;
    select array_agg(leaf_hash order by seq) into event_leaves from event where ledger = in_ledger;
    perform pg_temp.counterfoil_tiles(in_ledger, 1::smallint, event_leaves);

    update cursor
    set checked_root = pg_temp.counterfoil_root(leaves[1:checked_size::integer]),
        checked_event_root = pg_temp.counterfoil_root(event_leaves[1:checked_event_seq::integer])
    where ledger = in_ledger;
    -- As the indexer does, so that the API forgets the head that it knew.
    perform pg_notify('counterfoil_ledger', 'all');
    return 'rewritten';
end $$;
