//! The rules of a cluster: it starts, keeps its data over a restart, ends with its owner, and is not shared.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use pgcluster::{Cluster, Durability};

fn psql(cluster: &Cluster, sql: &str) -> String {
    let output = Command::new("psql").args(["-XAtq", &cluster.url("postgres"), "-c", sql]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn start(folder: &Path) -> Cluster {
    Cluster::start(folder, Durability::None).unwrap()
}

#[test]
fn keeps_its_data_over_a_restart_and_ends_when_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = start(folder.path());
    psql(&cluster, "create table kept (value text); insert into kept values ('yes')");
    let port = cluster.port();
    drop(cluster);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "the server is gone");

    assert_eq!(psql(&start(folder.path()), "select value from kept"), "yes");
}

#[test]
fn names_the_folder_that_its_user_cannot_enter() {
    if !pgcluster::is_root() {
        // It runs as this user then.
        return;
    }
    let closed = tempfile::tempdir().unwrap();
    std::fs::set_permissions(closed.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    let error = Cluster::start(&closed.path().join("open/postgres"), Durability::None).err().unwrap().to_string();
    assert!(error.contains(&format!("chmod o+x {}`", closed.path().display())), "{error}");
}

#[test]
fn says_when_its_server_has_ended() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = start(folder.path());
    assert!(!cluster.has_ended());
    let server = std::fs::read_to_string(folder.path().join("data/postmaster.pid")).unwrap();
    Command::new("kill").args(["-INT", server.lines().next().unwrap()]).status().unwrap();
    while !cluster.has_ended() {
        std::thread::yield_now();
    }
}

#[test]
fn a_temporary_cluster_leaves_nothing() {
    let cluster = Cluster::start_temporary(Durability::None).unwrap();
    let data = psql(&cluster, "show data_directory");
    assert!(Path::new(&data).exists());
    drop(cluster);
    assert!(!Path::new(&data).parent().unwrap().exists());
}

#[test]
fn refuses_a_wrong_password() {
    let cluster = Cluster::start_temporary(Durability::None).unwrap();
    let url = format!("postgres://counterfoil:wrong@127.0.0.1:{}/postgres", cluster.port());
    let output = Command::new("psql").args(["-XAtq", &url, "-c", "select 1"]).output().unwrap();
    assert!(!output.status.success());
}

#[test]
fn a_server_that_does_not_start_is_reported_with_its_log() {
    let folder = tempfile::tempdir().unwrap();
    drop(start(folder.path()));
    std::fs::write(folder.path().join("data/postgresql.conf"), "no_such_setting = 1").unwrap();
    let error = Cluster::start(folder.path(), Durability::None).err().unwrap();
    assert!(error.to_string().contains("no_such_setting"), "{error}");
}

#[test]
fn what_an_end_in_the_midst_of_a_first_start_leaves_is_made_anew() {
    // initdb writes PG_VERSION early; it is given the folder that does not count yet.
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("data.new")).unwrap();
    std::fs::write(folder.path().join("data.new/PG_VERSION"), "15").unwrap();
    std::fs::write(folder.path().join("superuser.new"), "half").unwrap();
    let cluster = start(folder.path());
    assert_eq!(psql(&cluster, "select 1"), "1");
    assert!(!folder.path().join("data.new").exists());
}
