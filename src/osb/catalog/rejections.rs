//! Which entries of a catalog are unusable? A broker may send millions of them, so most are only counted.

/// How many are described. A message has no room for more.
const MAX_DESCRIBED: usize = 20;

/// An unusable entry of a catalog, which is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// The entry, for example `service "mysql"` or `plan "small" of services[3]`.
    pub what: String,
    /// The reason, for the author of the catalog.
    pub why: String,
}

/// The unusable entries of a catalog: the first ones, and how many there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rejections {
    described: Vec<Rejected>,
    count: usize,
}

impl Rejections {
    /// Adds an entry.
    pub fn push(&mut self, rejected: Rejected) {
        self.count = self.count.saturating_add(1);
        if self.described.len() < MAX_DESCRIBED {
            self.described.push(rejected);
        }
    }

    /// Adds entries.
    pub fn extend(&mut self, others: Self) {
        let undescribed = others.count - others.described.len();
        others.described.into_iter().for_each(|rejected| self.push(rejected));
        self.count = self.count.saturating_add(undescribed);
    }

    /// The first ones.
    pub fn described(&self) -> &[Rejected] {
        &self.described
    }

    /// The first ones, to change their texts.
    pub(super) fn described_mut(&mut self) -> &mut [Rejected] {
        &mut self.described
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }
}

impl FromIterator<Rejected> for Rejections {
    fn from_iter<T: IntoIterator<Item = Rejected>>(all: T) -> Self {
        let mut rejections = Self::default();
        all.into_iter().for_each(|rejected| rejections.push(rejected));
        rejections
    }
}
