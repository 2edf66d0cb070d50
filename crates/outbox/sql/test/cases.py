"""The tests: one function a rule, each with a database in which Counterfoil is installed."""

import json

from cluster import FOLDER, SqlError

LEDGER = "So11111111111111111111111111111111111111112"
OUTBOX = "select operation, old::text, new::text from counterfoil.outbox where operation in ('insert', 'update', 'delete', 'truncate', 'state', 'retire') order by position"


class Setting:
    """A test's cluster, database and first session."""

    def __init__(self, cluster, database, session):
        self.cluster, self.database, self.session = cluster, database, session

    def other(self, user="postgres"):
        return self.cluster.session(self.database, user)

    def run(self, sql):
        return self.session.run(sql)

    def protect(self, table, *options):
        return self.run(f"select counterfoil.protect({', '.join([repr(table), repr(LEDGER), *options])})")

    def outbox(self):
        return [tuple(row) for row in self.session.rows(OUTBOX)]

    def take(self):
        """The changes since the last call."""
        rows = self.outbox()
        self.run("delete from counterfoil.outbox")
        return rows

    def refuses(self, sql, *parts, session=None):
        try:
            (session or self.session).run(sql)
        except SqlError as fault:
            missing = [part for part in parts if part not in str(fault)]
            assert not missing, f"{sql}: {missing} not in {fault}"
            return
        raise AssertionError(f"not refused: {sql}")

    def wait_until(self, condition, session=None):
        """Asks until a condition holds; a test's own limit is the reader's patience."""
        session = session or self.session
        for _ in range(20000):
            if session.run(f"select {condition}") == "t":
                return
        raise AssertionError(f"never: {condition}")


def equal(got, expected):
    assert got == expected, f"\n got      {got}\n expected {expected}"


# Installation.

def test_second_install_changes_nothing(s):
    s.run("create table t (id int primary key)")
    s.protect("t")
    s.run("insert into t values (1)")
    catalog = ("select md5(string_agg(x::text, ',' order by x::text)) from (select p.oid, proname, prosrc, proacl, proowner, proconfig from pg_proc as p where pronamespace = 'counterfoil'::regnamespace"
               " union all select oid, relname, null, relacl, relowner, reloptions from pg_class where relnamespace = 'counterfoil'::regnamespace) as x")
    before = s.run(catalog), s.run("select count(*) from counterfoil.outbox"), s.run("select * from counterfoil.installation")
    s.session.file("install.sql")
    equal((s.run(catalog), s.run("select count(*) from counterfoil.outbox"), s.run("select * from counterfoil.installation")), before)
    s.run("insert into t values (2)")
    equal([row[0] for row in s.outbox()], ["insert", "insert"])


def test_install_refuses_what_it_cannot_serve(s):
    install = f"\\set ON_ERROR_STOP 0\n\\i {FOLDER}/install.sql\nrollback"
    s.run("update counterfoil.installation set version = 2")
    s.refuses(install, "version 2 is installed here, and this file installs version 1")
    s.run("drop schema counterfoil cascade; create schema counterfoil")
    s.refuses(install, "schema counterfoil exists, and Counterfoil did not make it")
    s.run("create database latin encoding 'LATIN1' template template0")
    latin = s.cluster.session("latin")
    s.refuses(install, "the encoding of database latin is LATIN1", session=latin)
    equal(latin.run("select to_regnamespace('counterfoil') is null"), "t")
    latin.close()


def test_plain_role_installs_and_protects_its_tables(s):
    s.run(f"drop schema counterfoil cascade; create role plain login; grant create on database {s.database} to plain; create role stranger login; grant all on schema public to plain, stranger")
    plain = s.other("plain")
    plain.file("install.sql")
    plain.file("install.sql")
    plain.run("create table t (id int primary key, m text); insert into t values (1, 'a')")
    plain.run(f"select counterfoil.protect('t', '{LEDGER}')")
    plain.run("call counterfoil.backfill('t'); update t set m = 'b'")
    equal(s.outbox(), [("state", None, '{"id":1,"m":"a"}'), ("update", '{"id":1,"m":"a"}', '{"id":1,"m":"b"}')])
    stranger = s.other("stranger")
    stranger.run("create table other (id int primary key)")
    s.refuses(f"select counterfoil.protect('other', '{LEDGER}')", "role plain does not own table", session=plain)
    plain.run("select counterfoil.grant_protect('stranger')")
    s.refuses(f"select counterfoil.protect('other', '{LEDGER}')", "may not place triggers", "grant stranger to plain", session=stranger)
    s.run("grant stranger to plain")
    stranger.run(f"select counterfoil.protect('other', '{LEDGER}')")
    stranger.run("insert into other values (5)")
    equal(s.outbox()[-1], ("insert", None, '{"id":5}'))
    s.refuses(f"select counterfoil.unprotect('t')", "role stranger does not own table", session=stranger)
    plain.close(), stranger.close()


def test_role_that_creates_roles_hands_over_the_trigger(s):
    s.run(f"drop schema counterfoil cascade; create role maker login createrole; grant create on database {s.database} to maker; grant all on schema public to maker")
    maker = s.other("maker")
    s.run("grant counterfoil_writer to maker")
    maker.file("install.sql")
    maker.file("install.sql")
    equal(s.run("select proowner::regrole from pg_proc where proname = 'record_change'"), "counterfoil_writer")
    maker.run(f"create table t (id int primary key); select counterfoil.protect('t', '{LEDGER}'); insert into t values (1)")
    equal(s.outbox(), [("insert", None, '{"id":1}')])
    maker.close()


def test_remove_refuses_while_something_would_be_lost(s):
    remove = f"\\i {FOLDER}/remove.sql\nrollback"
    s.run("create table t (id int primary key)")
    s.protect("t")
    s.refuses(remove, "tables are protected: public.t")
    s.run("select counterfoil.unprotect('t', 'over')")
    s.refuses(remove, "2 records have no receipt yet")
    s.run("insert into counterfoil.receipt select id, ledger, 0, 1, now(), sha256('') from counterfoil.outbox")
    s.session.file("remove.sql")
    equal(s.run("select to_regnamespace('counterfoil') is null"), "t")
    s.run("insert into t values (1)")
    s.session.file("install.sql")
    s.protect("t")
    s.refuses(remove, "tables are protected")
    s.run("set counterfoil.force = on")
    s.session.file("remove.sql")
    s.run("insert into t values (2)")
    equal(s.run("select count(*) from pg_trigger where tgrelid = 't'::regclass"), "0")
    s.refuses(remove, "Counterfoil is not installed")


# Values.

def test_each_type_has_one_form_whatever_the_session_sets(s):
    s.run("""create type mood as enum ('sad', 'it''s "ok"'); create domain positive as int check (value > 0);
        create table v (id bigint generated always as identity primary key, n numeric, f float8, g float4, z timestamptz, w timestamp, d date, i interval, b bytea,
            a int[], e mood, p positive, q positive[], j jsonb, k json, c char(5), t text, r tstzrange, u uuid, x boolean, o time, tz timetz, net inet, bits bit(3),
            twice numeric generated always as (n * 2) stored, es mood[])""")
    s.protect("v")
    s.run("""set timezone = 'America/New_York'; set datestyle = 'German, DMY'; set intervalstyle = 'iso_8601'; set extra_float_digits = -5; set bytea_output = 'escape';
        set counterfoil.actor = '';
        insert into v (n, f, g, z, w, d, i, b, a, e, p, q, j, k, c, t, r, u, x, o, tz, net, bits, es) values (1.10, 0, 0.1, '2026-01-02 03:04:05.678+05', '2026-01-02 03:04:05', '0044-03-15 BC',
            '1 year 2 days 03:04:05.6', '\\x00ff5c', '[2:3]={1,NULL}', 'it''s "ok"', 3, '{1,2}', '{"b": 1.00, "a": [1, "\\u0041"]}', '{ "b":1.00,  "a":"\\u0000" }', 'ab', e'q"\\\\/\\t\\x01\\x1f\\x7f€',
            '[2026-01-01 00:00+00,)', '00000000-0000-0000-0000-00000000000A', true, '24:00', '10:00+05:30', '10.0.0.1/8', b'101', '{sad}');
        insert into v (n, f, g, z, w, d, i) values ('NaN', '-0', 'Infinity', '294276-12-31 23:59:59.999999+00', 'infinity', '5874897-12-31', '-1 mons +1 day -00:00:00.000001');
        insert into v (n, f, g, z, w, d) values (1e-20, 1e-320, '-Infinity', '4713-11-24 00:00+00 BC', '4714-11-24 00:00 BC', '-infinity');
        insert into v (n, f, g, z) values (0.0000, 'NaN', 1e10, '-infinity'); insert into v (n) values (1e30)""")
    nulls = lambda *names: "".join(f',"{name}":null' for name in names)
    tail = nulls("b", "a", "e", "p", "q", "j", "k", "c", "t", "r", "u", "x", "o", "tz", "net", "bits")
    rows = [row[2] for row in s.outbox()]
    equal(rows[0], '{"id":1,"n":1.10,"f":0,"g":0.1,"z":"2026-01-01T22:04:05.678+00:00","w":"2026-01-02T03:04:05","d":"0044-03-15 BC","i":"1 year 2 days 03:04:05.6",'
          '"b":"\\\\x00ff5c","a":[1,null],"e":"it\'s \\"ok\\"","p":3,"q":[1,2],"j":{"a": [1, "A"], "b": 1.00},"k":{ "b":1.00,  "a":"\\u0000" },"c":"ab   ",'
          '"t":"q\\"\\\\/\\t\\u0001\\u001f\x7f€","r":"[\\"2026-01-01 00:00:00+00\\",)","u":"00000000-0000-0000-0000-00000000000a","x":true,"o":"24:00:00","tz":"10:00:00+05:30",'
          '"net":"10.0.0.1/8","bits":"101","twice":2.20,"es":["sad"]}')
    equal(rows[1], '{"id":2,"n":"NaN","f":-0,"g":"Infinity","z":"294276-12-31T23:59:59.999999+00:00","w":"infinity","d":"5874897-12-31","i":"-1 mons +1 day -00:00:00.000001"'
          + tail + ',"twice":"NaN","es":null}')
    equal(rows[2], '{"id":3,"n":0.00000000000000000001,"f":1e-320,"g":"-Infinity","z":"4713-11-24T00:00:00+00:00 BC","w":"4714-11-24T00:00:00 BC","d":"-infinity","i":null'
          + tail + ',"twice":0.00000000000000000002,"es":null}')
    equal(rows[3], '{"id":4,"n":0.0000,"f":"NaN","g":1e+10,"z":"-infinity","w":null,"d":null,"i":null' + tail + ',"twice":0.0000,"es":null}')
    # The session's own settings are as they were.
    equal(s.run("show datestyle") + s.run("show timezone") + s.run("show bytea_output"), "German, DMYAmerica/New_Yorkescape")
    # A backfill makes the same bytes.
    s.run("delete from counterfoil.outbox; call counterfoil.backfill('v')")
    equal([row[2] for row in s.outbox()], rows)


def test_every_control_character_and_a_large_value_survive(s):
    s.run("create table t (id int primary key, x text, y bytea)")
    s.protect("t")
    s.run("insert into t select i, chr(i), null from generate_series(1, 159) as i")
    for number, (_, _, new) in enumerate(s.take(), 1):
        equal(json.loads(new), {"id": number, "x": chr(number), "y": None})
    s.run("alter table t alter x set storage external, alter y set storage external; insert into t values (0, repeat('€\"', 300000), decode(repeat('00ff', 500000), 'hex')); update t set id = -1 where id = 0")
    rows = s.outbox()
    equal([row[0] for row in rows], ["insert", "update"])
    value = {"id": 0, "x": '€"' * 300000, "y": "\\x" + "00ff" * 500000}
    assert json.loads(rows[0][2]) == value and json.loads(rows[1][1]) == value and json.loads(rows[1][2]) == {**value, "id": -1}


# Statements.

def test_each_statement_leaves_its_changes(s):
    s.run("create table t (id int primary key, v text)")
    s.protect("t")
    s.run("copy t from stdin;\n1\ta\n2\tb\n\\.\n")
    row = lambda id, v: json.dumps({"id": id, "v": v}, separators=(",", ":"))
    equal(s.take(), [("insert", None, row(1, "a")), ("insert", None, row(2, "b"))])
    s.run("insert into t values (1, 'x'), (3, 'c') on conflict (id) do update set v = excluded.v; insert into t values (1, 'y') on conflict do nothing")
    equal(s.take(), [("update", row(1, "a"), row(1, "x")), ("insert", None, row(3, "c"))])
    s.run("merge into t using (values (1, 'm'), (3, null), (4, 'n')) as s (id, v) on t.id = s.id when matched and s.v is null then delete when matched then update set v = s.v when not matched then insert values (s.id, s.v)")
    equal(sorted(s.take(), key=str), [("delete", row(3, "c"), None), ("insert", None, row(4, "n")), ("update", row(1, "x"), row(1, "m"))])
    s.run("begin; insert into t values (5, 'e'); savepoint a; insert into t values (6, 'f'); rollback to a; insert into t values (7, 'g'); commit; begin; delete from t; rollback")
    equal(s.take(), [("insert", None, row(5, "e")), ("insert", None, row(7, "g"))])
    s.run("begin; update t set id = 50 where id = 5; select pg_current_xact_id(); prepare transaction 'p'")
    equal(s.outbox(), [])
    s.run("commit prepared 'p'; begin; delete from t where id = 50; prepare transaction 'q'; rollback prepared 'q'")
    equal(s.take(), [("update", row(5, "e"), row(50, "e"))])
    s.run("with moved as (delete from t where id = 50 returning *) insert into t select id + 1, v from moved; update t set v = v where id = 51; update t set v = 'z' where false")
    equal(s.take(), [("delete", row(50, "e"), None), ("insert", None, row(51, "e")), ("update", row(51, "e"), row(51, "e"))])
    s.run("set session_replication_role = replica; insert into t values (8, 'h'); set session_replication_role = origin; truncate t")
    equal(s.take(), [("insert", None, row(8, "h")), ("truncate", None, None)])
    # As programs that load dumps set it.
    s.run("set search_path = ''; copy public.t from stdin;\n9\ti\n\\.\nreset search_path; delete from t")
    equal(s.take(), [("insert", None, row(9, "i")), ("delete", row(9, "i"), None)])
    s.run("begin; insert into t values (1, 'a'); savepoint b; update t set v = 'b'; release b; commit")
    equal(s.session.rows("select count(distinct xid)::text, count(*)::text from counterfoil.outbox"), [["1", "2"]])


def test_nested_triggers_cascades_and_deferred_constraints(s):
    s.run("""create table parent (id int primary key, n int); create table child (id int primary key, parent int references parent on delete cascade on update cascade deferrable initially deferred);
        create function again() returns trigger language plpgsql as $$ begin update parent set n = n + 1 where id = new.id and n < 3; return null; end $$;
        create trigger "!!first" after insert or update on parent for each row execute function again();
        create function before() returns trigger language plpgsql as $$ begin new.n := new.n + 10; return new; end $$""")
    s.protect("parent")
    s.protect("child")
    s.run("insert into parent values (1, 1)")
    equal(sorted(s.take(), key=str), sorted([("insert", None, '{"id":1,"n":1}'), ("update", '{"id":1,"n":1}', '{"id":1,"n":2}'), ("update", '{"id":1,"n":2}', '{"id":1,"n":3}')], key=str))
    s.run("begin; insert into child values (1, 2); insert into parent values (2, 5); commit; update parent set id = 20 where id = 2; delete from parent where id = 20")
    equal(s.take(), [("insert", None, '{"id":1,"parent":2}'), ("insert", None, '{"id":2,"n":5}'),
                     ("update", '{"id":2,"n":5}', '{"id":20,"n":5}'), ("update", '{"id":1,"parent":2}', '{"id":1,"parent":20}'),
                     ("delete", '{"id":20,"n":5}', None), ("delete", '{"id":1,"parent":20}', None)])
    s.run("drop trigger \"!!first\" on parent; alter table parent add constraint late unique (n) deferrable; delete from parent; insert into parent values (1, 1), (2, 2)")
    s.take()
    s.run("begin; set constraints all deferred; update parent set n = 3 - n; commit; begin; set constraints all deferred; update parent set n = 1; savepoint a; update parent set n = id where n = 1; rollback to a; rollback")
    equal(s.take(), [("update", '{"id":1,"n":1}', '{"id":1,"n":2}'), ("update", '{"id":2,"n":2}', '{"id":2,"n":1}')])
    s.run("create trigger b before insert on parent for each row execute function before(); insert into parent values (9, 1)")
    equal(s.take(), [("insert", None, '{"id":9,"n":11}')])


def test_migrations_run_as_on_a_table_without_protection(s):
    s.run("create table t (id int primary key, note text default 'n', amount int default 1); insert into t select from generate_series(1, 0); insert into t values (1), (2)")
    s.protect("t")
    for deferred in ("", "set constraints all deferred;"):
        s.run(f"begin; {deferred} update t set note = 'x'; alter table t alter note set not null; alter table t add column x{min(len(deferred), 1)} int default 7; insert into t values ({min(len(deferred), 1) + 10}, 'y'); commit")
    equal(s.take()[-1][2], '{"id":11,"note":"y","amount":1,"x0":7,"x1":7}')
    s.run("begin; alter table t rename note to memo; update t set memo = 'z' where id = 1; alter table t drop column amount; update t set memo = 'zz' where id = 1; alter table t alter x0 type text using x0 || 'a'; update t set x0 = 'b' where id = 1; commit")
    equal([row[2] for row in s.take()], ['{"id":1,"memo":"z","amount":1,"x0":7,"x1":7}', '{"id":1,"memo":"zz","x0":7,"x1":7}', '{"id":1,"memo":"zz","x0":"b","x1":7}'])
    # A session that has the trigger's plans goes on over another session's change of the table.
    other = s.other()
    other.run("alter table t add column late jsonb default '{}'")
    s.run("update t set memo = 'q' where id = 1; alter table t rename to t2; update t2 set memo = 'r' where id = 1")
    equal(json.loads(s.take()[-1][2]), {"id": 1, "memo": "r", "x0": "b", "x1": 7, "late": {}})
    other.close()


def test_protected_columns_alone_stand_in_the_outbox(s):
    s.run("create table t (id int primary key, secret text, v text, j json, price money)")
    s.protect("t", "columns => '{v, id, j}'")
    values = "'hidden', 'a\"b', '{\"x\" : \"\\u0000\"}', 5"
    s.run(f"insert into t values (1, {values}); insert into t values (2, 'hidden', 'c', '[1.00,  2]', 5)")
    equal([row[2] for row in s.take()], ['{"id":1,"v":"a\\"b","j":{"x" : "\\u0000"}}', '{"id":2,"v":"c","j":[1.00,  2]}'])
    # A snapshot older than the change of the table: the row's own type counts.
    s.run("begin isolation level repeatable read; select 1")
    other = s.other()
    other.run("alter table t rename v to w")
    s.run(f"insert into t values (3, {values}); insert into t values (4, 'hidden', 'c', '1', 5); commit")
    equal([row[2] for row in s.take()], ['{"id":3,"j":{"x" : "\\u0000"}}', '{"id":4,"j":1}'])
    s.run("delete from t; alter table t drop column w, drop column j; insert into t values (5, 'hidden', 5)")
    equal(s.take()[-1], ("insert", None, '{"id":5}'))
    other.close()


# Partitions.

def test_partitions_come_move_and_go(s):
    s.run("""create table p (day int, id int, v text, primary key (day, id)) partition by range (day); create table p1 partition of p for values from (1) to (10);
        create table p2 partition of p for values from (10) to (20) partition by list (day); create table p2a partition of p2 for values in (10); create table p2b (v text, id int not null, day int not null);
        alter table p2 attach partition p2b default; insert into p values (1, 1, 'old')""")
    s.protect("p")
    equal(s.run("select string_agg(distinct tgenabled::text, '') from pg_trigger where tgname like '!counterfoil%'"), "A")
    s.run("call counterfoil.backfill('p'); insert into p values (1, 2, 'a'), (12, 3, 'b'); update p set day = 10 where id = 2; set session_replication_role = replica; delete from p where id = 3; set session_replication_role = origin")
    equal(s.take(), [("state", None, '{"day":1,"id":1,"v":"old"}'), ("insert", None, '{"day":1,"id":2,"v":"a"}'), ("insert", None, '{"v":"b","id":3,"day":12}'),
                     ("delete", '{"day":1,"id":2,"v":"a"}', None), ("insert", None, '{"day":10,"id":2,"v":"a"}'), ("delete", '{"v":"b","id":3,"day":12}', None)])
    s.run("create unlogged table ul (day int not null, id int not null, v text); alter table p attach partition ul for values from (90) to (91)")
    s.refuses("call counterfoil.attach('p', 'ul')", "table public.ul is unlogged")
    s.run("drop table ul; create table p3 (day int not null, id int not null, v text); insert into p3 values (20, 7, 'x'), (21, 8, 'y'); alter table p attach partition p3 for values from (20) to (30); call counterfoil.attach('p', 'p3', 1)")
    equal(s.take(), [("state", None, '{"day":20,"id":7,"v":"x"}'), ("state", None, '{"day":21,"id":8,"v":"y"}')])
    equal(s.run("select string_agg(distinct tgenabled::text, '') from pg_trigger where tgname like '!counterfoil%'"), "A")
    equal(s.run("select count(*) from pg_trigger where tgname = '!counterfoil_truncate' and tgrelid = 'p3'::regclass"), "1")
    # A partition alone is emptied: its rows are written, no other's.
    s.run("truncate p3")
    equal(s.take(), [("delete", '{"day":20,"id":7,"v":"x"}', None), ("delete", '{"day":21,"id":8,"v":"y"}', None)])
    s.run("begin; truncate p; truncate p3; insert into p values (20, 1, 'n'); truncate p3; commit")
    equal(s.take(), [("truncate", None, None), ("insert", None, '{"day":20,"id":1,"v":"n"}'), ("delete", '{"day":20,"id":1,"v":"n"}', None)])
    s.run("insert into p values (1, 1, 'a'), (20, 2, 'b'), (21, 3, 'c')")
    s.take()
    s.run("begin; call counterfoil.retire('p', 'p3'); alter table p detach partition p3; commit; insert into p3 values (25, 1, 'free'); truncate p3")
    equal(s.take(), [("retire", '{"day":20,"id":2,"v":"b"}', None), ("retire", '{"day":21,"id":3,"v":"c"}', None)])
    s.run("call counterfoil.retire('p', 'p1', 10); drop table p1; select counterfoil.unprotect('p'); insert into p values (10, 1, 'x'); truncate p2a")
    equal(s.take(), [("retire", '{"day":1,"id":1,"v":"a"}', None)])
    equal(s.run("select count(*) from pg_trigger where tgname like '!counterfoil%' and tgrelid <> 'p3'::regclass"), "0")
    s.refuses("call counterfoil.retire('p', 'p3')", "no partition of table p")


# Events of the table.

def event(s, operation):
    rows = s.session.rows(f"select convert_from(content, 'UTF8'), content_type from counterfoil.outbox where operation = '{operation}' order by position desc limit 1")
    equal(rows[0][1], "application/vnd.counterfoil.table+json")
    return json.loads(rows[0][0]), rows[0][0]


def test_events_of_a_table_are_written_to_the_byte(s):
    s.run("create type mood as enum ('ok', 'sad'); alter type mood add value 'happy' before 'ok'; create schema \"My.s\"; create table \"My.s\".t (id bigint, no varchar(5), m mood[], primary key (no, id)); set my.actor = 'ann'")
    id = s.run(f"select counterfoil.protect('\"My.s\".t', '{LEDGER}', stream => 'st', actor => 'my.actor', allow => '{{insert}}')")
    got, text = event(s, "protect")
    secret = s.run("select encode(secret, 'hex') from counterfoil.protection")
    expected = ('{"v":1,"operation":"protect","table":"My.s.t","protection":"%s","at":"%s","user":"postgres","role":null,"actor":"ann","columns":[{"name":"id","type":"bigint","attnum":1,"not_null":true},'
                '{"name":"no","type":"character varying(5)","attnum":2,"not_null":true},{"name":"m","type":"public.mood[]","attnum":3,"enum":["happy","ok","sad"],"not_null":false}],"key":["no","id"],'
                '"allow":["insert"],"whole":true,"secret":"%s","actor_setting":"my.actor"}')
    equal(text, expected % (id, got["at"], secret))
    assert len(got["at"]) == 27 and got["at"].endswith("Z") and len(secret) == 64
    s.run("alter table \"My.s\".t add column note text, drop column m; begin; create role second; set local role second; reset role; commit")
    s.run("select counterfoil.reprotect('\"My.s\".t', allow => '{insert,update}')")
    again, text = event(s, "reprotect")
    equal(again["before"], got["columns"])
    equal(list(again), [*got, "before"])
    equal([column["name"] for column in again["columns"]], ["id", "no", "note"])
    s.run("insert into \"My.s\".t values (1, 'a'), (2, 'b'); call counterfoil.backfill('\"My.s\".t', kind => 'reprotect')")
    done, text = event(s, "backfilled")
    equal(text, '{"v":1,"operation":"backfilled","table":"My.s.t","protection":"%s","at":"%s","user":"postgres","role":null,"actor":"ann","rows":2,"kind":"reprotect"}' % (id, done["at"]))
    equal(s.run("select counterfoil.adopt('restored')"), "1")
    equal(event(s, "adopt")[0]["reason"], "restored")
    s.run("select counterfoil.unprotect('\"My.s\".t')")
    ended, text = event(s, "unprotect")
    equal(list(ended), ["v", "operation", "table", "protection", "at", "user", "role", "actor", "reason"])
    s.refuses("select counterfoil.unprotect('\"My.s\".t')", "is not protected")
    equal(s.session.rows("select count(*)::text, count(distinct id)::text, min(substr(id::text, 15, 1)), max(substr(id::text, 15, 1)) from counterfoil.outbox"), [["9", "9", "7", "7"]])
    s.run("create table gone (id int primary key)")
    gone = s.protect("gone")
    s.run("drop table gone; select counterfoil.unprotect_dropped('%s', 'dropped')" % gone)
    equal(event(s, "unprotect")[0]["reason"], "dropped")


def test_protect_refuses_with_a_reason(s):
    s.run("""create table ok (id int primary key, a int not null, b int, unique (a), unique (b)); create index on ok (id); create table nokey (id int, part int not null); create unique index on nokey (part) where id > 0;
        create view v as select 1 as id; create materialized view m as select 1 as id; create temp table tmp (id int primary key); create unlogged table ul (id int primary key);
        create table up (id int primary key) partition by list (id); create unlogged table up1 partition of up for values in (1);
        create table parent (id int primary key); create table kid (primary key (id)) inherits (parent);
        create type pair as (x int, y int); create domain pairs as pair; create type mood as enum ('a'); create type other as enum ('a');
        create function to_j(other) returns json language sql as 'select null::json'; create cast (other as json) with function to_j(other);
        create foreign data wrapper w; create server srv foreign data wrapper w; create foreign table ft (id int) server srv; create sequence sq""")
    for type, why in {"money": "type money", "regclass": "type regclass", "pair": "type public.pair is composite", "pairs": "composite", "pair[]": "composite", "regtype[]": "type regtype",
                      "other": "has a cast to json", "aclitem": "type aclitem", "ok": "composite", "pg_node_tree": None}.items():
        if why:
            s.run(f"create table bad (id int primary key, c {type})")
            s.refuses(f"select counterfoil.protect('bad', '{LEDGER}')", "column c of table", "no canonical form", why)
            s.run("drop table bad")
    for call, why in {
        f"'nokey', '{LEDGER}'": "has no primary key", f"'nokey', '{LEDGER}', key => '{{part}}'": "no unique index", f"'ok', '{LEDGER}', key => '{{b}}'": "column b of the key may be null",
        f"'ok', '{LEDGER}', key => '{{a,id}}'": "no unique index", f"'ok', '{LEDGER}', key => '{{nix}}'": "has no column nix", f"'ok', '{LEDGER}', key => '{{}}'": "names no column",
        f"'ok', '{LEDGER}', columns => '{{nix}}'": "has no column nix", f"'ok', '{LEDGER}', columns => '{{}}'": "no column of table", f"'ok', '{LEDGER}', columns => '{{a}}'": "column id of the key is not among",
        f"'ok', '{LEDGER}', columns => '{{id,null}}'": "has no column null", f"'ok', '0OIl'": "a ledger is named by its address", "'ok', null": "a ledger is named by its address",
        f"'ok', '{LEDGER}', allow => '{{select}}'": "allowed operations", f"'ok', '{LEDGER}', allow => null": "allowed operations", f"'ok', '{LEDGER}', actor => 'role'": "two parts",
        f"'v', '{LEDGER}'": "is a view", f"'m', '{LEDGER}'": "is a materialized view", f"'tmp', '{LEDGER}'": "is temporary", f"'ul', '{LEDGER}'": "is unlogged: a crash empties it",
        f"'up', '{LEDGER}'": "table public.up1 is unlogged", f"'up1', '{LEDGER}'": "is a partition", f"'kid', '{LEDGER}'": "inherits from another", f"'parent', '{LEDGER}'": "other tables inherit",
        f"'ft', '{LEDGER}'": "is a foreign table", f"'sq', '{LEDGER}'": "is a sequence", f"'pg_class', '{LEDGER}'": "belongs to the system", f"'counterfoil.receipt', '{LEDGER}'": "belongs to the system",
        f"'absent', '{LEDGER}'": "does not exist", f"null, '{LEDGER}'": "there is no such table",
    }.items():
        s.refuses(f"select counterfoil.protect({call})", why)
    equal(s.run("select count(*) from counterfoil.outbox"), "0")
    s.protect("ok", "key => '{a}'")
    s.refuses(f"select counterfoil.protect('ok', '{LEDGER}')", "is protected already")
    s.refuses("call counterfoil.backfill('parent')", "is not protected")
    s.refuses("call counterfoil.backfill('ok', 0)", "at least one row")
    s.refuses("call counterfoil.backfill('ok', kind => 'x')", "protect or reprotect")
    s.refuses("select counterfoil.record('x', 'y')", "a ledger is named")
    s.refuses(f"select counterfoil.record('{LEDGER}', null::text)", "needs content")
    s.refuses(f"select counterfoil.record('{LEDGER}', 'a', e'a\\nb')", "media type")
    # As crates/statement reads it: what a gateway refuses would hold up the ledger's other rows.
    for wrong in ("text", "text/plain; a=b; c", "a/b; x", "a/b; (", 'a/b; x="', 'a/b;x="é"', "a/b;", "a/b; =x", "a/b ; x= y"):
        s.refuses(f"select counterfoil.record('{LEDGER}', 'a'::text, '{wrong}')", "media type")
    for right in ("a/b", "text/plain; charset=utf-8", "a/b;x=y ; z=1", 'a/b; x="a \\" b"', "application/cloudevents+json"):
        s.run(f"select counterfoil.record('{LEDGER}', 'a'::text, '{right}')")
    s.refuses(f"select counterfoil.record('{LEDGER}', repeat('x', 100000001))", "100000000")
    # A type without a form may stand in the table when it is not protected.
    s.run("create table mixed (id int primary key, c money)")
    s.protect("mixed", "columns => '{id}'")


def test_adopt_goes_on_where_a_table_was_dropped_and_protected_again(s):
    s.run("create table t (id int primary key, source_row int, r int)")
    s.protect("t")
    s.run("drop table t; create table t (id int primary key, r int); insert into t values (1, 2)")
    s.protect("t", "columns => '{id,r}'")
    s.run("call counterfoil.backfill('t'); insert into t values (2, 3)")
    equal(s.run("select counterfoil.adopt('why')"), "2")
    equal(s.session.rows("select new::text from counterfoil.outbox where operation in ('state', 'insert') order by position"),
          [['{"id":1,"r":2}'], ['{"id":2,"r":3}']])


def test_free_records_keep_their_content(s):
    first = s.run(f"select counterfoil.record('{LEDGER}', 'héllo')")
    s.run(f"select counterfoil.record('{LEDGER}', '{{\"a\": 1.0}}'::jsonb, stream => 's', subject => 'x'); select counterfoil.record('{LEDGER}', '\\x00ff'::bytea, 'image/png')")
    equal(s.session.rows("select id::text, content::text, content_type, stream, subject, operation, ledger from counterfoil.outbox order by position"), [
        [first, "\\x68c3a96c6c6f", "text/plain; charset=utf-8", None, None, "record", LEDGER],
        [s.run("select id from counterfoil.outbox order by position offset 1 limit 1"), "\\x7b2261223a20312e307d", "application/json", "s", "x", "record", LEDGER],
        [s.run("select id from counterfoil.outbox order by position offset 2 limit 1"), "\\x00ff", "image/png", None, None, "record", LEDGER]])


# The names of a change.

def test_actor_of_one_transaction_is_not_the_next_ones(s):
    s.run("create table t (id int primary key)")
    s.protect("t")
    s.run("begin; set local counterfoil.actor = 'alice'; insert into t values (1); commit; insert into t values (2); set counterfoil.actor = 'bob'; insert into t values (3); reset counterfoil.actor; insert into t values (4)")
    s.run("create role app login; create role \"Other Role\"; grant \"Other Role\" to app; grant insert on t to app, \"Other Role\"")
    app = s.other("app")
    app.run("insert into t values (5); set role \"Other Role\"; insert into t values (6)")
    equal(s.session.rows("select new ->> 'id', actor, session_user_name, role_name from counterfoil.outbox where operation = 'insert' order by position"), [
        ["1", "alice", "postgres", None], ["2", None, "postgres", None], ["3", "bob", "postgres", None], ["4", None, "postgres", None],
        ["5", None, "app", None], ["6", None, "app", "Other Role"]])
    app.close()


def test_strangers_may_do_nothing(s):
    s.run("create table t (id int primary key, v text)")
    id = s.protect("t")
    s.run("create role eve login; grant usage on schema counterfoil to eve; grant all on schema public to eve; create table eves (id int primary key); alter table eves owner to eve; grant insert on t to eve")
    eve = s.other("eve")
    for sql in (f"select counterfoil.record('{LEDGER}', 'x')", "insert into counterfoil.outbox (id, operation, ledger) values (gen_random_uuid(), 'insert', 'x')", "select * from counterfoil.outbox",
                "select * from counterfoil.protection", "select * from counterfoil.receipts", f"select counterfoil.protect('eves', '{LEDGER}')", "call counterfoil.retire('t', 't')", "call counterfoil.backfill('t')",
                "select counterfoil.unprotect('t')", "select counterfoil.adopt()", "select counterfoil.forget('0')", "select counterfoil.grant_record('eve')", "select counterfoil.grant_check('eve')", "delete from counterfoil.outbox", "truncate counterfoil.outbox",
                f"create trigger x after insert on eves for each row execute function counterfoil.record_change('{id}', '{LEDGER}', 'counterfoil.actor', '')",
                f"create trigger x after truncate on eves execute function counterfoil.record_truncate('{id}', '{LEDGER}', 'counterfoil.actor', '')", "select counterfoil.row_json(row(1), null, 0)",
                "alter table t disable trigger all", "select counterfoil.write_chunk('t', 't', 1)", "select counterfoil.new_id()"):
        s.refuses(sql, "ERROR", session=eve)
        try:
            eve.run(sql)
        except SqlError as fault:
            assert "permission denied" in str(fault) or "must be owner" in str(fault), f"{sql}: {fault}"
    equal(s.run("select count(*) from information_schema.routine_privileges where specific_schema = 'counterfoil' and grantee = 'PUBLIC'"), "0")
    eve.run("insert into t values (1, 'by eve')")  # The write itself needs no right of ours.
    s.run("select counterfoil.grant_record('eve'); create role mask; grant mask to eve; grant usage on schema counterfoil to mask; select counterfoil.grant_record('mask')")
    eve.run(f"set role mask; select counterfoil.record('{LEDGER}', 'a'); reset role; create function f() returns uuid language sql security definer as 'select counterfoil.record(''{LEDGER}'', ''b''::text)'; select f()")
    equal(s.session.rows("select session_user_name, role_name, operation from counterfoil.outbox where operation <> 'protect' order by position"),
          [["eve", None, "insert"], ["eve", "mask", "record"], ["eve", None, "record"]])
    s.refuses("select * from counterfoil.outbox", "permission denied", session=eve)
    eve.close()


def test_cast_of_a_column_runs_without_our_rights(s):
    s.run("""create table t (id int primary key); create role mallory login; grant all on schema public to mallory; select counterfoil.grant_protect('mallory')""")
    mallory = s.other("mallory")
    mallory.run(f"""create type mood as enum ('a'); create table m (id int primary key, e mood); select counterfoil.protect('m', '{LEDGER}'); create table seen (who text, may bool);
        create function spy(mood) returns json language plpgsql as $$ begin insert into public.seen values (current_user, has_table_privilege('counterfoil.protection', 'select')); return '1'; exception when insufficient_privilege then return to_json(current_user::text || has_table_privilege('counterfoil.protection', 'select')); end $$;
        create cast (mood as json) with function spy(mood); insert into m values (1, 'a'); call counterfoil.backfill('m')""")
    equal([row[2] for row in s.outbox()], ['{"id":1,"e":"counterfoil_writerfalse"}'] * 2)
    mallory.close()


def test_relay_has_what_it_needs_and_no_more(s):
    s.run("create table t (id int primary key)")
    s.protect("t")
    s.run("insert into t values (1), (2); create role relay login; select counterfoil.grant_relay('relay')")
    relay = s.other("relay")
    relay.run("insert into counterfoil.receipt select id, ledger, position, 5, '2026-01-01', sha256('') from counterfoil.outbox where operation = 'protect' or new ->> 'id' = '1' on conflict (id) do nothing")
    s.refuses("delete from counterfoil.outbox", "permission denied", session=relay)
    s.refuses("update counterfoil.receipt set slot = 1", "permission denied", session=relay)
    equal(relay.run("select counterfoil.forget('1 hour')"), "0")
    equal(relay.run("select counterfoil.forget('-1 hour')"), "1")  # The event that chose the key stays.
    equal(relay.rows("select \"table\", operation, key::text, index::text, slot::text, state from counterfoil.receipts order by state, index"),
          [["public.t", "protect", None, "1", "5", "recorded"], [None, None, None, "2", "5", "recorded"], ["public.t", "insert", "{2}", None, None, "waiting"]])
    relay.close()


# The relay's query.

def relay_query(old, new, after, limit):
    text = (FOLDER / "relay.sql").read_text()
    for name, value in (("$1", f"'{old}'::pg_snapshot"), ("$2", f"'{new}'::pg_snapshot"), ("$3", str(after)), ("$4", str(limit))):
        text = text.replace(name, value)
    return text.rstrip().rstrip(";")


def test_relay_reads_each_row_once_and_what_is_new_by_index(s):
    s.run("""insert into counterfoil.outbox (xid, id, operation, ledger) select (3 + i / 4)::text::xid8, gen_random_uuid(), 'insert', 'x' from generate_series(1, 300) as i;
        create table t (id int primary key)""")
    s.protect("t")
    slow, slower = s.other(), s.other()
    slow.run("begin; insert into t values (1)")
    slower.run("begin; insert into t values (2); savepoint a; insert into t values (3); release a")
    first = s.run("select pg_current_snapshot()")
    ids = lambda old, new, after=0, limit=1000: [row[0] for row in s.session.rows(f"select coalesce(r.new::json ->> 'id', r.operation) from ({relay_query(old, new, after, limit)}) as r")]
    equal(ids("1:1:", first)[-1], "protect")
    equal(ids(first, first), [])
    s.run("insert into t values (4)")
    slow.run("insert into t values (5); commit")
    second = s.run("select pg_current_snapshot()")
    equal(ids(first, second), ["1", "4", "5"])
    slower.run("insert into t values (6); commit")
    third = s.run("select pg_current_snapshot()")
    equal(ids(second, third), ["2", "3", "6"])
    equal(ids(second, third, 0, 2), ["2", "3"])
    after = s.run("select position from counterfoil.outbox where new ->> 'id' = '3'")
    equal(ids(second, third, after), ["6"])
    s.run("insert into t select i from generate_series(1000, 60000) as i; analyze counterfoil.outbox")
    slow.run("begin; insert into t values (70)")
    before = s.run("select pg_current_snapshot()")
    for id in range(100, 120):
        s.run(f"insert into t values ({id})")
    plan = s.run("explain (analyze, costs off, timing off, summary off) " + relay_query(before, s.run("select pg_current_snapshot()"), 0, 1000))
    assert "Seq Scan" not in plan and "Rows Removed by Filter" not in plan and plan.count("Index") >= 3, plan
    slow.close(), slower.close()


# Backfill.

def test_backfill_goes_on_where_it_was_killed(s):
    s.run("create table t (a text collate \"C\", b int, v text default 'x', primary key (a, b)); insert into t select chr(97 + i % 3), i from generate_series(1, 2500) as i; insert into t values ('', 1), ('q''\"{,}\\', 2)")
    s.protect("t")
    holder, filler = s.other(), s.other()
    holder.run("begin; update t set v = 'held' where a = 'b' and b = 1498")
    pid = filler.run("select pg_backend_pid()")
    filler.send("call counterfoil.backfill('t', 500)")
    s.wait_until("(select rows >= 1000 from counterfoil.backfill_progress)")
    s.wait_until(f"(select wait_event_type = 'Lock' from pg_stat_activity where pid = {pid})")
    s.run(f"select pg_terminate_backend({pid})")
    s.wait_until(f"not exists (select from pg_stat_activity where pid = {pid})")
    kept = s.session.rows("select rows::text, is_done::text from counterfoil.backfill_progress")[0]
    assert 1000 <= int(kept[0]) < 2502 and kept[1] == "false", kept
    equal(s.run("select count(*) from counterfoil.outbox where operation = 'state'"), kept[0])
    holder.run("commit")
    s.run("call counterfoil.backfill('t', 500)")
    equal(s.run("select count(*), count(distinct (new ->> 'a', new ->> 'b')) from counterfoil.outbox where operation = 'state'"), "2502|2502")
    equal(event(s, "backfilled")[0]["rows"], 2502)
    s.run("call counterfoil.backfill('t')")
    equal(s.run("select count(*) from counterfoil.outbox where operation = 'backfilled'"), "1")
    for session in (holder, filler):
        session.close()


def test_backfill_yields_to_a_writer_instead_of_a_deadlock(s):
    s.run("create table t (id int primary key, v int); insert into t select i, 0 from generate_series(1, 10) as i")
    s.protect("t")
    writer, filler = s.other(), s.other()
    writer.run("begin; update t set v = 1 where id = 9")
    filler.send("call counterfoil.backfill('t', 8)")
    s.wait_until("(select rows = 8 from counterfoil.backfill_progress)")
    writer.run("update t set v = 1 where id = 2; commit")
    filler.receive()
    equal(replay(s, "t", ["id"]), live(s, "t", ["id"]))
    writer.close(), filler.close()


def live(s, table, key):
    rows = [row[0] for row in s.session.rows(f"select row_to_json(t)::text from {table} as t")]
    return {tuple(json.loads(row)[name] for name in key): row for row in rows}


def replay(s, table, key):
    """Each key's chain by the design's rules: the last value of each key; a step that does not join is a fault."""
    values = {}
    name = lambda text: tuple(json.loads(text)[part] for part in key)
    for operation, old, new in s.outbox():
        if operation == "truncate":
            values.clear()
        if old is not None:
            # The first change of a row before its backfill has no step before it.
            assert values.pop(name(old), old) == old, f"{operation} does not join: {old}"
        if operation == "state":
            assert values.get(name(new), new) == new, f"state differs: {new}"
        elif new is not None:
            assert name(new) not in values, f"{operation} of a row that was there: {new}"
        if new is not None:
            values[name(new)] = new
    return values


def test_state_joins_what_two_writers_do_meanwhile(s):
    s.run("""create table t (id int primary key, v int not null); insert into t select i, 0 from generate_series(1, 3000) as i;
        create procedure work(seed float8, times int) language plpgsql as $$
        declare r int; begin perform setseed(seed);
            for n in 1..times loop
                r := 1 + floor(random() * 3000);
                if n % 5 = 0 then delete from t where id = r;
                elsif n % 5 = 1 then insert into t values (r, -n) on conflict (id) do update set v = t.v + 1;
                elsif n % 5 = 2 then begin update t set id = 3001 + floor(random() * 100000) where id = r; exception when unique_violation then null; end;
                else update t set v = v + 1 where id in (r, r + 1); end if;
                commit;
            end loop; end $$""")
    s.protect("t")
    writers = [s.other(), s.other()]
    for number, writer in enumerate(writers):
        writer.send(f"call work(0.{number + 1}, 3000)")
    s.run("call counterfoil.backfill('t', 100)")
    for writer in writers:
        try:
            writer.receive()
        except SqlError as fault:
            assert "deadlock" in str(fault), fault  # Two writers may meet each other; the backfill is never a part of it.
    equal(replay(s, "t", ["id"]), live(s, "t", ["id"]))
    for writer in writers:
        writer.close()


# Replication.

def test_replicated_rows_are_recorded(s):
    s.run(f"create database {s.database}_publisher")
    publisher = s.cluster.session(f"{s.database}_publisher")
    publisher.run("create table t (id int primary key, v text); insert into t values (1, 'a'), (2, 'b'), (3, 'c'); create publication p for table t")
    publisher.run(f"select pg_create_logical_replication_slot('{s.database}', 'pgoutput')")
    s.run("create table t (id int primary key, v text)")
    s.protect("t")
    s.run(f"create subscription s connection 'host={s.cluster.folder} dbname={s.database}_publisher user=postgres' publication p with (create_slot = false, slot_name = '{s.database}')")
    s.wait_until("(select bool_and(srsubstate = 'r') from pg_subscription_rel)")
    publisher.run("begin; update t set v = 'z' where id = 1; delete from t where id = 2; commit; truncate t")
    s.wait_until("exists (select from counterfoil.outbox where operation = 'truncate')")
    equal(s.outbox(), [("insert", None, f'{{"id":{id},"v":"{v}"}}') for id, v in ((1, "a"), (2, "b"), (3, "c"))]
          + [("update", '{"id":1,"v":"a"}', '{"id":1,"v":"z"}'), ("delete", '{"id":2,"v":"b"}', None), ("truncate", None, None)])
    equal(s.run("select distinct session_user_name from counterfoil.outbox where operation <> 'protect'"), "postgres")
    s.run("drop subscription s")
    publisher.close()
