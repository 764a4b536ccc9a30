//! A filter of a request, resolved: its fields, groups and segments are known.

use std::collections::{HashMap, HashSet};
use std::ops::Bound;

use sea_orm::ConnectionTrait;

use crate::domain::contact::ContactFilter;
use crate::domain::field::{Field, FieldId, FieldNumber};
use crate::domain::filter::{
    Filter, KeyRange, MAX_CONDITIONS, Match, Predicate, Property, TextColumn, TimeColumn,
};
use crate::domain::group::{GroupId, GroupKey};
use crate::domain::segment::SegmentKey;
use crate::domain::{AccountId, Error, ErrorCode, FieldViolation, Result, Timestamp, Violation};
use crate::storage::cache::counts::{CountCache, CountKey};
use crate::storage::{fields, groups, segments};

/// Which contacts of an account match.
#[derive(Clone, Debug)]
pub(in crate::storage) struct Matcher {
    pub(super) account: AccountId,
    pub(super) predicate: Node,
    /// Of the account when it was resolved, if the filter is about any.
    fields: Vec<(FieldId, FieldNumber)>,
    pub(super) counts: CountCache,
}

/// A [`Predicate`] whose groups are known, and whose segments are replaced by their filters.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(super) enum Node {
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    Leaf(Leaf),
}

#[derive(Clone, Debug, PartialEq, Hash)]
pub(super) enum Leaf {
    Text(TextColumn, Vec<KeyRange<String>>),
    Time(TimeColumn, Vec<KeyRange<Timestamp>>),
    Field(FieldNumber, Vec<KeyRange<String>>),
    Groups(Vec<GroupId>),
    AnyGroup,
    OptedOut,
}

impl Matcher {
    /// Resolves the filters of a request, now.
    ///
    /// # Errors
    /// As [`Filter::resolve`], and [`ErrorCode::NotFound`]: there is no such group, or no such
    /// segment.
    pub(in crate::storage) async fn resolve(
        connection: &impl ConnectionTrait,
        counts: &CountCache,
        account: AccountId,
        filter: &ContactFilter,
    ) -> Result<Self> {
        let declared =
            if needs_fields(filter) { fields::definitions(connection, account).await? } else { Vec::new() };
        Self::resolve_with(connection, counts, account, filter, &declared).await
    }

    /// As [`Self::resolve`], in an account with these fields.
    pub(super) async fn resolve_with(
        connection: &impl ConnectionTrait,
        counts: &CountCache,
        account: AccountId,
        filter: &ContactFilter,
        declared: &[Field],
    ) -> Result<Self> {
        let ContactFilter { handle, phone, updated_since, group, expression } = filter;
        let mut all = Vec::new();
        if let Some(expression) = expression {
            all.push(resolve_expression(connection, account, expression, declared).await?);
        }
        let point = |text: &str| {
            let bound = || Bound::Included(text.to_owned());
            vec![KeyRange { lower: bound(), upper: bound() }]
        };
        let handle = handle.as_ref().map(|handle| Leaf::Text(TextColumn::Handle, point(handle.as_str())));
        let phone = phone.as_ref().map(|phone| Leaf::Text(TextColumn::Phone, point(phone.as_str())));
        let since = updated_since.map(|since| {
            let range = KeyRange { lower: Bound::Included(since), upper: Bound::Unbounded };
            Leaf::Time(TimeColumn::UpdatedAt, vec![range])
        });
        let group = match group {
            Some(group) => Some(Leaf::Groups(vec![groups::id_of(connection, account, group).await?])),
            None => None,
        };
        all.extend([handle, phone, since, group].into_iter().flatten().map(Node::Leaf));
        let fields = declared.iter().map(|field| (field.id, field.number)).collect();
        Ok(Self { account, predicate: Node::all(all), fields, counts: counts.clone() })
    }

    /// Those that match this, too.
    pub(super) fn and(&self, node: Node) -> Self {
        let Self { account, predicate, fields, counts } = self;
        let predicate = Node::all([node, predicate.clone()]);
        Self { account: *account, predicate, fields: fields.clone(), counts: counts.clone() }
    }

    /// What is counted when its matches are: numbers of fields can be given again.
    pub(super) fn count_key(&self) -> CountKey {
        self.counts.key(self.account, &(&self.predicate, &self.fields))
    }

    /// Whether all contacts of the account match.
    pub(super) fn is_all(&self) -> bool {
        self.predicate.conjuncts().is_empty()
    }

    /// Whether what was read is right: from the deletion of a field on, its index is not complete.
    ///
    /// # Errors
    /// A field of the account has been deleted since the filter was resolved.
    pub(in crate::storage) async fn check_current(&self, connection: &impl ConnectionTrait) -> Result<()> {
        if self.fields.is_empty() {
            return Ok(());
        }
        let current = fields::definitions(connection, self.account).await?;
        let is_current = |(id, _): &(FieldId, FieldNumber)| current.iter().any(|field| field.id == *id);
        let has_field =
            |number| self.predicate.leaves().any(|leaf| matches!(leaf, Leaf::Field(of, _) if *of == number));
        if self.fields.iter().all(|field| is_current(field) || !has_field(field.1)) {
            return Ok(());
        }
        let message = "A field of the filter has been deleted while the contacts were read";
        Err(Error::with_message(ErrorCode::FieldNotDeclared, message))
    }
}

/// Whether a filter is resolved against the declared fields.
pub(super) fn needs_fields(filter: &ContactFilter) -> bool {
    let expression = filter.expression.as_ref();
    expression.is_some_and(|expression| expression.has_fields() || expression.mentions(Property::Segment))
}

async fn resolve_expression(
    connection: &impl ConnectionTrait,
    account: AccountId,
    filter: &Filter,
    fields: &[Field],
) -> Result<Node> {
    let now = Timestamp::now();
    let predicate = filter.resolve(fields, now)?;
    let mut named = Named::default();
    named.collect(&predicate);
    let mut known = Known { groups: groups_of(connection, account, &named).await?, segments: HashMap::new() };
    let mut conditions = named.conditions;
    for key in named.segments {
        // The filter of a segment names no segments.
        let filter = segments::find(connection, account, &key).await?.filter;
        let predicate = filter.resolve(fields, now)?;
        let mut named = Named::default();
        named.collect(&predicate);
        conditions += named.conditions;
        if conditions > MAX_CONDITIONS {
            let message =
                format!("a filter has at most {MAX_CONDITIONS} conditions, those of its segments included");
            let violation = Violation::FilterSyntax { position: 1, message: message.into() };
            return Err(FieldViolation::at("filter", violation).into());
        }
        let groups = groups_of(connection, account, &named).await?;
        let node = Node::of(&predicate, &Known { groups, segments: HashMap::new() });
        known.segments.insert(key, node);
    }
    Ok(Node::of(&predicate, &known))
}

/// What the names in a predicate stand for.
struct Known {
    groups: HashMap<GroupKey, GroupId>,
    segments: HashMap<SegmentKey, Node>,
}

/// What a predicate names, each once.
#[derive(Default)]
struct Named {
    groups: HashSet<GroupKey>,
    segments: HashSet<SegmentKey>,
    /// Those that are not about segments.
    conditions: usize,
}

impl Named {
    fn collect(&mut self, predicate: &Predicate) {
        match predicate {
            Predicate::And(operands) | Predicate::Or(operands) => {
                operands.iter().for_each(|operand| self.collect(operand));
            }
            Predicate::Not(operand) => self.collect(operand),
            Predicate::Match(Match::Segments(segments)) => self.segments.extend(segments.iter().cloned()),
            Predicate::Match(matched) => {
                self.conditions += 1;
                if let Match::Groups(groups) = matched {
                    self.groups.extend(groups.iter().cloned());
                }
            }
        }
    }
}

async fn groups_of(
    connection: &impl ConnectionTrait,
    account: AccountId,
    named: &Named,
) -> Result<HashMap<GroupKey, GroupId>> {
    let mut groups = HashMap::new();
    for key in &named.groups {
        groups.insert(key.clone(), groups::id_of(connection, account, key).await?);
    }
    Ok(groups)
}

impl Leaf {
    /// Makes it the condition that both are true, if they are about the same value.
    fn narrow(&mut self, other: &Self) -> bool {
        match (self, other) {
            (Self::Text(column, ranges), Self::Text(of, others)) if column == of => narrow(ranges, others),
            (Self::Time(column, ranges), Self::Time(of, others)) if column == of => narrow(ranges, others),
            (Self::Field(field, ranges), Self::Field(of, others)) if field == of => narrow(ranges, others),
            _ => return false,
        }
        true
    }
}

fn narrow<K: Ord + Clone>(ranges: &mut Vec<KeyRange<K>>, others: &[KeyRange<K>]) {
    let narrowed =
        ranges.iter().flat_map(|range| others.iter().filter_map(|other| range.intersection(other)));
    *ranges = narrowed.collect();
}

impl Node {
    fn of(predicate: &Predicate, known: &Known) -> Self {
        let nodes = |operands: &[Predicate]| -> Vec<Self> {
            operands.iter().map(|operand| Self::of(operand, known)).collect()
        };
        match predicate {
            Predicate::And(operands) => Self::all(nodes(operands)),
            Predicate::Or(operands) => Self::Or(nodes(operands)),
            Predicate::Not(operand) => Self::Not(Box::new(Self::of(operand, known))),
            Predicate::Match(Match::Segments(keys)) => {
                let mut segments: Vec<Self> =
                    keys.iter().filter_map(|key| known.segments.get(key).cloned()).collect();
                match segments.pop() {
                    Some(only) if segments.is_empty() => only,
                    last => Self::Or(segments.into_iter().chain(last).collect()),
                }
            }
            Predicate::Match(Match::Text(column, ranges)) => Self::Leaf(Leaf::Text(*column, ranges.clone())),
            Predicate::Match(Match::Time(column, ranges)) => Self::Leaf(Leaf::Time(*column, ranges.clone())),
            Predicate::Match(Match::Field(field, ranges)) => Self::Leaf(Leaf::Field(*field, ranges.clone())),
            Predicate::Match(Match::Groups(keys)) => {
                let groups = keys.iter().filter_map(|key| known.groups.get(key).copied());
                Self::Leaf(Leaf::Groups(groups.collect()))
            }
            Predicate::Match(Match::AnyGroup) => Self::Leaf(Leaf::AnyGroup),
            Predicate::Match(Match::OptedOut) => Self::Leaf(Leaf::OptedOut),
        }
    }

    /// A conjunction without conjunctions in it, and with one condition on each value: the two ends of a range are one range,
    /// which an index has.
    fn all(operands: impl IntoIterator<Item = Self>) -> Self {
        let mut all: Vec<Self> = Vec::new();
        let operands = operands.into_iter().flat_map(|operand| match operand {
            Self::And(inner) => inner,
            other => vec![other],
        });
        for operand in operands {
            let is_merged = match &operand {
                Self::Leaf(leaf) => all.iter_mut().any(|other| match other {
                    Self::Leaf(other) => other.narrow(leaf),
                    _ => false,
                }),
                _ => false,
            };
            if !is_merged {
                all.push(operand);
            }
        }
        Self::And(all)
    }

    fn leaves(&self) -> Box<dyn Iterator<Item = &Leaf> + '_> {
        match self {
            Self::And(operands) | Self::Or(operands) => Box::new(operands.iter().flat_map(Self::leaves)),
            Self::Not(operand) => operand.leaves(),
            Self::Leaf(leaf) => Box::new(std::iter::once(leaf)),
        }
    }

    /// The operands of a conjunction, or itself.
    pub(super) fn conjuncts(&self) -> &[Self] {
        match self {
            Self::And(operands) => operands,
            other => std::slice::from_ref(other),
        }
    }
}
