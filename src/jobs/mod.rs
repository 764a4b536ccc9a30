//! Work that outlives requests: the workers that carry out imports.

mod imports;
mod workers;

pub use workers::Workers;
