//! Suppressions: opt-outs of erased persons. Their numbers are not stored, but hashes of them, with a key of the account
//! (HMAC-SHA-256): whether a number is suppressed can be asked, and which ones are cannot be read. (Whoever has the key as well,
//! as a backup does, can try all numbers.)
//!
//! **A number that a contact has is not suppressed, but opted out in clear**: the write that gives it to a contact opts it out
//! again ([`crate::storage::write::suppressions`]), since it is known then. So whatever looks for the opt-outs of contacts need
//! not know of suppressions; only who asks for a number that no contact has does.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter};
use sha2::Sha256;

use super::json_sql::{self, Type, in_query};
use super::transaction::Transaction;
use crate::domain::contact::fields::Phone;
use crate::domain::{AccountId, Error, ErrorCode, OptOut, OptOutId, Result, Timestamp, random};
use crate::storage::entity::suppression::{Column, Entity, Model};
use crate::storage::entity::suppression_key;

const KEY_BYTES: usize = 32;

/// The key of an account that has suppressions, or has had some.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SuppressionKey {
    account: AccountId,
    key: Vec<u8>,
}

impl fmt::Debug for SuppressionKey {
    /// Omits the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SuppressionKey").field("account", &self.account).finish_non_exhaustive()
    }
}

impl From<suppression_key::Model> for SuppressionKey {
    fn from(suppression_key::Model { account_id, key }: suppression_key::Model) -> Self {
        Self { account: AccountId::new(account_id), key }
    }
}

impl SuppressionKey {
    /// `None`: the account has no suppressions.
    pub(crate) async fn find(connection: &impl ConnectionTrait, account: AccountId) -> Result<Option<Self>> {
        let row = suppression_key::Entity::find_by_id(account.get()).one(connection).await?;
        Ok(row.map(Self::from))
    }

    /// A key for an account that has none. If another transaction has just made one, that one.
    pub(crate) async fn create(transaction: &Transaction, account: AccountId) -> Result<Self> {
        let key = random::bytes::<KEY_BYTES>()?.to_vec();
        let row = suppression_key::Model { account_id: account.get(), key };
        let there = OnConflict::column(suppression_key::Column::AccountId).do_nothing().to_owned();
        let insert = suppression_key::Entity::insert(row.into_active_model()).on_conflict(there);
        insert.exec_without_returning(transaction).await?;
        let lost = || Error::caused_by(ErrorCode::Internal, "a new key of suppressions has disappeared");
        Self::find(transaction, account).await?.ok_or_else(lost)
    }

    fn hash(&self, phone: &Phone) -> Result<Vec<u8>> {
        let mac = Hmac::<Sha256>::new_from_slice(&self.key);
        let mut mac = mac.map_err(|error| Error::caused_by(ErrorCode::Internal, error))?;
        mac.update(phone.as_str().as_bytes());
        Ok(mac.finalize().into_bytes().to_vec())
    }

    /// Those of the numbers that are suppressed, as opt-outs.
    pub(crate) async fn find_suppressed(
        &self,
        connection: &impl ConnectionTrait,
        phones: &[&Phone],
    ) -> Result<Vec<OptOut>> {
        let by_hash: HashMap<Vec<u8>, &Phone> =
            phones.iter().map(|phone| Ok((self.hash(phone)?, *phone))).collect::<Result<_>>()?;
        if by_hash.is_empty() {
            return Ok(Vec::new());
        }
        let hashes: Vec<[String; 1]> = by_hash.keys().map(|hash| [HEXLOWER.encode(hash)]).collect();
        let hashes = json_sql::records(connection, &hashes, &[("hash", Type::Bytes)])?;
        let found = Entity::find()
            .filter(Column::AccountId.eq(self.account.get()))
            .filter(in_query(connection, Column::Hash, hashes))
            .all(connection)
            .await?;
        let opt_out = |Model { account_id: _, hash, id, created_at }: Model| {
            by_hash.get(&hash).map(|phone| OptOut {
                id: OptOutId::from_uuid(id),
                phone: (*phone).clone(),
                source: None,
                note: None,
                created_at: Timestamp::from_millis(created_at),
            })
        };
        Ok(found.into_iter().filter_map(opt_out).collect())
    }

    /// Suppresses the number of an opt-out, unless it is suppressed already.
    pub(crate) async fn suppress(&self, transaction: &Transaction, opt_out: &OptOut) -> Result<()> {
        let OptOut { id, phone, source: _, note: _, created_at } = opt_out;
        let row = Model {
            account_id: self.account.get(),
            hash: self.hash(phone)?,
            id: id.as_uuid(),
            created_at: created_at.millis(),
        };
        let there = OnConflict::columns([Column::AccountId, Column::Hash]).do_nothing().to_owned();
        Entity::insert(row.into_active_model())
            .on_conflict(there)
            .exec_without_returning(transaction)
            .await?;
        Ok(())
    }

    /// Ends the suppression of a number. Returns whether it was suppressed.
    pub(crate) async fn release(&self, transaction: &Transaction, phone: &Phone) -> Result<bool> {
        let deleted = Entity::delete_by_id((self.account.get(), self.hash(phone)?)).exec(transaction).await?;
        Ok(deleted.rows_affected > 0)
    }
}

/// The keys of those accounts that have one.
pub(crate) async fn keys(
    connection: &impl ConnectionTrait,
    accounts: impl IntoIterator<Item = AccountId>,
) -> Result<BTreeMap<AccountId, SuppressionKey>> {
    use suppression_key::{Column, Entity};
    let accounts = accounts.into_iter().map(AccountId::get);
    let rows = Entity::find().filter(Column::AccountId.is_in(accounts)).all(connection).await?;
    Ok(rows.into_iter().map(|row| (AccountId::new(row.account_id), row.into())).collect())
}
