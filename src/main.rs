//! Starts the `holdfast` command. Everything else is in the library.

fn main() {}
