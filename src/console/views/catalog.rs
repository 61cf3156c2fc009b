//! Which classes match a search, and what can be filtered by?

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Deserialize;

use super::offering::{Offering, Scope};
use crate::console::kube_api::PlanFacts;

/// The most choices of a filter.
const MAX_CHOICES: usize = 40;

/// The query of the catalog. Empty texts filter nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Filter {
    /// Words that all have to occur.
    pub q: String,
    /// A tag.
    pub category: String,
    /// A broker.
    pub broker: String,
    /// A provider.
    pub provider: String,
    /// Only bindable ones, if not empty.
    pub bindable: String,
    /// Only those with a free plan, if not empty.
    pub free: String,
    /// Also those that are not offered any more, if not empty.
    pub all: String,
}

/// What plans say about their class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlanNews {
    /// How many plans the class offers.
    pub count: usize,
    /// Whether one of them is free.
    pub has_free: bool,
    /// Whether instances of one of them can be bound although the class says otherwise.
    pub has_bindable: bool,
}

/// What plans say about their classes, by scope and name of the class.
#[derive(Default)]
pub struct PlansByClass(HashMap<(Scope, String), PlanNews>);

impl PlansByClass {
    /// Counts a plan of a class.
    pub fn add(&mut self, scope: Scope, class: &str, plan: &PlanFacts) {
        let news = self.0.entry((scope, class.to_owned())).or_default();
        news.count += 1;
        news.has_free |= plan.free;
        news.has_bindable |= plan.bindable == Some(true);
    }

    /// What is known about a class.
    pub fn of(&self, offering: &Offering) -> PlanNews {
        self.0.get(&(offering.scope.clone(), offering.name.clone())).copied().unwrap_or_default()
    }
}

/// A tile of the catalog.
pub struct Tile {
    /// The class.
    pub offering: Offering,
    /// Whether it has a free plan.
    pub is_free: bool,
    /// Whether instances can be bound.
    pub is_bindable: bool,
}

/// The catalog as it is shown.
pub struct Catalog {
    /// What matches.
    pub tiles: Vec<Tile>,
    /// How many classes there are.
    pub total: usize,
    /// How many there are that are not offered any more.
    pub withdrawn: usize,
    /// Tags to filter by, with the number of classes that have them.
    pub categories: Vec<(String, usize)>,
    /// Brokers to filter by.
    pub brokers: Vec<String>,
    /// Providers to filter by.
    pub providers: Vec<String>,
}

impl Catalog {
    /// The classes that match a filter, by title.
    pub fn of(offerings: Vec<Offering>, plans: &PlansByClass, filter: &Filter) -> Self {
        let withdrawn = offerings.iter().filter(|offering| offering.is_withdrawn).count();
        let total = offerings.len();
        let mut categories = BTreeMap::<String, usize>::new();
        for tag in offerings.iter().flat_map(|offering| &offering.tags) {
            *categories.entry(tag.clone()).or_default() += 1;
        }
        let mut categories: Vec<_> = categories.into_iter().collect();
        categories.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let names = |of: fn(&Offering) -> &String| {
            let names: BTreeSet<String> =
                offerings.iter().map(of).filter(|name| !name.is_empty()).cloned().collect();
            names.into_iter().take(MAX_CHOICES).collect()
        };
        let (brokers, providers) = (names(|offering| &offering.broker), names(|offering| &offering.provider));
        let tiles = offerings.into_iter().map(|offering| Tile::of(offering, plans));
        let mut tiles: Vec<Tile> = tiles.filter(|tile| filter.matches(tile)).collect();
        tiles.sort_by_cached_key(|tile| (tile.offering.title.to_lowercase(), tile.offering.name.clone()));
        categories.truncate(MAX_CHOICES);
        Self { tiles, total, withdrawn, categories, brokers, providers }
    }
}

impl Tile {
    fn of(offering: Offering, plans: &PlansByClass) -> Self {
        let news = plans.of(&offering);
        Self { is_free: news.has_free, is_bindable: offering.bindable || news.has_bindable, offering }
    }
}

impl Filter {
    /// Whether anything is filtered.
    pub fn is_active(&self) -> bool {
        *self != Self { all: self.all.clone(), ..Self::default() }
    }

    fn matches(&self, tile: &Tile) -> bool {
        let Tile { offering, is_free, is_bindable } = tile;
        let is = |wanted: &str, found: &str| wanted.is_empty() || wanted == found;
        (!offering.is_withdrawn || !self.all.is_empty())
            && is(&self.broker, &offering.broker)
            && is(&self.provider, &offering.provider)
            && (self.category.is_empty() || offering.tags.contains(&self.category))
            && (self.bindable.is_empty() || *is_bindable)
            && (self.free.is_empty() || *is_free)
            && self.finds(offering)
    }

    /// Whether all words occur, each anywhere.
    fn finds(&self, offering: &Offering) -> bool {
        if self.q.trim().is_empty() {
            return true;
        }
        let texts = [&offering.title, &offering.external_name, &offering.summary, &offering.provider];
        let tags = offering.tags.iter();
        let text =
            texts.into_iter().chain(tags).map(|text| text.to_lowercase()).collect::<Vec<_>>().join("\n");
        self.q.to_lowercase().split_whitespace().take(16).all(|word| text.contains(word))
    }
}
