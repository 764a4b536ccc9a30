//! Permissions: as values (stored with a key) and as types (in a handler's signature). One list declares both, so
//! that they cannot diverge.

use std::fmt;
use std::str::FromStr;

macro_rules! permissions {
    ($($(#[$doc:meta])* $name:ident => $text:literal, $about:literal;)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Permission { $($(#[$doc])* $name,)* }

        impl Permission {
            /// In the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The name on the wire, at the command line and in the database.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// Whether it permits writes.
            #[must_use]
            pub fn is_write(self) -> bool {
                !self.as_str().starts_with("read:")
            }

            /// The description in the documentation.
            #[must_use]
            pub const fn about(self) -> &'static str {
                match self { $(Self::$name => $about,)* }
            }
        }

        /// One type per permission, for the signatures of handlers.
        pub mod granted {
            use super::{Grant, Permission, Single};
            $(
                $(#[$doc])*
                #[derive(Clone, Copy, Debug)]
                pub enum $name {}
                impl Single for $name {
                    const PERMISSION: Permission = Permission::$name;
                }
                impl Grant for $name {
                    const PERMISSIONS: &'static [Permission] = &[Permission::$name];
                }
            )*
        }
    };
}

/// A permission as a type.
pub trait Single: Grant {
    const PERMISSION: Permission;
}

/// A type-level set of permissions: one type from [`granted`], a pair, or none.
pub trait Grant: 'static {
    /// All of these are required.
    const PERMISSIONS: &'static [Permission];
}

/// No permission that every request requires: which ones a request requires depends on its command, if it requires any.
impl Grant for () {
    const PERMISSIONS: &'static [Permission] = &[];
}

impl<A: Single, B: Single> Grant for (A, B) {
    const PERMISSIONS: &'static [Permission] = &[A::PERMISSION, B::PERMISSION];
}

permissions! {
    CreateContacts => "create:Contacts", "create contacts";
    ReadContacts => "read:Contacts", "read contacts";
    UpdateContacts => "update:Contacts", "change contacts";
    DeleteContacts => "delete:Contacts", "delete contacts";
    CreateGroups => "create:Groups", "create groups";
    ReadGroups => "read:Groups", "read groups and which contacts are in them";
    UpdateGroups => "update:Groups", "change groups, add contacts to them and remove contacts from them";
    DeleteGroups => "delete:Groups", "delete groups";
    CreateOptOuts => "create:OptOuts", "opt phone numbers out";
    ReadOptOuts => "read:OptOuts", "read opt-outs";
    DeleteOptOuts => "delete:OptOuts", "delete opt-outs";
    CreateTemplates => "create:Templates", "create templates";
    ReadTemplates => "read:Templates", "read templates";
    UpdateTemplates => "update:Templates", "change templates";
    DeleteTemplates => "delete:Templates", "delete templates";
    CreateAudiences => "create:Audiences", "create kept audiences";
    ReadAudiences => "read:Audiences", "read kept audiences, and who gets which text";
    DeleteAudiences => "delete:Audiences", "delete kept audiences";
    CreateImports => "create:Imports", "import files: send, commit, undo and delete them";
    ReadImports => "read:Imports", "read imports, with the contacts in their files";
    CreateFields => "create:Fields", "declare fields: keys of `meta` to choose and sort contacts by";
    ReadFields => "read:Fields", "read declared fields";
    DeleteFields => "delete:Fields", "delete declared fields";
    CreateSegments => "create:Segments", "create segments";
    ReadSegments => "read:Segments", "read segments";
    UpdateSegments => "update:Segments", "change segments";
    DeleteSegments => "delete:Segments", "delete segments";
    ReadChanges => "read:Changes", "read every change of contacts, groups, opt-outs, templates and segments, with what was changed";
    ReadAudit => "read:Audit", "read which key has changed what, and when";
    EraseContacts => "erase:Contacts", "erase persons: their contacts and whatever else there is of them";
    ReadErasures => "read:Erasures", "read the receipts of erasures";
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl serde::Serialize for Permission {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl FromStr for Permission {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.iter().copied().find(|permission| permission.as_str() == text).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(|permission| permission.as_str()).collect();
            format!("unknown permission; the permissions are {}", known.join(", "))
        })
    }
}

/// The permissions of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Permissions {
    /// Includes permissions that later versions add.
    All,
    Only(Vec<Permission>),
}

impl Permissions {
    const ALL: &'static str = "*";

    /// An empty list means all.
    #[must_use]
    pub fn from_list(list: Vec<Permission>) -> Self {
        if list.is_empty() { Self::All } else { Self::Only(list) }
    }

    #[must_use]
    pub fn allow(&self, permission: Permission) -> bool {
        match self {
            Self::All => true,
            Self::Only(list) => list.contains(&permission),
        }
    }

    /// The inverse of [`fmt::Display`]. A permission that this version does not know is dropped: it grants nothing
    /// here.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        if text == Self::ALL {
            return Self::All;
        }
        Self::Only(text.split_ascii_whitespace().filter_map(|word| word.parse().ok()).collect())
    }
}

impl fmt::Display for Permissions {
    /// `*` for all, else the names separated by spaces, as OAuth writes scopes (RFC 6749, section 3.3).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str(Self::ALL),
            Self::Only(list) => {
                for (index, permission) in list.iter().enumerate() {
                    if index > 0 {
                        f.write_str(" ")?;
                    }
                    write!(f, "{permission}")?;
                }
                Ok(())
            }
        }
    }
}
