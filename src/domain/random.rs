//! Random bytes from the operating system.

use super::error::{Error, ErrorCode, Result};

/// # Errors
/// The system has none.
pub fn bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| Error::caused_by(ErrorCode::Internal, error))?;
    Ok(bytes)
}
