-- The outbox rows that are new between two snapshots of the server, in their order. Parameters: $1 the older snapshot (pg_snapshot;
-- '1:1:' at the beginning), $2 the newer one, $3 the last position taken between these two (0 for the first page), $4 the most rows.
--
-- A transaction is new when it was running in the older snapshot, or began after it, and the newer snapshot sees it. Both are ranges of
-- the primary key, so that a transaction that stays open for long costs nothing but itself. Take the newer snapshot as
-- `pg_current_snapshot()` in a transaction before this one. Only numbers are sorted; a page's rows are read after that. A time without an end
-- has no number, and becomes the last one that has.
with fresh as materialized (
    select o.xid, o.position from counterfoil.outbox as o
    where o.xid = any (array(select pg_snapshot_xip($1::text::pg_snapshot)))
        and pg_visible_in_snapshot(o.xid, $2::text::pg_snapshot) and not pg_visible_in_snapshot(o.xid, $1::text::pg_snapshot) and o.position > $3
    union all
    select o.xid, o.position from counterfoil.outbox as o
    where o.xid >= pg_snapshot_xmax($1::text::pg_snapshot) and o.xid < pg_snapshot_xmax($2::text::pg_snapshot)
        and pg_visible_in_snapshot(o.xid, $2::text::pg_snapshot) and o.position > $3
), page as materialized (
    select xid, position from fresh order by position limit $4
)
select o.position, o.xid::text as xid, o.id, o.protection, o.operation, o.old::text as old, o.new::text as new,
    to_char(least(greatest(o.at, '0001-01-01 00:00Z'::timestamptz), '9999-12-31 23:59:59.999999Z'::timestamptz) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at,
    floor(extract(epoch from least(greatest(o.at, '0001-01-01 00:00Z'::timestamptz), '9999-12-31 23:59:59.999999Z'::timestamptz)) * 1000)::bigint as at_ms,
    o.session_user_name::text as session_user_name, o.role_name::text as role_name, o.actor, o.ledger, o.content, o.content_type,
    o.stream, o.subject
from page join counterfoil.outbox as o on o.xid = page.xid and o.position = page.position
order by page.position;
