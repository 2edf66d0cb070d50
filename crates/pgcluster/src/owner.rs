//! Who the cluster belongs to: this user, or an unprivileged one when this user is root.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::{ClusterError, at};

pub(crate) struct Owner {
    /// User and group numbers to change to; none to stay who we are.
    other: Option<(u32, u32)>,
}

impl Owner {
    /// None when this is root and there is no unprivileged user.
    pub(crate) fn for_this_process() -> Option<Self> {
        if !crate::is_root() {
            return Some(Self { other: None });
        }
        let users = fs::read_to_string("/etc/passwd").ok()?;
        let ids = ["postgres", "nobody"].iter().find_map(|name| user_ids(&users, name))?;
        Some(Self { other: Some(ids) })
    }

    /// A command that runs as the owner.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        if let Some((user, group)) = self.other {
            command.uid(user).gid(group);
        }
        // Ctrl-C in a terminal goes to the whole process group; the server is stopped by us, after its clients.
        command.process_group(0);
        command
    }

    /// Makes the owner the owner of a file or folder.
    pub(crate) fn take(&self, path: &Path) -> Result<(), ClusterError> {
        match self.other {
            Some((user, group)) => chown(path, Some(user), Some(group)).map_err(at("handing over", path)),
            None => Ok(()),
        }
    }
}

/// User and group number from the lines of `/etc/passwd`: name:password:user:group:...
fn user_ids(users: &str, name: &str) -> Option<(u32, u32)> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next()? != name {
            return None;
        }
        let user = fields.nth(1)?.parse().ok()?;
        Some((user, fields.next()?.parse().ok()?))
    })
}
