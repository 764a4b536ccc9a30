//! What a key may do.

use std::fmt;
use std::str::FromStr;

macro_rules! permissions {
    ($($(#[$doc:meta])* $name:ident => $text:literal, $about:literal;)*) => {
        /// One thing that a key may be allowed to do.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Permission { $($(#[$doc])* $name,)* }

        impl Permission {
            /// All of them, in the order in which they are explained.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// As it is written on the wire, at the command line and in the database.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// Whether what it allows changes anything that is stored.
            #[must_use]
            pub fn changes_something(self) -> bool {
                !self.as_str().starts_with("read:")
            }

            /// What it allows, for the documentation.
            #[must_use]
            pub const fn about(self) -> &'static str {
                match self { $(Self::$name => $about,)* }
            }
        }

        /// One type a permission, to stand in the signature of a handler.
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
    /// The permission.
    const PERMISSION: Permission;
}

/// Permissions as a type: one of those in [`granted`], or a pair of them.
pub trait Grant: 'static {
    /// The permissions; all of them are needed.
    const PERMISSIONS: &'static [Permission];
}

impl<A: Single, B: Single> Grant for (A, B) {
    const PERMISSIONS: &'static [Permission] = &[A::PERMISSION, B::PERMISSION];
}

permissions! {
    /// Create contacts.
    CreateContacts => "create:Contacts", "create contacts";
    /// Read contacts.
    ReadContacts => "read:Contacts", "read contacts";
    /// Change contacts.
    UpdateContacts => "update:Contacts", "change contacts";
    /// Delete contacts.
    DeleteContacts => "delete:Contacts", "delete contacts";
    /// Create groups.
    CreateGroups => "create:Groups", "create groups";
    /// Read groups.
    ReadGroups => "read:Groups", "read groups and which contacts are in them";
    /// Change groups.
    UpdateGroups => "update:Groups", "change groups, add contacts to them and remove contacts from them";
    /// Delete groups.
    DeleteGroups => "delete:Groups", "delete groups";
    /// Opt numbers out.
    CreateOptOuts => "create:OptOuts", "opt phone numbers out";
    /// Read opt-outs.
    ReadOptOuts => "read:OptOuts", "read opt-outs";
    /// Delete opt-outs.
    DeleteOptOuts => "delete:OptOuts", "delete opt-outs";
    /// Create templates.
    CreateTemplates => "create:Templates", "create templates";
    /// Read templates.
    ReadTemplates => "read:Templates", "read templates";
    /// Change templates.
    UpdateTemplates => "update:Templates", "change templates";
    /// Delete templates.
    DeleteTemplates => "delete:Templates", "delete templates";
    /// Create kept audiences.
    CreateAudiences => "create:Audiences", "create kept audiences";
    /// Read kept audiences.
    ReadAudiences => "read:Audiences", "read kept audiences, and who gets which text";
    /// Delete kept audiences.
    DeleteAudiences => "delete:Audiences", "delete kept audiences";
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
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
    /// Every permission there is, those of later versions included.
    All,
    /// These alone.
    Only(Vec<Permission>),
}

impl Permissions {
    const ALL: &'static str = "*";

    /// From a list; an empty one means all.
    #[must_use]
    pub fn from_list(list: Vec<Permission>) -> Self {
        if list.is_empty() { Self::All } else { Self::Only(list) }
    }

    /// Whether a permission is among them.
    #[must_use]
    pub fn allow(&self, permission: Permission) -> bool {
        match self {
            Self::All => true,
            Self::Only(list) => list.contains(&permission),
        }
    }

    /// Reads what [`fmt::Display`] wrote. A permission that this version does not know is left out:
    /// it grants nothing here.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        if text == Self::ALL {
            return Self::All;
        }
        Self::Only(text.split_ascii_whitespace().filter_map(|word| word.parse().ok()).collect())
    }
}

impl fmt::Display for Permissions {
    /// `*` for all, else the names with blanks between, as OAuth writes scopes (RFC 6749, section 3.3).
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
