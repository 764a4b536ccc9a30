//! What a dialect calls the properties of a contact.

use super::expression::Property;

/// The names that a dialect has for itself; the others are the same in all.
#[derive(Debug, PartialEq, Eq)]
pub struct PropertyNames {
    pub handle: &'static str,
    pub phone: &'static str,
    pub created_at: &'static str,
    pub updated_at: &'static str,
}

impl PropertyNames {
    #[must_use]
    pub const fn name(&self, property: Property) -> &'static str {
        match property {
            Property::Handle => self.handle,
            Property::Phone => self.phone,
            Property::DisplayName => "display_name",
            Property::CreatedAt => self.created_at,
            Property::UpdatedAt => self.updated_at,
            Property::Group => "group",
            Property::Segment => "segment",
            Property::OptedOut => "opted_out",
        }
    }

    pub(super) fn find(&self, name: &str) -> Option<Property> {
        Property::ALL.into_iter().find(|property| self.name(*property) == name)
    }
}
