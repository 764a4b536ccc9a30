//! A page before its transaction: read and decoded while the page before it is carried out, and already encoded as it is to be
//! stored if all goes as planned. Others wait for the transaction.

use std::sync::{Arc, Mutex, PoisonError};

use sea_orm::{ConnectionTrait, EntityTrait};
use uuid::Uuid;

use super::repository::not_found;
use super::stored::{self, to_i64};
use crate::domain::import::{ImportJob, ImportState, PlannedRow, RowOutcome, RowStatus};
use crate::domain::{Contact, Result};
use crate::storage::database::handle::Database;
use crate::storage::entity::import_page::{Entity, Model};

pub(super) struct PreparedPage {
    pub(super) number: u64,
    /// When it was read. A page has another content only in another step.
    pub(super) step: i16,
    pub(super) counts: String,
    decoded: Mutex<Option<DecodedPage>>,
}

pub(super) struct DecodedPage {
    pub(super) rows: Vec<PlannedRow>,
    /// The contacts that rows create, each with the index of its row.
    pub(super) creates: Vec<(usize, Arc<Contact>)>,
    expected: Option<Expected>,
}

struct Expected {
    rows: Vec<PlannedRow>,
    content: Vec<u8>,
}

/// The primary key of a page.
fn key(job: &ImportJob, number: u64) -> (i64, Uuid, i64) {
    (job.context.account().get(), job.import.id.as_uuid(), to_i64(number))
}

impl PreparedPage {
    /// `None` if there is no such page.
    pub(super) async fn read(database: &Database, job: &ImportJob, number: u64) -> Result<Option<Self>> {
        let key = key(job, number);
        let page = database.read(async move |reader| Ok(Entity::find_by_id(key).one(&reader).await?)).await?;
        let Some(Model { account_id: _, import_id: _, number: _, step, counts, content }) = page else {
            return Ok(None);
        };
        let decoded = DecodedPage::new(&content, job)?;
        Ok(Some(Self { number, step, counts, decoded: Mutex::new(Some(decoded)) }))
    }

    /// What was decoded; a transaction that runs again reads the page itself.
    pub(super) async fn decoded(
        &self,
        connection: &impl ConnectionTrait,
        job: &ImportJob,
    ) -> Result<DecodedPage> {
        if let Some(decoded) = self.decoded.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Ok(decoded);
        }
        let page = Entity::find_by_id(key(job, self.number)).one(connection).await?.ok_or_else(not_found)?;
        DecodedPage::new(&page.content, job)
    }
}

impl DecodedPage {
    fn new(content: &[u8], job: &ImportJob) -> Result<Self> {
        let rows = stored::read_rows(content)?;
        if job.import.state != ImportState::Committing {
            return Ok(Self { rows, creates: Vec::new(), expected: None });
        }
        let new = rows.iter().enumerate().filter(|(_, row)| row.outcome == RowOutcome::Create);
        let create =
            |(index, row): (usize, &PlannedRow)| Ok((index, Arc::new(Contact::new(row.new_contact()?))));
        let creates: Vec<_> = new.map(create).collect::<Result<_>>()?;
        let expected = Some(Expected::new(rows.clone(), &creates)?);
        Ok(Self { rows, creates, expected })
    }

    /// The rows as they are to be stored after a step.
    pub(super) fn encode(&self) -> Result<Vec<u8>> {
        match &self.expected {
            Some(Expected { rows, content }) if *rows == self.rows => Ok(content.clone()),
            _ => stored::compress(&stored::write_rows(&self.rows)?),
        }
    }
}

impl Expected {
    /// Every row is carried out as planned.
    fn new(mut rows: Vec<PlannedRow>, creates: &[(usize, Arc<Contact>)]) -> Result<Self> {
        for (index, contact) in creates {
            let row = &mut rows[*index];
            row.status = Some(RowStatus::Applied);
            (row.contact, row.version) = (Some(contact.id), Some(contact.version));
        }
        for row in rows.iter_mut().filter(|row| row.outcome == RowOutcome::Update) {
            row.status = Some(RowStatus::Applied);
            row.version = row.version.map(|version| version + i64::from(!row.changes.is_empty()));
        }
        let content = stored::compress(&stored::write_rows(&rows)?)?;
        Ok(Self { rows, content })
    }
}
