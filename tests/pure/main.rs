//! Everything pure: no root, no kernel feature, no network. `tests/kernel` is the other half.
//!
//! A folder or file a folder of `src`; `style` holds the tree itself to its own rules.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that panics has failed, as it should"
)]

mod board;
mod channel;
mod cli;
mod config;
mod control;
mod dice;
mod engine;
mod fuzz;
mod import;
mod install;
mod lines;
mod program;
mod store;
mod style;
mod timezone;
mod value;
mod web;
mod wire;
