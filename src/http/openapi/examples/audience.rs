//! The example audience: the example contact, which gets a text, and a number that has opted out.

use serde_json::json;

use super::contact;
use crate::domain::audience::{
    AudienceId, AudienceSnapshot, ContactRef, Counts, Exclusion, Included, Problem, Reason, Report,
};
use crate::domain::contact::fields::Phone;
use crate::domain::template::engine::{MissingVariables, RenderInput, Template};
use crate::domain::{Contact, Timestamp};

pub const TEMPLATE: &str = "Hi {{NAME}}, greetings from {{ CITY | default(\"nowhere\") }}!";
/// The number that has opted out, as in a request.
pub const OTHER_PHONE: &str = "+44 20 7946 0000";

/// The `fields` of the other recipient.
#[must_use]
pub fn other_fields() -> serde_json::Value {
    json!({"NAME": "Mary"})
}

/// # Panics
/// The template cannot be rendered: every test that builds the document fails.
#[must_use]
pub fn included() -> Included {
    let contact: Contact = contact();
    let recipient = RenderInput { phone: &contact.phone, contact: Some(&contact), fields: None };
    let template = Template::parse(TEMPLATE).expect("a template");
    let message =
        template.render(recipient, MissingVariables::Exclude).expect("it is cheap").expect("a text");
    let Contact { id, handle, phone, .. } = contact;
    Included { index: 0, contact: Some(ContactRef { id, handle }), phone, message: Some(message) }
}

/// # Panics
/// The constant is not a phone number: every test that builds the document fails.
#[must_use]
pub fn exclusion() -> Exclusion {
    Exclusion {
        index: 1,
        contact: None,
        phone: Some(Phone::parse(OTHER_PHONE).expect("a phone number")),
        named: None,
        reason: Reason::OptedOut,
    }
}

#[must_use]
pub fn report() -> Report {
    let parts = included().message.map_or(0, |message| message.size.parts);
    Report {
        counts: Counts {
            asked: 2,
            recipients: 1,
            excluded: 1,
            parts: u64::try_from(parts).unwrap_or_default(),
        },
        problems: vec![Problem { count: 1, examples: vec![exclusion()] }],
    }
}

/// # Panics
/// A constant is invalid: every test that builds the document fails.
#[must_use]
pub fn kept_audience() -> AudienceSnapshot {
    let created_at = Timestamp::parse(super::CREATED_AT).expect("a timestamp");
    AudienceSnapshot {
        id: AudienceId::parse(super::ID).expect("an id"),
        created_at,
        expires_at: created_at.after(std::time::Duration::from_secs(24 * 60 * 60)),
        report: report(),
    }
}
