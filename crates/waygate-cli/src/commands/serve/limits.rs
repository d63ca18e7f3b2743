//! How many connections there is room for.

/// What is left to everything that is not a stream: at least, and at most, so many connections.
const OTHERS: (usize, usize) = (64, 1024);
/// What the server needs besides connections: the store's files above all.
const RESERVED: u64 = 128;

/// How many connections to hold at a time for so many streams: an eighth more, within bounds, as far as the system lets
/// this process have them open.
pub(super) fn connections_for(streams: usize) -> usize {
    let wanted = streams + (streams / 7).clamp(OTHERS.0, OTHERS.1);
    let allowed = raise_open_files(wanted as u64 + RESERVED);
    let room = usize::try_from(allowed.saturating_sub(RESERVED)).unwrap_or(usize::MAX).max(OTHERS.0);
    if room < wanted {
        tracing::warn!(
            connections = room,
            "the system lets this process have {allowed} files open: there is room for fewer than {streams} streams. \
             Raise the limit, such as by `ulimit -n` or `LimitNOFILE=`, or lower `--max-streams`"
        );
    }
    room.min(wanted)
}

/// Asks for so many open files, and gives how many there may be. Many systems begin with 1,024 for the sake of old
/// programs, and leave it to new ones to ask for more.
#[cfg(unix)]
fn raise_open_files(wanted: u64) -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let current = limit.current.unwrap_or(u64::MAX);
    let most = limit.maximum.unwrap_or(u64::MAX);
    if wanted <= current {
        return current;
    }
    let raised = wanted.min(most);
    match setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum: limit.maximum }) {
        Ok(()) => raised.max(current),
        Err(error) => {
            tracing::debug!(%error, "the limit of open files cannot be raised");
            current
        }
    }
}

#[cfg(not(unix))]
fn raise_open_files(wanted: u64) -> u64 {
    wanted
}
