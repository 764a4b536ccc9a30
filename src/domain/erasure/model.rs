//! The receipt of an erasure, which has nothing of the person but ids.

use crate::domain::contact::ContactId;
use crate::domain::contact::fields::{Handle, Phone};
use crate::domain::id::id_type;
use crate::domain::timestamp::Timestamp;
use crate::domain::wire_names::wire_names;

id_type! {
    ErasureId
}

wire_names! {
    ErasureState {
        Running => "running", "what is left is being looked for in the background";
        Complete => "complete", "nothing is left but in backups";
    }
}

wire_names! {
    /// Where an account may have something of a person.
    ErasurePlace {
        Contacts => "contacts", "contacts";
        GroupMemberships => "group_memberships", "their memberships of groups";
        FieldValues => "field_values", "their values in the index of declared fields";
        SearchIndex => "search_index", "contacts taken out of the search index";
        AudienceEntries => "audience_entries", "entries of kept audiences, with their texts";
        StoredResponses => "stored_responses", "what is stored under an `Idempotency-Key`";
        ImportFiles => "import_files", "files of imports that were being received";
        ImportRows => "import_rows", "rows of imports: of plans, rejects, and what an undo needs";
        OptOuts => "opt_outs", "opt-outs: `kept` ones are hashes of the numbers";
    }
}

wire_names! {
    /// Which member of the request named the person.
    SelectedBy {
        ContactId => "contact_id", "the id of a contact";
        PhoneNumber => "phone_number", "a phone number";
        Username => "username", "a username";
    }
}

/// Who is to be erased.
#[derive(Clone, Debug)]
pub enum Subject {
    Contact(ContactId),
    /// All contacts with the number.
    Phone(Phone),
    Handle(Handle),
}

impl Subject {
    #[must_use]
    pub fn selected_by(&self) -> SelectedBy {
        match self {
            Self::Contact(_) => SelectedBy::ContactId,
            Self::Phone(_) => SelectedBy::PhoneNumber,
            Self::Handle(_) => SelectedBy::Username,
        }
    }
}

/// What was found in a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PlaceCount {
    pub place: ErasurePlace,
    pub erased: u64,
    /// What has to stay.
    pub kept: u64,
}

/// What was found in each place, in the order of the documentation.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Places(Vec<PlaceCount>);

impl Default for Places {
    fn default() -> Self {
        Self(ErasurePlace::ALL.into_iter().map(|place| PlaceCount { place, erased: 0, kept: 0 }).collect())
    }
}

impl Places {
    pub fn add(&mut self, place: ErasurePlace, erased: u64, kept: u64) {
        if let Some(count) = self.0.iter_mut().find(|count| count.place == place) {
            (count.erased, count.kept) = (count.erased + erased, count.kept + kept);
        }
    }

    #[must_use]
    pub fn into_counts(self) -> Vec<PlaceCount> {
        self.0
    }
}

/// How many ids of contacts a receipt has.
pub const MAX_SHOWN_CONTACTS: usize = 100;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasure {
    pub id: ErasureId,
    pub state: ErasureState,
    pub selected_by: SelectedBy,
    /// At most [`MAX_SHOWN_CONTACTS`].
    pub contacts: Vec<ContactId>,
    pub places: Places,
    /// The timestamp in the id.
    pub created_at: Timestamp,
    /// Of a complete erasure.
    pub completed_at: Option<Timestamp>,
    /// When the last backup that has the person is deleted; of a complete erasure, if backups are made.
    pub backups_until: Option<Timestamp>,
}
