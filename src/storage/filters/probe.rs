//! Conditions as SQL about one contact.
//!
//! Each of them is true or false, never NULL, so that negation means the same in SQL as in the filter language. None is a
//! join or an EXISTS, which a planner may turn into a join: a scalar query is run for the contact at hand.

use std::ops::Bound;

use sea_orm::sea_query::{Alias, Expr, ExprTrait, Func, Query, SelectStatement};
use sea_orm::{ConnectionTrait, DbBackend, EntityTrait};
use uuid::Uuid;

use super::matcher::{Leaf, Node};
use crate::domain::filter::{KeyRange, TextColumn, TimeColumn};
use crate::domain::id::{first_after, first_at};
use crate::domain::{AccountId, Result, Timestamp};
use crate::storage::db::json_sql::{self, Type};
use crate::storage::entity::contact::{Column, Entity};
use crate::storage::entity::{field_value, group, member, opt_out};

/// Ranges beyond which they are sent as one list.
const MAX_WRITTEN_RANGES: usize = 8;

/// How conditions are written about a contact.
pub(super) struct Probe<'c, C> {
    pub(super) connection: &'c C,
    pub(super) account: AccountId,
    /// The id of the contact.
    pub(super) id: Expr,
}

impl<C: ConnectionTrait> Probe<'_, C> {
    /// Whether a contact matches. The rows of [`Entity`] are in the query if [`needs_row`] says so.
    pub(super) fn holds(&self, node: &Node) -> Result<Expr> {
        Ok(match node {
            Node::And(operands) => self.joined(operands, true, |all, one| all.and(one))?,
            Node::Or(operands) => self.joined(operands, false, |all, one| all.or(one))?,
            Node::Not(operand) => self.holds(operand)?.not(),
            Node::Leaf(leaf) => self.leaf(leaf)?,
        })
    }

    fn joined(&self, operands: &[Node], empty: bool, join: fn(Expr, Expr) -> Expr) -> Result<Expr> {
        let mut operands = operands.iter().map(|operand| self.holds(operand));
        let Some(first) = operands.next() else { return Ok(constant(empty)) };
        operands.try_fold(first?, |all, one| Ok(join(all, one?)))
    }

    fn leaf(&self, leaf: &Leaf) -> Result<Expr> {
        let column = |column: Column| Expr::col((Entity, column));
        match leaf {
            Leaf::Text(TextColumn::Handle, ranges) => self.within(&column(Column::Handle), ranges),
            Leaf::Text(TextColumn::Phone, ranges) => self.within(&column(Column::Phone), ranges),
            Leaf::Text(TextColumn::DisplayName, ranges) => {
                self.within(&shown_name(self.connection.get_database_backend()), ranges)
            }
            Leaf::Time(TimeColumn::UpdatedAt, ranges) => {
                let ranges: Vec<_> =
                    ranges.iter().cloned().map(|range| range.map(Timestamp::millis)).collect();
                Ok(any_range(&column(Column::UpdatedAt), &ranges))
            }
            Leaf::Time(TimeColumn::CreatedAt, ranges) => {
                let ranges: Vec<_> = ranges.iter().map(ids_created).collect();
                Ok(any_range(&self.id, &ranges))
            }
            Leaf::Field(number, ranges) => {
                let value = Expr::col((field_value::Entity, field_value::Column::Value));
                let mut query = self.of_contact(
                    field_value::Entity,
                    field_value::Column::AccountId,
                    field_value::Column::ContactId,
                );
                query
                    .and_where(Expr::col((field_value::Entity, field_value::Column::Field)).eq(number.get()));
                if !ranges.iter().any(KeyRange::is_all) {
                    query.and_where(self.within(&value, ranges)?);
                }
                Ok(found(query))
            }
            Leaf::Groups(groups) => {
                let mut query =
                    self.of_contact(member::Entity, member::Column::AccountId, member::Column::ContactId);
                let group = Expr::col((member::Entity, member::Column::GroupId));
                query.and_where(is_one_of(&group, groups.iter().map(|group| group.as_uuid())));
                Ok(found(query))
            }
            Leaf::AnyGroup => {
                let mut query =
                    self.of_contact(member::Entity, member::Column::AccountId, member::Column::ContactId);
                // A group without a name is deleted, and its members will be.
                query
                    .inner_join(
                        group::Entity,
                        Expr::col((group::Entity, group::Column::AccountId))
                            .equals((member::Entity, member::Column::AccountId))
                            .and(
                                Expr::col((group::Entity, group::Column::Id))
                                    .equals((member::Entity, member::Column::GroupId)),
                            ),
                    )
                    .and_where(Expr::col((group::Entity, group::Column::Name)).is_not_null());
                Ok(found(query))
            }
            Leaf::OptedOut => {
                let mut query = Query::select();
                query
                    .expr(Expr::val(1))
                    .from(opt_out::Entity)
                    .and_where(
                        Expr::col((opt_out::Entity, opt_out::Column::AccountId)).eq(self.account.get()),
                    )
                    .and_where(
                        Expr::col((opt_out::Entity, opt_out::Column::Phone)).eq(column(Column::Phone)),
                    );
                Ok(found(query))
            }
        }
    }

    /// The rows of a table that are about the contact.
    fn of_contact<E: EntityTrait>(
        &self,
        table: E,
        account: E::Column,
        contact: E::Column,
    ) -> SelectStatement {
        Query::select()
            .expr(Expr::val(1))
            .from(table)
            .and_where(Expr::col((table, account)).eq(self.account.get()))
            .and_where(Expr::col((table, contact)).eq(self.id.clone()))
            .to_owned()
    }

    /// Whether a text is in one of the ranges.
    fn within(&self, text: &Expr, ranges: &[KeyRange<String>]) -> Result<Expr> {
        if !is_list(ranges) {
            return Ok(any_range(text, ranges));
        }
        let mut query = range_rows(self.connection, ranges)?;
        query.expr(Expr::val(1)).and_where(is_in_row(text));
        Ok(found(query))
    }
}

/// The name that v1 shows, in the order of code points; the expression of the index `contacts_by_shown_name`.
pub(super) fn shown_name(backend: DbBackend) -> Expr {
    let columns = [Column::DisplayName, Column::Handle].map(|column| Expr::col((Entity, column)));
    let shown = Func::coalesce(columns).into();
    match backend {
        DbBackend::Sqlite => shown,
        _ => Expr::cust_with_exprs("$1 COLLATE \"C\"", [shown]),
    }
}

/// Whether a query has a row.
fn found(mut query: SelectStatement) -> Expr {
    query.limit(1);
    Expr::SubQuery(None, Box::new(query.into())).is_not_null()
}

fn constant(value: bool) -> Expr {
    Expr::val(1).eq(i32::from(value))
}

/// Whether the matches depend on the row of the contact, or on its id alone.
pub(super) fn needs_row(node: &Node) -> bool {
    match node {
        Node::And(operands) | Node::Or(operands) => operands.iter().any(needs_row),
        Node::Not(operand) => needs_row(operand),
        Node::Leaf(leaf) => match leaf {
            Leaf::Text(..) | Leaf::Time(TimeColumn::UpdatedAt, _) | Leaf::OptedOut => true,
            Leaf::Time(TimeColumn::CreatedAt, _) | Leaf::Field(..) | Leaf::Groups(_) | Leaf::AnyGroup => {
                false
            }
        },
    }
}

/// What a probe costs, in those of a simple condition.
pub(super) fn weight(node: &Node) -> u64 {
    /// Of a list of ranges, which is decoded for each contact.
    const LIST: u64 = 30;
    match node {
        Node::And(operands) | Node::Or(operands) => operands.iter().map(weight).sum(),
        Node::Not(operand) => weight(operand),
        Node::Leaf(Leaf::Field(_, ranges)) if is_list(ranges) => LIST,
        Node::Leaf(_) => 1,
    }
}

/// Whether the ranges are sent as a list: those of anniversaries.
pub(super) fn is_list(ranges: &[KeyRange<String>]) -> bool {
    ranges.len() > MAX_WRITTEN_RANGES && ranges.iter().all(|range| half_open(range).is_some())
}

/// Whether a value is in one of the ranges.
pub(super) fn any_range<K>(value: &Expr, ranges: &[KeyRange<K>]) -> Expr
where
    K: Clone + PartialEq + Into<sea_orm::Value>,
{
    let (points, others): (Vec<_>, Vec<_>) = ranges.iter().partition(|range| range.as_point().is_some());
    let points: Vec<K> = points.into_iter().filter_map(KeyRange::as_point).cloned().collect();
    let points = (!points.is_empty()).then(|| is_one_of(value, points.into_iter()));
    let others = others.into_iter().map(|range| in_range(value, range));
    points.into_iter().chain(others).reduce(|any, one| any.or(one)).unwrap_or_else(|| constant(false))
}

/// Equal to one of these values. Padded to a power of two: each connection caches its prepared statements.
pub(super) fn is_one_of<K: Clone + Into<sea_orm::Value>>(
    value: &Expr,
    keys: impl Iterator<Item = K>,
) -> Expr {
    let mut keys: Vec<K> = keys.collect();
    let Some(last) = keys.last().cloned() else { return constant(false) };
    if keys.len() == 1 {
        return value.clone().eq(Expr::val(last));
    }
    keys.resize(keys.len().next_power_of_two(), last);
    value.clone().is_in(keys.into_iter().map(Expr::val))
}

fn in_range<K: Clone + Into<sea_orm::Value>>(value: &Expr, KeyRange { lower, upper }: &KeyRange<K>) -> Expr {
    let lower = match lower {
        Bound::Unbounded => None,
        Bound::Included(key) => Some(value.clone().gte(Expr::val(key.clone()))),
        Bound::Excluded(key) => Some(value.clone().gt(Expr::val(key.clone()))),
    };
    let upper = match upper {
        Bound::Unbounded => None,
        Bound::Included(key) => Some(value.clone().lte(Expr::val(key.clone()))),
        Bound::Excluded(key) => Some(value.clone().lt(Expr::val(key.clone()))),
    };
    match (lower, upper) {
        (Some(lower), Some(upper)) => lower.and(upper),
        (Some(one), None) | (None, Some(one)) => one,
        // What is compared has a value.
        (None, None) => constant(true),
    }
}

const LOWER: &str = "lower_bound";
const UPPER: &str = "upper_bound";

/// Half-open ranges as rows; a query without columns yet.
pub(super) fn range_rows(
    connection: &impl ConnectionTrait,
    ranges: &[KeyRange<String>],
) -> Result<SelectStatement> {
    let rows: Vec<(&str, &str)> = ranges.iter().filter_map(half_open).collect();
    let rows = json_sql::records(connection, &rows, &[(LOWER, Type::Text), (UPPER, Type::Text)])?;
    Ok(Query::select().from_subquery(rows, Alias::new("ranges")).to_owned())
}

fn half_open(range: &KeyRange<String>) -> Option<(&str, &str)> {
    match (&range.lower, &range.upper) {
        (Bound::Included(lower), Bound::Excluded(upper)) => Some((lower, upper)),
        _ => None,
    }
}

/// Whether a text is in the range of the row at hand.
pub(super) fn is_in_row(text: &Expr) -> Expr {
    text.clone().gte(Expr::col(("ranges", LOWER))).and(text.clone().lt(Expr::col(("ranges", UPPER))))
}

/// The ids of the contacts that were created within a range of time.
pub(super) fn ids_created(KeyRange { lower, upper }: &KeyRange<Timestamp>) -> KeyRange<Uuid> {
    KeyRange {
        lower: match lower {
            Bound::Unbounded => Bound::Unbounded,
            Bound::Included(time) => Bound::Included(first_at(*time)),
            Bound::Excluded(time) => Bound::Included(first_after(*time)),
        },
        upper: match upper {
            Bound::Unbounded => Bound::Unbounded,
            Bound::Included(time) => Bound::Excluded(first_after(*time)),
            Bound::Excluded(time) => Bound::Excluded(first_at(*time)),
        },
    }
}
