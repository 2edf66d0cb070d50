-- Which indexer may write. The lock that makes it the only one lives as long as its connection, which can be longer than the
-- indexer is of any use: one that is stopped or frozen keeps its connections. So it renews a lease, and whoever waits for
-- its place ends the connection of one that has not. `epoch` counts the holders; each writes only in its own.
create table lease (
    is_only boolean not null default true,
    epoch bigint not null,
    renewed_at timestamptz not null,
    constraint lease_key primary key (is_only),
    constraint lease_one_row check (is_only)
);
