//! Where the contacts that may match are read: from the index of one condition, or from the list of all.

use std::ops::Bound;

use sea_orm::sea_query::{Alias, Expr, ExprTrait, JoinType, Order, Query, SelectStatement, UnionType};
use sea_orm::{ConnectionTrait, DbBackend};
use uuid::Uuid;

use super::matcher::{Leaf, Matcher, Node};
use super::probe::{any_range, ids_created, is_in_row, is_list, is_one_of, range_rows, shown_name, weight};
use crate::domain::filter::{KeyRange, TextColumn, TimeColumn};
use crate::domain::{AccountId, Result, Timestamp};
use crate::storage::cache::counts::{CountCache, CountKey};
use crate::storage::entity::{contact, field_value, member, opt_out};
use crate::storage::error::no_row;

/// The column of a source.
pub(super) const ID: &str = "id";

/// More contacts than there are: planners take a subquery with a limit as it is.
pub(super) const NO_LIMIT: u64 = 1 << 40;

/// Ids of contacts, each once.
#[derive(Clone, Debug)]
pub(super) struct Source {
    /// Of one column, [`ID`], and without an order.
    select: SelectStatement,
    /// The same column as an expression in the query.
    id: Expr,
}

impl Source {
    /// All contacts of the account.
    pub(super) fn all(account: AccountId) -> Self {
        let id = contact(contact::Column::Id);
        let mut select = Query::select();
        select
            .expr_as(id.clone(), ID)
            .from(contact::Entity)
            .and_where(contact(contact::Column::AccountId).eq(account.get()));
        Self { select, id }
    }

    /// Those in the range, in the order of ids, at most `limit`.
    pub(super) fn ordered(self, range: &KeyRange<Uuid>, order: Order, limit: u64) -> SelectStatement {
        let Self { mut select, id } = self;
        if !range.is_all() {
            select.and_where(any_range(&id, std::slice::from_ref(range)));
        }
        select.order_by_expr(id, order).limit(limit).to_owned()
    }

    /// Those in the range, in any order.
    pub(super) fn unordered(self, range: &KeyRange<Uuid>) -> SelectStatement {
        let Self { mut select, id } = self;
        if !range.is_all() {
            select.and_where(any_range(&id, std::slice::from_ref(range)));
        }
        select
    }

    fn union(self, other: Self) -> Self {
        let mut both = self.select;
        both.union(UnionType::Distinct, other.select);
        let select = Query::select()
            .expr_as(Expr::col((Alias::new("sources"), ID)), ID)
            .from_subquery(both, Alias::new("sources"))
            .to_owned();
        Self { select, id: Expr::col((Alias::new("sources"), ID)) }
    }

    /// The ids that are in each, all of which have them in their order. They are read side by side; to probe the others for
    /// each of one takes several times as long, unless it has few.
    fn intersection(backend: DbBackend, sources: Vec<Self>) -> Option<Self> {
        let mut sources = sources.into_iter();
        let first = sources.next()?;
        if sources.len() == 0 {
            return Some(first);
        }
        let id = Expr::col((Alias::new("sources"), ID));
        let mut select = Query::select();
        if backend == DbBackend::Sqlite {
            // SQLite merges if the result is to be ordered, and otherwise builds a table of each. With a limit it keeps the order.
            let mut all = first.select;
            for source in sources {
                all.union(UnionType::Intersect, source.select);
            }
            all.order_by(Alias::new(ID), Order::Asc).limit(NO_LIMIT);
            select.from_subquery(all, Alias::new("sources"));
        } else {
            select.from_subquery(first.select, Alias::new("sources"));
            for (i, source) in sources.enumerate() {
                let other = Alias::new(format!("sources{i}"));
                let is_same = id.clone().eq(Expr::col((other.clone(), ID)));
                select.join_subquery(JoinType::InnerJoin, source.select, other, is_same);
            }
        }
        select.expr_as(id.clone(), ID);
        Some(Self { select, id })
    }

    /// How many they are, counted up to a bound.
    fn counted(self, bound: u64) -> SelectStatement {
        let Self { mut select, id: _ } = self;
        select.limit(bound);
        Query::select().expr(Expr::cust("count(*)")).from_subquery(select, Alias::new("counted")).to_owned()
    }
}

fn contact(column: contact::Column) -> Expr {
    Expr::col((contact::Entity, column))
}

/// How a filter is executed.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) source: Source,
    /// The range of ids in which all matches are.
    pub(super) ids: KeyRange<Uuid>,
    /// What the contacts of the source are probed for.
    pub(super) rest: Node,
    /// How many contacts the source has, if they are few enough to have been counted.
    pub(super) count: Option<u64>,
}

/// How many matches of each condition are counted, first and then: most filters have a condition that few match, and to count
/// the others is most of the work where they are many.
const BOUNDS: [u64; 5] = [200, 600, 2_000, 6_000, 20_000];

/// What a source is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Some matches in the order of ids.
    Page,
    /// Some matches in another order: all of its contacts are read, unless they are too many.
    Sorting,
    /// All matches, in any order.
    Counting,
}

/// Chooses the source.
pub(super) async fn plan(
    connection: &impl ConnectionTrait,
    matcher: &Matcher,
    purpose: Purpose,
) -> Result<Plan> {
    let Matcher { account, predicate, counts: cache, .. } = matcher;
    let (created, conjuncts): (Vec<&Node>, Vec<&Node>) =
        predicate.conjuncts().iter().partition(|node| created_within(node).is_some());
    let ids = created.into_iter().filter_map(created_within).fold(ALL, intersection);
    let total: u64 = conjuncts.iter().map(|node| weight(node)).sum();

    let mut leaves = Vec::new();
    let mut candidates = Vec::new();
    for node in &conjuncts {
        candidates.push(Candidate::of(connection, matcher, node, &mut leaves)?);
    }
    // One that is alone and in the order of ids is read from its beginning, however many it has.
    let is_settled = match (&conjuncts[..], &candidates[..]) {
        ([_], [Some(Candidate::Leaf(leaf))]) => purpose != Purpose::Sorting && leaves[*leaf].is_ordered,
        _ => leaves.is_empty(),
    };
    let mut chosen = None;
    for bound in BOUNDS {
        if is_settled || chosen.is_some() {
            break;
        }
        let counts = count_each(connection, cache, &leaves, bound).await?;
        let counted = candidates.iter().enumerate().filter_map(|(index, candidate)| {
            let chosen = candidate.as_ref()?.choose(&leaves, &counts, bound)?;
            Some((index, chosen))
        });
        // The fewest contacts, times the work for each.
        let cost = |index: usize, count: u64| count.saturating_mul(1 + total - weight(conjuncts[index]));
        chosen = counted.min_by_key(|(index, chosen)| cost(*index, chosen.count));
    }
    // No condition is rare: then one whose matches are in the order of ids, if there is one; or all that are in this order,
    // where all of them would be probed otherwise.
    let in_order = || {
        let candidates = candidates.iter().enumerate().filter_map(|(index, candidate)| match candidate {
            Some(Candidate::Leaf(leaf)) if leaves[*leaf].is_ordered => {
                Some((index, leaves[*leaf].source.clone()))
            }
            _ => None,
        });
        candidates.take(if purpose == Purpose::Counting { usize::MAX } else { 1 })
    };
    let (source, count, answered) = match chosen {
        Some((index, Chosen { source, count, is_exact })) => {
            (source, Some(count), if is_exact { vec![index] } else { Vec::new() })
        }
        None => {
            let (answered, sources): (_, Vec<Source>) = in_order().unzip();
            let source = Source::intersection(connection.get_database_backend(), sources);
            (source.unwrap_or_else(|| Source::all(*account)), None, answered)
        }
    };
    let rest = conjuncts.into_iter().enumerate().filter(|(index, _)| !answered.contains(index));
    let rest = Node::And(rest.map(|(_, node)| node.clone()).collect());
    Ok(Plan { source, ids, rest, count })
}

const ALL: KeyRange<Uuid> = KeyRange { lower: Bound::Unbounded, upper: Bound::Unbounded };

/// The ids of a condition on the time of creation.
fn created_within(node: &Node) -> Option<KeyRange<Uuid>> {
    match node {
        Node::Leaf(Leaf::Time(TimeColumn::CreatedAt, ranges)) => match &ranges[..] {
            [range] => Some(ids_created(range)),
            _ => None,
        },
        _ => None,
    }
}

/// The ids in both.
pub(super) fn intersection(a: KeyRange<Uuid>, b: KeyRange<Uuid>) -> KeyRange<Uuid> {
    const NONE: KeyRange<Uuid> = KeyRange { lower: Bound::Excluded(Uuid::max()), upper: Bound::Unbounded };
    a.intersection(&b).unwrap_or(NONE)
}

/// The matches of a condition that an index has.
struct Indexed {
    key: CountKey,
    source: Source,
    /// Whether the index has them in the order of ids.
    is_ordered: bool,
}

/// What can be read for a part of a filter.
enum Candidate {
    /// The matches of a condition, by its index among those that an index has.
    Leaf(usize),
    /// Together they are the matches.
    Any(Vec<Self>),
    /// The matches of each include those of the whole.
    Narrowest(Vec<Self>),
}

/// Contacts among which all matches of a part of a filter are.
struct Chosen {
    source: Source,
    count: u64,
    /// Whether they are its matches and no others.
    is_exact: bool,
}

impl Candidate {
    /// `None`: no index has the matches.
    fn of(
        connection: &impl ConnectionTrait,
        matcher: &Matcher,
        node: &Node,
        leaves: &mut Vec<Indexed>,
    ) -> Result<Option<Self>> {
        let mut of_each = |operands: &[Node]| -> Result<Vec<Option<Self>>> {
            operands.iter().map(|operand| Self::of(connection, matcher, operand, leaves)).collect()
        };
        Ok(match node {
            Node::Leaf(leaf) => indexed(connection, matcher, leaf)?.map(|indexed| {
                leaves.push(indexed);
                Self::Leaf(leaves.len() - 1)
            }),
            Node::Or(operands) => of_each(operands)?.into_iter().collect::<Option<_>>().map(Self::Any),
            Node::And(operands) => {
                let operands: Vec<Self> = of_each(operands)?.into_iter().flatten().collect();
                (!operands.is_empty()).then_some(Self::Narrowest(operands))
            }
            Node::Not(_) => None,
        })
    }

    /// `None`: they are not fewer than the bound.
    fn choose(&self, leaves: &[Indexed], counts: &[u64], bound: u64) -> Option<Chosen> {
        match self {
            Self::Leaf(leaf) => {
                let count = counts[*leaf];
                let source = || leaves[*leaf].source.clone();
                (count < bound).then(|| Chosen { source: source(), count, is_exact: true })
            }
            Self::Any(operands) => {
                let chosen: Option<Vec<Chosen>> =
                    operands.iter().map(|operand| operand.choose(leaves, counts, bound)).collect();
                let chosen = chosen?.into_iter().reduce(|a, b| Chosen {
                    source: a.source.union(b.source),
                    count: a.count + b.count,
                    is_exact: a.is_exact && b.is_exact,
                });
                chosen.filter(|chosen| chosen.count < bound)
            }
            Self::Narrowest(operands) => {
                let chosen = operands.iter().filter_map(|operand| operand.choose(leaves, counts, bound));
                let narrowest = chosen.min_by_key(|chosen| chosen.count)?;
                Some(Chosen { is_exact: false, ..narrowest })
            }
        }
    }
}

/// Counts the contacts of each source, up to a bound; those that have not been counted lately in one round trip.
async fn count_each(
    connection: &impl ConnectionTrait,
    cache: &CountCache,
    leaves: &[Indexed],
    bound: u64,
) -> Result<Vec<u64>> {
    let (mut counts, mut unknown) = (vec![0; leaves.len()], Vec::new());
    for (count, leaf) in counts.iter_mut().zip(leaves) {
        match cache.estimate(leaf.key, bound).await {
            Some(estimate) => *count = estimate,
            None => unknown.push((count, leaf)),
        }
    }
    if unknown.is_empty() {
        return Ok(counts);
    }
    let mut query = Query::select();
    for (_, leaf) in &unknown {
        query.expr(Expr::SubQuery(None, Box::new(leaf.source.clone().counted(bound).into())));
    }
    let row = connection.query_one(&query).await?.ok_or_else(no_row)?;
    for (index, (count, leaf)) in unknown.into_iter().enumerate() {
        *count = u64::try_from(row.try_get_by_index::<i64>(index)?).unwrap_or(0);
        cache.set_estimate(leaf.key, bound, *count).await;
    }
    Ok(counts)
}

/// The matches of a condition, if an index has them.
fn indexed(connection: &impl ConnectionTrait, matcher: &Matcher, leaf: &Leaf) -> Result<Option<Indexed>> {
    let account = matcher.account;
    let key = matcher.counts.key(account, leaf);
    let is_point = |ranges: &[KeyRange<String>]| matches!(ranges, [range] if range.as_point().is_some());
    let contacts_within = |within: Expr, is_ordered: bool| {
        let mut source = Source::all(account);
        source.select.and_where(within);
        Some(Indexed { key, source, is_ordered })
    };
    Ok(match leaf {
        Leaf::Text(TextColumn::Handle, ranges) => {
            let within = any_range(&contact(contact::Column::Handle), ranges);
            contacts_within(within, false)
        }
        Leaf::Text(TextColumn::Phone, ranges) => {
            let within = any_range(&contact(contact::Column::Phone), ranges);
            contacts_within(within, is_point(ranges))
        }
        Leaf::Text(TextColumn::DisplayName, ranges) => {
            let within = any_range(&shown_name(connection.get_database_backend()), ranges);
            contacts_within(within, is_point(ranges))
        }
        Leaf::Time(TimeColumn::UpdatedAt, ranges) => {
            let ranges: Vec<_> = ranges.iter().cloned().map(|range| range.map(Timestamp::millis)).collect();
            let within = any_range(&contact(contact::Column::UpdatedAt), &ranges);
            contacts_within(within, false)
        }
        Leaf::Field(number, ranges) => {
            use field_value::Column;
            let value = |column: Column| Expr::col((field_value::Entity, column));
            let id = value(Column::ContactId);
            let mut select = if is_list(ranges) {
                // SQLite joins in the order of a cross join.
                let mut select = range_rows(connection, ranges)?;
                select.cross_join(field_value::Entity).and_where(is_in_row(&value(Column::Value)));
                select
            } else {
                let mut select = Query::select();
                select.from(field_value::Entity).and_where(any_range(&value(Column::Value), ranges));
                select
            };
            select
                .expr_as(id.clone(), ID)
                .and_where(value(Column::AccountId).eq(account.get()))
                .and_where(value(Column::Field).eq(number.get()));
            Some(Indexed { key, source: Source { select, id }, is_ordered: is_point(ranges) })
        }
        Leaf::Groups(groups) => {
            use member::Column;
            let of_member = |column: Column| Expr::col((member::Entity, column));
            let id = of_member(Column::ContactId);
            let mut select = Query::select();
            select
                .expr_as(id.clone(), ID)
                .from(member::Entity)
                .and_where(of_member(Column::AccountId).eq(account.get()))
                .and_where(is_one_of(
                    &of_member(Column::GroupId),
                    groups.iter().map(|group| group.as_uuid()),
                ));
            let is_ordered = groups.len() == 1;
            if !is_ordered {
                // A contact can be in several of them.
                select.distinct();
            }
            Some(Indexed { key, source: Source { select, id }, is_ordered })
        }
        Leaf::OptedOut => {
            use opt_out::Column;
            let opted_out = |column: Column| Expr::col((opt_out::Entity, column));
            let has_number = contact(contact::Column::Phone).eq(opted_out(Column::Phone));
            let mut select = Query::select();
            select.from(opt_out::Entity).and_where(opted_out(Column::AccountId).eq(account.get()));
            let id = if connection.get_database_backend() == DbBackend::Sqlite {
                // SQLite joins in the order of a cross join.
                select
                    .cross_join(contact::Entity)
                    .and_where(contact(contact::Column::AccountId).eq(account.get()))
                    .and_where(has_number);
                contact(contact::Column::Id)
            } else {
                // LIMIT rules out a scan of all contacts.
                let mut contacts = Source::all(account).select;
                contacts.and_where(has_number).limit(NO_LIMIT);
                let alias = Alias::new("with_number");
                select.join_lateral(JoinType::InnerJoin, contacts, alias.clone(), Expr::cust("TRUE"));
                Expr::col((alias, ID))
            };
            select.expr_as(id.clone(), ID);
            Some(Indexed { key, source: Source { select, id }, is_ordered: false })
        }
        Leaf::Time(TimeColumn::CreatedAt, _) | Leaf::AnyGroup => None,
    })
}
