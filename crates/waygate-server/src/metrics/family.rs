//! Metrics whose labels are those of their definition.

use std::borrow::Cow;
use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::metrics::definition::{Definition, Kind};

/// The labels of a definition with their values, in its order.
type Labels<const N: usize> = [(&'static str, Cow<'static, str>); N];

/// A counter for each combination of labels.
#[derive(Debug)]
pub(crate) struct Counters<const N: usize> {
    definition: &'static Definition,
    family: Family<Labels<N>, Counter>,
}

/// A gauge for each combination of labels.
#[derive(Debug)]
pub(crate) struct Gauges<const N: usize> {
    definition: &'static Definition,
    family: Family<Labels<N>, Gauge<f64, AtomicU64>>,
}

/// A histogram for each combination of labels.
#[derive(Debug)]
pub(crate) struct Histograms<const N: usize> {
    definition: &'static Definition,
    family: Family<Labels<N>, Histogram, Buckets>,
}

/// Makes histograms with the buckets of a definition.
#[derive(Debug, Clone)]
struct Buckets(&'static [f64]);

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new(self.0.iter().copied())
    }
}

impl<const N: usize> Counters<N> {
    pub(crate) fn new(definition: &'static Definition, registry: &mut Registry) -> Self {
        debug_assert_eq!(definition.kind, Kind::Counter, "{}", definition.name);
        let family = Family::default();
        registry.register(definition.name, definition.help, family.clone());
        let counters = Self { definition, family };
        if N == 0 {
            // There is only one, and it is there from the start.
            counters.with(std::array::from_fn(|_| Cow::Borrowed("")));
        }
        counters
    }

    /// The counter of these values of the labels.
    pub(crate) fn at<V: Into<Cow<'static, str>>>(&self, values: [V; N]) -> Counter {
        self.with(values.map(Into::into))
    }

    fn with(&self, values: [Cow<'static, str>; N]) -> Counter {
        self.family.get_or_create_owned(&labelled(self.definition, values))
    }
}

impl Counters<0> {
    pub(crate) fn count(&self) {
        self.family.get_or_create(&[]).inc();
    }
}

impl<const N: usize> Gauges<N> {
    pub(crate) fn new(definition: &'static Definition, registry: &mut Registry) -> Self {
        debug_assert_eq!(definition.kind, Kind::Gauge, "{}", definition.name);
        let family = Family::default();
        registry.register(definition.name, definition.help, family.clone());
        Self { definition, family }
    }

    /// Says what the gauge of these values of the labels shows.
    pub(crate) fn set<V: Into<Cow<'static, str>>>(&self, values: [V; N], shown: f64) {
        self.family.get_or_create(&labelled(self.definition, values.map(Into::into))).set(shown);
    }
}

impl<const N: usize> Histograms<N> {
    pub(crate) fn new(definition: &'static Definition, registry: &mut Registry) -> Self {
        debug_assert_eq!(definition.kind, Kind::Histogram, "{}", definition.name);
        let family = Family::new_with_constructor(Buckets(definition.buckets));
        registry.register(definition.name, definition.help, family.clone());
        Self { definition, family }
    }

    /// Takes an observation down, in seconds.
    pub(crate) fn observe<V: Into<Cow<'static, str>>>(&self, values: [V; N], seconds: f64) {
        self.family.get_or_create(&labelled(self.definition, values.map(Into::into))).observe(seconds);
    }
}

impl Histograms<0> {
    pub(crate) fn take(&self, seconds: f64) {
        self.observe::<&'static str>([], seconds);
    }
}

/// Registers what only says something.
pub(crate) fn inform(definition: &'static Definition, values: &[&'static str], registry: &mut Registry) {
    debug_assert_eq!(definition.kind, Kind::Info, "{}", definition.name);
    let labels: Vec<(&'static str, &'static str)> =
        definition.labels.iter().copied().zip(values.iter().copied()).collect();
    registry.register(definition.name, definition.help, Info::new(labels));
}

fn labelled<const N: usize>(definition: &Definition, values: [Cow<'static, str>; N]) -> Labels<N> {
    debug_assert_eq!(definition.labels.len(), N, "{}", definition.name);
    let mut values = values.into_iter();
    std::array::from_fn(|at| {
        (definition.labels.get(at).copied().unwrap_or_default(), values.next().unwrap_or_default())
    })
}
