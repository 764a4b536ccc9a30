//! `/admin/v1/accounts`

use std::time::Duration;

use actix_web::http::header::LOCATION;

use super::dialect::{ACCOUNTS, DIALECT};
use super::limits::{ChangedLimits, OwnLimits};
use crate::config::{self, CENTURY, HOUR};
use crate::domain::account::limits::LimitChanges;
use crate::domain::account::service::DEFAULT_KEEP;
use crate::domain::account::{self, AccountQuery, AccountState, StateChange};
use crate::domain::{AccountId, AccountName};
use crate::http::auth::operator::Operator;
use crate::http::openapi::examples::{CREATED_AT, account as examples, me as me_examples};
use crate::http::openapi::fields;
use crate::http::prelude::*;
use crate::http::v1::me::AccountUsage;
use crate::http::v1::operations;
use crate::http::v1::pagination::{Listed, Page, cursor_params_of, links_resumed_at, respond_with_links};

const PATH: &str = "/admin/v1/accounts";
const CREATE: &str = "createAccount";
const SUSPEND: &str = "suspendAccount";
const RESUME: &str = "resumeAccount";
const UPDATE: &str = "updateAccount";
const CLOSE: &str = "closeAccount";
const NOUN: &str = "account";

const TOO_SHORT: Violation = Violation::NotDuration { min: "1h", max: "100 years" };

static RESOURCE: ResourceDoc =
    ResourceDoc { tag: Some(ACCOUNTS), noun: NOUN, argument: "account", versioned: false };

/// A new account.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateAccount {
    #[validate(required)]
    name: Required<AccountName>,
}

impl Payload for CreateAccount {
    type Command = AccountName;

    fn into_command(self, violations: &mut Violations) -> Option<AccountName> {
        violations.read("name", self.name)
    }
}

/// The changes to an account. An absent member keeps its value.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateAccount {
    /// The limits to be changed; the others stay as they are.
    #[schema(value_type = ChangedLimits, required = false, nullable = false)]
    limits: Option<ChangedLimits>,
}

impl Payload for UpdateAccount {
    type Command = LimitChanges;

    fn into_command(self, violations: &mut Violations) -> Option<LimitChanges> {
        Some(self.limits.map(|limits| limits.into_changes("limits", violations)).unwrap_or_default())
    }
}

/// How an account is closed.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CloseAccount {
    #[schema(schema_with = fields::account::keep)]
    keep: Option<String>,
}

impl Payload for CloseAccount {
    type Command = Duration;

    fn into_command(self, violations: &mut Violations) -> Option<Duration> {
        let keep = violations
            .parse("keep", self.keep, |text| config::duration::<HOUR, CENTURY>(text).map_err(|_| TOO_SHORT));
        Some(keep.unwrap_or(DEFAULT_KEEP))
    }
}

/// An account.
#[derive(Debug, Serialize, ToSchema)]
pub struct Account {
    id: AccountId,
    name: AccountName,
    /// The time at which the account was created, in UTC with millisecond precision.
    created_at: Timestamp,
    #[schema(schema_with = fields::account::state)]
    state: &'static str,
    #[schema(schema_with = fields::account::suspended_at, required)]
    suspended_at: Option<Timestamp>,
    #[schema(schema_with = fields::account::purge_at, required)]
    purge_at: Option<Timestamp>,
    /// How many contacts the account has.
    #[schema(format = Int64, minimum = 0, example = 0)]
    contacts: u64,
    limits: OwnLimits,
    #[schema(schema_with = fields::account::last_used_at, required)]
    last_used_at: Option<Timestamp>,
}

impl From<account::Account> for Account {
    fn from(account: account::Account) -> Self {
        let account::Account { id, name, created_at, suspended_at, state, contacts, last_used_at, limits } =
            account;
        let purge_at = match state {
            AccountState::Closed { purge_at } => Some(purge_at),
            AccountState::Active | AccountState::Suspended => None,
        };
        let (state, limits) = (state.as_str(), OwnLimits(limits));
        Self { id, name, created_at, state, suspended_at, purge_at, contacts, limits, last_used_at }
    }
}

impl Listed for Account {
    const PAGE: &'static str = "AccountList";
    const PLURAL: &'static str = "accounts";
}

impl Parameters for AccountQuery {
    fn read(query: &mut QueryReader<'_>) -> Option<Self> {
        let page = cursor_params_of(query, NOUN);
        let name = query.text_filter("name", "Only the account with this name.");
        Some(Self { page: page?, name })
    }
}

/// Create an account
///
/// Creates an account without keys: create one with which its clients can use the API.
#[utoipa::path(post, path = PATH, operation_id = CREATE)]
async fn create_account(operator: Operator, prefix: Prefix, body: Body<CreateAccount>) -> HandlerResult {
    let account = operator.accounts().create(&body.command).await?;
    operator.log(CREATE, account.id, None);
    let location = prefix.prepend_to(format_args!("{PATH}/{}", account.id));
    Ok(HttpResponse::Created().insert_header((LOCATION, location)).json(Account::from(account)))
}

/// List accounts
///
/// Returns a page of the accounts, newest first. `has_more` indicates whether there are more; the `Link` header contains the
/// URLs of the next and the previous page.
#[utoipa::path(get, path = PATH, operation_id = "listAccounts")]
async fn list_accounts(
    operator: Operator,
    prefix: Prefix,
    Query { command: query, filters }: Query<AccountQuery>,
) -> HandlerResult {
    let params = query.page;
    let page = operator.accounts().page(query).await?;
    let path = prefix.prepend_to(PATH);
    let links = links_resumed_at(&path, &params, &filters, &page, |account| account.id, None);
    let accounts = page.items.into_iter().map(Account::from).collect();
    Ok(respond_with_links(links, Page::new(page.has_more, accounts)))
}

/// Get an account
///
/// Returns the account with this id.
#[utoipa::path(get, path = "/admin/v1/accounts/{id}", operation_id = "getAccount")]
async fn get_account(operator: Operator, PathParam(id): PathParam<AccountId>) -> HandlerResult {
    Ok(HttpResponse::Ok().json(Account::from(operator.accounts().get(id).await?)))
}

/// Get how much an account stores
///
/// Returns how much the account stores of each kind that has a limit, or is counted anyway: the numbers that its own keys get from
/// `GET /v1/me`.
#[utoipa::path(get, path = "/admin/v1/accounts/{id}/usage", operation_id = "getAccountUsage")]
async fn get_account_usage(operator: Operator, PathParam(id): PathParam<AccountId>) -> HandlerResult {
    Ok(HttpResponse::Ok().json(AccountUsage::from(operator.accounts().usage(id).await?)))
}

/// Change the limits of an account
///
/// Sets limits for an account that apply in place of the server's, or makes those of the server apply again. They are in force on
/// every instance of the service after at most half a second. What the account has beyond a lower limit stays, and what is under
/// way goes on.
#[utoipa::path(patch, path = "/admin/v1/accounts/{id}", operation_id = UPDATE)]
async fn update_account(
    operator: Operator,
    PathParam(id): PathParam<AccountId>,
    body: Body<UpdateAccount>,
) -> HandlerResult {
    let account = operator.accounts().change_limits(id, body.command).await?;
    operator.log(UPDATE, id, None);
    Ok(HttpResponse::Ok().json(Account::from(account)))
}

/// Suspend an account
///
/// Refuses the requests of an account, with 403 `account_suspended`, until it is resumed: on every instance of the service
/// after at most half a second. What is in it stays, and its keys stay as they are. An account that is suspended already
/// stays as it is.
#[utoipa::path(post, path = "/admin/v1/accounts/{id}/suspend", operation_id = SUSPEND)]
async fn suspend_account(operator: Operator, PathParam(id): PathParam<AccountId>) -> HandlerResult {
    change_state(&operator, id, SUSPEND, StateChange::Suspend).await
}

/// Resume an account
///
/// Carries out the requests of a suspended account again, or of one that is closed but not purged yet.
#[utoipa::path(post, path = "/admin/v1/accounts/{id}/resume", operation_id = RESUME)]
async fn resume_account(operator: Operator, PathParam(id): PathParam<AccountId>) -> HandlerResult {
    change_state(&operator, id, RESUME, StateChange::Resume).await
}

/// Close an account
///
/// Suspends an account, and deletes it with its keys and everything in it once the time of `keep` is over: within ten minutes,
/// little by little, so that other accounts are not held up. Until then it can be resumed; closed again, it is kept as the
/// last request says.
#[utoipa::path(post, path = "/admin/v1/accounts/{id}/close", operation_id = CLOSE)]
async fn close_account(
    operator: Operator,
    PathParam(id): PathParam<AccountId>,
    body: Body<CloseAccount>,
) -> HandlerResult {
    let account = operator.accounts().close(id, body.command).await?;
    operator.log(CLOSE, id, None);
    Ok(HttpResponse::Ok().json(Account::from(account)))
}

async fn change_state(
    operator: &Operator,
    id: AccountId,
    operation: &'static str,
    change: StateChange,
) -> HandlerResult {
    let account = operator.accounts().change_state(id, change).await?;
    operator.log(operation, id, None);
    Ok(HttpResponse::Ok().json(Account::from(account)))
}

pub(super) fn routes(table: RouteTable) -> RouteTable {
    let account = || Account::from(examples::account());
    let invalid = |at| FieldViolation::at(at, Violation::OutOfRange { min: 1, max: i64::MAX.unsigned_abs() });
    let create = OperationDoc::of(&RESOURCE)
        .responds::<Account>(201, "The account was created.", account())
        .header(201, "Location", "The path of the account.")
        .request_example("account", "An account", json!({"name": examples::NAME}))
        .errors(&[ErrorCode::NameTaken])
        .example_violation(FieldViolation::at("name", Violation::Required));
    let list = operations::lists(&RESOURCE, account()).example_violation(invalid("starting_after"));
    let get = operations::gets(&RESOURCE, account()).example_violation(invalid("id"));
    let usage = OperationDoc::of(&RESOURCE)
        .responds::<AccountUsage>(
            200,
            "How much the account stores.",
            AccountUsage::from(me_examples::usage()),
        )
        .example_violation(invalid("id"));
    let update = OperationDoc::of(&RESOURCE)
        .responds::<Account>(200, "The account was changed.", account())
        .request_example(
            "limits",
            "More contacts, and as many exports as the server allows",
            json!({"limits": {"contacts": 20_000_000, "streams": null}}),
        )
        .example_violation(invalid("id"));
    let changes = |about: &str, account: account::Account| {
        OperationDoc::of(&RESOURCE)
            .responds::<Account>(200, about, Account::from(account))
            .errors(&[ErrorCode::AccountPurging])
            .example_violation(invalid("id"))
    };
    let suspended = || account::Account {
        suspended_at: Timestamp::parse(CREATED_AT),
        state: AccountState::Suspended,
        ..examples::account()
    };
    let purge_at = suspended().created_at.after(DEFAULT_KEEP);
    let closed = account::Account { state: AccountState::Closed { purge_at }, ..suspended() };
    let suspend = changes("The account is suspended.", suspended());
    let resume = changes("The account is active.", examples::account());
    let close = changes("The account is closed.", closed)
        .argument("closing")
        .request_example("keep", "For 30 days, it can be resumed", json!({"keep": "30d"}))
        .example_violation(FieldViolation::at("keep", TOO_SHORT));
    table
        .protected(&DIALECT, __path_suspend_account, suspend_account, suspend)
        .protected(&DIALECT, __path_resume_account, resume_account, resume)
        .protected(&DIALECT, __path_close_account, close_account, close)
        .protected(&DIALECT, __path_create_account, create_account, create)
        .protected(&DIALECT, __path_list_accounts, list_accounts, list)
        .protected(&DIALECT, __path_get_account, get_account, get)
        .protected(&DIALECT, __path_update_account, update_account, update)
        .protected(&DIALECT, __path_get_account_usage, get_account_usage, usage)
}
