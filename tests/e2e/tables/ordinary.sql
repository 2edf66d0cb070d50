-- The work of every day, which check must not take for tampering. cases.rs says how the file is read.

--## rows come by COPY and by INSERT ON CONFLICT
--@work
copy orders (id, item, amount) from stdin;
1001	copied	1.00
1002	copied	2.00
\.
insert into orders values (1001, 'again', 3, null) on conflict (id) do update set amount = excluded.amount;
insert into orders values (1002, 'again', 3, null) on conflict do nothing;
--@says VERIFIED

--## MERGE updates, deletes and inserts
--@work
select current_setting('server_version_num')::int >= 150000 as has_merge \gset
\if :has_merge
merge into orders as o using (select n as id from generate_series(40, 60) as n) as s on o.id = s.id
when matched and o.id < 45 then delete
when matched then update set amount = o.amount + 1
when not matched then insert values (s.id, 'merged', 1, null);
\endif
--@says VERIFIED

--## savepoints are rolled back in part
--@work
begin;
update orders set amount = 1 where id = 1;
savepoint a;
update orders set amount = 2 where id = 1;
insert into orders values (100, 'undone', 1, null);
savepoint b;
delete from orders where id = 2;
rollback to savepoint b;
update orders set amount = 3 where id = 2;
rollback to savepoint a;
update orders set amount = 4 where id = 1;
release savepoint a;
commit;
begin;
delete from orders;
rollback;
do $$ begin
    begin
        update orders set amount = 6 where id = 3;
        perform 1 / 0;
    exception when division_by_zero then
        update orders set amount = 7 where id = 3;
    end;
end $$;
--@says VERIFIED

--## two-phase commit
--@work
select current_setting('max_prepared_transactions')::int > 0 as can_prepare \gset
begin;
update orders set amount = 1 where id = 1;
\if :can_prepare
prepare transaction 'ordinary_1';
update orders set amount = 2 where id = 2;
commit prepared 'ordinary_1';
begin;
update orders set amount = 3 where id = 3;
prepare transaction 'ordinary_2';
rollback prepared 'ordinary_2';
\else
commit;
\endif
--@says VERIFIED

--## triggers change the row before it is written and update it again after
--@before
create table orders (id bigint primary key, item text not null, amount numeric, total numeric, changed int not null default 0);
insert into orders select n, 'item ' || n, n from generate_series(1, 10) as n;
create function before_row() returns trigger language plpgsql as $$ begin new.changed := new.changed + 1; return new; end $$;
create function after_row() returns trigger language plpgsql as $$ begin
    if new.total is distinct from new.amount * 2 then
        update orders set total = new.amount * 2 where id = new.id;
    end if;
    return null;
end $$;
create trigger a_before before insert or update on orders for each row execute function before_row();
create trigger "  first" after insert or update on orders for each row execute function after_row();
create trigger zz_after after insert or update on orders for each row execute function after_row();
--@work
update orders set amount = amount + 1;
insert into orders select n, 'late', n from generate_series(11, 20) as n;
update orders set amount = 7 where id in (3, 15);
begin;
update orders set amount = 8 where id = 3;
update orders set amount = 7 where id = 3;
delete from orders where id = 4;
insert into orders values (4, 'again', 4);
commit;
--@says VERIFIED

--## a trigger deletes other rows of the table
--@before
create table orders (id bigint primary key, parent bigint);
insert into orders select n, nullif(n / 2, 0) from generate_series(1, 31) as n;
create function drop_children() returns trigger language plpgsql as $$ begin delete from orders where parent = old.id; return null; end $$;
create trigger " children" after delete on orders for each row execute function drop_children();
--@work
delete from orders where id = 2;
insert into orders values (2, 1);
--@says VERIFIED

--## constraints are checked at the end of the transaction
--@before
create table customers (id bigint primary key);
create table orders (id bigint primary key, customer bigint not null references customers deferrable initially deferred,
    place int not null, constraint orders_place unique (place) deferrable initially deferred);
insert into customers values (1);
insert into orders select n, 1, n from generate_series(1, 10) as n;
create function late() returns trigger language plpgsql as $$ begin
    update orders set place = place + 1000 where id = new.id and place < 1000;
    return null;
end $$;
create constraint trigger late after insert on orders deferrable initially deferred for each row execute function late();
--@work
begin;
insert into orders values (11, 2, 11);
insert into customers values (2);
update orders set place = 11 - place where id <= 10;
commit;
--@says VERIFIED

--## changes of another table cascade
--@before
create table customers (id bigint primary key);
insert into customers select generate_series(1, 10);
create table orders (id bigint primary key, customer bigint references customers on update cascade on delete cascade, referrer bigint references customers on delete set null);
insert into orders select n, 1 + n % 10, 1 + n % 7 from generate_series(1, 50) as n;
--@work
update customers set id = id + 100 where id > 5 and id not in (6, 7);
delete from customers where id in (1, 2);
--@says VERIFIED

--## rows move between partitions
--@before
create table orders (id bigint, day date not null, item text, primary key (id, day)) partition by range (day);
create table orders_1 partition of orders for values from ('2026-01-01') to ('2026-02-01');
create table orders_2 partition of orders for values from ('2026-02-01') to ('2026-03-01');
create table orders_rest partition of orders default;
insert into orders select n, '2026-01-15'::date + n, 'item ' || n from generate_series(1, 40) as n;
--@work
update orders set day = day + 30 where id between 3 and 8;
update orders set day = '2030-01-01' where id = 9;
insert into orders values (50, '2026-02-03', 'late');
update orders_2 set item = 'by the partition' where id = 30;
delete from orders_1 where id = 1;
insert into orders_1 values (60, '2026-01-03', 'into the partition');
truncate orders_rest;
--@says VERIFIED

--## rows that move between partitions are updates where only insert and update are allowed
--@before
create table orders (id bigint, day date not null, item text, primary key (id, day)) partition by range (day);
create table orders_1 partition of orders for values from ('2026-01-01') to ('2026-02-01');
create table orders_2 partition of orders for values from ('2026-02-01') to ('2026-03-01');
insert into orders select n, '2026-01-15'::date, 'item ' || n from generate_series(1, 5) as n;
--@protect --allow insert,update
--@work
update orders set day = day + 30 where id <= 3;
insert into orders values (4, '2026-01-15', 'again') on conflict (id, day) do update set item = excluded.item;
update orders set id = 9 where id = 5;
--@says VERIFIED

--## a partition is attached and recorded
--@before
create table orders (id bigint, day date not null, item text, primary key (id, day)) partition by range (day);
create table orders_1 partition of orders for values from ('2026-01-01') to ('2026-02-01');
insert into orders values (1, '2026-01-02', 'a');
--@work
create table orders_2 (like orders including all);
insert into orders_2 select n, '2026-02-02', 'b' from generate_series(2, 30) as n;
alter table orders attach partition orders_2 for values from ('2026-02-01') to ('2026-03-01');
call counterfoil.attach('orders', 'orders_2');
update orders set item = 'c' where id = 3;
create table orders_3 partition of orders for values from ('2026-03-01') to ('2026-04-01');
insert into orders values (40, '2026-03-05', 'new');
--@says VERIFIED

--## a partition retires and is detached
--@before
create table orders (id bigint, day date not null, item text, primary key (id, day)) partition by range (day);
create table orders_1 partition of orders for values from ('2026-01-01') to ('2026-02-01');
create table orders_2 partition of orders for values from ('2026-02-01') to ('2026-03-01');
insert into orders select n, '2026-01-15'::date + n, 'item ' || n from generate_series(1, 40) as n;
--@protect --allow insert
--@work
begin;
call counterfoil.retire('orders', 'orders_1');
alter table orders detach partition orders_1;
commit;
drop table orders_1;
insert into orders values (99, '2026-02-02', 'late');
--@says VERIFIED

--## an integer becomes a bigint
--@before
create table orders (id integer primary key, amount integer);
insert into orders select n, n from generate_series(1, 20) as n;
--@work
update orders set amount = 100 where id = 1;
alter table orders alter id type bigint, alter amount type bigint;
update orders set amount = 5000000000 where id = 2;
select counterfoil.reprotect('orders');
call counterfoil.backfill('orders', kind => 'reprotect');
insert into orders values (6000000000, 1);
--@says VERIFIED

--## a column is added with a default
--@work
alter table orders add column rate numeric not null default 1.5;
update orders set rate = 2 where id = 3;
select counterfoil.reprotect('orders');
update orders set rate = 3 where id = 4;
call counterfoil.backfill('orders', kind => 'reprotect');
insert into orders values (51, 'late', 1, null);
--@says VERIFIED

--## a column is dropped
--@work
update orders set note = 'gone soon' where id = 3;
alter table orders drop column note;
select counterfoil.reprotect('orders');
call counterfoil.backfill('orders', kind => 'reprotect');
update orders set amount = 1 where id = 4;
--@says VERIFIED

--## a column gets another name
--@work
update orders set note = 'before' where id = 3;
alter table orders rename column note to remark;
select counterfoil.reprotect('orders');
update orders set remark = 'after' where id = 4;
--@says VERIFIED

--## the key's column gets another name
--@before
create table orders (tenant text, no text, item text, primary key (tenant, no));
insert into orders values ('a', 'b:c', 'x'), ('a:b', 'c', 'y'), ('a', '', 'z');
--@work
alter table orders rename column no to number;
select counterfoil.reprotect('orders');
insert into orders values ('', 'a', 'u'), ('a:', 'b', 'v');
update orders set number = 'b:d' where number = 'b:c';
--@says VERIFIED

--## migrations are in one transaction with changes
--@work
begin;
update orders set note = 'x';
alter table orders alter note set not null;
alter table orders add column x int;
select counterfoil.reprotect('orders');
commit;
call counterfoil.backfill('orders', kind => 'reprotect');
begin;
set constraints all deferred;
update orders set x = 1 where id < 5;
alter table orders alter note drop not null;
alter table orders alter amount set default 0;
select counterfoil.reprotect('orders');
commit;
--@says VERIFIED

--## identity and generated columns
--@before
create table orders (id bigint generated by default as identity primary key, seen bigint generated always as identity, net numeric not null,
    gross numeric generated always as (net * 1.19) stored, upper_note text generated always as (upper(note)) stored, note text);
insert into orders (net, note) select n, 'note ' || n from generate_series(1, 10) as n;
--@work
update orders set net = net + 0.5 where id < 4;
insert into orders (net, note) values (7, null);
update orders set note = 'ß' where id = 5;
--@says VERIFIED

--## a value is as large as a megabyte
--@before
create table orders (id bigint primary key, body text, data bytea);
insert into orders select 1, string_agg(md5(n::text), ''), null from generate_series(1, 16384) as n;
--@work
insert into orders select 2, string_agg(md5(n::text), E'\n"\\'), null from generate_series(1, 32768) as n;
insert into orders select 3, repeat('x', 1000000), decode(repeat('00ff', 100000), 'hex');
update orders set data = '\x00' where id = 1;
--@says VERIFIED

--## arrays of all sorts
--@before
create type mood as enum ('so so', 'a,b', '"quoted"');
create table orders (id bigint primary key, t text[], n numeric[], f float8[], b bool[], z timestamptz[], d date[], j jsonb[], js json[], moods mood[], x bytea[], u uuid[], bo box[], i interval[]);
insert into orders values (1, '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}');
--@work
insert into orders values (2, array['a', null, 'NULL', 'null', '', ' ', '"', '\', '{', '}', ',', E'\n', E'\t', U&'\+01F600'], '{1.10,NaN,Infinity,-0,1e50}', '{0,-0,NaN,Infinity,1e-300}', '{t,f,NULL}',
    array['2026-01-02 03:04:05.678+00', 'infinity', '0044-03-15 BC', null]::timestamptz[], '{-infinity,2026-01-02}', array['{"a": [1, null, "x"]}', 'null', '1.10', null]::jsonb[],
    array['{"a" : [1 ,null]}', '"x\"y"', null]::json[], '{"so so","a,b","\"quoted\""}', array['\x00ff', '\x']::bytea[], array[gen_random_uuid()], '{(1,2),(0,0);(3,4),(1,1)}', '{1 day,24:00:00,-1 mon}');
insert into orders (id, t, n, b, j) values (3, '{{a,b},{c,NULL}}', '{{{1,2},{3,4}},{{5,6},{7,8}}}', '{{t},{f}}', '{{"1","[]"},{"{}","null"}}');
insert into orders (id, t, n) values (4, '[2:3]={a,b}', '[0:0][-1:0]={{1,2}}'), (5, null, null), (6, array[null], array[null::numeric]);
update orders set t[5] = 'far' where id in (2, 5);
update orders set n = n || 1.0 where id = 2;
--@says VERIFIED

--## labels are added and get other names
--@before
create type mood as enum ('sad', 'ok');
create table orders (id bigint primary key, mood mood, moods mood[]);
insert into orders values (1, 'sad', '{sad,ok}'), (2, 'ok', '{}'), (3, null, null);
--@work
alter type mood add value 'happy' after 'ok';
update orders set mood = 'ok' where id = 1;
select counterfoil.reprotect('orders');
update orders set mood = 'happy' where id = 2;
--@says VERIFIED

--## a label gets another name
--@before
create type mood as enum ('sad', 'ok');
create table orders (id bigint primary key, mood mood);
insert into orders values (1, 'sad'), (2, 'ok'), (3, null);
--@work
alter type mood rename value 'sad' to 'unhappy';
select counterfoil.reprotect('orders');
update orders set mood = 'unhappy' where id = 2;
--@says VERIFIED

--## domains
--@before
create domain amount as numeric(10, 2) check (value >= 0);
create domain word as text not null;
create domain moment as timestamptz;
create domain flag as boolean;
create domain day as date;
create domain count as bigint;
create table orders (id count primary key, a amount, w word, m moment, f flag, d day);
insert into orders values (1, 1.1, 'x', '2026-01-02 03:04:05+00', true, '2026-01-02'), (2, null, '', 'infinity', null, '-infinity');
--@work
update orders set a = 7, m = '0044-03-15 BC', d = '0044-03-15 BC', f = false where id = 1;
insert into orders values (3, 0.00, '2026-01-02 03:04:05', '2026-01-02 03:04:05.000001', true, '12026-01-02');
--@says VERIFIED

--## json and jsonb with odd spacing and odd contents
--@before
create table orders (id bigint primary key, j json, b jsonb);
insert into orders values (1, E' \n{ "a" :\t1 , "a":2 } ', '{"b": 1, "a": 1.10}');
--@work
insert into orders values (2, '"\u0000"', '"\u00e4"'), (3, '"\ud83d\ude00 \ud800"', '"😀"'), (4, 'null', 'null'), (5, '[]', '{}'), (6, '-0', '-0'), (7, '1E400', '1E400'), (8, ' 1 ', '1.0'),
    (9, '"null"', '"null"'), (10, '"a\/b"', '"a\/b"'), (11, null, null), (12, 'true', 'false'), (13, '""', '""');
insert into orders select 14, (repeat('[', 500) || repeat(']', 500))::json, (repeat('{"a":', 500) || '1' || repeat('}', 500))::jsonb;
update orders set j = '{"a":1}', b = b || '{"c": [1,2]}' where id = 1;
--@says VERIFIED

--## numbers of all sorts
--@before
create table orders (id bigint primary key, n numeric, m numeric(30, 10), f8 float8, f4 float4, i2 int2, i4 int4, o oid, c numeric(5, -2));
insert into orders (id, n) values (1, 0);
--@work
insert into orders values (2, 'NaN', 'NaN', 'NaN', 'NaN', -32768, -2147483648, 4294967295, 12345), (3, 'Infinity', 1.1, 'Infinity', '-Infinity', 0, 0, 0, 0), (4, '-Infinity', 0, '-0', '-0', 1, 1, 1, null),
    (5, 0.0000, 0.1, 5e-324, 1e-45, 1, 1, 1, 1), (6, 1e1000, -1.5, 1.7976931348623157e308, 3.4028235e38, 1, 1, 1, 1), (7, 1e-1000, 1, 0.1, 0.1, 1, 1, 1, 1), (9223372036854775807, 1.10, 1, 1e15, 16777216, 1, 1, 1, 1),
    (-9223372036854775808, 1, 1, 1e16, 1e21, 1, 1, 1, 1);
update orders set f8 = f8 / 3, f4 = f4 / 3, n = n * 1.0 where id in (2, 3, 4, 7);
--@says VERIFIED

--## times at both ends
--@before
create table orders (id bigint primary key, tz timestamptz, ts timestamp, d date, t time, ttz timetz, i interval, t0 timestamptz(0), i2 interval day to second);
insert into orders (id, tz) values (1, now());
--@work
insert into orders values (2, '4713-01-01 00:00:00+00 BC', '4713-01-01 BC', '4713-01-01 BC', '00:00', '00:00+15:59', '-178000000 years', '2026-01-01 00:00:00.5+00', '1 12:00:00.5'),
    (3, '294276-12-31 23:59:59.999999+00', '294276-12-31 23:59:59.999999', '5874897-12-31', '24:00', '24:00-15:59:30', '178000000 years', null, null), (4, 'infinity', 'infinity', 'infinity', null, null, '1 year 2 months -3 days 04:05:06.000007', 'infinity', null),
    (5, '-infinity', '-infinity', '-infinity', '23:59:59.999999', '12:00+05:30', '00:00', '-infinity', null), (6, '2026-03-29 02:30:00+01', '0001-01-01', '0001-12-31 BC', '01:02:03.4', null, '-1 day +02:03', '10000-01-01', '-1 00:00:01'),
    (7, '1883-11-18 12:03:58-04:56:02', '9999-12-31 24:00', '10000-01-01', '00:00:00.000001', '00:00:00.1-00', '1 mon -1 days', '0044-03-15 BC', null);
update orders set tz = tz + interval '1 microsecond' where id = 1;
--@says VERIFIED

--## texts with every character
--@before
create table orders (id bigint primary key, t text, v varchar(40), c char(5), k "char", n name);
insert into orders (id, t, c) values (0, '', '');
--@work
insert into orders select n, 'x' || chr(n) || 'y', chr(n), 'a', 'x', 'name' from generate_series(1, 700) as n;
insert into orders select n, chr(n), null, null from generate_series(8190, 8300) as n;
insert into orders values (10001, U&'\+01F600\200D\+01F468 e\0301 \00e9 \feff \fffe \+10ffff \+0e0041', 'ä', 'ab', '"', '\'), (10002, ' ', '  ', '  ', ' ', ' '), (10003, 'null', 'true', '1', '', ''), (10004, '\u0041', '\\', '{}', '\', '[]'),
    (10005, '2026-01-02 03:04:05', '2026-01-02T03:04:05', '12', '1', 'a');
update orders set t = t || t where id < 100;
--@says VERIFIED

--## networks, uuids, bits and geometry
--@before
create table orders (id bigint primary key, i inet, c cidr, m macaddr, m8 macaddr8, u uuid, b bit(4), vb varbit, p point, l line, s lseg, bx box, pa path, po polygon, ci circle, lsn pg_lsn, ts tsvector, tq tsquery, x xml, jp jsonpath);
insert into orders (id) values (1);
--@work
insert into orders values (2, '10.0.0.1', '10.0.0.0/8', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05', '00000000-0000-0000-0000-000000000000', b'1010', b'', '(1,2.5)', '{1,-1,0}', '[(1,2),(3,4)]', '(3,4),(1,2)', '((1,2),(3,4))', '((0,0),(1,1),(1,0))', '<(1,2),3>', '16/B374D848', 'a fat cat:3A', 'fat & (cat | !rat)', null, '$.a[*] ? (@ > 1)');
insert into orders (id, i, vb, pa, p) values (3, '::1/64', b'1', '[(1,2),(3,4)]', '(NaN,Infinity)'), (4, '2001:db8::1', b'0101', null, '(-0,1e300)');
update orders set b = b'0000', i = '1.2.3.4/24' where id = 2;
--@says VERIFIED

--## ranges and multiranges
--@before
create table orders (id bigint primary key, i int4range, n numrange, d daterange, t tsrange, z tstzrange, a int4range[]);
insert into orders (id) values (1);
--@work
insert into orders values (2, '[1,5]', '(1.10,]', '[2026-01-01,)', '["2026-01-01 00:00:00.5",infinity]', '["0044-01-01 BC","2026-01-01 00:00+00")', '{"[1,2]",empty,NULL,"(,)"}'), (3, 'empty', 'empty', '(,)', '(,)', 'empty', '{}');
update orders set i = i + int4range(5, 9) where id = 2;
--@says VERIFIED

--## ranges of a type of one's own and multiranges
--@before
create type span as range (subtype = timestamptz);
create type cost as range (subtype = numeric);
create table orders (id bigint primary key, s span, c cost);
insert into orders values (1, '["2026-01-01 00:00+00","2026-01-02 00:00+00")', '[1.10,2.0)');
--@work
select current_setting('server_version_num')::int >= 140000 as has_multirange \gset
insert into orders values (2, 'empty', '(,)'), (3, '(,"0044-01-01 00:00+00 BC")', null);
update orders set c = '[1.1,2.0)' where id = 1;
--@says VERIFIED

--## a composite key of many types
--@before
create type area as enum ('north', 'so"uth');
create table orders (a area, d date, t timestamptz, b boolean, c char(4), n numeric, u uuid, x bytea, f float8, item text, primary key (a, d, t, b, c, n, u, x, f));
insert into orders values ('north', '2026-01-02', '2026-01-02 03:04:05.6+00', true, 'ab', 1.10, '00000000-0000-0000-0000-000000000001', '\x00ff', 0.1, 'x');
--@work
insert into orders values ('so"uth', '0044-03-15 BC', 'infinity', false, '', 'NaN', '00000000-0000-0000-0000-000000000002', '\x', '-0', 'y'), ('north', 'infinity', '-infinity', false, ' a', 1e30, '00000000-0000-0000-0000-000000000002', '\x5c', 'Infinity', 'z');
update orders set item = 'changed';
update orders set n = 1.1 where item = 'changed' and n = 1.10;
update orders set b = not b where a = 'north';
delete from orders where x = '\x';
--@says VERIFIED

--## keys of text with colons, spaces and nothing in them
--@before
create table orders (tenant text, no text, item text, primary key (tenant, no));
insert into orders values ('a', 'b:c', 'x'), ('a:b', 'c', 'y'), ('a', '', 'z');
--@work
insert into orders values ('', 'a', '1'), ('', '', '2'), (' ', '', '3'), ('', ' ', '4'), ('null', 'NULL', '5'), (E'\n', E'\t"\\', '6'), ('é', U&'e\0301', '7'), (U&'e\0301', 'é', '8');
update orders set tenant = 'a:', no = 'b:c' where tenant = 'a' and no = 'b:c';
delete from orders where no = '';
--@says VERIFIED

--## keys are exchanged in one transaction
--@before
create table orders (id bigint not null, item text, constraint orders_pkey primary key (id) deferrable initially deferred);
insert into orders select n, 'item ' || n from generate_series(1, 20) as n;
--@protect --key id
--@work
begin;
update orders set id = case id when 3 then 4 else 3 end where id in (3, 4);
update orders set id = -1 where id = 5;
update orders set id = 5 where id = 6;
update orders set id = 6 where id = -1;
commit;
update orders set id = 21 - id;
update orders set id = id + 1;
--@says VERIFIED

--## a row is deleted and inserted again in one transaction
--@work
begin;
delete from orders where id = 1;
insert into orders values (1, 'again', 1, null);
delete from orders where id = 1;
insert into orders values (1, 'item 1', 1.10, null);
insert into orders values (100, 'short', 1, null);
delete from orders where id = 100;
commit;
with gone as (delete from orders where id < 10 returning *) insert into orders select id + 1000, item, amount, note from gone;
--@says VERIFIED

--## the table is rewritten and its indexes too
--@work
update orders set amount = amount + 1;
vacuum full orders;
cluster orders using orders_pkey;
reindex table orders;
analyze orders;
vacuum (freeze) orders;
alter table orders set (fillfactor = 50);
alter table orders replica identity full;
create index on orders (item);
create materialized view sums as select sum(amount) from orders;
refresh materialized view sums;
begin;
lock table orders in access exclusive mode;
commit;
--@says VERIFIED

--## the application names its user or gives an empty name
--@work
begin;
set local counterfoil.actor = 'ada';
update orders set amount = 1 where id = 1;
commit;
set counterfoil.actor = '';
update orders set amount = 2 where id = 2;
set counterfoil.actor = E'a "quoted" name\n';
update orders set amount = 3 where id = 3;
reset counterfoil.actor;
update orders set amount = 4 where id = 4;
--@says VERIFIED

--## another role changes rows through a function with the rights of its owner
--@work
select current_schema() as here \gset
\set clerk :here _clerk
create role :"clerk" login;
grant usage on schema :"here" to :"clerk";
create function pay(target bigint) returns void language sql security definer as 'update orders set note = ''paid'' where id = target';
grant select, update on orders to :"clerk";
set role :"clerk";
select pay(1);
update orders set note = 'by hand' where id = 2;
reset role;
set session authorization :"clerk";
select pay(3);
update orders set note = 'by hand' where id = 4;
--@says VERIFIED

--## a session has odd settings
--@before
create table orders (id bigint primary key, at timestamptz, ts timestamp, d date, i interval, body bytea, f float8, f4 float4, tz timetz, ids int[]);
insert into orders values (1, '2026-01-02 03:04:05.678+00', '2026-01-02 03:04:05', '2026-01-02', '1 day 2 hours', '\x00ff5c', 0.1, 0.1, '12:00+02', '{1}');
--@work
set datestyle = 'German, DMY';
set timezone = 'Asia/Kathmandu';
set intervalstyle = iso_8601;
set bytea_output = escape;
set extra_float_digits = -15;
set client_encoding = 'LATIN1';
set standard_conforming_strings = off;
set search_path = pg_temp;
select nspname as here from pg_namespace where oid = (select relnamespace from pg_class where oid = (select max(relation) from counterfoil.protection where table_name = 'orders' and described::text like '%"ids"%')) \gset
set transform_null_equals = on;
set row_security = off;
set enable_seqscan = off;
set quote_all_identifiers = on;
set lc_numeric = 'C';
insert into :"here".orders values (2, '31.12.2026 23:59:59.5 CET', '31.12.2026 1:2:3', '31.12.2026', 'P1Y2M3DT4H5M6S', '\\000a\\377', 1.0 / 3, 1.0 / 3, '1:2:3+05:45', '{}');
update :"here".orders set f = f / 3, at = at + 'PT1S', body = body || body where id in (1, 2);
--@says VERIFIED

--## an update changes nothing
--@work
update orders set amount = amount;
update orders set item = item where id < 10;
update orders set id = id;
insert into orders select * from orders on conflict (id) do update set note = excluded.note;
--@says VERIFIED

--## the table is emptied by TRUNCATE and filled again
--@work
truncate orders;
insert into orders values (1, 'new', 1, null), (2, 'new', 2, null);
begin;
insert into orders values (3, 'gone', 1, null);
update orders set amount = 5 where id = 1;
truncate orders restart identity cascade;
insert into orders values (1, 'newest', 1, null);
commit;
begin;
truncate orders;
rollback;
--@says VERIFIED

--## a referenced table is emptied by TRUNCATE CASCADE
--@before
create table customers (id bigint primary key);
insert into customers values (1);
create table orders (id bigint primary key, customer bigint references customers);
insert into orders select n, 1 from generate_series(1, 20) as n;
--@work
truncate customers cascade;
insert into customers values (2);
insert into orders values (1, 2);
--@says VERIFIED

--## eight writers change the same rows at once
--@work
\! for w in 1 2 3 4 5 6 7 8; do (for n in 1 2 3 4 5 6; do echo "update orders set amount = amount + $w where id = $n; begin; update orders set note = '$w' where id = 7; update orders set note = note || '$n' where id = 7; commit; insert into orders values (100 + $n, 'writer $w', 1, null) on conflict (id) do update set amount = orders.amount + 1; delete from orders where id = 100 + (($n + $w) % 6);"; done | psql -Xq "$DATABASE_URL") & done; wait
do $$ begin assert exists (select from orders where note like '%6%' and id = 7) and exists (select from orders where id > 100); end $$;
--@says VERIFIED

--## a long transaction commits after later ones
--@work
begin;
update orders set amount = 1 where id = 1;
\! for n in 2 3 4; do psql -Xq "$DATABASE_URL" -c "update orders set amount = 9 where id = $n; insert into orders values (100 + $n, 'between', 1, null)"; done
select pg_sleep(2);
update orders set amount = 2 where id in (1, 2, 102);
commit;
do $$ begin assert exists (select from orders where item = 'between'); end $$;
--@says VERIFIED

--## rows are recorded once more while others change them
--@work
insert into orders select n, 'more ' || n, n, null from generate_series(1000, 3000) as n;
select counterfoil.reprotect('orders');
\! for w in 1 2 3; do (for n in 1 2 3 4 5 6 7 8 9 10; do echo "update orders set amount = amount + $w where id % 30 = $n; delete from orders where id = 1000 + $n * 7 + $w; update orders set id = id + 5000 where id = 2000 + $n * 3 + $w; insert into orders values (1000 + $n * 7 + $w, 'again', 1, null) on conflict do nothing;"; done | psql -Xq "$DATABASE_URL") & done; psql -Xq "$DATABASE_URL" -c "call counterfoil.backfill('orders', 50, kind => 'reprotect')" 2>/dev/null; wait
do $$ begin assert exists (select from orders where id > 6000) and (select is_done from counterfoil.backfill_progress where relation = 'orders'::regclass); end $$;
--@says VERIFIED

--## serializable and repeatable transactions
--@work
begin isolation level serializable;
update orders set amount = (select sum(amount) from orders) where id = 1;
commit;
begin isolation level repeatable read;
update orders set amount = 2 where id = 2;
delete from orders where id = 3;
commit;
--@says VERIFIED

--## a cursor updates rows and a statement updates a row that it reads from itself
--@work
begin;
declare c cursor for select * from orders where id < 5 for update;
fetch 2 from c;
update orders set note = 'at the cursor' where current of c;
delete from orders where current of c;
commit;
update orders as o set amount = p.amount from orders as p where p.id = o.id + 1;
with changed as (update orders set note = 'x' where id < 20 returning id) insert into orders select id + 100, 'y', 1, null from changed;
--@says VERIFIED


--## some columns alone are protected
--@before
create table orders (id bigint primary key, item text, amount numeric, session tsvector, hash int);
insert into orders select n, 'item ' || n, n, null, n from generate_series(1, 10) as n;
--@protect --columns id,item,amount
--@work
update orders set hash = 7, session = 'a b';
update orders set amount = 7 where id = 3;
alter table orders add column free text default 'x';
alter table orders drop column hash;
update orders set free = 'y', amount = 8 where id = 4;
--@says VERIFIED

--## a table without rows
--@before
create table orders (id bigint primary key, item text);
--@says VERIFIED

--## a table that became empty
--@work
delete from orders;
--@says VERIFIED

--## a unique index in place of a primary key
--@before
create table orders (a int not null, b text not null, item text);
create unique index on orders (b, a) include (item);
insert into orders select n % 5, 'b ' || n, 'item' from generate_series(1, 30) as n;
--@protect --key b,a
--@work
update orders set a = a + 100 where a = 3;
delete from orders where b = 'b 2';
insert into orders values (2, 'b 2', 'again');
--@says VERIFIED

--## an outbox is tidied up behind the relay
--@work
update orders set amount = 5 where id < 10;
select counterfoil.forget('0');
--@says VERIFIED

--## a dump is loaded into the table
--@work
select current_schema() as here \gset
\setenv HERE :here
\! pg_dump "$DATABASE_URL" --data-only -t $HERE.orders > /tmp/orders.$$.sql && psql -Xq "$DATABASE_URL" -c "delete from orders" && psql -Xq "$DATABASE_URL" -f /tmp/orders.$$.sql > /dev/null; rm -f /tmp/orders.$$.sql
do $$ begin assert exists (select from orders) and exists (select from counterfoil.outbox as o join counterfoil.protection as p on p.id = o.protection
    where p.relation = 'orders'::regclass and o.operation = 'insert'); end $$;
--@says VERIFIED

--## columns have names that need quotes
--@before
create table orders ("the ""Id""" bigint primary key, "a.b" text, "A" int, a int, "ä
--" text, "$1" text, "%s%I" text, "select" text, "back\slash" text, "{,}" text, "123456789012345678901234567890123456789012345678901234567890äb" text);
insert into orders ("the ""Id""", "A", a) values (1, 1, 2);
--@work
insert into orders values (2, 'x', 1, 2, 'y', 'z', 'u', 'v', 'w', 'a', 'b');
update orders set a = 7, "back\slash" = '\' where "the ""Id""" = 1;
--@says VERIFIED

--## another key is chosen in the transaction of a change
--@before
create table orders (a bigint primary key, b text not null unique, item text);
insert into orders select n, 'b ' || n, 'item' from generate_series(1, 10) as n;
--@work
begin;
update orders set item = 'changed' where a = 3;
select counterfoil.reprotect('orders', key => array['b']);
commit;
call counterfoil.backfill('orders', kind => 'reprotect');
update orders set a = 77 where b = 'b 4';
--@says CANNOT_TELL key_changed

--## a function that writes is called by a query of another one
--@work
create function bump(target bigint) returns numeric language sql volatile as 'update orders set amount = amount + 1 where id = target returning amount';
select sum(bump(id)) from generate_series(1, 10) as id;
do $$ begin
    for n in 1..3 loop
        update orders set amount = bump(n) where id = n + 20;
        commit;
    end loop;
end $$;
--@says VERIFIED

--## a trigger before an update changes the same row by itself
--@before
create table orders (id bigint primary key, item text, hits int not null default 0);
insert into orders select n, 'item ' || n from generate_series(1, 10) as n;
create function others() returns trigger language plpgsql as $$ begin
    if pg_trigger_depth() = 1 then
        update orders set hits = hits + 1 where id = old.id + 1;
    end if;
    return new;
end $$;
create trigger others before update on orders for each row execute function others();
--@work
update orders set item = 'changed' where id = 3;
update orders set item = 'all' where id in (5, 7, 9);
update orders set id = 100 where id = 10;
--@says VERIFIED

--## a row goes through many states in one transaction
--@work
do $$ begin
    for n in 1..500 loop
        update orders set amount = n % 7, note = (n % 3)::text where id = 1;
        if n % 50 = 0 then
            delete from orders where id = 1;
            insert into orders values (1, 'again', n, null);
        end if;
    end loop;
end $$;
--@says VERIFIED

--## a table of a thousand columns
--@before
select format('create table orders (id bigint primary key, %s)', string_agg(format('c%s text default %L', n, n), ', ')) from generate_series(1, 999) as n \gexec
insert into orders (id) select generate_series(1, 5);
--@work
update orders set c500 = 'changed' where id = 3;
insert into orders (id, c1) values (6, null);
--@says VERIFIED

--## partitions of partitions by list and hash
--@before
create table orders (id bigint, area text, item text, primary key (area, id)) partition by list (area);
create table orders_north partition of orders for values in ('north') partition by hash (id);
create table orders_north_0 partition of orders_north for values with (modulus 2, remainder 0);
create table orders_north_1 partition of orders_north for values with (modulus 2, remainder 1);
create table orders_rest partition of orders default;
insert into orders select n, case n % 3 when 0 then 'north' else 'south' end, 'item ' || n from generate_series(1, 30) as n;
--@work
update orders set area = 'south' where id in (3, 6);
update orders set id = id + 1000 where area = 'north' and id < 20;
create table orders_east partition of orders for values in ('east') partition by hash (id);
create table orders_east_0 partition of orders_east for values with (modulus 1, remainder 0);
insert into orders values (50, 'east', 'new');
truncate orders_north;
insert into orders values (9, 'north', 'after');
--@says VERIFIED

--## a partition of other columns' order is attached
--@before
create table orders (id bigint, day date not null, item text, amount int, primary key (id, day)) partition by range (day);
create table orders_1 partition of orders for values from ('2026-01-01') to ('2026-02-01');
insert into orders values (1, '2026-01-02', 'a', 1);
--@work
create table orders_2 (gone int, amount int, item text, day date not null, id bigint not null);
alter table orders_2 drop column gone;
insert into orders_2 values (1, 'b', '2026-02-02', 2), (2, 'c', '2026-02-03', 3);
alter table orders attach partition orders_2 for values from ('2026-02-01') to ('2026-03-01');
call counterfoil.attach('orders', 'orders_2');
update orders set amount = 7, item = 'd' where id = 2;
update orders set day = '2026-01-05' where id = 3;
--@says VERIFIED

--## the table goes to another tablespace, owner and storage
--@work
alter table orders set tablespace pg_default;
alter table orders alter item set storage external;
alter table orders alter amount set statistics 500;
alter table orders alter note set default 'none';
alter table orders add constraint positive check (amount > 0) not valid;
alter table orders owner to current_user;
comment on table orders is 'orders';
create statistics orders_more on item, amount from orders;
insert into orders (id, item, amount) values (100, 'with a default', 1);
--@says VERIFIED

--## a composite index and a foreign key come and go
--@work
create table lines (order_id bigint references orders (id) on update cascade, line int);
insert into lines values (3, 1);
update orders set id = 333 where id = 3;
create unique index concurrently orders_item on orders (item, id);
drop index concurrently orders_item;
alter table orders drop constraint orders_pkey cascade;
alter table orders add primary key (id);
update orders set amount = 1 where id = 333;
--@says VERIFIED

--## a user with odd letters in the name changes rows
--@work
select current_schema() as here \gset
\set odd :here '_"ü \\n'
create role :"odd";
grant usage on schema :"here" to :"odd";
grant all on orders to :"odd";
set role :"odd";
update orders set note = 'odd' where id = 1;
reset role;
set session authorization :"odd";
insert into orders values (60, 'odd', 1, null);
--@says VERIFIED

--## the protection ends
--@work
select counterfoil.unprotect('orders', 'moved away');
update orders set amount = 1;
--@says CANNOT_TELL table_not_protected

--## a migration without a new protection
--@work
alter table orders add column rate numeric;
update orders set amount = 5 where id = 3;
--@says CANNOT_TELL catalog_changed

--## a session with odd settings takes the columns again
--@work
set quote_all_identifiers = on;
set datestyle = 'German, DMY';
alter table orders add column rate numeric not null default 1.5;
select counterfoil.reprotect('orders');
call counterfoil.backfill('orders', kind => 'reprotect');
update orders set note = 'after' where id = 3;
--@says VERIFIED

--## some columns are protected and a session has the old rule for backslashes
--@before
create table orders (id bigint primary key, item text, doc json, hash int);
insert into orders select n, 'item ' || n, '{"a":1}', n from generate_series(1, 10) as n;
--@protect --columns id,item,doc
--@work
set escape_string_warning = off;
set standard_conforming_strings = off;
set backslash_quote = off;
update orders set item = 'back\\slash' where id = 3;
update orders set doc = '{"a":"\\u0000"}' where id = 4;
insert into orders values (11, E'quote''s', '"\\ud800"', 1);
--@says VERIFIED

--## a column's type becomes one that writes values otherwise, and what that made of them is not recorded
--@before
create table orders (id bigint primary key, quantity integer not null, at timestamp not null, code text not null);
insert into orders select n, n, '2026-01-01'::timestamp + n * interval '1 hour', 'c' || n from generate_series(1, 10) as n;
--@work
alter table orders alter quantity type numeric(10, 2), alter at type timestamptz using at at time zone 'UTC', alter code type char(10);
select counterfoil.reprotect('orders');
call counterfoil.backfill('orders', kind => 'reprotect');
update orders set quantity = 1.5 where id = 3;
--@says CANNOT_TELL catalog_changed

--## a column's values move to a new one that takes its name
--@before
create table orders (id bigint primary key, amount integer not null);
insert into orders select n, n from generate_series(1, 10) as n;
--@work
alter table orders add column amount2 bigint;
select counterfoil.reprotect('orders');
call counterfoil.backfill('orders', kind => 'reprotect');
update orders set amount2 = amount;
alter table orders drop column amount;
alter table orders rename column amount2 to amount;
select counterfoil.reprotect('orders');
update orders set amount = 7 where id = 3;
--@says VERIFIED

--## columns have the names that functions have for rows
--@before
create table orders (id bigint primary key, source_row integer, r integer, changed text);
insert into orders select n, n, n, 'x' from generate_series(1, 10) as n;
--@work
insert into orders values (11, 1, 2, 'three');
update orders set r = 5 where id = 2;
--@says VERIFIED

--## some columns are protected, among them some of such names
--@before
create table orders (id bigint primary key, source_row integer, r integer, others text);
insert into orders select n, n, n, 'x' from generate_series(1, 10) as n;
--@protect --columns id,r,source_row
--@work
insert into orders values (11, 1, 2, 'three');
update orders set r = 5 where id = 2;
--@says VERIFIED
