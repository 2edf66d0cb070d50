//! Taking records: reading a request, accepting it on disk, answering with the promise.

mod committer;
mod content;
mod headers;
mod lines;
mod post;

pub(crate) use self::committer::{Committer, CommitterLimits};
pub(crate) use self::content::ContentLimits;
pub(crate) use self::headers::Wait;
pub(crate) use self::post::post;
