//! Which requests are told to the collector: `OTEL_TRACES_SAMPLER`, as OpenTelemetry has it.

use crate::context::text_variable;
use crate::error::{CliError, CliResult};

const SAMPLER: &str = "OTEL_TRACES_SAMPLER";
const ARGUMENT: &str = "OTEL_TRACES_SAMPLER_ARG";
const KNOWN: &str = "`always_on`, `always_off`, `traceidratio`, `parentbased_always_on`, `parentbased_always_off` or \
                     `parentbased_traceidratio`";
/// Before the name of a sampler that goes by what the caller does.
const BY_PARENT: &str = "parentbased_";
/// How many values the part of a trace's id has that a share is taken of.
const IDS: f64 = 4_294_967_296.0;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sampler {
    /// Whether a caller that has a trace decides for its own requests.
    by_parent: bool,
    /// Which share of all other traces is told, from 0 to 1.
    share: f64,
}

impl Sampler {
    pub(super) fn from_env() -> CliResult<Self> {
        let sampler = text_variable(SAMPLER)?;
        let argument = text_variable(ARGUMENT)?;
        Self::parse(sampler.as_deref().unwrap_or("parentbased_always_on"), argument.as_deref())
    }

    fn parse(name: &str, argument: Option<&str>) -> CliResult<Self> {
        let (by_parent, rest) = name.strip_prefix(BY_PARENT).map_or((false, name), |rest| (true, rest));
        let share = match rest {
            "always_on" => 1.0,
            "always_off" => 0.0,
            "traceidratio" => share(argument)?,
            _ => return Err(CliError::usage(format!("{SAMPLER} is `{name}`: expected {KNOWN}"))),
        };
        Ok(Self { by_parent, share })
    }

    /// Whether requests of a trace are told; `parent` is whether the caller tells its own part, if there is one.
    pub(super) fn takes(&self, trace: &str, parent: Option<bool>) -> bool {
        if let Some(parent) = parent.filter(|_| self.by_parent) {
            return parent;
        }
        // By the id, so that all who tell parts of a trace choose the same ones.
        let part = trace.get(16..24).and_then(|part| u32::from_str_radix(part, 16).ok()).unwrap_or(u32::MAX);
        f64::from(part) / IDS < self.share
    }
}

fn share(argument: Option<&str>) -> CliResult<f64> {
    let Some(text) = argument else { return Ok(1.0) };
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| CliError::usage(format!("{ARGUMENT} is `{text}`: expected a share from 0 to 1, such as `0.1`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A trace with this at the place by which a share is taken.
    fn trace(part: u32) -> String {
        format!("{:016x}{part:08x}00000001", 1)
    }

    #[test]
    fn a_caller_decides_for_its_own_traces_unless_it_is_not_asked() {
        let by_parent = Sampler::parse("parentbased_always_off", None).unwrap();
        assert_eq!(
            [Some(true), Some(false), None].map(|parent| by_parent.takes(&trace(0), parent)),
            [true, false, false]
        );
        let alone = Sampler::parse("always_on", None).unwrap();
        assert_eq!([Some(true), Some(false), None].map(|parent| alone.takes(&trace(0), parent)), [true; 3]);
        let off = Sampler::parse("always_off", None).unwrap();
        assert!(!off.takes(&trace(0), Some(true)));
    }

    #[test]
    fn a_share_is_taken_by_the_id() {
        let quarter = Sampler::parse("traceidratio", Some("0.25")).unwrap();
        assert!(quarter.takes(&trace(0x3fff_ffff), None) && !quarter.takes(&trace(0x4000_0000), None));
        let all = Sampler::parse("parentbased_traceidratio", None).unwrap();
        assert!(all.takes(&trace(u32::MAX), None) && !all.takes(&trace(0), Some(false)));
        let none = Sampler::parse("traceidratio", Some("0")).unwrap();
        assert!(!none.takes(&trace(0), None));
    }

    #[test]
    fn what_is_no_sampler_and_no_share_is_refused() {
        for (name, argument) in [("jaeger_remote", None), ("", None), ("parentbased_", None), ("ALWAYS_ON", None)] {
            assert!(Sampler::parse(name, argument).is_err(), "{name}");
        }
        for argument in ["-0.1", "1.1", "NaN", "a tenth", "inf"] {
            assert!(Sampler::parse("traceidratio", Some(argument)).is_err(), "{argument}");
        }
    }
}
