//! `migrate`, and processes that wait for another one's.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::support::{Database, text};

#[test]
fn a_process_waits_until_another_one_has_migrated() {
    let database = Database::new();
    let mut waiting = database.command(&["migrate", "--wait"]);
    let mut waiting = waiting.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(waiting.stderr.take().unwrap());
    let mut line = String::new();
    log.read_line(&mut line).unwrap();
    assert!(line.contains("there are no tables yet"), "{line}");
    assert_eq!(database.sql("select count(*) from pg_tables where schemaname = 'public'"), "0");

    let migrated = database.run(&["migrate"]);
    assert!(migrated.status.success(), "{}", text(&migrated));
    let waited = waiting.wait_with_output().unwrap();
    assert!(waited.status.success());
    assert_eq!(waited.stdout, migrated.stdout);
    let version = database.sql("select max(version) from _sqlx_migrations");
    assert_eq!(String::from_utf8_lossy(&waited.stdout), format!("the tables are of version {version}\n"));
    assert!(database.run(&["migrate"]).status.success(), "a second time changes nothing");
}

#[test]
fn tables_of_a_later_version_are_not_waited_for() {
    let database = Database::new();
    assert!(database.run(&["migrate"]).status.success());
    database
        .sql("update _sqlx_migrations set version = 99 where version = (select max(version) from _sqlx_migrations)");
    let refused = database.run(&["migrate", "--wait"]);
    assert!(!refused.status.success());
    assert!(text(&refused).contains("take a newer program"), "{}", text(&refused));
}
