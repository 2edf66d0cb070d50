#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod array;
mod change;
mod digest;
mod event;
mod ids;
mod instant;
mod key;
mod row;
mod value;
