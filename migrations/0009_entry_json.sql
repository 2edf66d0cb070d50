-- An entry's bytes as JSON, null where they are none: for searches by path, and for indexes of the operator's choice on such a
-- path. PostgreSQL 15 has no cast that does not fail. A function that catches errors cannot run in a parallel query.
create function entry_json(payload bytea) returns jsonb language plpgsql immutable strict parallel unsafe as $$
begin
    return convert_from(payload, 'utf8')::jsonb;
exception when others then
    return null;
end $$;
