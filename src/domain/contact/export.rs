//! Exports: all contacts of an account that match, as a stream of pages.

use futures_util::stream::BoxStream;

use super::model::Contact;
use super::query::ContactFilter;
use crate::domain::change::ChangePosition;
use crate::domain::error::Result;
use crate::domain::group::GroupName;

/// What is to be exported.
#[derive(Clone, Debug)]
pub struct ExportQuery {
    pub filter: ContactFilter,
    /// Whether each contact comes with its groups.
    pub with_groups: bool,
}

/// An exported contact.
#[derive(Clone, Debug)]
pub struct ContactWithGroups {
    pub contact: Contact,
    /// All of them, newest first; `None` if they were not asked for.
    pub groups: Option<Vec<GroupName>>,
}

pub type ExportPage = Vec<ContactWithGroups>;

/// An export that has been opened.
pub struct Export {
    /// Read before the first page: whoever follows the changes from here misses none. (Those that happened while the export
    /// was read may be in both.)
    pub position: ChangePosition,
    pub source: Box<dyn ExportSource>,
}

/// Where the contacts of an export come from.
pub trait ExportSource: Send + Sync {
    /// From the oldest contact to the newest, in short reads: a contact that matches throughout is there exactly once, with
    /// the values that it had at some time in between. Each call starts anew. Dropping the stream ends it.
    fn pages(&self) -> BoxStream<'static, Result<ExportPage>>;
}
