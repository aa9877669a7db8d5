//! The one integration-test binary: real servers on loopback, the real program.

mod web;
