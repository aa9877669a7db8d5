//! Channels against real servers on loopback.

mod webhook;
