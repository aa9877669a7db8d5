//! Continuity over a real database: the arc, a stop between every two inputs, the outbox,
//! what staff say.

mod arc;
mod outbox;
mod staff;
mod world;
