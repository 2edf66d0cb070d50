//! The rules of the check over small histories: attacks, legitimate histories, and random ones.

mod attacks;
mod histories;
mod language;
mod models;
mod reports;
