//! Holdfast keeps child protection workers working while their case system is not.
//!
//! It probes the case system from where staff sit, says when it stops serving them, carries the
//! continuity plan through, opens a sealed read-only copy of the case file to those entitled, and
//! accounts for every minute afterwards.
//!
//! # The way of the data
//!
//! ```text
//! probes/*.yaml → probing ──checks──▶ detection ──outages──▶ continuity ──▶ notices · open orders
//!                    │                    │                      │
//!                    ▼                    ▼                      ▼
//!                  store  ◀──────────  reporting           vault ──▶ snapshots ──▶ staff portal
//!                                                            ▲
//! case system → sources → capture ── segments ───────────────┘   store ──▶ console, reports, API
//! ```
//!
//! # Reading order
//!
//! Start with [`domain`]: the vocabulary, pure types and formulas. Modules import strictly
//! downwards, and `tests/tidy.rs` fails on any other edge:
//!
//! | level | modules |
//! | --- | --- |
//! | 0 | `domain` |
//! | 1 | `clock` `config` `crypto` `telemetry` `standin` |
//! | 2 | `store` `vault` `index` `sources` `channels` `documents` |
//! | 3 | `probing` `detection` `continuity` `capture` |
//! | 3 | `snapshots` `journal` `identity` `reporting` |
//! | 4 | `web` |
//! | 5 | `app` |
//! | 6, 7 | `cli`, `main` |
//!
//! Level-3 modules never import each other: they meet through domain events on bounded channels,
//! effect rows in `store`, and command channels handed in by `app`.
//!
//! # Invariants, each checked by a test
//!
//! 1. Nothing that serves a snapshot can reach the case system: `web` and `snapshots` import
//!    neither `sources`, `capture` nor `probing`.
//! 2. Plaintext case records exist only in memory, never in a log, metric, URL, e-mail or file.
//!    Cryptography lives only in `crypto`.
//! 3. SQL on our database only in `store`; axum only in `web` and `standin`; lettre only in
//!    `channels`.
//! 4. Nothing outside `clock` asks the system for the time.
//! 5. A failing target is data, never an `Err`; a prober's own fault is *inconclusive*; a gap is
//!    *unknown*, never *up*.
//! 6. Delivery and storage are never on the probe path; every queue, loop, retry, body and timeout
//!    has a bound and a reason.
//! 7. A copy can be opened, searched and audited with the database, network, mail and single
//!    sign-on all down.
//! 8. An answer to a person or a peer means it is durable.

pub mod app;
pub mod capture;
pub mod channels;
pub mod cli;
pub mod clock;
pub mod config;
pub mod continuity;
pub mod crypto;
pub mod detection;
pub mod documents;
pub mod domain;
pub mod identity;
pub mod index;
pub mod probing;
pub mod reporting;
pub mod snapshots;
pub mod sources;
pub mod standin;
pub mod store;
pub mod telemetry;
pub mod vault;
pub mod web;
