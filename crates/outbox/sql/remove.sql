-- Removes Counterfoil's part of a database: its triggers, functions, outbox and receipts. It refuses while a table is protected, or a
-- record has no receipt yet; `set counterfoil.force = on` removes them all the same. The ledgers keep their records.
begin;

do $$
declare
    protected text;
    waiting bigint;
begin
    if to_regclass('counterfoil.installation') is null then
        raise exception 'Counterfoil is not installed in database %', current_database() using errcode = 'invalid_schema_name';
    end if;
    -- No change comes in between.
    lock table counterfoil.protection, counterfoil.outbox in access exclusive mode;
    if coalesce(nullif(current_setting('counterfoil.force', true), ''), 'off')::boolean then
        return;
    end if;
    select string_agg(format('%I.%I', schema_name, table_name), ', ' order by schema_name, table_name) into protected
    from counterfoil.protection where ended_at is null;
    if protected is not null then
        raise exception 'tables are protected: %', protected using errcode = 'object_in_use',
            hint = 'End it with counterfoil.unprotect, or set counterfoil.force = on.';
    end if;
    select count(*) into waiting from counterfoil.outbox as o where not exists (select from counterfoil.receipt as r where r.id = o.id);
    if waiting > 0 then
        raise exception '% records have no receipt yet', waiting using errcode = 'object_in_use',
            hint = 'Let the relay deliver them, or set counterfoil.force = on.';
    end if;
end
$$;

-- Triggers hang on the functions, and go with them. The role counterfoil_writer stays: other databases of the server may use it.
set local client_min_messages = warning;
drop schema counterfoil cascade;
commit;
