-- Bounds of what a key uses of the gateway in 24 hours; null where there is no bound.
alter table api_key
    add column records_a_day bigint,
    add column bytes_a_day bigint,
    add column lamports_a_day bigint,
    add constraint api_key_quotas_range check (records_a_day >= 0 and bytes_a_day >= 0 and lamports_a_day >= 0);
