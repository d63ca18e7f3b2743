//! What the server says of itself: lines on stderr, and spans for a collector.

use std::io::IsTerminal as _;

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use crate::cli::LogFormat;
#[cfg(feature = "otlp")]
use crate::commands::serve::traces::Traces;
use crate::context::text_variable;
use crate::error::{CliError, CliResult};

/// What is logged where `WAYGATE_LOG` and `RUST_LOG` say nothing.
const LOGGED: &str = "warn,waygate=info,waygate_server=info,waygate_store=info";

/// Begins to log, and to trace where there is a collector. Lines that come of a request bear its id, and the trace that it is a part of.
/// What it gives is to be awaited at the end: it sends what was not sent yet.
pub(super) fn begin(format: LogFormat) -> CliResult<impl Future<Output = ()>> {
    let filter = match text_variable("WAYGATE_LOG")? {
        Some(filter) => Some(filter),
        None => text_variable("RUST_LOG")?,
    };
    let filter = EnvFilter::try_new(filter.as_deref().unwrap_or(LOGGED)).map_err(|error| {
        CliError::usage(format!(
            "WAYGATE_LOG and RUST_LOG take a filter such as `info` or `warn,waygate_server=debug`: {error}"
        ))
    })?;
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal() && !crate::context::wants_plain()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).boxed(),
    };
    let registry = tracing_subscriber::registry().with(lines.with_filter(filter));
    #[cfg(feature = "otlp")]
    let (traces, sending) = Traces::from_env()?.unzip();
    #[cfg(feature = "otlp")]
    let registry = registry.with(traces.map(|traces| traces.with_filter(Traces::seen())));
    registry.try_init().map_err(|error| CliError::failed(format!("cannot log: {error}")))?;
    Ok(async move {
        #[cfg(feature = "otlp")]
        if let Some(sending) = sending {
            sending.finish().await;
        }
    })
}
