//! The owner of a cluster's files and processes: this user, or an unprivileged one when this user is root.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::error::{ClusterError, at};

pub(crate) struct Owner {
    /// Whom to change to; none to stay who we are.
    other: Option<User>,
}

struct User {
    name: &'static str,
    user: u32,
    group: u32,
}

impl Owner {
    /// None when this is root and there is no unprivileged user.
    pub(crate) fn for_this_process() -> Option<Self> {
        if !is_root() {
            return Some(Self { other: None });
        }
        let users = fs::read_to_string("/etc/passwd").ok()?;
        Some(Self { other: Some(["postgres", "nobody"].into_iter().find_map(|name| find_user(&users, name))?) })
    }

    /// A command that runs as the owner.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        if let Some(User { user, group, .. }) = self.other {
            command.uid(user).gid(group);
        }
        // Ctrl-C in a terminal goes to the whole process group; the server is stopped by us, after its clients.
        command.process_group(0);
        command
    }

    /// Makes sure that the owner can enter the folders that a folder lies in.
    pub(crate) fn expect_access(&self, folder: &Path) -> Result<(), ClusterError> {
        let Some(User { name, .. }) = self.other else { return Ok(()) };
        let folder = folder.canonicalize().map_err(at("finding", folder))?;
        let mut above: Vec<&Path> = folder.ancestors().skip(1).collect();
        above.reverse();
        for folder in above {
            // The system knows about groups, lists of rights and mounts.
            let test = Path::new("test");
            let status = self.command(test).arg("-x").arg(folder).status().map_err(at("running", test))?;
            if !status.success() {
                return Err(ClusterError::Closed { folder: folder.to_owned(), user: name });
            }
        }
        Ok(())
    }

    /// Makes the owner the owner of a file or folder.
    pub(crate) fn take(&self, path: &Path) -> Result<(), ClusterError> {
        match self.other {
            Some(User { user, group, .. }) => chown(path, Some(user), Some(group)).map_err(at("handing over", path)),
            None => Ok(()),
        }
    }
}

/// Whether this process is root's. Its cluster then runs as another user, and that user must be able to reach the folder.
#[must_use]
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A user from the lines of `/etc/passwd`: name:password:user:group:...
fn find_user(users: &str, name: &'static str) -> Option<User> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next()? != name {
            return None;
        }
        let user = fields.nth(1)?.parse().ok()?;
        Some(User { name, user, group: fields.next()?.parse().ok()? })
    })
}
