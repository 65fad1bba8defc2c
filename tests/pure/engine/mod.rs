//! Stories of the engine, told in a world whose clock, kernel and flash the test owns.
//!
//! `world` drives and `sight` shows, `kernel` and `house` are what they drive against, `wished` says what must be true at the end. Every other file is a theme;
//! `model` plays all of them at random.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "all of it is test, the functions between the tests too"
)]

mod arrival;
mod caps;
mod change;
mod classes;
mod clients;
mod counters;
mod dialect;
mod foreign;
mod golden;
mod house;
mod kernel;
mod lanes;
mod lans;
mod lifecycle;
mod limits;
mod model;
mod others;
mod path;
mod places;
mod policy;
mod refusals;
mod saving;
mod schedules;
mod shapers;
mod sight;
mod stopping;
mod tables;
mod told;
mod tries;
mod watching;
mod wished;
mod world;
