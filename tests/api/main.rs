//! The service as its users see it: over HTTP, on SQLite and on PostgreSQL, and at the command line.

#[macro_use]
mod harness;

mod addressbook;
mod bad_requests;
mod cli;
mod conditional;
mod crowds;
mod disconnects;
mod durability;
mod edge;
mod faults;
mod few_files;
mod idempotency;
mod imports;
mod keys;
mod linearizability;
mod matrix;
mod openapi;
mod parity;
mod postgres_faults;
mod readme;
mod stops;
mod storage;
mod v1;
mod v1_list;
