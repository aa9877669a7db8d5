//! Continuity: who is told, which plan is in force, what it does next and how it ends.
//!
//! [`decide`] is the heart: pure, over the pinned playbook. [`apply`] folds its events into an
//! [`activation::Activation`], [`timers`] works out what the clock brings. It must not send,
//! open or store anything by itself: effects are rows for others to carry out.

pub mod activation;
pub mod apply;
pub mod decide;
pub mod effect;
pub mod event;
pub mod standing;
pub mod timers;
