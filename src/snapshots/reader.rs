//! The only way to a record: built from a grant and the receipt that its use is in the trail.

use std::sync::Arc;

use jiff::Timestamp;

use super::copy::Copy;
use super::file::PersonFile;
use crate::domain::access::Grant;
use crate::vault::audit::AuditReceipt;
use crate::vault::segment::SegmentError;

/// Reads one person's file within its grant.
pub struct Reader {
    grant: Grant,
    copy: Arc<Copy>,
}

impl Reader {
    /// None when the receipt was given for another grant.
    #[must_use]
    pub(super) fn new(grant: Grant, receipt: AuditReceipt, copy: Arc<Copy>) -> Option<Self> {
        receipt.is_for(&grant).then_some(Self { grant, copy })
    }

    #[must_use]
    pub fn grant(&self) -> &Grant {
        &self.grant
    }

    /// Everything the grant shows of the person's file.
    ///
    /// # Errors
    /// When a block of records does not unpack.
    pub fn file(&self, now: Timestamp) -> Result<PersonFile, SegmentError> {
        PersonFile::read(&self.copy, &self.grant, now)
    }
}
