//! The tables as sea-orm entities; visible to storage alone.

pub(super) mod account;
pub(super) mod account_limit;
pub(super) mod api_key;
pub(super) mod audience;
pub(super) mod audience_entry;
pub(super) mod change;
pub(super) mod change_head;
pub(super) mod change_timeline;
pub(super) mod contact;
pub(super) mod counter;
pub(super) mod field;
pub(super) mod field_value;
pub(super) mod group;
pub(super) mod idempotency_key;
pub(super) mod import;
pub(super) mod import_chunk;
pub(super) mod import_page;
pub(super) mod key_use;
pub(super) mod member;
pub(super) mod operator_key;
pub(super) mod opt_out;
pub(super) mod search_block;
pub(super) mod search_head;
pub(super) mod search_segment;
pub(super) mod segment;
pub(super) mod template;
