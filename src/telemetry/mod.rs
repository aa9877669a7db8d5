//! How Holdfast tells operations about itself: its log and its metrics.
//!
//! Every metric name is in [`metrics`] and nowhere else. Nothing here may carry a secret or case
//! data: labels are ids from configuration or words of closed lists.

pub mod labels;
pub mod log;
pub mod metrics;
