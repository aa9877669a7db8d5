//! What pages, printed reports and mailed ones share: how a state looks, strips of time, the
//! stylesheet; and a playbook as a card on paper.
//!
//! It draws what it is given. It must not read the store or know what a report accounts for.

pub mod card;
pub mod states;
pub mod strip;

/// The one stylesheet, to stand inside a document that is mailed or printed. The file belongs to
/// the pages, which serve it under its own address.
pub const STYLESHEET: &str = include_str!("../web/assets/holdfast.css");
