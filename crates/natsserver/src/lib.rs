//! A NATS server with JetStream in a folder of its own, that tests and benches start, kill, freeze and wipe. `tools/nats/run` finds its program.
#![forbid(unsafe_code)]

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketType, bind, getsockname, socket, sockopt};
use tempfile::TempDir;

/// Longer than a server takes to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server, which ends with this.
#[derive(Debug)]
pub struct NatsServer {
    program: PathBuf,
    folder: TempDir,
    /// Bound to the port and never listening, so that no other process gets it while the server is down.
    _reserved: OwnedFd,
    port: u16,
    login: Option<(String, String)>,
    child: Option<Child>,
}

impl NatsServer {
    /// Starts a server that anyone may use.
    ///
    /// # Errors
    /// When there is no program, or it does not start.
    pub fn start() -> io::Result<Self> {
        Self::start_for(None)
    }

    /// Starts a server that asks for a name and a password.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_with_login(name: &str, password: &str) -> io::Result<Self> {
        Self::start_for(Some((name.to_owned(), password.to_owned())))
    }

    fn start_for(login: Option<(String, String)>) -> io::Result<Self> {
        let program = find_program()?;
        let (reserved, port) = reserve_port()?;
        let mut server = Self { program, folder: tempfile::tempdir()?, _reserved: reserved, port, login, child: None };
        server.restart()?;
        Ok(server)
    }

    /// The server's URL, without credentials.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Kills the server, as a crash of its process would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Starts the server again at its port, with its store.
    ///
    /// # Errors
    /// When it does not start.
    pub fn restart(&mut self) -> io::Result<()> {
        self.kill();
        let mut command = Command::new(&self.program);
        command.args(["--addr", "127.0.0.1", "--port", &self.port.to_string(), "--jetstream", "--store_dir"]);
        command.arg(self.store());
        if let Some((name, password)) = &self.login {
            command.args(["--user", name, "--pass", password]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.child = Some(command.spawn()?);
        let begun = Instant::now();
        while let Err(error) = greeting(self.port) {
            if begun.elapsed() > PATIENCE {
                return Err(error);
            }
            std::thread::yield_now();
        }
        Ok(())
    }

    /// Kills the server, takes its store away, and starts it again: its streams' numbers begin from 1.
    ///
    /// # Errors
    /// When it does not start, or the store cannot be removed.
    pub fn wipe(&mut self) -> io::Result<()> {
        self.kill();
        fs::remove_dir_all(self.store())?;
        self.restart()
    }

    /// Stops the process where it stands; its connections stay open and answer nothing.
    ///
    /// # Errors
    /// When there is no process.
    pub fn freeze(&self) -> io::Result<()> {
        self.signal("STOP")
    }

    /// Makes a frozen process go on.
    ///
    /// # Errors
    /// When there is no process.
    pub fn thaw(&self) -> io::Result<()> {
        self.signal("CONT")
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    fn signal(&self, name: &str) -> io::Result<()> {
        let child = self.child.as_ref().ok_or(io::ErrorKind::NotFound)?;
        let status = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status()?;
        if status.success() { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.kill();
    }
}

fn find_program() -> io::Result<PathBuf> {
    let tool = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tools/nats/run"));
    let output = Command::new(tool).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(io::Error::other("tools/nats/run found no nats-server"));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().into())
}

/// A server that serves greets.
fn greeting(port: u16) -> io::Result<()> {
    let stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    if line.starts_with("INFO ") { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
}

/// A free port of loopback, which only a socket with SO_REUSEADDR gets, as servers' listeners are, while the socket lives.
fn reserve_port() -> io::Result<(OwnedFd, u16)> {
    let reserved = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    sockopt::set_socket_reuseaddr(&reserved, true)?;
    bind(&reserved, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))?;
    let address = SocketAddrV4::try_from(getsockname(&reserved)?)?;
    Ok((reserved, address.port()))
}
