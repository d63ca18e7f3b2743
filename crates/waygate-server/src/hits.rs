//! The requests that services have denied lately, as they report them. In memory: a restart forgets them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use waygate_api::rate_limits::{HitView, HitsReport};
use waygate_core::ServiceId;

/// How many are kept.
pub(crate) const MOST: usize = 10_000;
/// The longest text of a report that is kept, in characters.
const LONGEST: usize = 300;

/// Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hits(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    hits: VecDeque<HitView>,
    /// How many there have been, for their ids.
    count: u64,
}

impl Hits {
    pub(crate) fn take(&self, service: &ServiceId, report: HitsReport) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let instance = shortened(report.instance);
        for hit in report.hits {
            kept.count += 1;
            let id = format!("hit-{:016x}", kept.count);
            if kept.hits.len() == MOST {
                kept.hits.pop_front();
            }
            kept.hits.push_back(HitView {
                id,
                timestamp: hit.timestamp,
                path: shortened(hit.path),
                method: shortened(hit.method),
                key: shortened(hit.key),
                limit: shortened(hit.limit),
                tier: hit.tier.map(shortened),
                reset_at: hit.reset_at,
                service: Some(service.to_string()),
                instance: instance.clone(),
                layer: shortened(hit.layer),
                policy: shortened(hit.policy),
                count: hit.count,
                shadow: hit.shadow,
            });
        }
        if report.dropped > 0 {
            tracing::warn!(%service, instance, dropped = report.dropped, "denied requests were not told one by one");
        }
    }

    /// The latest first, of those that are wanted. Instances report at their own pace: what comes in last need not be it.
    pub(crate) fn latest(&self, limit: usize, wanted: impl Fn(&HitView) -> bool) -> Vec<HitView> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut hits: Vec<&HitView> = kept.hits.iter().rev().filter(|hit| wanted(hit)).collect();
        hits.sort_by_key(|hit| std::cmp::Reverse(hit.timestamp));
        hits.into_iter().take(limit).cloned().collect()
    }
}

fn shortened(text: String) -> String {
    if text.len() <= LONGEST { text } else { text.chars().take(LONGEST).collect() }
}
