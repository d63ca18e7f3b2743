//! What is read from files and from stdin, with an end to each.

use std::fs::File;
use std::io::{Error, ErrorKind, Read};
use std::path::Path;

/// The most that a document, or the body of a call, may have.
pub(crate) const DOCUMENT: u64 = 16 << 20;
/// The most that a list of names may have.
pub(crate) const NAMES: u64 = 1 << 20;
/// The most that a password, a token or a small file of settings may have.
pub(crate) const SECRET: u64 = 64 << 10;

/// A whole file of text, of at most so many bytes; `-` is stdin.
///
/// # Errors
///
/// When it cannot be read, is no UTF-8, or is larger: that names the most that is taken.
pub(crate) fn text(path: &Path, most: u64) -> Result<String, Error> {
    if path == Path::new("-") { piped(most) } else { whole(File::open(path)?, most) }
}

/// All of stdin, as [`text`].
///
/// # Errors
///
/// As [`text`].
pub(crate) fn piped(most: u64) -> Result<String, Error> {
    whole(std::io::stdin(), most)
}

fn whole(from: impl Read, most: u64) -> Result<String, Error> {
    let mut bytes = Vec::new();
    from.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        let most = if most >= 1 << 20 { format!("{} MiB", most >> 20) } else { format!("{} KiB", most >> 10) };
        return Err(Error::new(ErrorKind::FileTooLarge, format!("it is larger than {most}, the most that is read")));
    }
    String::from_utf8(bytes).map_err(|_| Error::new(ErrorKind::InvalidData, "it is not UTF-8 text"))
}
