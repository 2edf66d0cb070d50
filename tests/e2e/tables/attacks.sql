-- The attacks that a superuser may try, and the findings of check. cases.rs says how the file is read.

--## a row is changed with the triggers off
--@attack
alter table orders disable trigger user;
update orders set amount = 99999 where id = 7;
alter table orders enable always trigger "!counterfoil_change";
--@says REFUSED row_changed

--## a row is deleted with the triggers off
--@attack
alter table orders disable trigger user;
delete from orders where id = 8;
alter table orders enable always trigger "!counterfoil_change";
--@says REFUSED row_deleted

--## a row is added with the triggers off
--@attack
alter table orders disable trigger user;
insert into orders values (999, 'forged', 1, null);
alter table orders enable always trigger "!counterfoil_change";
--@says REFUSED row_added

--## two rows change places
--@attack
alter table orders disable trigger user;
update orders as o set item = p.item, amount = p.amount from orders as p where (o.id, p.id) in ((3, 4), (4, 3));
--@says REFUSED row_changed

--## the keys of two rows are exchanged
--@attack
alter table orders disable trigger user;
update orders set id = -1 where id = 3;
update orders set id = 3 where id = 4;
update orders set id = 4 where id = -1;
--@says REFUSED row_changed

--## a row gets another key
--@attack
alter table orders disable trigger user;
update orders set id = 700 where id = 7;
--@says REFUSED row_added, row_deleted

--## the newest rows are cut off
--@work
insert into orders select n, 'late ' || n, 1, null from generate_series(51, 60) as n;
--@attack
alter table orders disable trigger user;
delete from orders where id > 55;
--@says REFUSED row_deleted

--## all rows are deleted with the triggers off
--@attack
alter table orders disable trigger user;
delete from orders;
--@says REFUSED row_deleted

--## the table is emptied by TRUNCATE with the triggers off
--@attack
alter table orders disable trigger user;
truncate orders;
--@says REFUSED row_deleted

--## TRUNCATE with the triggers on stands in the record
--@attack
truncate orders;
--@says VERIFIED

--## TRUNCATE is none of the allowed operations
--@protect --allow insert,update
--@attack
truncate orders;
--@says REFUSED operation_not_allowed

--## a row is deleted where only insert and update are allowed
--@protect --allow insert,update
--@attack
delete from orders where id = 5;
--@says REFUSED operation_not_allowed

--## a row is deleted and inserted in one transaction where only insert is allowed
--@protect --allow insert
--@attack
begin;
delete from orders where id = 5;
insert into orders values (5, 'item 5', 0.01, null);
commit;
--@says REFUSED operation_not_allowed

--## a change as a replica is recorded all the same
--@attack
set session_replication_role = replica;
update orders set amount = 5 where id = 7;
--@says VERIFIED

--## the triggers are made ordinary ones and a replica changes a row
--@attack
alter table orders enable trigger user;
set session_replication_role = replica;
update orders set amount = 5 where id = 7;
--@says REFUSED row_changed

--## the trigger is placed again with a condition
--@attack
select pg_get_triggerdef(oid) as def from pg_trigger where tgrelid = 'orders'::regclass and tgname = '!counterfoil_change' \gset
select replace(:'def', 'FOR EACH ROW', 'FOR EACH ROW WHEN (false)') as quiet \gset
drop trigger "!counterfoil_change" on orders;
:quiet;
update orders set amount = 5 where id = 7;
--@says REFUSED row_changed

--## the function of the trigger is replaced for a moment
--@attack
select pg_get_functiondef('counterfoil.record_change'::regproc) as def \gset
begin;
create or replace function counterfoil.record_change() returns trigger language plpgsql as 'begin return null; end';
update orders set amount = 5 where id = 7;
:def;
commit;
update orders set note = 'recorded' where id = 9;
--@says REFUSED row_changed

--## the settings of the trigger's function are altered for a moment
--@before
create table orders (id bigint primary key, at timestamptz);
insert into orders values (1, '2026-01-02 03:04:05.678+00');
--@attack
begin;
alter function counterfoil.record_change() set timezone = 'Asia/Tokyo';
update orders set at = at + interval '1 hour';
alter function counterfoil.record_change() set timezone = 'UTC';
commit;
--@says REFUSED row_changed, step_does_not_join

--## a function shadows row_to_json
--@attack
create function row_to_json(record) returns json language plpgsql as $$ begin return '{}'; end $$;
select set_config('search_path', current_schema() || ', pg_catalog', false);
update orders set amount = 5 where id = 7;
--@says VERIFIED

--## a trigger of the attacker removes what the outbox got
--@attack
create function hush() returns trigger language plpgsql as $$ begin delete from counterfoil.outbox where xid = pg_current_xact_id(); return null; end $$;
create trigger zz_hush after update on orders for each row execute function hush();
alter table orders enable always trigger zz_hush;
update orders set amount = 5 where id = 7;
--@says REFUSED row_changed

--## a trigger on the outbox swallows the rows of the table
--@attack
create function swallow() returns trigger language plpgsql as $$ begin return null; end $$;
select format('create trigger %I before insert on counterfoil.outbox for each row when (new.protection = %L) execute function swallow()',
    current_schema() || '_swallow', id) from counterfoil.protection where relation = 'orders'::regclass \gexec
update orders set amount = 5 where id = 7;
--@says REFUSED row_changed

--## the outbox row is removed in the transaction of the change
--@attack
begin;
update orders set amount = 5 where id = 7;
delete from counterfoil.outbox where xid = pg_current_xact_id();
commit;
--@says REFUSED row_changed

--## the outbox is emptied after the relay had it
--@work
update orders set amount = 5 where id = 7;
--@attack
delete from counterfoil.outbox where protection = (select id from counterfoil.protection where relation = 'orders'::regclass);
--@says VERIFIED

--## the outbox and the receipts are emptied and a row is changed
--@attack
delete from counterfoil.receipt where id in (select o.id from counterfoil.outbox as o join counterfoil.protection as p on p.id = o.protection where p.relation = 'orders'::regclass);
delete from counterfoil.outbox where protection = (select id from counterfoil.protection where relation = 'orders'::regclass);
alter table orders disable trigger user;
update orders set amount = 5 where id = 7;
--@says REFUSED row_changed

--## the receipts are deleted
--@attack
delete from counterfoil.receipt where id in (select o.id from counterfoil.outbox as o join counterfoil.protection as p on p.id = o.protection where p.relation = 'orders'::regclass);
--@says VERIFIED

--## every receipt is forged
--@work
update orders set amount = 5 where id = 7;
--@attack
update counterfoil.receipt set ledger = '11111111111111111111111111111111', index = index + 100000, slot = 1, at = '2001-01-01', leaf_hash = sha256('forged')
where id in (select o.id from counterfoil.outbox as o join counterfoil.protection as p on p.id = o.protection where p.relation = 'orders'::regclass);
--@says VERIFIED

--## every column of the recorded outbox rows is forged but their ids
--@work
update orders set amount = 5 where id = 7;
delete from orders where id = 9;
--@attack
update counterfoil.outbox set operation = 'delete', old = '{"id":1}', new = '{"id":2}', at = '2001-01-01', session_user_name = 'forged', role_name = 'forged',
    actor = 'forged', ledger = '11111111111111111111111111111111', content = 'forged', content_type = 'text/plain', stream = 'forged', subject = 'forged'
where protection = (select id from counterfoil.protection where relation = 'orders'::regclass);
--@says VERIFIED

--## every column of the protection is forged
--@attack
update counterfoil.protection set ledger = '11111111111111111111111111111111', columns = '{id,item}', key = '{item}', stream = 'forged', actor = 'forged.actor',
    allow = '{}', is_whole = false, secret = sha256('forged'), described = '[]', protected_at = '2001-01-01'
where relation = 'orders'::regclass;
--@says VERIFIED

--## the protection is forged and a row is changed
--@attack
update counterfoil.protection set columns = '{id,item}', key = '{item}', secret = sha256('forged'), described = '[]', schema_name = 'forged', ended_at = now()
where relation = 'orders'::regclass;
alter table orders disable trigger user;
update orders set amount = 5 where id = 7;
--@says REFUSED row_changed

--## the secret is forged before a change is recorded
--@attack
update counterfoil.protection set secret = sha256('forged') where relation = 'orders'::regclass;
update orders set amount = 5 where id = 7;
do $$ begin
    for n in 1..900 loop
        exit when not exists (select from counterfoil.receipts where state <> 'recorded' and "table" = current_schema() || '.orders');
        perform pg_sleep(0.1);
    end loop;
end $$;
--@says REFUSED subject_does_not_match

--## the progress of the backfill is forged
--@attack
update counterfoil.backfill_progress set kind = 'retire', last_key = '{0}', rows = 0, is_done = false
where protection = (select id from counterfoil.protection where relation = 'orders'::regclass);
--@says VERIFIED

--## a row is added and the rows are recorded once more
--@attack
alter table orders disable trigger user;
insert into orders values (999, 'forged', 1, null);
alter table orders enable always trigger "!counterfoil_change";
delete from counterfoil.backfill_progress where protection = (select id from counterfoil.protection where relation = 'orders'::regclass);
call counterfoil.backfill('orders');
--@says REFUSED row_added

--## a row is changed and the table is protected again by reprotect
--@attack
alter table orders disable trigger user;
update orders set amount = 5 where id = 7;
select counterfoil.reprotect('orders');
call counterfoil.backfill('orders', kind => 'reprotect');
do $$ begin
    for n in 1..900 loop
        exit when not exists (select from counterfoil.receipts where state <> 'recorded' and "table" = current_schema() || '.orders');
        perform pg_sleep(0.1);
    end loop;
end $$;
--@says REFUSED step_does_not_join

--## the protection ends with a forged reason
--@attack
select counterfoil.unprotect('orders', 'the table is not used any more');
update orders set amount = 5 where id = 7;
do $$ begin
    for n in 1..900 loop
        exit when not exists (select from counterfoil.receipts where state <> 'recorded' and "table" = current_schema() || '.orders');
        perform pg_sleep(0.1);
    end loop;
end $$;
--@says CANNOT_TELL table_not_protected

--## a row is changed between the end of the protection and a new one
--@attack
select counterfoil.unprotect('orders', 'a migration');
update orders set amount = 5 where id = 7;
select counterfoil.protect('orders', ledger) from counterfoil.protection where relation = 'orders'::regclass;
call counterfoil.backfill('orders');
do $$ begin
    for n in 1..900 loop
        exit when not exists (select from counterfoil.receipts where state <> 'recorded' and "table" = current_schema() || '.orders');
        perform pg_sleep(0.1);
    end loop;
end $$;
--@says CANNOT_TELL table_not_protected

--## a second beginning of the protection is forged
--@attack
alter table orders disable trigger user;
update orders set amount = 5 where id = 7;
insert into counterfoil.outbox (id, protection, operation, ledger, content, content_type)
select counterfoil.new_id(), protection, operation, ledger, content, content_type from counterfoil.outbox
where operation = 'protect' and protection = (select id from counterfoil.protection where relation = 'orders'::regclass);
delete from counterfoil.backfill_progress where protection = (select id from counterfoil.protection where relation = 'orders'::regclass);
call counterfoil.backfill('orders');
do $$ begin
    for n in 1..900 loop
        exit when not exists (select from counterfoil.receipts where state <> 'recorded' and "table" = current_schema() || '.orders');
        perform pg_sleep(0.1);
    end loop;
end $$;
--@says CANNOT_TELL protected_again

--## a column is taken out of the protection and changed
--@attack
select counterfoil.reprotect('orders', array['id', 'item', 'note']);
update orders set amount = 5 where id = 7;
do $$ begin
    for n in 1..900 loop
        exit when not exists (select from counterfoil.receipts where state <> 'recorded' and "table" = current_schema() || '.orders');
        perform pg_sleep(0.1);
    end loop;
end $$;
--@says VERIFIED

--## an outbox row is written a second time
--@work
insert into orders values (51, 'once', 1, null);
--@attack
insert into counterfoil.outbox (id, protection, operation, new, session_user_name, ledger)
select counterfoil.new_id(), protection, operation, new, session_user_name, ledger from counterfoil.outbox
where operation = 'insert' and protection = (select id from counterfoil.protection where relation = 'orders'::regclass);
--@says REFUSED insert_of_a_row_that_was_there

--## a change hides behind an outbox row of a transaction that is yet to come
--@attack
begin;
update orders set amount = 5 where id = 7;
update counterfoil.outbox set xid = '9000000000000000000' where xid = pg_current_xact_id();
commit;
--@says REFUSED row_changed

--## a change hides behind an outbox row that goes to another ledger
--@attack
begin;
update orders set amount = 5 where id = 7;
update counterfoil.outbox set ledger = (select max(ledger) from counterfoil.protection where relation <> 'orders'::regclass) where xid = pg_current_xact_id();
commit;
--@says REFUSED row_changed

--## a change hides behind an old outbox row with a time of the future
--@attack
alter table orders disable trigger user;
update orders set amount = 5 where id = 7;
update counterfoil.outbox set id = counterfoil.new_id(), operation = 'update', old = new, at = '2999-01-01',
    new = (select row_to_json(o) from orders as o where id = 7)
where new ->> 'id' = '7' and protection = (select id from counterfoil.protection where relation = 'orders'::regclass);
--@says REFUSED row_changed

--## a role that may make free records speaks for the table
--@attack
alter table orders disable trigger user;
update orders set amount = 5 where id = 7;
do $$ begin
    perform counterfoil.record(p.ledger, convert_to(format(
        '{"v":1,"table":"%s.orders","protection":"%s","operation":"update","at":"2026-01-01T00:00:00.000000Z","xid":"1","user":"app","role":null,"actor":null,"old":%s,"new":%s}',
        current_schema(), p.id, o.new, (select row_to_json(r) from orders as r where id = 7)), 'UTF8'), 'application/vnd.counterfoil.change+json')
    from counterfoil.protection as p join counterfoil.outbox as o on o.protection = p.id and o.new ->> 'id' = '7' where p.relation = 'orders'::regclass;
exception when invalid_parameter_value then
    null; -- Refused, as it should be.
end $$;
do $$ begin
    for n in 1..900 loop
        exit when not exists (select from counterfoil.receipts where state <> 'recorded'
            and ledger = (select ledger from counterfoil.protection where relation = 'orders'::regclass));
        perform pg_sleep(0.1);
    end loop;
end $$;
--@says REFUSED row_changed

--## an old version of a row is put back
--@work
update orders set amount = 5 where id = 7;
--@attack
alter table orders disable trigger user;
update orders set amount = 7.70 where id = 7;
--@says REFUSED row_changed

--## a change and a change back stand in the record
--@attack
update orders set amount = 99999 where id = 7;
update orders set amount = 7.70 where id = 7;
--@says VERIFIED

--## an unrecorded change is put back before anyone looks
--@attack
alter table orders disable trigger user;
update orders set amount = 99999 where id = 7;
update orders set amount = 7.70 where id = 7;
alter table orders enable always trigger "!counterfoil_change";
--@says VERIFIED

--## a recorded change covers an unrecorded one
--@attack
alter table orders disable trigger user;
update orders set amount = 99999 where id = 7;
alter table orders enable always trigger "!counterfoil_change";
update orders set amount = 7.70 where id = 7;
--@says REFUSED step_does_not_join

--## a row is deleted unrecorded and inserted with a record
--@attack
alter table orders disable trigger user;
delete from orders where id = 7;
alter table orders enable always trigger "!counterfoil_change";
insert into orders values (7, 'item 7', 5, null);
--@says REFUSED insert_of_a_row_that_was_there

--## a row is inserted unrecorded and deleted with a record
--@attack
alter table orders disable trigger user;
insert into orders values (999, 'for an hour', 1, null);
alter table orders enable always trigger "!counterfoil_change";
delete from orders where id = 999;
--@says REFUSED change_of_a_row_that_was_not_there

--## a key stands twice after its index was dropped
--@attack
alter table orders drop constraint orders_pkey;
alter table orders disable trigger user;
insert into orders select * from orders where id = 7;
--@says REFUSED duplicate_key

--## row security hides a changed row from others
--@attack
alter table orders disable trigger user;
update orders set amount = 5 where id = 7;
alter table orders enable row level security;
alter table orders force row level security;
create policy most on orders using (id <> 7);
--@says REFUSED row_changed

--## row security hides rows and none of them is changed
--@attack
alter table orders enable row level security;
alter table orders force row level security;
create policy nobody on orders using (false);
--@says VERIFIED

--## a rule turns updates into nothing
--@attack
create rule quiet as on update to orders do instead nothing;
update orders set amount = 5 where id = 7;
--@says VERIFIED

--## a rule leads new rows to another table
--@attack
create table elsewhere (like orders);
create rule away as on insert to orders do instead insert into elsewhere values (new.*);
insert into orders values (999, 'elsewhere', 1, null);
--@says VERIFIED

--## a rule leads deletes to an unrecorded copy of the table
--@attack
create table kept (like orders including all);
insert into kept select * from orders;
drop table orders;
alter table kept rename to orders;
delete from orders where id = 7;
--@says REFUSED row_deleted

--## a copy without triggers takes the place of the table
--@attack
create table copy (like orders including all);
insert into copy select * from orders;
update copy set amount = 5 where id = 7;
alter table orders rename to orders_before;
alter table copy rename to orders;
--@says REFUSED row_changed

--## a view takes the place of the table
--@attack
alter table orders rename to orders_before;
create view orders as select id, item, amount, note from orders_before;
--@says CANNOT_TELL

--## the table is dropped
--@attack
drop table orders;
--@says CANNOT_TELL

--## another table inherits from the table and brings in a row
--@attack
create table more () inherits (orders);
insert into more values (999, 'inherited', 1, null);
--@says REFUSED row_added

--## a temporary table of the same name takes the writes
--@attack
create temporary table orders (like orders);
update orders set amount = 5;
--@says VERIFIED

--## a column is dropped and added again with other values
--@attack
alter table orders drop column amount;
alter table orders add column amount numeric(12, 2) not null default 5;
--@says REFUSED catalog_changed, row_changed

--## a column is dropped
--@attack
alter table orders drop column note;
--@says CANNOT_TELL catalog_changed

--## a column gets another name
--@attack
alter table orders rename column note to remark;
--@says CANNOT_TELL catalog_changed

--## two columns exchange their names
--@before
create table orders (id bigint primary key, debit numeric not null, credit numeric not null);
insert into orders select n, n, 2 * n from generate_series(1, 10) as n;
--@attack
alter table orders rename column debit to x;
alter table orders rename column credit to debit;
alter table orders rename column x to credit;
--@says REFUSED catalog_changed, row_changed

--## a column gets another type and other values
--@attack
alter table orders alter amount type bigint using amount * 2;
--@says CANNOT_TELL catalog_changed

--## a column gets other values by two changes of its type
--@attack
alter table orders alter amount type bigint using amount * 2;
alter table orders alter amount type numeric(12, 2) using amount;
--@says REFUSED row_changed

--## a column gets another type and other values and the table is protected again by reprotect
--@attack
alter table orders alter amount type bigint using amount * 2;
select counterfoil.reprotect('orders');
call counterfoil.backfill('orders', kind => 'reprotect');
do $$ begin
    for n in 1..900 loop
        exit when not exists (select from counterfoil.receipts where state <> 'recorded' and "table" = current_schema() || '.orders');
        perform pg_sleep(0.1);
    end loop;
end $$;
--@says CANNOT_TELL catalog_changed

--## a partition is detached without a word
--@before
create table orders (id bigint, day date not null, item text, primary key (id, day)) partition by range (day);
create table orders_1 partition of orders for values from ('2026-01-01') to ('2026-02-01');
create table orders_2 partition of orders for values from ('2026-02-01') to ('2026-03-01');
insert into orders select n, '2026-01-25'::date + n, 'item ' || n from generate_series(1, 20) as n;
--@attack
alter table orders detach partition orders_1;
--@says REFUSED row_deleted

--## a partition with rows is attached without a word
--@before
create table orders (id bigint, day date not null, item text, primary key (id, day)) partition by range (day);
create table orders_1 partition of orders for values from ('2026-01-01') to ('2026-02-01');
insert into orders values (1, '2026-01-02', 'a');
--@attack
create table orders_2 (id bigint not null, day date not null, item text);
insert into orders_2 values (2, '2026-02-02', 'b');
alter table orders attach partition orders_2 for values from ('2026-02-01') to ('2026-03-01');
--@says REFUSED row_added

--## a row of a partition is changed with the triggers of the partition off
--@before
create table orders (id bigint, day date not null, item text, primary key (id, day)) partition by range (day);
create table orders_1 partition of orders for values from ('2026-01-01') to ('2026-02-01');
insert into orders values (1, '2026-01-02', 'a');
--@attack
alter table orders_1 disable trigger user;
update orders set item = 'b' where id = 1;
--@says REFUSED row_changed

--## a number loses a zero behind its point
--@before
create table orders (id bigint primary key, amount numeric);
insert into orders values (1, 1.10), (2, 0.0000), (3, 1e-20), (4, 1e1000);
--@attack
alter table orders disable trigger user;
update orders set amount = 1.1 where id = 1;
--@says REFUSED row_changed

--## a zero becomes negative
--@before
create table orders (id bigint primary key, amount float8);
insert into orders values (1, 0), (2, '-0'), (3, 'NaN');
--@attack
alter table orders disable trigger user;
update orders set amount = '-0' where id = 1;
--@says REFUSED row_changed

--## a day becomes 24 hours
--@before
create table orders (id bigint primary key, wait interval);
insert into orders values (1, '1 day'), (2, '24:00:00');
--@attack
alter table orders disable trigger user;
update orders set wait = '24:00:00' where id = 1;
--@says REFUSED row_changed

--## a time moves by a microsecond
--@before
create table orders (id bigint primary key, at timestamptz);
insert into orders values (1, '2026-01-02 03:04:05.678901+00');
--@attack
alter table orders disable trigger user;
update orders set at = at - interval '1 microsecond';
--@says REFUSED row_changed

--## NULL becomes an empty text
--@attack
alter table orders disable trigger user;
update orders set note = '' where id = 7;
--@says REFUSED row_changed

--## a text gets a space at its end
--@attack
alter table orders disable trigger user;
update orders set item = item || ' ' where id = 7;
--@says REFUSED row_changed

--## a letter is replaced by one that looks the same
--@attack
alter table orders disable trigger user;
update orders set item = replace(item, 'e', U&'\0435') where id = 7;
--@says REFUSED row_changed

--## a value within a json document changes
--@before
create table orders (id bigint primary key, doc json, docb jsonb);
insert into orders values (1, '{"a" : [1, 2]}', '{"a": [1, 2]}'), (2, '{"a" : [1, 2]}', '{"a": [1, 2]}');
--@attack
alter table orders disable trigger user;
update orders set docb = '{"a": [1, 2.0]}' where id = 2;
--@says REFUSED row_changed

--## a space within a json document changes
--@before
create table orders (id bigint primary key, doc json);
insert into orders values (1, '{"a" : [1, 2]}');
--@attack
alter table orders disable trigger user;
update orders set doc = '{"a": [1, 2]}';
--@says REFUSED row_changed

--## an element of an array changes
--@before
create table orders (id bigint primary key, tags text[], numbers int[]);
insert into orders values (1, '{a,NULL,"NULL"}', '{{1,2},{3,4}}');
--@attack
alter table orders disable trigger user;
update orders set tags[2] = 'NULL';
--@says REFUSED row_changed

--## a byte of a bytea changes
--@before
create table orders (id bigint primary key, body bytea);
insert into orders values (1, decode(repeat('00ff10', 1000), 'hex'));
--@attack
alter table orders disable trigger user;
update orders set body = set_byte(body, 1500, 1);
--@says REFUSED row_changed

--## a byte far inside a large text changes
--@before
create table orders (id bigint primary key, body text);
insert into orders select 1, string_agg(md5(n::text), '') from generate_series(1, 8000) as n;
--@attack
alter table orders disable trigger user;
update orders set body = overlay(body placing '_' from 200000);
--@says REFUSED row_changed

--## a generated column gets another expression
--@before
create table orders (id bigint primary key, net numeric not null, gross numeric generated always as (net * 2) stored);
insert into orders (id, net) values (1, 1), (2, 2);
--@attack
alter table orders drop column gross;
alter table orders add column gross numeric generated always as (net * 3) stored;
--@says REFUSED catalog_changed, row_changed

--## a generated column becomes a free one and is changed
--@before
create table orders (id bigint primary key, net numeric not null, gross numeric generated always as (net * 2) stored);
insert into orders (id, net) values (1, 1), (2, 2);
--@attack
alter table orders alter gross drop expression;
alter table orders disable trigger user;
update orders set gross = 9 where id = 1;
--@says REFUSED row_changed

--## two labels exchange their names
--@before
create type verdict as enum ('good', 'bad');
create table orders (id bigint primary key, verdict verdict not null);
insert into orders values (1, 'good'), (2, 'bad');
--@attack
alter type verdict rename value 'good' to 'x';
alter type verdict rename value 'bad' to 'good';
alter type verdict rename value 'x' to 'bad';
--@says CANNOT_TELL catalog_changed

--## two labels exchange their names and the table is protected again by reprotect
--@before
create type verdict as enum ('good', 'bad');
create table orders (id bigint primary key, verdict verdict not null);
insert into orders values (1, 'good'), (2, 'bad');
--@attack
alter type verdict rename value 'good' to 'x';
alter type verdict rename value 'bad' to 'good';
alter type verdict rename value 'x' to 'bad';
select counterfoil.reprotect('orders');
do $$ begin
    for n in 1..900 loop
        exit when not exists (select from counterfoil.receipts where state <> 'recorded' and "table" = current_schema() || '.orders');
        perform pg_sleep(0.1);
    end loop;
end $$;
--@says REFUSED row_changed

--## the composite key of two rows flows together
--@before
create table orders (tenant text, no text, item text, primary key (tenant, no));
insert into orders values ('a', 'b:c', 'x'), ('a:b', 'c', 'y'), ('a', '', 'z'), ('', 'a', 'u');
--@attack
alter table orders disable trigger user;
update orders set item = case item when 'x' then 'y' else 'x' end where item in ('x', 'y');
--@says REFUSED row_changed

--## a key gets a space at its end
--@before
create table orders (id text primary key, item text);
insert into orders values ('a', 'x');
--@attack
alter table orders disable trigger user;
update orders set id = 'a ';
--@says REFUSED row_added, row_deleted

--## a forged rule of the catalog shows other rows than the table has
--@attack
create table shown as select * from orders;
create view as_before as select id, item, amount, note from shown;
insert into pg_rewrite (oid, rulename, ev_class, ev_type, ev_enabled, is_instead, ev_qual, ev_action)
select (select max(oid)::bigint + 100000 from pg_class)::oid, rulename, 'orders'::regclass, ev_type, ev_enabled, is_instead, ev_qual, ev_action
from pg_rewrite where ev_class = 'as_before'::regclass;
alter table orders disable trigger user;
update orders set amount = 99999 where id = 7;
update pg_class set relhasrules = true where oid = 'orders'::regclass;
--@says CANNOT_TELL

--## a default that the catalog keeps for old rows is forged
--@before
create table orders (id bigint primary key);
insert into orders select generate_series(1, 10);
alter table orders add column rate numeric not null default 7;
--@attack
create table forged (id bigint);
insert into forged values (1);
alter table forged add column rate numeric not null default 9;
update pg_attribute set attmissingval = (select attmissingval from pg_attribute where attrelid = 'forged'::regclass and attname = 'rate')
where attrelid = 'orders'::regclass and attname = 'rate';
--@says REFUSED row_changed

--## a label is forged in the catalog
--@before
create type verdict as enum ('good', 'bad');
create table orders (id bigint primary key, verdict verdict not null);
insert into orders values (1, 'good'), (2, 'bad');
--@attack
update pg_enum set enumlabel = 'excellent' where enumtypid = 'verdict'::regtype and enumlabel = 'bad';
--@says CANNOT_TELL catalog_changed

--## the file of the table is exchanged for that of a copy
--@attack
create table forged (like orders);
insert into forged select * from orders;
update forged set amount = 99999 where id = 7;
vacuum full forged;
checkpoint;
select pg_relation_filenode('orders') as ours, pg_relation_filenode('forged') as forged \gset
update pg_class set relfilenode = case relname when 'orders' then :forged else :ours end where oid in ('orders'::regclass, 'forged'::regclass);
--@says REFUSED row_changed

--## an index that is missing a row answers in place of the table
--@before
create table orders (id bigint primary key);
insert into orders select generate_series(1, 50);
--@attack
update pg_index set indisready = false where indexrelid = 'orders_pkey'::regclass;
alter table orders disable trigger user;
insert into orders values (999);
update pg_index set indisready = true where indexrelid = 'orders_pkey'::regclass;
select format('alter database %I set enable_seqscan = off', current_database()) \gexec
vacuum orders;
--@says REFUSED row_added

--## a deleted row comes back
--@work
delete from orders where id = 9;
--@attack
alter table orders disable trigger user;
insert into orders values (9, 'item 9', 9.90, null);
--@says REFUSED row_added

--## a row without a key is added
--@attack
alter table orders drop constraint orders_pkey;
alter table orders alter id drop not null;
alter table orders disable trigger user;
insert into orders values (null, 'forged', 1, null);
--@says REFUSED catalog_changed, row_added

--## all outbox rows get other ids
--@work
update orders set amount = 5 where id = 7;
--@attack
update counterfoil.outbox set id = counterfoil.new_id() where protection = (select id from counterfoil.protection where relation = 'orders'::regclass);
--@says REFUSED step_does_not_join

--## the version of the installation is forged
--@attack
update counterfoil.installation set version = 1000, installed_at = '2001-01-01';
alter table orders disable trigger user;
update orders set amount = 5 where id = 7;
--@says REFUSED row_changed

--## a recorded change names another user before the relay has it
--@attack
begin;
update orders set amount = 5 where id = 7;
update counterfoil.outbox set session_user_name = 'app', actor = 'ada', at = at - interval '1 minute' where xid = pg_current_xact_id();
commit;
--@says VERIFIED

--## another secret is forged for the table
--@attack
alter table orders disable trigger user;
update orders set amount = 5 where id = 7;
insert into counterfoil.outbox (id, protection, operation, ledger, content, content_type)
select counterfoil.new_id(), o.protection, 'reprotect', o.ledger, convert_to(rtrim(regexp_replace(replace(convert_from(o.content, 'UTF8'),
    '"operation":"protect"', '"operation":"reprotect"'), '"secret":"[0-9a-f]*"', '"secret":"' || repeat('ab', 32) || '"'), '}') || ',"before":' || p.described || '}', 'UTF8'), o.content_type
from counterfoil.outbox as o join counterfoil.protection as p on p.id = o.protection where o.operation = 'protect' and p.relation = 'orders'::regclass;
do $$ begin
    for n in 1..900 loop
        exit when not exists (select from counterfoil.receipts where state <> 'recorded' and "table" = current_schema() || '.orders');
        perform pg_sleep(0.1);
    end loop;
end $$;
--@says CANNOT_TELL key_changed, not_backfilled

--## a column is taken out of the protection, changed and taken in again
--@attack
select counterfoil.reprotect('orders', array['id', 'item', 'note']);
update orders set amount = 5 where id = 7;
select counterfoil.reprotect('orders', array['id', 'item', 'amount', 'note']);
call counterfoil.backfill('orders', kind => 'reprotect');
do $$ begin
    for n in 1..900 loop
        exit when not exists (select from counterfoil.receipts where state <> 'recorded' and "table" = current_schema() || '.orders');
        perform pg_sleep(0.1);
    end loop;
end $$;
--@says CANNOT_TELL catalog_changed

--## a partition retires, is changed and comes back
--@before
create table orders (id bigint, day date not null, item text, primary key (id, day)) partition by range (day);
create table orders_1 partition of orders for values from ('2026-01-01') to ('2026-02-01');
insert into orders values (1, '2026-01-02', 'a'), (2, '2026-01-03', 'b');
--@attack
begin;
call counterfoil.retire('orders', 'orders_1');
alter table orders detach partition orders_1;
commit;
update orders_1 set item = 'c' where id = 1;
alter table orders attach partition orders_1 for values from ('2026-01-01') to ('2026-02-01');
call counterfoil.attach('orders', 'orders_1');
do $$ begin
    for n in 1..900 loop
        exit when not exists (select from counterfoil.receipts where state <> 'recorded' and "table" = current_schema() || '.orders');
        perform pg_sleep(0.1);
    end loop;
end $$;
--@says VERIFIED

--## a column that is not protected changes
--@before
create table orders (id bigint primary key, item text, hits int not null default 0);
insert into orders select n, 'item ' || n from generate_series(1, 10) as n;
--@protect --columns id,item
--@attack
alter table orders disable trigger user;
update orders set hits = 7;
--@says VERIFIED

--## a materialized view takes the place of the table
--@attack
alter table orders rename to orders_before;
create materialized view orders as select * from orders_before;
--@says CANNOT_TELL

--## a change of the allowed operations and the operation stand in the record
--@protect --allow insert,update
--@attack
select counterfoil.reprotect('orders', allow => array['insert', 'update', 'delete']);
delete from orders where id = 5;
do $$ begin
    for n in 1..900 loop
        exit when not exists (select from counterfoil.receipts where state <> 'recorded' and "table" = current_schema() || '.orders');
        perform pg_sleep(0.1);
    end loop;
end $$;
--@says VERIFIED

--## rows leave a table without partitions by a row that says they were retired
--@protect --allow insert
--@attack
insert into counterfoil.outbox (id, protection, operation, old, session_user_name, ledger)
select counterfoil.new_id(), p.id, 'retire', to_json(o), 'app', p.ledger from orders as o, counterfoil.protection as p
where o.id = 8 and p.relation = 'orders'::regclass;
alter table orders disable trigger user;
delete from orders where id = 8;
alter table orders enable always trigger "!counterfoil_change";
--@says REFUSED operation_not_allowed

--## rows come into a table without partitions by a row that says they were attached
--@protect --allow update
--@attack
alter table orders disable trigger user;
insert into orders values (999, 'forged', 1, null);
alter table orders enable always trigger "!counterfoil_change";
insert into counterfoil.outbox (id, protection, operation, new, session_user_name, ledger)
select counterfoil.new_id(), p.id, 'state', to_json(o), 'app', p.ledger from orders as o, counterfoil.protection as p
where o.id = 999 and p.relation = 'orders'::regclass;
select counterfoil.write_event(p, 'backfilled', '"rows":1,"kind":"attach"') from counterfoil.protection as p where p.relation = 'orders'::regclass;
do $$ begin
    for n in 1..900 loop
        exit when not exists (select from counterfoil.receipts where state <> 'recorded' and "table" = current_schema() || '.orders');
        perform pg_sleep(0.1);
    end loop;
end $$;
--@says REFUSED operation_not_allowed

--## a column is renamed, taken out, changed and taken in again
--@attack
alter table orders rename column amount to amt2;
select counterfoil.reprotect('orders');
select counterfoil.reprotect('orders', array['id', 'item', 'note']);
alter table orders disable trigger user;
update orders set amt2 = 99999 where id = 8;
alter table orders enable always trigger "!counterfoil_change";
alter table orders rename column amt2 to amount;
select counterfoil.reprotect('orders', array['id', 'item', 'amount', 'note']);
call counterfoil.backfill('orders', kind => 'reprotect');
do $$ begin
    for n in 1..900 loop
        exit when not exists (select from counterfoil.receipts where state <> 'recorded' and "table" = current_schema() || '.orders');
        perform pg_sleep(0.1);
    end loop;
end $$;
--@says CANNOT_TELL catalog_changed

--## an unreadable row waits since years in front of a tampering
--@attack
insert into counterfoil.outbox (xid, id, protection, operation, at, session_user_name, ledger)
select '3', counterfoil.new_id(), p.id, 'zzz', '2020-01-01', 'app', p.ledger from counterfoil.protection as p where p.relation = 'orders'::regclass;
alter table orders disable trigger user;
update orders set amount = 99999 where id = 8;
alter table orders enable always trigger "!counterfoil_change";
--@says REFUSED row_changed

--## a receipt is forged for a row that waits, and the row is changed
--@attack
insert into counterfoil.outbox (xid, id, protection, operation, old, new, at, session_user_name, ledger)
select '3', '018f3f2e-0000-7000-8000-0000000000aa', p.id, 'update', to_json(o), to_json(o), '2020-01-01', 'app', p.ledger
from orders as o, counterfoil.protection as p where o.id = 8 and p.relation = 'orders'::regclass;
insert into counterfoil.receipt (id, ledger, index, slot, at, leaf_hash)
select '018f3f2e-0000-7000-8000-0000000000aa', p.ledger, 0, 1, now(), decode(repeat('07', 32), 'hex') from counterfoil.protection as p where p.relation = 'orders'::regclass;
alter table orders disable trigger user;
update orders set amount = 99999 where id = 8;
alter table orders enable always trigger "!counterfoil_change";
--@says REFUSED row_changed
