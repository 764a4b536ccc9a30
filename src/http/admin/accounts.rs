//! `/admin/v1/accounts`

use actix_web::http::header::LOCATION;

use super::dialect::{ACCOUNTS, DIALECT};
use crate::domain::account::{self, AccountQuery};
use crate::domain::{AccountId, AccountName};
use crate::http::auth::operator::Operator;
use crate::http::openapi::examples::account as examples;
use crate::http::prelude::*;
use crate::http::v1::operations;
use crate::http::v1::pagination::{Listed, Page, cursor_params_of, links_resumed_at, respond_with_links};

const PATH: &str = "/admin/v1/accounts";
const CREATE: &str = "createAccount";
const NOUN: &str = "account";

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

/// An account.
#[derive(Debug, Serialize, ToSchema)]
pub struct Account {
    id: AccountId,
    name: AccountName,
    /// The time at which the account was created, in UTC with millisecond precision.
    created_at: Timestamp,
    /// How many contacts the account has.
    #[schema(format = Int64, minimum = 0, example = 0)]
    contacts: u64,
}

impl From<account::Account> for Account {
    fn from(account: account::Account) -> Self {
        let account::Account { id, name, created_at, contacts } = account;
        Self { id, name, created_at, contacts }
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
    table
        .protected(&DIALECT, __path_create_account, create_account, create)
        .protected(&DIALECT, __path_list_accounts, list_accounts, list)
        .protected(&DIALECT, __path_get_account, get_account, get)
}
