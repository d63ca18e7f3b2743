//! Answers that are read as a whole, as far as they can be the API's.

use reqwest::Response;

use crate::client::events::LARGEST_EVENT;
use crate::client::failure::ClientError;

/// The largest answer that is taken, in bytes; as for an event of a stream.
const LARGEST: usize = LARGEST_EVENT;

/// The body of an answer.
///
/// # Errors
///
/// What `broken` makes of a connection that breaks, and [`ClientError::Malformed`] of an answer that has no end.
pub(super) async fn body(
    mut response: Response,
    url: &str,
    broken: impl Fn(&reqwest::Error) -> ClientError,
) -> Result<Vec<u8>, ClientError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| broken(&error))? {
        take(&mut bytes, &chunk, url)?;
    }
    Ok(bytes)
}

/// Adds a part of an answer to what has come of it.
///
/// # Errors
///
/// [`ClientError::Malformed`] where that is more than any answer has.
pub(super) fn take(bytes: &mut Vec<u8>, chunk: &[u8], url: &str) -> Result<(), ClientError> {
    if bytes.len() + chunk.len() > LARGEST {
        let reason = format!("it is larger than {} MiB, the most that is read", LARGEST >> 20);
        return Err(ClientError::Malformed { url: url.to_owned(), reason });
    }
    bytes.extend_from_slice(chunk);
    Ok(())
}
