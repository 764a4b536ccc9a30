//! Keys: `ab_live_<id>_<secret><checksum>`, or `ab_operator_…` for those of operators ([`crate::domain::operator`]).
//!
//! Only the id and the SHA-256 of the secret are stored: neither the database nor the log can reveal a key, and
//! hashes are compared in constant time.

pub mod last_use;
pub mod repository;
pub mod service;
pub mod uses;

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use data_encoding::{BASE32_NOPAD, Encoding};
use last_use::{LastUse, UseNote};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::account::limits::{AccountLimits, LimitOverrides};
use super::account::{AccountId, AccountName, AccountState};
use super::error::{Error, ErrorCode};
use super::pagination::CursorParams;
use super::permission::{Permission, Permissions};
use super::random;
use super::text;
use super::timestamp::Timestamp;
use super::violation::Violation;

/// What a key gives access to. Keys of the kinds differ in their prefix and are stored apart, so that no operation can take one
/// for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// The contacts of one account.
    Account,
    /// Accounts and their keys, but nothing of what is in an account.
    Operator,
}

impl KeyKind {
    const ALL: [Self; 2] = [Self::Account, Self::Operator];

    fn prefix(self) -> &'static str {
        match self {
            Self::Account => "ab_live_",
            Self::Operator => "ab_operator_",
        }
    }
}

const ID_BYTES: usize = 10;
const SECRET_BYTES: usize = 32;
const ID_CHARS: usize = 16;
const SECRET_CHARS: usize = 52;
const CHECKSUM_CHARS: usize = 7;

/// The public part of a key, by which it is listed and revoked: 16 letters and digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyId(String);

impl KeyId {
    /// For the document.
    pub const PATTERN: &'static str = "[0-9a-z]{16}";

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }
}

impl FromStr for KeyId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.len() == ID_CHARS && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!(
                "a key id consists of {ID_CHARS} lower-case letters and digits; `keys list` shows the ids"
            ))
        }
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl serde::Serialize for KeyId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// SHA-256 of a secret. A slow password hash would add nothing: the secret has 256 random bits.
#[derive(Clone)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// `None` unless there are 32 bytes.
    #[must_use]
    pub fn from_stored(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl PartialEq for SecretHash {
    /// Compares in constant time.
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash")
    }
}

/// A complete key, secret included. It is shown once, on creation, and must never reach a log: hence no `Debug`.
pub struct Token {
    kind: KeyKind,
    id: KeyId,
    secret: String,
}

impl Token {
    /// # Errors
    /// The operating system's random number generator fails.
    pub fn generate(kind: KeyKind) -> Result<Self, Error> {
        let bytes: [u8; ID_BYTES + SECRET_BYTES] = random::bytes()?;
        let (id, secret) = bytes.split_at(ID_BYTES);
        Ok(Self { kind, id: KeyId(encode(id)), secret: encode(secret) })
    }

    /// Parses a key of any kind. The checksum rejects a mistyped one without a database lookup.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut kinds = KeyKind::ALL.into_iter();
        let (kind, rest) = kinds.find_map(|kind| Some((kind, text.strip_prefix(kind.prefix())?)))?;
        let (id, rest) = rest.split_once('_')?;
        let (secret, checksum) = rest.split_at_checked(SECRET_CHARS)?;
        let token = Self { kind, id: id.parse().ok()?, secret: secret.to_owned() };
        (token.checksum() == checksum).then_some(token)
    }

    #[must_use]
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    #[must_use]
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    #[must_use]
    pub fn hash(&self) -> SecretHash {
        SecretHash(Sha256::digest(self.secret.as_bytes()).into())
    }

    /// The complete key as text, to be shown once.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("{}{}_{}{}", self.kind.prefix(), self.id, self.secret, self.checksum())
    }

    fn checksum(&self) -> String {
        let mut crc = crc32fast::Hasher::new();
        crc.update(self.id.0.as_bytes());
        crc.update(self.secret.as_bytes());
        let checksum = encode(&crc.finalize().to_be_bytes());
        debug_assert_eq!(checksum.len(), CHECKSUM_CHARS);
        checksum
    }
}

/// Lower-case base 32: no character needs quoting in a shell or on the wire, and a double click selects all of it.
fn encode(bytes: &[u8]) -> String {
    const BASE32: Encoding = BASE32_NOPAD;
    let mut text = BASE32.encode(bytes);
    text.make_ascii_lowercase();
    text
}

/// The operator's label for a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyLabel(String);

impl KeyLabel {
    pub const MAX_CHARS: usize = 100;

    pub fn parse(text: &str) -> Result<Self, Violation> {
        text::clean(text, Self::MAX_CHARS, text::is_control).map(Self)
    }
}

text::stored_text!(KeyLabel);

/// A stored key: everything but the secret.
#[derive(Clone, Debug)]
pub struct ApiKey {
    pub id: KeyId,
    pub account: AccountId,
    pub hash: SecretHash,
    pub permissions: Permissions,
    pub label: Option<KeyLabel>,
    pub created_at: Timestamp,
    /// Exclusive: at this time the key is already expired.
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    Live,
    Expired,
    Revoked,
}

impl KeyState {
    /// The state of a key with this end and this revocation.
    #[must_use]
    pub fn at(now: Timestamp, expires_at: Option<Timestamp>, revoked_at: Option<Timestamp>) -> Self {
        if revoked_at.is_some() {
            Self::Revoked
        } else if expires_at.is_some_and(|end| end <= now) {
            Self::Expired
        } else {
            Self::Live
        }
    }

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

/// When the two keys of a rotation end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// The old key: after the overlap, but never later than before.
    pub old_expires_at: Timestamp,
    /// The new key, which has the lifetime of the old one, counted from now.
    pub expires_at: Option<Timestamp>,
}

impl Rotation {
    /// Of a key with this lifetime.
    #[must_use]
    pub fn at(
        now: Timestamp,
        created_at: Timestamp,
        expires_at: Option<Timestamp>,
        overlap: Duration,
    ) -> Self {
        let end = now.after(overlap);
        Self {
            old_expires_at: expires_at.map_or(end, |expires_at| expires_at.min(end)),
            expires_at: expires_at.map(|end| now.after(end.since(created_at))),
        }
    }
}

impl ApiKey {
    #[must_use]
    pub fn state(&self, now: Timestamp) -> KeyState {
        KeyState::at(now, self.expires_at, self.revoked_at)
    }
}

/// A key that was just created: its secret is known now, and never again.
pub struct IssuedKey {
    pub token: Token,
    pub key: ApiKey,
}

/// A page of the keys of an account, newest first.
#[derive(Clone, Debug)]
pub struct KeyQuery {
    pub account: AccountId,
    pub page: CursorParams<KeyId>,
}

/// A key as operators see it.
#[derive(Clone, Debug)]
pub struct UsedKey {
    pub key: ApiKey,
    /// As far as it is stored.
    pub last_use: Option<LastUse>,
}

/// A key with the name of its account, for lists.
#[derive(Clone, Debug)]
pub struct ListedKey {
    pub key: UsedKey,
    pub account: AccountName,
}

/// The authenticated caller: the account and the permissions of a valid key.
#[derive(Clone, Debug)]
pub struct Principal {
    pub(super) key: Arc<KeyOfAccount>,
}

/// A key, and what applies to requests of its account.
#[derive(Clone, Debug)]
pub(super) struct KeyOfAccount {
    pub(super) key: ApiKey,
    pub(super) account: AccountState,
    pub(super) limits: AccountLimits,
    pub(super) last_use: Arc<UseNote>,
}

/// A key as it is looked up for a request, with what else of its account decides about the request.
#[derive(Clone, Debug)]
pub struct FoundKey {
    pub key: ApiKey,
    pub account: AccountState,
    pub limits: LimitOverrides,
}

impl Principal {
    #[must_use]
    pub fn account(&self) -> AccountId {
        self.key.key.account
    }

    #[must_use]
    pub fn key(&self) -> &KeyId {
        &self.key.key.id
    }

    /// Notes a request with the key, from this address of a client.
    pub fn record_use(&self, from: Option<IpAddr>) {
        self.key.last_use.record(LastUse { at: Timestamp::now(), from });
    }

    /// What is stored of the key.
    #[must_use]
    pub fn api_key(&self) -> &ApiKey {
        &self.key.key
    }

    /// What applies to its account.
    #[must_use]
    pub fn limits(&self) -> &AccountLimits {
        &self.key.limits
    }

    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        self.key.key.permissions.allow(permission)
    }

    /// # Errors
    /// [`ErrorCode::AccountSuspended`], also if the account is closed.
    pub fn require_active(&self) -> Result<(), Error> {
        match self.key.account {
            AccountState::Active => Ok(()),
            AccountState::Suspended | AccountState::Closed { .. } => Err(ErrorCode::AccountSuspended.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_round_trips_and_every_single_typo_is_rejected() {
        for kind in KeyKind::ALL {
            let token = Token::generate(kind).unwrap();
            let text = token.reveal();
            assert_eq!(text.len(), kind.prefix().len() + ID_CHARS + 1 + SECRET_CHARS + CHECKSUM_CHARS);
            let parsed = Token::parse(&text).unwrap();
            assert_eq!((parsed.kind(), parsed.id()), (kind, token.id()));
            assert!(parsed.hash() == token.hash());
            for at in 0..text.len() {
                let mut mistyped = text.clone().into_bytes();
                mistyped[at] = if mistyped[at] == b'a' { b'b' } else { b'a' };
                let mistyped = String::from_utf8(mistyped).unwrap();
                assert!(Token::parse(&mistyped).is_none(), "{mistyped}");
            }
            assert!(Token::parse(&format!("{text}a")).is_none());
        }
        assert!(Token::parse("").is_none());
        assert!(Token::parse("ab_live_é_é").is_none());
    }
}
