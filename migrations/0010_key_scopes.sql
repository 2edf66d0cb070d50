-- The permissions of a key. Those from before read and nothing else. A scope holds for the key's ledgers: `write` has the gateway
-- accept records, `raw` moreover entries whose bytes are public for ever.
alter table api_key
    add column scopes text[] not null default '{read}',
    add constraint api_key_scopes_known check (scopes <@ '{read,write,raw}' and cardinality(scopes) > 0);
