//! Continuity over a real database: the arc, a stop between every two inputs, the outbox.

mod arc;
mod outbox;
mod world;
