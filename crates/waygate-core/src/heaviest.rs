//! What there is most of, in a space that nothing makes grow.

/// Counts of many things of which only the heaviest matter ("space saving"): where there is no room, the lightest gives
/// its place to the newcomer, who begins with its count.
///
/// So whatever has more than its share of all that is counted is in it, a count is never too low, and by how much it may be
/// too high is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heaviest<K> {
    most: usize,
    counted: Vec<Counted<K>>,
}

/// One thing, and how many of it there were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted<K> {
    pub what: K,
    pub count: u64,
    /// How many of these may have been something else.
    pub over: u64,
}

impl<K> Heaviest<K> {
    /// Tells at most so many apart; at least one.
    pub fn new(most: usize) -> Self {
        Self { most: most.max(1), counted: Vec::new() }
    }

    /// Adds `count` of the one that `is_it` finds, and which may be too high by `over`; `name` is asked for a name where it
    /// is a newcomer.
    pub fn add(&mut self, count: u64, over: u64, is_it: impl Fn(&K) -> bool, name: impl FnOnce() -> K) {
        if let Some(known) = self.counted.iter_mut().find(|known| is_it(&known.what)) {
            known.count = known.count.saturating_add(count);
            known.over = known.over.saturating_add(over);
        } else if self.counted.len() < self.most {
            self.counted.push(Counted { what: name(), count, over });
        } else if let Some(lightest) = self.counted.iter_mut().min_by_key(|known| known.count) {
            let before = lightest.count;
            *lightest =
                Counted { what: name(), count: before.saturating_add(count), over: before.saturating_add(over) };
        }
    }

    /// In no order.
    pub fn iter(&self) -> impl Iterator<Item = &Counted<K>> {
        self.counted.iter()
    }

    /// The heaviest first.
    pub fn into_sorted(mut self) -> Vec<Counted<K>> {
        self.counted.sort_by_key(|counted| std::cmp::Reverse(counted.count));
        self.counted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(things: impl IntoIterator<Item = u32>, most: usize) -> Vec<Counted<u32>> {
        let mut heaviest = Heaviest::new(most);
        for thing in things {
            heaviest.add(1, 0, |known| *known == thing, || thing);
        }
        heaviest.into_sorted()
    }

    #[test]
    fn where_there_is_room_counts_are_exact() {
        let told = counted([1, 2, 1, 3, 1, 2], 3);
        let of = |what, count| Counted { what, count, over: 0 };
        assert_eq!(told, [of(1, 3), of(2, 2), of(3, 1)]);
    }

    #[test]
    fn what_is_heavy_survives_a_flood_of_others_and_no_count_is_too_low() {
        let flood = (0..10_000u32).flat_map(|other| [7, 1000 + other, 8, 7]);
        let told = counted(flood, 8);
        assert_eq!(told.len(), 8);
        for (place, (what, true_count)) in [(7, 20_000), (8, 10_000)].into_iter().enumerate() {
            let Counted { what: found, count, over } = told[place];
            assert_eq!(found, what);
            assert!(count >= true_count && count - over <= true_count, "{what}: {count} ± {over}");
        }
    }
}
