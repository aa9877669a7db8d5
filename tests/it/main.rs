//! The one integration-test binary: real servers on loopback, the real program.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on stops there")]

mod agents;
mod bulkheads;
mod by_hand;
mod channels;
mod command;
mod continuity;
mod demo;
mod demo_profiles;
mod exchange;
mod explain;
mod grafana;
mod guide;
mod import;
mod janitor;
mod metrics;
mod observation;
mod ours;
mod playbooks;
mod portal;
mod probing;
mod reload;
mod report;
mod roundup;
mod schedule;
mod site_network;
mod sources;
mod standin;
mod support;
mod taint;
mod web;
mod writes;
