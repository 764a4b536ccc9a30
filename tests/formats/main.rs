//! File formats: what is written comes back the same, what other programs write is understood, and what is damaged is
//! told.

mod damaged;
mod harness;
mod round_trip;
mod samples;
