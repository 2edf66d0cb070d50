//! Feeds: what they deliver, and the events that wait for their turn.

pub(crate) mod feeding;
pub mod inbox;
