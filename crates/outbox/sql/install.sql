-- Counterfoil's part of a user's database: an outbox of committed changes, the triggers that fill it, and the functions around them.
-- PostgreSQL 13 to 17, plain SQL without an extension. The file is one transaction, and a second run changes nothing.
--
-- The schema's owner is trusted with every protected table. Install as a role of its own that is a member of the tables' owners, or as
-- a superuser. Every function that needs the owner's rights pins `search_path`; no function is open to PUBLIC.
begin;

-- Two installers wait for each other.
select pg_advisory_xact_lock(7165074649429406310); -- "counterf" as a number.

do $$
declare
    installed integer;
begin
    if current_setting('server_version_num')::integer < 130000 then
        raise exception 'Counterfoil needs PostgreSQL 13 or later; this server is %', current_setting('server_version')
            using errcode = 'feature_not_supported';
    end if;
    if (select encoding from pg_catalog.pg_database where datname = current_database()) <> pg_char_to_encoding('UTF8') then
        raise exception 'the encoding of database % is %, and records are UTF-8', current_database(),
            (select pg_encoding_to_char(encoding) from pg_catalog.pg_database where datname = current_database())
            using errcode = 'feature_not_supported', hint = 'Create a database with encoding UTF8 and move the tables there.';
    end if;
    if to_regnamespace('counterfoil') is not null then
        if to_regclass('counterfoil.installation') is null then
            raise exception 'schema counterfoil exists, and Counterfoil did not make it'
                using errcode = 'duplicate_schema', hint = 'Rename that schema: the name is fixed.';
        end if;
        execute 'select version from counterfoil.installation' into installed;
        if installed > 1 then
            raise exception 'version % is installed here, and this file installs version 1', installed
                using errcode = 'object_not_in_prerequisite_state', hint = 'Use the counterfoil program that installed it, or a later one.';
        end if;
    end if;
end
$$;

set local client_min_messages = warning; -- "already exists, skipping" says nothing new.
create schema if not exists counterfoil;
revoke all on schema counterfoil from public;
-- Bodies are parsed where they stand.
set local search_path = pg_catalog, pg_temp;

create table if not exists counterfoil.installation (
    is_only boolean not null default true,
    id uuid not null default gen_random_uuid(), -- By it a relay knows the outbox again.
    version integer not null,
    adoptions bigint not null default 0, -- How often it went on as a restore or a copy.
    installed_at timestamptz not null default clock_timestamp(),
    constraint installation_one_row primary key (is_only),
    constraint installation_is_only check (is_only)
);

-- The protected tables, those of before too. `secret` makes the subjects of their rows; the owner and the relay alone read it.
create table if not exists counterfoil.protection (
    id uuid not null,
    relation oid not null,
    schema_name text not null,
    table_name text not null,
    ledger text not null,
    columns text[] not null,
    key text[] not null,
    stream text,
    actor text not null,
    allow text[] not null,
    is_whole boolean not null,
    secret bytea not null,
    described json not null, -- The columns as the last `protect` or `reprotect` has them.
    protected_at timestamptz not null default clock_timestamp(),
    ended_at timestamptz,
    constraint protection_key primary key (id),
    constraint protection_has_columns check (cardinality(columns) > 0),
    constraint protection_key_protected check (cardinality(key) > 0 and key <@ columns),
    constraint protection_allow_known check (allow <@ array['insert', 'update', 'delete', 'truncate']),
    constraint protection_secret_length check (octet_length(secret) = 32)
);
create unique index if not exists protection_active on counterfoil.protection (relation) where ended_at is null;

-- One row for each committed change, in the transaction of the change. The relay finds new rows by `xid`, and orders them by `position`:
-- one sequence without a cache, so that two changes of one row have the order in which they held its lock.
create table if not exists counterfoil.outbox (
    xid xid8 not null default pg_current_xact_id(),
    position bigint generated always as identity,
    id uuid not null,
    protection uuid,
    operation text not null,
    old json,
    new json,
    at timestamptz not null default clock_timestamp(),
    session_user_name text,
    role_name text,
    actor text,
    ledger text not null,
    content bytea,
    content_type text,
    stream text,
    subject text,
    constraint outbox_key primary key (xid, position)
);

-- The place of each record in its ledger, as the relay learned it. Rows stay when the outbox's row is removed.
create table if not exists counterfoil.receipt (
    id uuid not null,
    ledger text not null,
    index bigint not null,
    slot bigint not null,
    at timestamptz not null,
    leaf_hash bytea not null,
    constraint receipt_key primary key (id),
    constraint receipt_range check (index >= 0 and slot >= 0),
    constraint receipt_leaf_hash_length check (octet_length(leaf_hash) = 32)
);

-- How far rows were read, by the table or partition that they are read from.
create table if not exists counterfoil.backfill_progress (
    protection uuid not null,
    relation oid not null,
    kind text not null,
    last_key text[],
    rows bigint not null default 0,
    is_done boolean not null default false,
    constraint backfill_progress_key primary key (protection, relation),
    constraint backfill_progress_kind_known check (kind in ('protect', 'reprotect', 'attach', 'retire'))
);

-- Small helpers, which need no rights.

-- A uuid of version 7: 48 bits of milliseconds, the rest random.
create or replace function counterfoil.new_id() returns uuid
language sql volatile parallel safe as $$
    select (pg_catalog.lpad(pg_catalog.to_hex((pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()) operator(pg_catalog.*) 1000)::bigint), 12, '0')
        operator(pg_catalog.||) '7' operator(pg_catalog.||) pg_catalog.substr(pg_catalog.gen_random_uuid()::text, 16))::uuid
$$;

-- The name of a role as SET ROLE set it; null without one. Inside a function with its owner's rights it still is the caller's.
create or replace function counterfoil.caller_role() returns name
language sql stable as $$
    select nullif(pg_catalog.current_setting('role'), 'none')::name
$$;

-- The protected members of a row, in the row's order. A column that is gone is no error.
create or replace function counterfoil.members(changed record, kept_columns text[], relation oid) returns json
language plpgsql as $$
declare
    whole text := row_to_json(changed);
    members text;
begin
    -- A json column may hold escapes that json_each refuses, even though the column's type takes them.
    -- E'' strings: bodies are parsed under the session's standard_conforming_strings.
    if whole !~* E'\\\\u(0000|d[89a-f])' then
        select string_agg(to_json(m.key)::text || ':' || m.value::text, ',' order by m.place) into members
        from json_each(whole::json) with ordinality as m (key, value, place) where m.key = any (kept_columns);
        return '{' || coalesce(members, '') || '}';
    end if;
    -- The names as the row's JSON has them, whose values lose those escapes. The row's type is not named: this function's owner may not see
    -- the table's schema.
    select string_agg(format('($1).%I', k.name), ', ' order by k.place) into members
    from json_object_keys(regexp_replace(whole, E'(?<!\\\\)((\\\\\\\\)*)\\\\u(0000|d[89a-f]..)', E'\\1?', 'gi')::json) with ordinality as k (name, place)
    where k.name = any (kept_columns);
    if members is null then
        return '{}';
    end if;
    execute format('select row_to_json("!row") from (select %s) as "!row"', members) into members using changed;
    return members;
end
$$;

-- The row's JSON under the settings of its caller. Like `record_change` it may run a cast of the row's types, so it belongs to a role
-- without rights where there is one (see the end of this file).
create or replace function counterfoil.row_json(changed record, kept_columns text[], relation oid) returns json
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if kept_columns is null then
        return row_to_json(changed);
    end if;
    return counterfoil.members(changed, kept_columns, relation);
end
$$;

-- The trigger of each changed row. Arguments: protection, ledger, the actor's setting, the protected columns or an empty text for all.
-- Everyone may read a trigger's arguments. No table is read: a row costs its JSON and one INSERT. To set all settings costs no more than to
-- look whether the session has them so (25 us a row, both).
create or replace function counterfoil.record_change() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp set TimeZone = 'UTC' set DateStyle = 'ISO, YMD' set IntervalStyle = 'postgres' set extra_float_digits = 3
set bytea_output = 'hex' set xmlbinary = 'base64' as $$
declare
    before json;
    after json;
begin
    if tg_argv[3] <> '' then
        if tg_op <> 'INSERT' then
            before := counterfoil.members(old, tg_argv[3]::text[], tg_relid);
        end if;
        if tg_op <> 'DELETE' then
            after := counterfoil.members(new, tg_argv[3]::text[], tg_relid);
        end if;
    else
        if tg_op <> 'INSERT' then
            before := row_to_json(old);
        end if;
        if tg_op <> 'DELETE' then
            after := row_to_json(new);
        end if;
    end if;
    insert into counterfoil.outbox (id, protection, operation, old, new, session_user_name, role_name, actor, ledger)
    values (
        -- `new_id`, written out: a function in SQL is not inlined here.
        (lpad(to_hex((date_part('epoch', clock_timestamp()) * 1000)::bigint), 12, '0') || '7' || substr(gen_random_uuid()::text, 16))::uuid,
        tg_argv[0]::uuid, lower(tg_op), before, after, session_user, nullif(current_setting('role'), 'none'),
        nullif(current_setting(tg_argv[2], true), ''), tg_argv[1]);
    return null;
end
$$;

-- Free records.

create or replace function counterfoil.record(ledger text, content bytea, content_type text default 'application/octet-stream',
    stream text default null, subject text default null) returns uuid
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    made uuid := counterfoil.new_id();
begin
    perform counterfoil.expect_ledger($1);
    if $2 is null or $3 is null then
        raise exception 'a record needs content and a content type' using errcode = 'null_value_not_allowed';
    end if;
    if octet_length($2) = 0 then
        raise exception 'the content is empty' using errcode = 'invalid_parameter_value'; -- The gateway takes none, and would wait here.
    end if;
    if octet_length($2) > 100000000 then
        raise exception 'the content has % bytes, and a record takes 100000000', octet_length($2) using errcode = 'program_limit_exceeded';
    end if;
    -- As the gateway has it: a row that it cannot take would hold up all others.
    if $3 !~ '^[A-Za-z0-9!#$%&''*+.^_`|~-]+/[A-Za-z0-9!#$%&''*+.^_`|~-]+( *; *[A-Za-z0-9!#$%&''*+.^_`|~-]+=([A-Za-z0-9!#$%&''*+.^_`|~-]+|"([ !#-[]|[]-~]|\\[ -~])*"))*$'
        or length($3) > 127 then
        raise exception 'the content type has to be a media type of at most 127 characters, as text/plain' using errcode = 'invalid_parameter_value';
    end if;
    -- A free record says nothing of a protected table.
    if $3 ~* '^application/vnd[.]counterfoil[.]' then
        raise exception 'content type % is that of the records of protected tables', $3 using errcode = 'invalid_parameter_value';
    end if;
    insert into counterfoil.outbox (id, operation, session_user_name, role_name, actor, ledger, content, content_type, stream, subject)
    values (made, 'record', session_user, counterfoil.caller_role(), nullif(current_setting('counterfoil.actor', true), ''),
        $1, $2, $3, $4, $5);
    return made;
end
$$;

create or replace function counterfoil.record(ledger text, content jsonb, content_type text default 'application/json',
    stream text default null, subject text default null) returns uuid
language sql security definer set search_path = pg_catalog, pg_temp as $$
    select counterfoil.record($1, convert_to($2::text, 'UTF8'), $3, $4, $5)
$$;

create or replace function counterfoil.record(ledger text, content text, content_type text default 'text/plain; charset=utf-8',
    stream text default null, subject text default null) returns uuid
language sql security definer set search_path = pg_catalog, pg_temp as $$
    select counterfoil.record($1, convert_to($2, 'UTF8'), $3, $4, $5)
$$;

-- Checks.

create or replace function counterfoil.expect_ledger(ledger text) returns void
language plpgsql as $$
begin
    if $1 is null or $1 !~ '^[1-9A-HJ-NP-Za-km-z]{32,44}$' then
        raise exception 'a ledger is named by its address, 32 to 44 characters of base58; this is %', coalesce(quote_literal($1), 'null')
            using errcode = 'invalid_parameter_value';
    end if;
end
$$;

-- The caller has to own the table, and so does the owner of this schema, because the triggers are placed with its rights. The caller is
-- the session's role: inside a function with another owner's rights that owner is not asked.
create or replace function counterfoil.expect_owner(target regclass) returns void
language plpgsql as $$
declare
    caller name := coalesce(counterfoil.caller_role(), session_user);
    owner oid;
begin
    select relowner into owner from pg_class where oid = target;
    if owner is null then
        raise exception 'there is no such table' using errcode = 'undefined_table';
    end if;
    if not pg_has_role(caller, owner, 'USAGE') then
        raise exception 'role % does not own table %', caller, target using errcode = 'insufficient_privilege';
    end if;
    if not pg_has_role(current_user, owner, 'USAGE') then
        raise exception 'role %, the owner of schema counterfoil, may not place triggers on table %', current_user, target
            using errcode = 'insufficient_privilege', hint = format('grant %I to %I', pg_get_userbyid(owner), current_user);
    end if;
end
$$;

-- Why the values of a type have no canonical JSON; null when they have.
create or replace function counterfoil.type_fault(type oid) returns text
language plpgsql as $$
declare
    t pg_type;
begin
    select * into t from pg_type where oid = type;
    if t.typtype = 'd' then
        return counterfoil.type_fault(t.typbasetype);
    elsif t.typcategory = 'A' and t.typelem <> 0 then
        return counterfoil.type_fault(t.typelem);
    elsif exists (select from pg_depend where classid = 'pg_type'::regclass and objid = t.oid and deptype = 'e') then
        return format('type %s comes from an extension', format_type(type, null));
    elsif t.typtype in ('e', 'r', 'm') and t.oid >= 16384 then
        -- row_to_json would run the cast, with the rights of this schema's owner.
        if exists (select from pg_cast where castsource = t.oid and casttarget = 'json'::regtype) then
            return format('type %s has a cast to json', format_type(type, null));
        elsif t.typtype = 'e' then
            return null;
        end if;
        return (select counterfoil.type_fault(rngsubtype) from pg_range where rngtypid = t.oid);
    elsif t.typtype = 'c' then
        return format('type %s is composite', format_type(type, null));
    elsif t.typtype = 'p' then
        return format('type %s is a pseudo-type', format_type(type, null));
    elsif t.oid < 16384 and t.typname in ('bool', 'char', 'name', 'int2', 'int4', 'int8', 'text', 'oid', 'xml', 'json', 'jsonb', 'point', 'lseg',
        'path', 'box', 'polygon', 'line', 'circle', 'float4', 'float8', 'macaddr', 'macaddr8', 'inet', 'cidr', 'bpchar', 'varchar', 'date',
        'time', 'timetz', 'timestamp', 'timestamptz', 'interval', 'bit', 'varbit', 'numeric', 'uuid', 'bytea', 'pg_lsn', 'tsvector', 'tsquery',
        'jsonpath', 'xid', 'xid8', 'cid', 'tid', 'pg_snapshot', 'txid_snapshot', 'int4range', 'int8range', 'numrange', 'tsrange',
        'tstzrange', 'daterange', 'int4multirange', 'int8multirange', 'nummultirange', 'tsmultirange', 'tstzmultirange', 'datemultirange') then
        return null;
    elsif t.oid < 16384 then
        return format('the text of type %s depends on more than its value', format_type(type, null));
    end if;
    return format('type %s is not built in', format_type(type, null));
end
$$;

create or replace function counterfoil.expect_table(target regclass) returns void
language plpgsql as $$
declare
    c pg_class;
    part record;
begin
    select * into c from pg_class where oid = target;
    if c.relkind not in ('r', 'p') then
        raise exception '% is a %; tables can be protected', target, case c.relkind when 'v' then 'view' when 'm' then 'materialized view'
            when 'f' then 'foreign table: other servers change its rows unseen' when 'S' then 'sequence' when 'i' then 'index'
            else 'relation of another kind' end using errcode = 'wrong_object_type';
    end if;
    if c.relnamespace in ('pg_catalog'::regnamespace, 'counterfoil'::regnamespace) or c.oid < 16384 then
        raise exception 'table % belongs to the system', target using errcode = 'wrong_object_type';
    end if;
    if c.relispartition then
        raise exception 'table % is a partition', target
            using errcode = 'wrong_object_type', hint = 'Protect the partitioned table: its partitions come with it.';
    end if;
    if exists (select from pg_inherits where inhrelid = target) then
        raise exception 'table % inherits from another one', target using errcode = 'wrong_object_type',
            hint = 'Statements on the parent change its rows too. Use partitions, or end the inheritance.';
    end if;
    if c.relkind = 'r' and exists (select from pg_inherits where inhparent = target) then
        raise exception 'other tables inherit from table %', target using errcode = 'wrong_object_type',
            hint = 'A statement on it changes rows of other tables. Use partitions, or end the inheritance.';
    end if;
    for part in select p.relid::regclass as relation, k.relkind, k.relpersistence from pg_partition_tree(target) as p join pg_class as k on k.oid = p.relid
        union select c.oid::regclass, c.relkind, c.relpersistence loop
        if part.relpersistence = 't' then
            raise exception 'table % is temporary', part.relation using errcode = 'wrong_object_type';
        elsif part.relpersistence = 'u' then
            raise exception 'table % is unlogged: a crash empties it, and no trigger sees that', part.relation
                using errcode = 'wrong_object_type', hint = 'alter table … set logged';
        elsif part.relkind = 'f' then
            raise exception 'partition % is a foreign table: other servers change its rows unseen', part.relation using errcode = 'wrong_object_type';
        end if;
    end loop;
end
$$;

-- The protected columns in the table's order.
create or replace function counterfoil.columns_of(target regclass, wanted text[]) returns text[]
language plpgsql as $$
declare
    unknown text;
    fault record;
    found_columns text[];
begin
    select w into unknown from unnest(wanted) as w
    where w is null or not exists (select from pg_attribute where attrelid = target and attnum > 0 and not attisdropped and attname = w) limit 1;
    if found then
        raise exception 'table % has no column %', target, coalesce(quote_ident(unknown), 'null') using errcode = 'undefined_column';
    end if;
    select array_agg(attname::text order by attnum) into found_columns from pg_attribute
    where attrelid = target and attnum > 0 and not attisdropped and (wanted is null or attname = any (wanted));
    if found_columns is null then
        raise exception 'no column of table % would be protected', target using errcode = 'invalid_parameter_value';
    end if;
    select attname, counterfoil.type_fault(atttypid) as why into fault from pg_attribute
    where attrelid = target and attnum > 0 and not attisdropped and attname = any (found_columns) and counterfoil.type_fault(atttypid) is not null
    order by attnum limit 1;
    if found then
        raise exception 'column % of table % has no canonical form: %', quote_ident(fault.attname), target, fault.why
            using errcode = 'feature_not_supported', hint = 'Name the other columns in the argument "columns".';
    end if;
    return found_columns;
end
$$;

-- The key's columns: those named, or the primary key's.
create or replace function counterfoil.key_of(target regclass, wanted text[], kept_columns text[]) returns text[]
language plpgsql as $$
declare
    found_key text[] := wanted;
    fault text;
begin
    if found_key is null then
        select array_agg(a.attname::text order by k.place) into found_key
        from pg_index as i, unnest(i.indkey::smallint[]) with ordinality as k (attnum, place), pg_attribute as a
        where i.indrelid = target and i.indisprimary and k.place <= i.indnkeyatts and a.attrelid = target and a.attnum = k.attnum;
        if found_key is null then
            raise exception 'table % has no primary key', target using errcode = 'invalid_parameter_value',
                hint = 'Name the columns of a unique index over columns that are not null in the argument "key".';
        end if;
    else
        if cardinality(found_key) = 0 then
            raise exception 'the key names no column' using errcode = 'invalid_parameter_value';
        end if;
        select k into fault from unnest(found_key) as k
        where k is null or not exists (select from pg_attribute where attrelid = target and attnum > 0 and not attisdropped and attname = k) limit 1;
        if found then
            raise exception 'table % has no column %', target, coalesce(quote_ident(fault), 'null') using errcode = 'undefined_column';
        end if;
        select k into fault from unnest(found_key) as k join pg_attribute as a on a.attrelid = target and a.attname = k where not a.attnotnull limit 1;
        if found then
            raise exception 'column % of the key may be null', quote_ident(fault) using errcode = 'invalid_parameter_value', hint = 'alter table … set not null';
        end if;
        if not exists (select from pg_index as i where i.indrelid = target and i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null
            and (select array_agg(a.attname::text order by a.attname) from unnest(i.indkey::smallint[]) with ordinality as k (attnum, place)
                join pg_attribute as a on a.attrelid = target and a.attnum = k.attnum where k.place <= i.indnkeyatts)
            = (select array_agg(distinct k order by k) from unnest(found_key) as k)) then
            raise exception 'no unique index of table % has the columns (%) and no other', target, array_to_string(found_key, ', ')
                using errcode = 'invalid_parameter_value', hint = 'A partial index, or one over expressions, does not make a key.';
        end if;
    end if;
    select k into fault from unnest(found_key) as k where k <> all (kept_columns) limit 1;
    if found then
        raise exception 'column % of the key is not among the protected columns', quote_ident(fault) using errcode = 'invalid_parameter_value';
    end if;
    return found_key;
end
$$;

create or replace function counterfoil.expect_options(actor text, allow text[]) returns void
language plpgsql as $$
begin
    if $1 is null or $1 !~ '^[A-Za-z_][A-Za-z0-9_$]*([.][A-Za-z_][A-Za-z0-9_$]*)+$' then
        raise exception 'the setting that names the actor has to have two parts, as in counterfoil.actor' using errcode = 'invalid_parameter_value';
    end if;
    if $2 is null or array_position($2, null) is not null or not $2 <@ array['insert', 'update', 'delete', 'truncate'] then
        raise exception 'the allowed operations are insert, update, delete and truncate' using errcode = 'invalid_parameter_value';
    end if;
end
$$;

create or replace function counterfoil.active_protection(target regclass) returns counterfoil.protection
language plpgsql as $$
declare
    found_protection counterfoil.protection;
begin
    select * into found_protection from counterfoil.protection where relation = target and ended_at is null;
    if not found then
        raise exception 'table % is not protected', target using errcode = 'object_not_in_prerequisite_state', hint = 'select counterfoil.protect(…)';
    end if;
    return found_protection;
end
$$;

-- Events of the table.

-- The columns as they are declared, as the text of a JSON array.
create or replace function counterfoil.described(target regclass, kept_columns text[]) returns text
language sql as $$
    select '[' || string_agg(json_strip_nulls(row_to_json(c))::text, ',' order by c.attnum) || ']'
    from (
        select a.attname as name, format_type(a.atttypid, a.atttypmod) as type, a.attnum, (
            with recursive base (oid) as (
                select a.atttypid
                union all
                select case when t.typtype = 'd' then t.typbasetype else t.typelem end from base join pg_type as t on t.oid = base.oid
                where t.typtype = 'd' or (t.typcategory = 'A' and t.typelem <> 0)
            )
            select json_agg(e.enumlabel order by e.enumsortorder) from base join pg_enum as e on e.enumtypid = base.oid
        ) as enum, a.attnotnull as not_null
        from pg_attribute as a
        where a.attrelid = target and a.attnum > 0 and not a.attisdropped and a.attname = any (kept_columns)
    ) as c
$$;

-- Writes an event of the table; `others` is the JSON of the members after the common ones, without its braces.
create or replace function counterfoil.write_event(p counterfoil.protection, operation text, others text) returns void
language plpgsql as $$
declare
    now_at timestamptz := clock_timestamp();
    by_actor text := nullif(current_setting(p.actor, true), '');
    common text;
begin
    select row_to_json(c)::text into common from (
        select 1 as v, $2 as operation, p.schema_name || '.' || p.table_name as "table", p.id as protection,
            to_char(now_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at,
            session_user as "user", counterfoil.caller_role() as role, by_actor as actor
    ) as c;
    insert into counterfoil.outbox (id, protection, operation, at, session_user_name, role_name, actor, ledger, content, content_type)
    values (counterfoil.new_id(), p.id, $2, now_at, session_user, counterfoil.caller_role(), by_actor, p.ledger,
        convert_to(rtrim(common, '}') || ',' || others || '}', 'UTF8'), 'application/vnd.counterfoil.table+json');
end
$$;

-- The members that `protect` and `reprotect` have.
create or replace function counterfoil.protect_members(p counterfoil.protection) returns text
language sql as $$
    select format('"columns":%s,"key":%s,"allow":%s,"whole":%s,"secret":%s,"actor_setting":%s', p.described, array_to_json(p.key),
        array_to_json(p.allow), to_json(p.is_whole), to_json(encode(p.secret, 'hex')), to_json(p.actor))
$$;

-- Triggers.

create or replace function counterfoil.drop_triggers(target regclass) returns void
language plpgsql as $$
declare
    placed record;
begin
    for placed in select t.tgrelid::regclass as relation, t.tgname from pg_trigger as t
        where t.tgrelid in (select target union select relid from pg_partition_tree(target)) and not t.tgisinternal
            and t.tgname in ('!counterfoil_change', '!counterfoil_truncate')
        order by t.tgrelid = target desc loop
        -- A partition's copy goes with its parent's.
        if exists (select from pg_trigger where tgrelid = placed.relation and tgname = placed.tgname) then
            execute format('drop trigger %I on %s', placed.tgname, placed.relation);
        end if;
    end loop;
end
$$;

-- A partition's own triggers: a row trigger is cloned, a statement trigger is not.
create or replace function counterfoil.place_partition_triggers(part regclass, arguments text) returns void
language plpgsql as $$
begin
    execute format('alter table only %s enable always trigger "!counterfoil_change"', part);
    if (select relkind from pg_class where oid = part) = 'r' then
        if exists (select from pg_trigger where tgrelid = part and tgname = '!counterfoil_truncate') then
            execute format('drop trigger "!counterfoil_truncate" on %s', part);
        end if;
        execute format('create trigger "!counterfoil_truncate" before truncate on %s for each statement execute function counterfoil.record_truncate(%s)', part, arguments);
        execute format('alter table %s enable always trigger "!counterfoil_truncate"', part);
    end if;
end
$$;

-- The triggers' names sort before all others', so that a user's trigger that changes the row again comes after.
create or replace function counterfoil.trigger_arguments(p counterfoil.protection) returns text
language sql as $$
    select format('%L, %L, %L, %L', p.id, p.ledger, p.actor, case when p.is_whole then '' else p.columns::text end)
$$;

create or replace function counterfoil.place_triggers(p counterfoil.protection) returns void
language plpgsql as $$
declare
    target regclass := p.relation;
    is_partitioned boolean := (select relkind = 'p' from pg_class where oid = p.relation);
    arguments text := counterfoil.trigger_arguments(p);
    part regclass;
begin
    perform counterfoil.drop_triggers(target);
    execute format('create trigger "!counterfoil_change" after insert or update or delete on %s for each row execute function counterfoil.record_change(%s)', target, arguments);
    execute format('create trigger "!counterfoil_truncate" %s truncate on %s for each statement execute function counterfoil.record_truncate(%s)',
        case when is_partitioned then 'before' else 'after' end, target, arguments);
    execute format('alter table only %s enable always trigger "!counterfoil_change"', target);
    execute format('alter table only %s enable always trigger "!counterfoil_truncate"', target);
    for part in select relid from pg_partition_tree(target) where relid <> target loop
        perform counterfoil.place_partition_triggers(part, arguments);
    end loop;
end
$$;

-- One TRUNCATE. That of a partition empties no other one, so its rows are written as deleted ones, before they go. With its parent the
-- parent's trigger has come first, and its `truncate` is the last row of this transaction.
create or replace function counterfoil.record_truncate() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp set TimeZone = 'UTC' set DateStyle = 'ISO, YMD' set IntervalStyle = 'postgres' set extra_float_digits = 3
set bytea_output = 'hex' set xmlbinary = 'base64' set row_security = off as $$
declare
    p counterfoil.protection;
begin
    select * into p from counterfoil.protection where id = tg_argv[0]::uuid;
    if tg_when = 'AFTER' or p.relation = tg_relid then
        insert into counterfoil.outbox (id, protection, operation, session_user_name, role_name, actor, ledger)
        values (counterfoil.new_id(), tg_argv[0]::uuid, 'truncate', session_user, counterfoil.caller_role(),
            nullif(current_setting(tg_argv[2], true), ''), tg_argv[1]);
    elsif p.ended_at is null and exists (select from pg_partition_ancestors(tg_relid) where relid = p.relation)
        and (select o.operation from counterfoil.outbox as o where o.xid = pg_current_xact_id() and o.protection = p.id
            order by o.position desc limit 1) is distinct from 'truncate' then
        perform counterfoil.write_rows(p, tg_relid, 'delete', 'true', '');
    end if;
    return null;
end
$$;

-- Writes each row of a table that a condition holds for, and returns their number.
create or replace function counterfoil.write_rows(p counterfoil.protection, source regclass, operation text, condition text, locking text) returns bigint
language plpgsql as $$
declare
    written bigint;
begin
    execute format('insert into counterfoil.outbox (id, protection, operation, %I, session_user_name, role_name, actor, ledger)
        select counterfoil.new_id(), $1, $2, counterfoil.row_json("!row", $3, %s), session_user, counterfoil.caller_role(), $4, $5
        from %s %s as "!row" where %s %s',
        case when operation = 'state' then 'new' else 'old' end, source::oid,
        case when (select relkind from pg_class where oid = source) = 'r' then 'only' else '' end, source, condition, locking)
    using p.id, operation, case when not p.is_whole then p.columns end, nullif(current_setting(p.actor, true), ''), p.ledger;
    get diagnostics written = row_count;
    return written;
end
$$;

-- Protections.

-- Protects a table from here on, and returns the protection's id. Writers wait until the triggers stand; `backfill` comes after it.
create or replace function counterfoil.protect(target regclass, ledger text, columns text[] default null, key text[] default null,
    stream text default null, actor text default 'counterfoil.actor', allow text[] default array['insert', 'update', 'delete', 'truncate']) returns uuid
language plpgsql security definer set search_path = pg_catalog, pg_temp set quote_all_identifiers = off as $$
declare
    p counterfoil.protection;
    c pg_class;
begin
    perform counterfoil.expect_owner($1);
    perform counterfoil.expect_ledger($2);
    perform counterfoil.expect_options($6, $7);
    perform counterfoil.expect_table($1);
    execute format('lock table %s in share row exclusive mode', $1);
    perform counterfoil.expect_table($1); -- Again: the table may have been changed while we waited.
    if exists (select from counterfoil.protection where relation = $1 and ended_at is null) then
        raise exception 'table % is protected already', $1 using errcode = 'object_not_in_prerequisite_state', hint = 'counterfoil.reprotect takes its columns again.';
    end if;
    select * into c from pg_class where oid = $1;
    p.id := counterfoil.new_id();
    p.relation := $1;
    select nspname into p.schema_name from pg_namespace where oid = c.relnamespace;
    p.table_name := c.relname;
    p.ledger := $2;
    p.columns := counterfoil.columns_of($1, $3);
    p.is_whole := p.columns = counterfoil.all_columns($1);
    p.key := counterfoil.key_of($1, $4, p.columns);
    p.stream := $5;
    p.actor := $6;
    p.allow := $7;
    -- 32 random bytes; `gen_random_uuid` is the one strong source without an extension, 122 bits a call.
    p.secret := sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));
    p.described := counterfoil.described($1, p.columns);
    p.protected_at := clock_timestamp();
    insert into counterfoil.protection select p.*;
    perform counterfoil.place_triggers(p);
    perform counterfoil.write_event(p, 'protect', counterfoil.protect_members(p));
    return p.id;
end
$$;

create or replace function counterfoil.all_columns(target regclass) returns text[]
language sql as $$
    select array_agg(attname::text order by attnum) from pg_attribute where attrelid = target and attnum > 0 and not attisdropped
$$;

-- Takes the table's columns again. An option that is null stays as it was: all columns of a whole table, else those that are still there;
-- the key if it is still there, else the primary key. `backfill` with kind "reprotect" comes after it.
create or replace function counterfoil.reprotect(target regclass, columns text[] default null, key text[] default null,
    stream text default null, actor text default null, allow text[] default null) returns uuid
language plpgsql security definer set search_path = pg_catalog, pg_temp set quote_all_identifiers = off as $$
declare
    p counterfoil.protection;
    before text;
    existing text[];
begin
    perform counterfoil.expect_owner($1);
    perform counterfoil.expect_table($1);
    execute format('lock table %s in share row exclusive mode', $1);
    perform counterfoil.expect_table($1);
    p := counterfoil.active_protection($1);
    before := p.described;
    existing := counterfoil.all_columns($1);
    p.stream := coalesce($4, p.stream);
    p.actor := coalesce($5, p.actor);
    p.allow := coalesce($6, p.allow);
    perform counterfoil.expect_options(p.actor, p.allow);
    p.columns := counterfoil.columns_of($1, coalesce($2, case when not p.is_whole then array(
        select k from unnest(p.columns) as k where k = any (existing)) end));
    p.is_whole := p.columns = existing;
    p.key := counterfoil.key_of($1, coalesce($3, case when p.key <@ existing then p.key end), p.columns);
    p.described := counterfoil.described($1, p.columns);
    select n.nspname, c.relname into p.schema_name, p.table_name
    from pg_class as c join pg_namespace as n on n.oid = c.relnamespace where c.oid = $1;
    update counterfoil.protection as o set schema_name = p.schema_name, table_name = p.table_name, columns = p.columns, key = p.key,
        stream = p.stream, actor = p.actor, allow = p.allow, is_whole = p.is_whole, described = p.described where o.id = p.id;
    delete from counterfoil.backfill_progress as b where b.protection = p.id;
    perform counterfoil.place_triggers(p);
    perform counterfoil.write_event(p, 'reprotect', counterfoil.protect_members(p) || ',"before":' || before);
    return p.id;
end
$$;

create or replace function counterfoil.end_protection(p counterfoil.protection, reason text) returns void
language plpgsql as $$
begin
    perform counterfoil.write_event(p, 'unprotect', '"reason":' || coalesce(to_json(reason)::text, 'null'));
    update counterfoil.protection as o set ended_at = clock_timestamp() where o.id = p.id;
    delete from counterfoil.backfill_progress as b where b.protection = p.id;
end
$$;

create or replace function counterfoil.unprotect(target regclass, reason text default null) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    p counterfoil.protection;
begin
    perform counterfoil.expect_owner($1);
    execute format('lock table %s in share row exclusive mode', $1);
    p := counterfoil.active_protection($1);
    perform counterfoil.end_protection(p, $2);
    perform counterfoil.drop_triggers($1);
end
$$;

-- Ends the protection of a table that was dropped. For the owner of this schema.
create or replace function counterfoil.unprotect_dropped(protection uuid, reason text default null) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    p counterfoil.protection;
begin
    select * into p from counterfoil.protection as o where o.id = $1 and o.ended_at is null;
    if not found then
        raise exception 'there is no active protection %', $1 using errcode = 'undefined_object';
    elsif exists (select from pg_class where oid = p.relation) then
        raise exception 'the table of protection % is there: %', $1, p.relation::regclass using errcode = 'object_not_in_prerequisite_state', hint = 'counterfoil.unprotect ends it.';
    end if;
    perform counterfoil.end_protection(p, $2);
end
$$;

-- Says in each protected table's ledger that this database is a restore or a clone, and goes on from here.
create or replace function counterfoil.adopt(reason text default null) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    p counterfoil.protection;
    adopted integer := 0;
begin
    if not pg_has_role(coalesce(counterfoil.caller_role(), session_user), current_user, 'USAGE') then
        raise exception 'role % does not own schema counterfoil', coalesce(counterfoil.caller_role(), session_user) using errcode = 'insufficient_privilege';
    end if;
    update counterfoil.installation set adoptions = adoptions + 1;
    -- Rows of another server's future are seen by no snapshot of this one. They become rows of this transaction, in their order.
    update counterfoil.outbox set xid = pg_current_xact_id() where xid >= pg_snapshot_xmax(pg_current_snapshot());
    for p in select * from counterfoil.protection where ended_at is null order by id loop
        -- A dump that was loaded gave the tables other numbers. A table that was dropped may have left its name to one that is protected, too.
        p.relation := coalesce((
            select c.oid from pg_class as c
            where c.oid = to_regclass(format('%I.%I', p.schema_name, p.table_name)) and not exists (
                select from counterfoil.protection as other where other.relation = c.oid and other.ended_at is null and other.id <> p.id)
        ), p.relation);
        update counterfoil.protection as o set relation = p.relation where o.id = p.id;
        perform counterfoil.write_event(p, 'adopt', '"reason":' || coalesce(to_json($1)::text, 'null'));
        adopted := adopted + 1;
    end loop;
    return adopted;
end
$$;

-- Rows that stand already.

-- Checks that a source is a protected table or a partition of it, and returns the protection.
create or replace function counterfoil.expect_source(target regclass, source regclass) returns counterfoil.protection
language plpgsql as $$
begin
    perform counterfoil.expect_owner(target);
    if source <> target and not exists (select from pg_partition_tree(target) where relid = source) then
        raise exception 'table % is no partition of table %', source, target using errcode = 'invalid_parameter_value';
    end if;
    return counterfoil.active_protection(target);
end
$$;

-- Begins to write a source's rows, or goes on with it. Returns false when it is done already.
create or replace function counterfoil.begin_rows(target regclass, source regclass, kind text) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    p counterfoil.protection := counterfoil.expect_source($1, $2);
    b counterfoil.backfill_progress;
    part regclass;
begin
    if $3 is null or $3 not in ('protect', 'reprotect', 'attach', 'retire') then
        raise exception 'the kind of a backfill is protect or reprotect' using errcode = 'invalid_parameter_value';
    end if;
    if ($2 = $1) <> ($3 in ('protect', 'reprotect')) then
        raise exception 'kind % is not for table %', $3, $2 using errcode = 'invalid_parameter_value';
    end if;
    if $3 = 'attach' then
        perform counterfoil.expect_table($1);
        for part in select relid from pg_partition_tree($2) loop
            perform counterfoil.place_partition_triggers(part, counterfoil.trigger_arguments(p));
        end loop;
    end if;
    insert into counterfoil.backfill_progress (protection, relation, kind) values (p.id, $2, $3) on conflict do nothing;
    select * into b from counterfoil.backfill_progress as o where o.protection = p.id and o.relation = $2 for update;
    if b.kind <> $3 or (b.is_done and $3 in ('attach', 'retire')) then
        update counterfoil.backfill_progress as o set kind = $3, last_key = null, rows = 0, is_done = false where o.protection = p.id and o.relation = $2;
        return true;
    end if;
    return not b.is_done;
end
$$;

-- Writes the next rows of a source, at most `chunk` by its key, and returns how many; null when all are written.
--
-- A lock that another transaction holds for a fifth of a second ends the chunk without a row and returns -1: its locks are released before
-- a deadlock is looked for, so that it is no user's write that fails. The chunk's end is found before rows are locked, because a row whose
-- key changes while we wait for it comes back with its other key.
create or replace function counterfoil.write_chunk(target regclass, source regclass, chunk integer) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp set TimeZone = 'UTC' set DateStyle = 'ISO, YMD' set IntervalStyle = 'postgres' set extra_float_digits = 3
set bytea_output = 'hex' set xmlbinary = 'base64' set row_security = off set lock_timeout = '200ms' as $$
declare
    p counterfoil.protection := counterfoil.expect_source($1, $2);
    b counterfoil.backfill_progress;
    only_word text := case when (select relkind from pg_class where oid = $2) = 'r' then 'only' else '' end;
    names text;
    texts text;
    condition text := 'true';
    upper_key text[];
    written bigint;
begin
    select * into b from counterfoil.backfill_progress as o where o.protection = p.id and o.relation = $2 for update;
    if not found then
        raise exception 'no backfill of table % has begun', $2 using errcode = 'object_not_in_prerequisite_state';
    elsif b.is_done then
        return null;
    elsif $3 is null or $3 < 1 then
        raise exception 'a chunk has at least one row' using errcode = 'invalid_parameter_value';
    end if;
    -- format('%s', …) gives a type's own text; a cast could be a function of the type's owner.
    select string_agg(quote_ident(k), ', ' order by place), string_agg(format('format(''%%s'', %I)', k), ', ' order by place)
    into names, texts from unnest(p.key) with ordinality as u (k, place);
    if b.last_key is not null then
        condition := format('(%s) > (%s)', names, counterfoil.key_literals($2, p.key, b.last_key));
    end if;
    execute format('select array[%s] from %s %s where %s order by %s offset %s limit 1', texts, only_word, $2, condition, names, $3 - 1) into upper_key;
    if upper_key is not null then
        condition := condition || format(' and (%s) <= (%s)', names, counterfoil.key_literals($2, p.key, upper_key));
    end if;
    begin
        written := counterfoil.write_rows(p, $2, case when b.kind = 'retire' then 'retire' else 'state' end, condition, 'for share');
    exception when lock_not_available then
        return -1;
    end;
    update counterfoil.backfill_progress as o set last_key = coalesce(upper_key, o.last_key), rows = o.rows + written,
        is_done = upper_key is null where o.protection = p.id and o.relation = $2;
    if upper_key is null then
        if b.kind <> 'retire' then
            perform counterfoil.write_event(p, 'backfilled', format('"rows":%s,"kind":%s', b.rows + written, to_json(b.kind)));
        end if;
        return null;
    end if;
    return written;
end
$$;

-- A key's values as literals of its columns' types.
create or replace function counterfoil.key_literals(source regclass, key text[], key_values text[]) returns text
language sql as $$
    select string_agg(format('%L::%s', key_values[place], format_type(a.atttypid, a.atttypmod)), ', ' order by place)
    from unnest(key) with ordinality as u (k, place) join pg_attribute as a on a.attrelid = source and a.attname = k
$$;

-- Writes a source's rows chunk by chunk. A transaction for each chunk; a killed one goes on where it stood.
create or replace procedure counterfoil.write_chunks(target regclass, source regclass, kind text, chunk integer, pause interval)
language plpgsql as $$
declare
    part integer := chunk;
    written bigint;
    total bigint;
begin
    commit;
    set transaction isolation level read committed;
    if chunk is null or chunk < 1 then
        raise exception 'a chunk has at least one row' using errcode = 'invalid_parameter_value';
    end if;
    if not counterfoil.begin_rows(target, source, kind) then
        raise notice 'the rows of table % are recorded already', source;
        return;
    end if;
    loop
        commit;
        set transaction isolation level read committed;
        written := counterfoil.write_chunk(target, source, part);
        exit when written is null;
        if written operator(pg_catalog.<) 0 then
            part := greatest(part operator(pg_catalog./) 2, 1);
            commit;
            perform pg_catalog.pg_sleep(0.05);
        else
            part := least(part operator(pg_catalog.*) 2, chunk);
            total := coalesce(total, 0) operator(pg_catalog.+) written;
            raise notice 'table %: % rows written', source, total;
            commit;
            perform pg_catalog.pg_sleep(pg_catalog.date_part('epoch', pause));
        end if;
    end loop;
    commit;
end
$$;

-- Records the rows that a protected table had before, or has after `reprotect`.
create or replace procedure counterfoil.backfill(target regclass, chunk integer default 1000, pause interval default '0', kind text default 'protect')
language plpgsql as $$
begin
    call counterfoil.write_chunks(target, target, kind, chunk, pause);
end
$$;

-- Records the rows of a partition that was attached.
create or replace procedure counterfoil.attach(target regclass, partition regclass, chunk integer default 1000, pause interval default '0')
language plpgsql as $$
begin
    call counterfoil.write_chunks(target, partition, 'attach', chunk, pause);
end
$$;

-- Records that a partition's rows leave the record, before it is detached or dropped. Without a chunk's size it all happens in the caller's
-- transaction, which can then detach the partition too: no other transaction sees a row that is there and not in the record.
create or replace procedure counterfoil.retire(target regclass, where_partition regclass, chunk integer default null, pause interval default '0')
language plpgsql as $$
begin
    if chunk is null then
        perform counterfoil.retire_at_once(target, where_partition);
    else
        call counterfoil.write_chunks(target, where_partition, 'retire', chunk, pause);
    end if;
end
$$;

create or replace function counterfoil.retire_at_once(target regclass, source regclass) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp set TimeZone = 'UTC' set DateStyle = 'ISO, YMD' set IntervalStyle = 'postgres' set extra_float_digits = 3
set bytea_output = 'hex' set xmlbinary = 'base64' set row_security = off as $$
declare
    p counterfoil.protection := counterfoil.expect_source($1, $2);
begin
    if $1 = $2 then
        raise exception 'table % is the protected one; a partition of it can retire', $1 using errcode = 'invalid_parameter_value';
    end if;
    execute format('lock table %s in share row exclusive mode', $2);
    return counterfoil.write_rows(p, $2, 'retire', 'true', '');
end
$$;

-- Removes outbox rows that have a receipt and are older than an interval; returns how many. A row without a receipt stays, and so do the
-- events that choose a table's key: the relay reads from them which key a change had that waits for it.
create or replace function counterfoil.forget(before interval, row_limit integer default 10000) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    removed bigint;
begin
    delete from counterfoil.outbox as o using (
        select i.xid, i.position from counterfoil.outbox as i join counterfoil.receipt as r on r.id = i.id
        where i.at < clock_timestamp() - $1 and i.operation not in ('protect', 'reprotect') limit $2
    ) as done where o.xid = done.xid and o.position = done.position;
    get diagnostics removed = row_count;
    return removed;
end
$$;

-- Each record and where it is. `at` is the chain's time, `changed_at` this database's. A key with escapes that SQL cannot read is null.
create or replace view counterfoil.receipts as
select coalesce(o.id, r.id) as id, o.position, p.schema_name || '.' || p.table_name as "table", o.operation,
    case when coalesce(o.new, o.old)::text !~* '\\u(0000|d[89a-f])' then (
        select array_agg(coalesce(o.new, o.old) ->> u.k order by u.place) from unnest(p.key) with ordinality as u (k, place)
    ) end as key,
    r.at, coalesce(r.ledger, o.ledger) as ledger, r.index, r.slot, r.leaf_hash,
    case when r.id is null then 'waiting' else 'recorded' end as state, o.at as changed_at
from counterfoil.outbox as o full join counterfoil.receipt as r on r.id = o.id left join counterfoil.protection as p on p.id = o.protection;

-- Rights.

-- The relay's: it reads the outbox and the protections, and writes receipts.
create or replace function counterfoil.grant_relay(role_name text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    execute format('grant usage on schema counterfoil to %I', $1);
    execute format('grant select on counterfoil.installation, counterfoil.outbox, counterfoil.protection, counterfoil.backfill_progress, counterfoil.receipts to %I', $1);
    execute format('grant select, insert on counterfoil.receipt to %I', $1);
    execute format('grant execute on function counterfoil.forget(interval, integer) to %I', $1);
end
$$;

-- That of those who check tables, next to SELECT on these: what waits. The secrets of subjects are among it, in the records of `protect`.
create or replace function counterfoil.grant_check(role_name text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    execute format('grant usage on schema counterfoil to %I', $1);
    execute format('grant select on counterfoil.installation, counterfoil.outbox, counterfoil.protection, counterfoil.receipt, counterfoil.receipts to %I', $1);
end
$$;

-- The right to make free records.
create or replace function counterfoil.grant_record(role_name text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    execute format('grant usage on schema counterfoil to %I', $1);
    execute format('grant execute on function counterfoil.record(text, bytea, text, text, text), counterfoil.record(text, jsonb, text, text, text),
        counterfoil.record(text, text, text, text, text) to %I', $1);
end
$$;

-- The right to protect the tables that the role owns. Give it to roles that you trust as the owner of this schema: see `record_change`.
create or replace function counterfoil.grant_protect(role_name text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    execute format('grant usage on schema counterfoil to %I', $1);
    execute format('grant execute on function counterfoil.protect(regclass, text, text[], text[], text, text, text[]),
        counterfoil.reprotect(regclass, text[], text[], text, text, text[]), counterfoil.unprotect(regclass, text),
        counterfoil.begin_rows(regclass, regclass, text), counterfoil.write_chunk(regclass, regclass, integer),
        counterfoil.retire_at_once(regclass, regclass) to %I', $1);
    execute format('grant execute on procedure counterfoil.backfill(regclass, integer, interval, text),
        counterfoil.attach(regclass, regclass, integer, interval), counterfoil.retire(regclass, regclass, integer, interval),
        counterfoil.write_chunks(regclass, regclass, text, integer, interval) to %I', $1);
end
$$;

revoke execute on all routines in schema counterfoil from public;

-- row_to_json runs a type's cast to json, and a type's owner can make such a cast later. The two functions that call it therefore belong to a
-- role that may do nothing but insert into the outbox. An installer that may not create roles keeps them, and is trusted with that.
do $$
declare
    may_create boolean := (select rolsuper or rolcreaterole from pg_catalog.pg_roles where rolname = current_user);
    installer name := current_user;
begin
    if not may_create and to_regrole('counterfoil_writer') is null then
        return;
    end if;
    if to_regrole('counterfoil_writer') is null then
        begin
            create role counterfoil_writer nologin;
        exception when unique_violation or duplicate_object then
            null; -- An installer in another database of this server made it just now.
        end;
    end if;
    if not pg_has_role('counterfoil_writer', 'MEMBER') then
        if not may_create then
            return;
        end if;
        execute format('grant counterfoil_writer to %I', installer);
    end if;
    grant usage on schema counterfoil to counterfoil_writer;
    grant insert on counterfoil.outbox to counterfoil_writer;
    grant execute on function counterfoil.members(record, text[], oid) to counterfoil_writer;
    grant create on schema counterfoil to counterfoil_writer; -- The change of an owner asks for it.
    alter function counterfoil.record_change() owner to counterfoil_writer;
    alter function counterfoil.row_json(record, text[], oid) owner to counterfoil_writer;
    revoke create on schema counterfoil from counterfoil_writer;
    set local role counterfoil_writer;
    revoke execute on function counterfoil.record_change(), counterfoil.row_json(record, text[], oid) from public;
    execute format('grant execute on function counterfoil.record_change(), counterfoil.row_json(record, text[], oid) to %I', installer);
    reset role;
end
$$;

insert into counterfoil.installation (version) values (1) on conflict do nothing;
commit;
