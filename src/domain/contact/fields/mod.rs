//! The members of a contact: one file each, with its limits, its rules and how it is read.

pub mod avatar_url;
pub mod display_name;
pub mod handle;
pub mod meta;
pub mod phone;

pub use avatar_url::AvatarUrl;
pub use display_name::DisplayName;
pub use handle::Handle;
pub use meta::{Meta, MetaPatch};
pub use phone::Phone;

/// A value that is kept as a short text: how storage writes it and reads it back.
macro_rules! stored_text {
    ($name:ident) => {
        impl $name {
            /// The value as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The value as text, without a copy.
            #[must_use]
            pub fn into_string(self) -> String {
                self.0
            }

            /// A value that was read once already and comes back from storage.
            #[must_use]
            pub fn from_stored(text: String) -> Self {
                Self(text)
            }
        }
    };
}
pub(crate) use stored_text;
