//! Channels against real servers on loopback.

mod mail;
mod webhook;
