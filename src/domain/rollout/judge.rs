//! Which workloads are restarted, and how far is each binding? All bindings of a namespace are looked at together, so that
//! a workload is restarted once for all that it gets.

use std::collections::{BTreeMap, BTreeSet};

use super::{Finding, Lack, Owner, Pod, Template, Usage, Wish, Workload};

/// What there is in a namespace.
#[derive(Debug)]
pub struct Seen<'a> {
    /// What its bindings want.
    pub wishes: &'a [Wish],
    /// Its pods: those that run.
    pub pods: &'a [&'a Pod],
    /// Who makes pods anew, by the UIDs of their controllers. Those that are gone are not there.
    pub owners: &'a BTreeMap<String, Owner>,
    /// The workloads among these that are to be restarted. Those that are gone are not there.
    pub workloads: &'a BTreeMap<Workload, Template>,
    /// The bindings for which nobody is spared a restart any more, by UID.
    pub urgent: &'a BTreeSet<String>,
    /// The workloads that are being restarted.
    pub rolling: &'a BTreeSet<Workload>,
    /// The workloads that could not be restarted, and are left alone for a while.
    pub refused: &'a BTreeSet<Workload>,
    /// How many more may be restarted.
    pub turns: usize,
}

/// What is so.
#[derive(Debug, Default)]
pub struct Judgement {
    /// Which workloads are restarted now, and for which revisions, by the UIDs of bindings.
    pub restarts: BTreeMap<Workload, BTreeMap<String, i64>>,
    /// The workloads whose pods are being replaced, these included.
    pub rolling: BTreeSet<Workload>,
    /// What the pods have of each binding, by UID.
    pub usages: BTreeMap<String, Usage>,
}

/// What is to be done, and what is to be said.
pub fn judge(seen: &Seen<'_>) -> Judgement {
    let mut judgement = Judgement { usages: seen.usages(), ..Judgement::default() };
    let mut lacking: BTreeMap<&Workload, Lacking<'_>> = BTreeMap::new();
    for pod in seen.pods {
        for wish in seen.wishes {
            let Some(lack) = wish.lack(pod) else { continue };
            let owner = pod.controller.as_ref().map(|controller| seen.owners.get(&controller.uid));
            match owner {
                // It goes, which is all that can be done; until then its workload is busy.
                Some(Some(Owner::Workload(workload))) if pod.leaving => {
                    judgement.rolling.extend(seen.rolling.get(workload).cloned());
                    judgement.find(wish, Finding::Rolling, workload.to_string());
                }
                _ if pod.leaving => judgement.find(wish, Finding::Rolling, format!("pod/{}", pod.name)),
                Some(Some(Owner::Workload(workload))) => {
                    lacking.entry(workload).or_default().add(wish, lack, pod);
                }
                Some(Some(Owner::Other(name))) => judgement.find(wish, Finding::Unowned, name.clone()),
                // Its owner goes, and it goes with it.
                Some(None) => judgement.find(wish, Finding::Rolling, format!("pod/{}", pod.name)),
                None => judgement.find(wish, Finding::Unowned, format!("pod/{}", pod.name)),
            }
        }
    }
    for (workload, lacking) in lacking {
        lacking.judge(seen, workload, &mut judgement);
    }
    judgement
}

impl Seen<'_> {
    fn usages(&self) -> BTreeMap<String, Usage> {
        let usage = |wish: &Wish| {
            let oldest = self.pods.iter().filter_map(|pod| pod.stamps.get(&wish.uid).copied()).min();
            Usage { oldest, of: wish.version, ..Usage::default() }
        };
        self.wishes.iter().map(|wish| (wish.uid.clone(), usage(wish))).collect()
    }

    /// Whether a restart had better wait for another binding that is about to be ready.
    fn is_early(&self, wanted: &[(&Wish, Lack)], pods: &[&Pod]) -> bool {
        let urgent = wanted.iter().any(|(wish, _)| self.urgent.contains(&wish.uid));
        let mut coming = self.wishes.iter().filter(|wish| wish.is_under_way);
        !urgent && coming.any(|wish| pods.iter().any(|pod| wish.selects(pod)))
    }
}

impl Judgement {
    /// How many turns have been taken.
    fn started(&self, seen: &Seen<'_>) -> usize {
        let takes_turn = |each: &&Workload| self.rolling.contains(each) && !seen.rolling.contains(each);
        self.restarts.keys().filter(takes_turn).count()
    }

    fn find_all<'a>(&mut self, wishes: impl Iterator<Item = &'a Wish>, finding: Finding, of: &Workload) {
        for wish in wishes {
            self.find(wish, finding, of.to_string());
        }
    }

    fn find(&mut self, wish: &Wish, finding: Finding, name: String) {
        if let Some(usage) = self.usages.get_mut(&wish.uid) {
            usage.findings.entry(finding).or_default().insert(name);
        }
    }
}

/// What pods of a workload lack.
#[derive(Default)]
struct Lacking<'a> {
    pods: Vec<&'a Pod>,
    /// What a restart gives.
    wanted: Vec<(&'a Wish, Lack)>,
    /// What it has not given.
    futile: Vec<&'a Wish>,
    /// What it is not made for.
    disabled: Vec<&'a Wish>,
}

impl<'a> Lacking<'a> {
    fn add(&mut self, wish: &'a Wish, lack: Lack, pod: &'a Pod) {
        self.pods.push(pod);
        if pod.restarts.get(&wish.uid) == Some(&lack.revision) {
            self.futile.push(wish);
        } else if !lack.restart {
            self.disabled.push(wish);
        } else if let Some((_, known)) = self.wanted.iter_mut().find(|(known, _)| known.uid == wish.uid) {
            // While labels change, a binding may select some of the pods and not others.
            known.revision = known.revision.max(lack.revision);
        } else {
            self.wanted.push((wish, lack));
        }
    }

    fn judge(self, seen: &Seen<'_>, workload: &Workload, judgement: &mut Judgement) {
        judgement.find_all(self.futile.iter().copied(), Finding::Futile, workload);
        judgement.find_all(self.disabled.iter().copied(), Finding::Disabled, workload);
        match seen.workloads.get(workload) {
            Some(template) => self.restart(seen, workload, template, judgement),
            None => judgement.find_all(wishes(&self.wanted), Finding::Rolling, workload),
        }
    }

    fn restart(self, seen: &Seen<'_>, workload: &Workload, template: &Template, judgement: &mut Judgement) {
        let is_begun =
            |(wish, lack): &(&Wish, Lack)| template.restarts.get(&wish.uid) == Some(&lack.revision);
        let (begun, new): (Vec<_>, Vec<_>) = self.wanted.into_iter().partition(is_begun);
        let (ready, unready): (Vec<_>, Vec<_>) = new.into_iter().partition(|(wish, _)| wish.is_ready);
        let going = going(template);
        let has_turn = going != Finding::Rolling
            || seen.rolling.contains(workload)
            || judgement.started(seen) < seen.turns;
        let found = match () {
            () if seen.is_early(&ready, &self.pods) => Finding::Early,
            () if seen.refused.contains(workload) => Finding::Refused,
            () if !has_turn => Finding::Crowded,
            () => going,
        };
        judgement.find_all(wishes(&unready), Finding::Early, workload);
        judgement.find_all(wishes(&begun), going, workload);
        judgement.find_all(wishes(&ready), found, workload);
        let restarts = found == going && !ready.is_empty();
        if restarts {
            judgement.restarts.insert(workload.clone(), restarted(seen, template, &ready));
        }
        if going == Finding::Rolling && (restarts || !begun.is_empty()) {
            judgement.rolling.insert(workload.clone());
        }
    }
}

/// What a restart comes to.
fn going(template: &Template) -> Finding {
    match template {
        Template { paused: true, .. } => Finding::Paused,
        Template { on_delete: true, .. } => Finding::OnDelete,
        Template { .. } => Finding::Rolling,
    }
}

fn wishes<'a>(lacks: &[(&'a Wish, Lack)]) -> impl Iterator<Item = &'a Wish> {
    lacks.iter().map(|(wish, _)| *wish)
}

/// The revisions for which a workload is restarted from now on: also those of before, but of bindings that are gone.
fn restarted(seen: &Seen<'_>, template: &Template, new: &[(&Wish, Lack)]) -> BTreeMap<String, i64> {
    let lives = |uid: &String| seen.wishes.iter().any(|wish| wish.uid == *uid);
    let before = template.restarts.iter().filter(|(uid, _)| lives(uid));
    let mut restarts: BTreeMap<String, i64> =
        before.map(|(uid, revision)| (uid.clone(), *revision)).collect();
    restarts.extend(new.iter().map(|(wish, lack)| (wish.uid.clone(), lack.revision)));
    restarts
}
