//! A filter of a request, resolved: its fields and groups are known.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use sea_orm::ConnectionTrait;

use crate::domain::contact::ContactFilter;
use crate::domain::field::{Field, FieldId, FieldNumber};
use crate::domain::filter::{Filter, KeyRange, Match, Predicate, TextColumn, TimeColumn};
use crate::domain::group::{GroupId, GroupKey};
use crate::domain::{AccountId, Error, ErrorCode, Result, Timestamp};
use crate::storage::{fields, groups};

/// Which contacts of an account match.
#[derive(Clone, Debug)]
pub(in crate::storage) struct Matcher {
    pub(super) account: AccountId,
    pub(super) predicate: Node,
    /// Of the account when it was resolved, if the filter is about any.
    fields: Vec<(FieldId, FieldNumber)>,
}

/// A [`Predicate`] whose groups are known.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    Leaf(Leaf),
}

#[derive(Clone, Debug, PartialEq)]
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
    /// As [`Filter::resolve`], and [`ErrorCode::NotFound`](crate::domain::ErrorCode::NotFound): there is no such group.
    pub(in crate::storage) async fn resolve(
        connection: &impl ConnectionTrait,
        account: AccountId,
        filter: &ContactFilter,
    ) -> Result<Self> {
        let ContactFilter { handle, phone, updated_since, group, expression } = filter;
        let (mut all, mut declared) = (Vec::new(), Vec::new());
        if let Some(expression) = expression {
            if expression.has_fields() {
                declared = fields::definitions(connection, account).await?;
            }
            all.push(resolve_expression(connection, account, expression, &declared).await?);
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
        let fields = declared.into_iter().map(|field| (field.id, field.number)).collect();
        Ok(Self { account, predicate: Node::And(all).flattened(), fields })
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

async fn resolve_expression(
    connection: &impl ConnectionTrait,
    account: AccountId,
    filter: &Filter,
    fields: &[Field],
) -> Result<Node> {
    let predicate = filter.resolve(fields, Timestamp::now())?;
    let mut keys = BTreeMap::new();
    collect_groups(&predicate, &mut keys);
    let mut groups = HashMap::new();
    for key in keys.into_values() {
        let id = groups::id_of(connection, account, key).await?;
        groups.insert(key, id);
    }
    Ok(Node::of(&predicate, &groups))
}

/// The groups that a predicate names, each once.
fn collect_groups<'p>(predicate: &'p Predicate, keys: &mut BTreeMap<String, &'p GroupKey>) {
    match predicate {
        Predicate::And(operands) | Predicate::Or(operands) => {
            operands.iter().for_each(|operand| collect_groups(operand, keys));
        }
        Predicate::Not(operand) => collect_groups(operand, keys),
        Predicate::Match(Match::Groups(groups)) => {
            keys.extend(groups.iter().map(|group| (group.to_string(), group)));
        }
        Predicate::Match(_) => {}
    }
}

impl Node {
    fn of(predicate: &Predicate, groups: &HashMap<&GroupKey, GroupId>) -> Self {
        let nodes =
            |operands: &[Predicate]| operands.iter().map(|operand| Self::of(operand, groups)).collect();
        match predicate {
            Predicate::And(operands) => Self::And(nodes(operands)),
            Predicate::Or(operands) => Self::Or(nodes(operands)),
            Predicate::Not(operand) => Self::Not(Box::new(Self::of(operand, groups))),
            Predicate::Match(matched) => Self::Leaf(match matched {
                Match::Text(column, ranges) => Leaf::Text(*column, ranges.clone()),
                Match::Time(column, ranges) => Leaf::Time(*column, ranges.clone()),
                Match::Field(field, ranges) => Leaf::Field(*field, ranges.clone()),
                Match::Groups(keys) => {
                    Leaf::Groups(keys.iter().filter_map(|key| groups.get(key).copied()).collect())
                }
                Match::AnyGroup => Leaf::AnyGroup,
                Match::OptedOut => Leaf::OptedOut,
            }),
        }
    }

    /// A conjunction without conjunctions in it.
    fn flattened(self) -> Self {
        let Self::And(operands) = self else { return self };
        let operands = operands.into_iter().flat_map(|operand| match operand {
            Self::And(inner) => inner,
            other => vec![other],
        });
        Self::And(operands.collect())
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
