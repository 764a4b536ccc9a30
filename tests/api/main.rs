//! The service as its users see it: over HTTP, on SQLite and on PostgreSQL, and at the command line.

#[macro_use]
mod harness;

mod addressbook;
mod audiences;
mod bad_requests;
mod calls;
mod cli;
mod conditional;
mod coverage;
mod crowds;
mod deadlocks;
mod deep_pages;
mod disconnects;
mod docs;
mod durability;
mod edge;
mod explorer;
mod faults;
mod few_files;
mod group_commits;
mod group_plans;
mod group_races;
mod group_reads;
mod groups;
mod idempotency;
mod imports;
mod keys;
mod linearizability;
mod links;
mod matrix;
mod openapi;
mod openapi_limits;
mod opt_outs;
mod parity;
mod plans;
mod postgres_faults;
mod prefix;
mod readme;
mod sqlite_file;
mod stops;
mod storage;
mod templates;
mod things;
mod v1;
mod v1_list;
