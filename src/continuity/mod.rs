//! Continuity: who is told, which plan is in force, what it does next and how it ends.
//!
//! [`decide`] is the heart: pure, over the pinned playbook. [`apply`] folds its events into an
//! [`activation::Activation`], [`timers`] works out what the clock brings, [`incident`] does the
//! same for what operations are told at detection. [`engine`] runs them over the store; [`outbox`]
//! hands notices to whoever sends them. Nothing here sends, opens or seals anything by itself.

pub mod activation;
pub mod apply;
pub mod catch_up;
pub mod command;
pub mod decide;
pub mod effect;
pub mod engine;
pub mod event;
pub mod incident;
pub mod notices;
pub mod outbox;
pub mod readiness;
pub mod record;
pub mod register;
pub mod standing;
pub mod timers;
pub mod views;
