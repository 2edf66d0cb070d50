//! A PostgreSQL cluster of one's own, run from the system's binaries on a free loopback port.
//!
//! `initdb` and `postgres` refuse to run as root: started as root, the cluster belongs to and runs as an
//! unprivileged user (`postgres`, or `nobody`). All who can read the cluster's folder are trusted: the superuser's
//! password lies in it, readable by its owner alone.
#![forbid(unsafe_code)]

mod binaries;
mod error;
mod owner;

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

pub use crate::error::ClusterError;
pub use crate::owner::is_root;

use crate::binaries::Binaries;
use crate::error::{START_TIMEOUT, at};
use crate::owner::Owner;

/// The superuser's name.
const SUPERUSER: &str = "counterfoil";
const STOP_TIMEOUT: Duration = Duration::from_secs(20);
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// Free ports tried, each of which another process took before the server.
const MAX_PORTS: usize = 10;

/// How much a crash of the machine may lose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Nothing that was committed.
    Full,
    /// Everything: for tests and other clusters that are thrown away.
    None,
}

/// The end of a cluster's folder when its server ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AtEnd {
    Kept,
    Removed,
}

/// Runs the server, and stops it (SIGINT: PostgreSQL's fast shutdown) when standard input ends: at our drop, or with
/// this process, however that ends. `wait` returns early when the server ends by itself. REMOVED names what is removed
/// after that.
const SUPERVISOR: &str = r#"
    exec 3<&0
    "$@" </dev/null 3<&- &
    server=$!
    { cat <&3 >/dev/null; kill -INT "$server"; } 2>/dev/null &
    wait "$server"
    [ -z "$REMOVED" ] || { cd / && rm -rf "$REMOVED"; }
"#;

/// A running cluster. Dropping it stops the server and keeps the data, unless the cluster is temporary; so does the end
/// of this process.
pub struct Cluster {
    server: Child,
    port: u16,
    password: String,
    createdb: PathBuf,
}

impl Cluster {
    /// Starts the cluster in `folder`, which is made when absent, and waits until it accepts connections.
    ///
    /// A server that an earlier process left running in this folder is stopped first.
    ///
    /// # Errors
    /// [`ClusterError`].
    pub fn start(folder: &Path, durability: Durability) -> Result<Self, ClusterError> {
        on_a_free_port(|| Self::start_on(folder, durability, None, AtEnd::Kept))
    }

    /// Starts a cluster that is thrown away: in a temporary folder, which is gone when the server is, also when this
    /// process is killed.
    ///
    /// # Errors
    /// [`ClusterError`].
    pub fn start_temporary(durability: Durability) -> Result<Self, ClusterError> {
        let temporary = std::env::temp_dir();
        // Each attempt has a folder of its own: the supervisor of the one before removes its folder.
        on_a_free_port(|| {
            let folder = tempfile::Builder::new().prefix("counterfoil-postgres").tempdir_in(&temporary);
            let folder = folder.map_err(at("making a folder in", &temporary))?;
            let cluster = Self::start_on(folder.path(), durability, None, AtEnd::Removed)?;
            // From here on it is the supervisor that removes it.
            let _ = folder.keep();
            Ok(cluster)
        })
    }

    /// Ends all of the server's processes as a crash of the machine would, and starts it again on the same port.
    ///
    /// # Errors
    /// [`ClusterError`].
    pub fn crash(mut self, folder: &Path, durability: Durability) -> Result<Self, ClusterError> {
        let data = folder.join("data");
        let pid_file = data.join("postmaster.pid");
        let pids = fs::read_to_string(&pid_file).map_err(at("reading", &pid_file))?;
        let server = pids.lines().next().unwrap_or_default().trim();
        let children = Command::new("pgrep").args(["-P", server]).output().map_err(at("running pgrep for", &data))?;
        let children = String::from_utf8_lossy(&children.stdout).into_owned();
        // The server first: it would start again by itself when it sees a child die.
        let all = std::iter::once(server).chain(children.split_whitespace());
        Command::new("kill").arg("-KILL").args(all).status().map_err(at("killing the server of", &data))?;
        self.server.wait().map_err(at("waiting for the server of", &data))?;
        let port = self.port;
        let started = Instant::now();
        loop {
            // Until the last of its processes is gone, the memory that they shared keeps a new server out.
            match Self::start_on(folder, durability, Some(port), AtEnd::Kept) {
                Err(ClusterError::Ended { .. } | ClusterError::NotReady { .. } | ClusterError::PortTaken { .. })
                    if started.elapsed() < START_TIMEOUT =>
                {
                    thread::sleep(POLL_INTERVAL);
                }
                result => return result,
            }
        }
    }

    /// Without a `port`, on one that is free now; another process can take it before the server does.
    fn start_on(folder: &Path, durability: Durability, port: Option<u16>, at_end: AtEnd) -> Result<Self, ClusterError> {
        let binaries = Binaries::find().ok_or(ClusterError::NotInstalled)?;
        let owner = Owner::for_this_process().ok_or(ClusterError::NoUnprivilegedUser)?;
        fs::create_dir_all(folder).map_err(at("making", folder))?;
        owner.expect_access(folder)?;
        owner.take(folder)?;
        let data = folder.join("data");
        let password = read_or_make_password(folder, &owner)?;
        if !data.exists() {
            initialise(&binaries, &owner, folder, &data)?;
        }
        stop_leftover(&binaries, &owner, &data);
        let port = port.map_or_else(|| free_port(folder), Ok)?;
        let (server, log) = spawn(&binaries, &owner, folder, port, durability, at_end)?;
        let mut cluster = Self { server, port, password, createdb: binaries.createdb.clone() };
        cluster.wait_until_ready(&binaries, folder, &log)?;
        Ok(cluster)
    }

    /// Starts a streaming replica of this cluster in `folder`, which must not hold one: it serves reads of whatever has
    /// reached it, and nothing can be written there.
    ///
    /// # Errors
    /// [`ClusterError`].
    pub fn start_replica(&self, folder: &Path, durability: Durability) -> Result<Self, ClusterError> {
        let owner = Owner::for_this_process().ok_or(ClusterError::NoUnprivilegedUser)?;
        fs::create_dir_all(folder).map_err(at("making", folder))?;
        owner.take(folder)?;
        // The replica's users are this cluster's.
        write_password(folder, &owner, &self.password)?;
        let program = self.createdb.with_file_name("pg_basebackup");
        let output = owner
            .command(&program)
            .current_dir(folder)
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", SUPERUSER, "--no-password"])
            .args(["--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync", "--pgdata"])
            .arg(folder.join("data"))
            .env("PGPASSWORD", &self.password)
            .output()
            .map_err(at("running", &program))?;
        if !output.status.success() {
            let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(ClusterError::Failed { program, message });
        }
        Self::start(folder, durability)
    }

    /// The URL of a database, with the superuser's password. Keep it out of logs.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{SUPERUSER}:{}@127.0.0.1:{}/{database}", self.password, self.port)
    }

    /// Makes a database, unless it is there already.
    ///
    /// # Errors
    /// [`ClusterError::Failed`] when the name is none.
    pub fn ensure_database(&self, name: &str) -> Result<(), ClusterError> {
        match self.create_database(name) {
            // The cluster's locale is C, so that this is what its server says.
            Err(ClusterError::Failed { message, .. }) if message.contains("already exists") => Ok(()),
            result => result,
        }
    }

    /// Makes an empty database.
    ///
    /// # Errors
    /// [`ClusterError::Failed`] when it is there already or the name is none.
    pub fn create_database(&self, name: &str) -> Result<(), ClusterError> {
        let output = Command::new(&self.createdb)
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", SUPERUSER, "--no-password", name])
            .env("PGPASSWORD", &self.password)
            .output()
            .map_err(at("running", &self.createdb))?;
        if output.status.success() {
            return Ok(());
        }
        let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(ClusterError::Failed { program: self.createdb.clone(), message })
    }

    /// Whether the server has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        // An error means that there is no such process.
        !matches!(self.server.try_wait(), Ok(None))
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    fn wait_until_ready(&mut self, binaries: &Binaries, folder: &Path, log: &fs::File) -> Result<(), ClusterError> {
        let started = Instant::now();
        loop {
            let is_ready = Command::new(&binaries.pg_isready)
                .args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", SUPERUSER, "-d", "postgres"])
                .status()
                .map_err(at("running", &binaries.pg_isready))?
                .success();
            if is_ready {
                return Ok(());
            }
            if self.server.try_wait().map_err(at("waiting for the server in", folder))?.is_some() {
                let log = tail(log);
                // The cluster's locale is C, so that these are the server's words.
                return Err(if log.contains("Address already in use") {
                    ClusterError::PortTaken { port: self.port }
                } else {
                    ClusterError::Ended { log }
                });
            }
            if started.elapsed() > START_TIMEOUT {
                return Err(ClusterError::NotReady { log: tail(log) });
            }
            thread::sleep(POLL_INTERVAL);
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.server.stdin.take());
        let asked = Instant::now();
        while matches!(self.server.try_wait(), Ok(None)) {
            if asked.elapsed() > STOP_TIMEOUT {
                let group = i32::try_from(self.server.id()).ok().and_then(rustix::process::Pid::from_raw);
                if let Some(group) = group {
                    let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
                }
                let _ = self.server.wait();
                return;
            }
            thread::sleep(POLL_INTERVAL);
        }
    }
}

/// Makes the cluster next to its place and moves it there when it is whole, so that what an end at any moment leaves is
/// never taken for a cluster.
fn initialise(binaries: &Binaries, owner: &Owner, folder: &Path, data: &Path) -> Result<(), ClusterError> {
    let new = folder.join("data.new");
    match fs::remove_dir_all(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at("removing", &new)(error)),
        _ => {}
    }
    let output = owner
        .command(&binaries.initdb)
        .current_dir(folder)
        .arg("--pgdata")
        .arg(&new)
        .args(["--username", SUPERUSER, "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"])
        .arg("--pwfile")
        .arg(password_file(folder))
        .output()
        .map_err(at("running", &binaries.initdb))?;
    if output.status.success() {
        return fs::rename(&new, data).map_err(at("moving into place", &new));
    }
    let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(ClusterError::Failed { program: binaries.initdb.clone(), message })
}

/// Stops a server that lost its parent; `pg_ctl` fails when there is none, which is the usual case.
fn stop_leftover(binaries: &Binaries, owner: &Owner, data: &Path) {
    if data.join("postmaster.pid").exists() {
        let _ = owner
            .command(&binaries.pg_ctl)
            .current_dir(data)
            .args(["stop", "--mode=fast", "--pgdata"])
            .arg(data)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
    }
}

fn spawn(
    binaries: &Binaries,
    owner: &Owner,
    folder: &Path,
    port: u16,
    durability: Durability,
    at_end: AtEnd,
) -> Result<(Child, fs::File), ClusterError> {
    let log_path = folder.join("server.log");
    let mut options = fs::OpenOptions::new();
    let log = options.read(true).write(true).create(true).truncate(true).open(&log_path);
    let log = log.map_err(at("making", &log_path))?;
    // The handle that stays here reads the log of a temporary cluster after its folder is gone.
    let written = log.try_clone().map_err(at("opening again", &log_path))?;
    let mut command = owner.command(Path::new("/bin/sh"));
    command
        .current_dir(folder)
        .args(["-c", SUPERVISOR, "postgres"])
        .arg(&binaries.postgres)
        .arg("-D")
        .arg(folder.join("data"))
        .args(["-p", &port.to_string()])
        .env("REMOVED", if at_end == AtEnd::Removed { folder.as_os_str() } else { OsStr::new("") });
    command.args(["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]);
    if durability == Durability::None {
        command.args(["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"]);
        // Tests: many services at once have pools of connections.
        command.args(["-c", "max_connections=400"]);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(written);
    Ok((command.spawn().map_err(at("running", &binaries.postgres))?, log))
}

fn password_file(folder: &Path) -> PathBuf {
    folder.join("superuser.password")
}

fn read_or_make_password(folder: &Path, owner: &Owner) -> Result<String, ClusterError> {
    let path = password_file(folder);
    match fs::read_to_string(&path) {
        Ok(password) => return Ok(password),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(at("reading", &path)(error)),
    }
    let mut random = [0_u8; 16];
    getrandom::fill(&mut random).map_err(|error| at("drawing randomness for", &path)(error.into()))?;
    let password: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    write_password(folder, owner, &password)?;
    Ok(password)
}

fn write_password(folder: &Path, owner: &Owner, password: &str) -> Result<(), ClusterError> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;

    let path = password_file(folder);
    // Whole or absent: a part of a password would be taken for it.
    let new = path.with_extension("new");
    let mut options = fs::OpenOptions::new();
    let mut file =
        options.write(true).create(true).truncate(true).mode(0o600).open(&new).map_err(at("making", &new))?;
    file.write_all(password.as_bytes()).map_err(at("writing", &new))?;
    owner.take(&new)?;
    fs::rename(&new, &path).map_err(at("moving into place", &new))
}

fn free_port(folder: &Path) -> Result<u16, ClusterError> {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    let address = listener.and_then(|listener| listener.local_addr());
    Ok(address.map_err(at("finding a free port for", folder))?.port())
}

/// Starts by `start` until no other process takes its port meanwhile.
fn on_a_free_port(mut start: impl FnMut() -> Result<Cluster, ClusterError>) -> Result<Cluster, ClusterError> {
    let mut attempts = 1;
    loop {
        match start() {
            Err(ClusterError::PortTaken { .. }) if attempts < MAX_PORTS => attempts += 1,
            result => return result,
        }
    }
}

/// The last lines of a log.
fn tail(log: &fs::File) -> String {
    let length = log.metadata().map_or(0, |metadata| metadata.len());
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
    // At offsets of its own: the server writes at the place that both handles share.
    if let Err(error) = log.read_exact_at(&mut bytes, 0) {
        return format!("(cannot be read: {error})");
    }
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(5)..].join("; ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn a_port_that_another_process_takes_first_is_exchanged() {
        let other = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let taken = other.local_addr().unwrap().port();
        let mut attempts = 0;
        let cluster = on_a_free_port(|| {
            attempts += 1;
            let folder = tempfile::tempdir().unwrap();
            let port = (attempts == 1).then_some(taken);
            let started = Cluster::start_on(folder.path(), Durability::None, port, AtEnd::Removed);
            assert_eq!(matches!(started, Err(ClusterError::PortTaken { port }) if port == taken), attempts == 1);
            let _ = folder.keep();
            started
        });
        assert_ne!(cluster.unwrap().port(), taken);
        assert_eq!(attempts, 2);
    }
}
