//! The index that has an order: statements that read it, and how its entries compare.

use sea_orm::sea_query::{Alias, Expr, ExprTrait, Order, Query, SelectStatement, UnionType};
use sea_orm::{DbBackend, Value};
use uuid::Uuid;

use super::page::{PROBED, probed_id};
use super::probe::shown_name;
use super::source::{ID, NO_LIMIT, Plan};
use crate::domain::AccountId;
use crate::domain::field::Field;
use crate::domain::filter::OrderPlace;
use crate::domain::pagination::SortDirection;
use crate::storage::entity::contact::{Column, Entity};
use crate::storage::entity::field_value;

/// The index that has the order.
pub(super) enum Key {
    /// Ids are ordered by creation.
    Id,
    Column(Column),
    DisplayName,
    Field(Field),
}

pub(super) struct Ordering {
    pub(super) backend: DbBackend,
    pub(super) account: AccountId,
    pub(super) key: Key,
    pub(super) direction: SortDirection,
}

/// Where a contact stands: by its value, if the index has values, then by its id.
pub(super) struct Position {
    pub(super) value: Option<Value>,
    pub(super) id: Uuid,
}

/// Entries of the index that meet conditions.
struct Entries {
    conditions: Vec<Expr>,
    /// Then their ids decide the order. SQLite would sort them by the constant expression.
    have_one_value: bool,
}

const SORT_KEY: &str = "sort_key";

impl Ordering {
    /// The table of the index, restricted to the account and the field; and in it the key, if there is one, and the id.
    fn index(&self) -> (SelectStatement, Option<Expr>, Expr) {
        let mut select = Query::select();
        if let Key::Field(field) = &self.key {
            use field_value::Column;
            let of_value = |column: Column| Expr::col((field_value::Entity, column));
            select
                .from(field_value::Entity)
                .and_where(of_value(Column::AccountId).eq(self.account.get()))
                .and_where(of_value(Column::Field).eq(field.number.get()));
            return (select, Some(of_value(Column::Value)), of_value(Column::ContactId));
        }
        let of_contact = |column: Column| Expr::col((Entity, column));
        select.from(Entity).and_where(of_contact(Column::AccountId).eq(self.account.get()));
        let key = match self.key {
            Key::Id | Key::Field(_) => None,
            Key::Column(column) => Some(of_contact(column)),
            Key::DisplayName => Some(shown_name(self.backend)),
        };
        (select, key, of_contact(Column::Id))
    }

    /// The contacts of the index between positions, in its order, with their keys.
    pub(super) fn of_index(
        &self,
        after: Option<&Position>,
        up_to: Option<&Position>,
        offset: u64,
        limit: u64,
    ) -> SelectStatement {
        if let Some((first, others)) = self.divided(after, up_to) {
            // A part of a compound statement cannot have an order of its own, but a table of it can.
            let part = |entries| {
                let mut part = Query::select();
                let entries = self.select(entries, 0, Ord::min(offset.saturating_add(limit), NO_LIMIT));
                part.columns([ID, SORT_KEY]).from_subquery(entries, Alias::new(PROBED)).to_owned()
            };
            let mut parts = part(first);
            parts.unions(others.into_iter().map(|entries| (UnionType::All, part(entries))));
            let mut select = Query::select();
            select.columns([ID, SORT_KEY]).from_subquery(parts, Alias::new(PROBED));
            self.sort(&mut select, self.probed_key(), probed_id());
            return slice(select, offset, limit);
        }
        let (_, key, id) = self.index();
        let after = after.map(|after| self.is_behind(key.clone(), id.clone(), after));
        let up_to = up_to.map(|up_to| self.is_up_to(key, id, up_to));
        self.select(Entries::of_values(after.into_iter().chain(up_to)), offset, limit)
    }

    /// The contacts of entries of the index, in its order, with their keys.
    fn select(
        &self,
        Entries { conditions, have_one_value }: Entries,
        offset: u64,
        limit: u64,
    ) -> SelectStatement {
        let (mut select, key, id) = self.index();
        select.expr_as(id.clone(), ID);
        if let Some(key) = &key {
            select.expr_as(key.clone(), SORT_KEY);
        }
        for condition in conditions {
            select.and_where(condition);
        }
        self.sort(&mut select, key.filter(|_| !have_one_value), id);
        slice(select, offset, limit)
    }

    /// The entries between positions, in parts.
    ///
    /// SQLite seeks a tuple in an index of columns, but not in one of an expression. There the entries that have the value of
    /// a position, among which its id decides, are read apart from those beyond this value. `None`: nothing is to be divided.
    fn divided(&self, after: Option<&Position>, up_to: Option<&Position>) -> Option<(Entries, Vec<Entries>)> {
        if self.backend != DbBackend::Sqlite || !matches!(self.key, Key::DisplayName) {
            return None;
        }
        let (key, (_, _, id)) = (shown_name(self.backend), self.index());
        let value = |it: &Position| it.value.clone().map_or_else(Expr::null, Expr::value);
        let with_value_of = |it: &Position, ids: Vec<Expr>| {
            Entries::of_one_value(ids.into_iter().chain([key.clone().eq(value(it))]))
        };
        let follows = |a: Expr, b: Expr| match self.direction {
            SortDirection::Ascending => a.gt(b),
            SortDirection::Descending => a.lt(b),
        };
        let beyond = |it: &Position| follows(key.clone(), value(it));
        let before = |it: &Position| follows(value(it), key.clone());
        let is_behind = |it: &Position| follows(id.clone(), Expr::value(it.id));
        let is_up_to = |it: &Position| match self.direction {
            SortDirection::Ascending => id.clone().lte(it.id),
            SortDirection::Descending => id.clone().gte(it.id),
        };
        Some(match (after, up_to) {
            (None, None) => return None,
            (Some(after), None) => {
                (with_value_of(after, vec![is_behind(after)]), vec![Entries::of_values([beyond(after)])])
            }
            (None, Some(up_to)) => {
                (Entries::of_values([before(up_to)]), vec![with_value_of(up_to, vec![is_up_to(up_to)])])
            }
            (Some(after), Some(up_to)) if after.value == up_to.value => {
                (with_value_of(after, vec![is_behind(after), is_up_to(up_to)]), Vec::new())
            }
            (Some(after), Some(up_to)) => (
                with_value_of(after, vec![is_behind(after)]),
                vec![
                    Entries::of_values([beyond(after), before(up_to)]),
                    with_value_of(up_to, vec![is_up_to(up_to)]),
                ],
            ),
        })
    }

    /// The contacts of a source, with their keys.
    pub(super) fn of_plan(&self, plan: &Plan) -> SelectStatement {
        let source = plan.source.clone().unordered(&plan.ids);
        let (mut its_key, Some(key), id) = self.index() else { return source };
        its_key.expr(key).and_where(id.eq(probed_id()));
        Query::select()
            .expr_as(probed_id(), ID)
            .expr_as(Expr::SubQuery(None, Box::new(its_key.into())), SORT_KEY)
            .from_subquery(source, Alias::new(PROBED))
            .limit(NO_LIMIT)
            .to_owned()
    }

    pub(super) fn probed_key(&self) -> Option<Expr> {
        (!matches!(self.key, Key::Id)).then(|| Expr::col((Alias::new(PROBED), SORT_KEY)))
    }

    pub(super) fn sort(&self, query: &mut SelectStatement, key: Option<Expr>, id: Expr) {
        let order = match self.direction {
            SortDirection::Ascending => Order::Asc,
            SortDirection::Descending => Order::Desc,
        };
        for expr in self.compared(key, id) {
            query.order_by_expr(expr, order.clone());
        }
    }

    /// What decides the order.
    fn compared(&self, key: Option<Expr>, id: Expr) -> Vec<Expr> {
        match (key, &self.key) {
            // Unique within the account.
            (Some(key), Key::Column(Column::Handle)) => vec![key],
            (key, _) => key.into_iter().chain([id]).collect(),
        }
    }

    pub(super) fn is_behind(&self, key: Option<Expr>, id: Expr, position: &Position) -> Expr {
        let (here, there) = self.against(key, id, position);
        match self.direction {
            SortDirection::Ascending => here.gt(there),
            SortDirection::Descending => here.lt(there),
        }
    }

    fn is_up_to(&self, key: Option<Expr>, id: Expr, position: &Position) -> Expr {
        let (here, there) = self.against(key, id, position);
        match self.direction {
            SortDirection::Ascending => here.lte(there),
            SortDirection::Descending => here.gte(there),
        }
    }

    fn against(
        &self,
        key: Option<Expr>,
        id: Expr,
        Position { value, id: its_id }: &Position,
    ) -> (Expr, Expr) {
        let there = self.compared(value.clone().map(Expr::value), Expr::value(*its_id));
        (Expr::tuple(self.compared(key, id)), Expr::tuple(there))
    }
}

impl Entries {
    fn of_values(conditions: impl IntoIterator<Item = Expr>) -> Self {
        Self { conditions: conditions.into_iter().collect(), have_one_value: false }
    }

    fn of_one_value(conditions: impl IntoIterator<Item = Expr>) -> Self {
        Self { have_one_value: true, ..Self::of_values(conditions) }
    }
}

fn slice(mut select: SelectStatement, offset: u64, limit: u64) -> SelectStatement {
    select.limit(limit);
    if offset > 0 {
        select.offset(offset);
    }
    select
}

impl Position {
    pub(super) fn new(place: &OrderPlace, id: Uuid) -> Self {
        let value = match place {
            OrderPlace::Text(text) => Some(text.clone().into()),
            OrderPlace::Millis(millis) => Some((*millis).into()),
            OrderPlace::NoValue => None,
        };
        Self { value, id }
    }
}
