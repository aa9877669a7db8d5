//! What printed and mailed documents share: how a state looks, strips of time, the stylesheet.
//!
//! It draws what it is given. It must not read the store or know what a report accounts for.
