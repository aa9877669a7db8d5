//! What is asked of a database of any engine, and one row of the answer.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use super::Replica;
use crate::domain::mapping::RowShape;

/// One query for at most so many rows.
pub struct Question<'a> {
    pub query: &'a str,
    pub order: Order<'a>,
    pub rows: u32,
    pub shape: &'a RowShape,
    /// Of timestamps that are written without one.
    pub time_zone: &'a TimeZone,
}

/// In which order rows come, and where to begin.
pub enum Order<'a> {
    Any,
    /// By id, behind the one given.
    Key {
        id: &'a str,
        after: Option<&'a [Value]>,
    },
    /// By last change and id.
    Change {
        updated_at: &'a str,
        id: &'a str,
        start: Start<'a>,
    },
}

#[derive(Clone, Copy)]
pub enum Start<'a> {
    Beginning,
    Since(Timestamp),
    /// Behind the row with this instant and id, as the database wrote them.
    After(&'a [Value]),
}

/// One row, and what tells its place in the order.
pub struct Found {
    pub row: Map<String, Value>,
    pub anchor: Vec<Value>,
}

impl<'a> Question<'a> {
    pub fn new(query: &'a str, order: Order<'a>, rows: u32, of: &'a Replica) -> Self {
        Self { query, order, rows, shape: &of.shape, time_zone: &of.sql.time_zone }
    }

    /// The columns that the order is by: last change, if it is, and id.
    pub fn keys(&self) -> Vec<&'a str> {
        match self.order {
            Order::Any => Vec::new(),
            Order::Key { id, .. } => vec![id],
            Order::Change { updated_at, id, .. } => vec![updated_at, id],
        }
    }

    /// The column that the order is by first, where that is the last change.
    pub fn updated_at(&self) -> Option<&'a str> {
        match self.order {
            Order::Change { updated_at, .. } => Some(updated_at),
            Order::Any | Order::Key { .. } => None,
        }
    }

    /// Whether a column is asked for: of keys, only what says whose and whether it is deleted.
    pub fn tells(&self, column: &str) -> bool {
        let Order::Key { id, .. } = self.order else { return true };
        let says = [&self.shape.deleted, &self.shape.enabled];
        let mut says = says.into_iter().filter_map(|path| path.as_ref()?.first());
        column == id || says.any(|says| says == column)
    }

    /// The values behind which rows are asked for, one for each key; none at the beginning.
    pub fn after(&self) -> Option<&'a [Value]> {
        match self.order {
            Order::Any => None,
            Order::Key { after, .. } => after,
            Order::Change { start: Start::After(after), .. } => Some(after),
            Order::Change { .. } => None,
        }
    }

    pub fn since(&self) -> Option<Timestamp> {
        match self.order {
            Order::Change { start: Start::Since(since), .. } => Some(since),
            _ => None,
        }
    }

    /// An instant as a timestamp without a zone has it, an hour early where clocks are set back: an
    /// hour of the clock then stands for two.
    pub fn civil(&self, at: Timestamp) -> DateTime {
        let fold = if *self.time_zone == TimeZone::UTC { 0 } else { 3_600 };
        (at - jiff::SignedDuration::from_secs(fold)).to_zoned(self.time_zone.clone()).datetime()
    }
}
