//! How the opinions of several authorisers become one decision. Pure.

use crate::domain::{Decision, Limits, Opinion, Permit, Place, PluginName, Refusal, Verdict};

/// Any refusal decides, the first one gives the reason. Otherwise at least one must permit, and the tightest limits
/// of all permits hold. If nobody has an opinion, `nobody` answers.
pub(super) fn combine(
    opinions: Vec<Opinion>,
    connector: Option<Place>,
    nobody: &Verdict,
) -> Decision {
    if let Some(refusing) = opinions.iter().find(|o| matches!(o.verdict, Verdict::Refuse(_))) {
        let (verdict, plugin, why) =
            (refusing.verdict.clone(), refusing.plugin.clone(), sentence(refusing));
        return Decision { verdict, decided_by: Some(plugin), why, opinions };
    }
    let mut permitting = opinions.iter().filter_map(|o| match &o.verdict {
        Verdict::Permit(permit) => Some((o, permit)),
        Verdict::Pass | Verdict::Refuse(_) => None,
    });
    let Some((first, permit)) = permitting.next() else {
        return silence(opinions, nobody);
    };
    let start = Joint { permit: permit.clone(), narrowed_by: &first.plugin, none_left: false };
    let joint = permitting.fold(start, |joint, (opinion, permit)| joint.narrow(opinion, permit));
    let elsewhere = connector.is_some_and(|connector| !joint.reaches(connector));
    let (verdict, decided_by, why) = if joint.none_left || elsewhere {
        let refusal = Refusal::Other("not-on-this-evse".to_owned());
        let why = format!("{} does not permit it on this EVSE", joint.narrowed_by);
        (Verdict::Refuse(refusal), joint.narrowed_by.clone(), why)
    } else {
        (Verdict::Permit(joint.permit), first.plugin.clone(), sentence(first))
    };
    Decision { verdict, decided_by: Some(decided_by), why, opinions }
}

/// The permits so far, as one.
struct Joint<'o> {
    permit: Permit,
    /// Who last made the list of EVSEs shorter.
    narrowed_by: &'o PluginName,
    /// The lists of EVSEs have nothing in common. An empty list would say "all".
    none_left: bool,
}

impl<'o> Joint<'o> {
    fn narrow(mut self, opinion: &'o Opinion, other: &Permit) -> Self {
        let permit = &mut self.permit;
        permit.account = permit.account.take().or_else(|| other.account.clone());
        permit.group = permit.group.take().or_else(|| other.group.clone());
        permit.expires = tighter(permit.expires, other.expires);
        let (limits, others) = (&mut permit.limits, &other.limits);
        limits.max_mwh = tighter(limits.max_mwh, others.max_mwh);
        limits.max_seconds = tighter(limits.max_seconds, others.max_seconds);
        limits.max_cost_micros = tighter(limits.max_cost_micros, others.max_cost_micros);
        if !others.evses.is_empty() {
            self.none_left |= !narrow_evses(limits, &others.evses);
            self.narrowed_by = &opinion.plugin;
        }
        self
    }

    /// The station as a whole is within reach: which EVSE it will be is not known yet.
    fn reaches(&self, place: Place) -> bool {
        let evses = &self.permit.limits.evses;
        !place.is_outlet()
            || evses.is_empty()
            || place.outlet().is_some_and(|it| evses.contains(&it))
    }
}

/// False if nothing is left.
fn narrow_evses(limits: &mut Limits, others: &[u32]) -> bool {
    if limits.evses.is_empty() {
        limits.evses = others.to_vec();
        return true;
    }
    limits.evses.retain(|evse| others.contains(evse));
    !limits.evses.is_empty()
}

/// The smaller one; a limit goes before none.
fn tighter<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

fn silence(opinions: Vec<Opinion>, nobody: &Verdict) -> Decision {
    let (verdict, did) = match nobody {
        Verdict::Permit(_) => (nobody.clone(), "permitted"),
        Verdict::Refuse(_) => (nobody.clone(), "refused"),
        Verdict::Pass => (Verdict::Refuse(Refusal::Unknown), "refused"),
    };
    let who = if opinions.is_empty() { "no plugin was asked" } else { "no plugin had an opinion" };
    Decision { verdict, decided_by: None, why: format!("{who}; {did} by default"), opinions }
}

/// One opinion for people.
fn sentence(opinion: &Opinion) -> String {
    let Opinion { plugin, version, verdict, failure, .. } = opinion;
    let plugin = plugin.as_str();
    let (did, what) = match verdict {
        Verdict::Pass => ("had no opinion", ""),
        Verdict::Permit(_) => ("permitted it", ""),
        Verdict::Refuse(refusal) => ("refused it: ", refusal.as_str()),
    };
    // Joined, not formatted: one is written for every card that is shown.
    match failure {
        None => [plugin, " ", version, " ", did, what].concat(),
        Some(failure) => {
            [plugin, " ", version, " ", failure, "; by its failure policy it ", did, what].concat()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Millis;

    fn opinion(plugin: &str, verdict: Verdict) -> Opinion {
        let plugin = PluginName::new(plugin).unwrap();
        Opinion { plugin, version: "1".to_owned(), verdict, failure: None, took_micros: 1 }
    }

    fn refuse() -> Verdict {
        Verdict::Refuse(Refusal::Blocked)
    }

    fn permit(limits: Limits) -> Verdict {
        Verdict::Permit(Permit { limits, ..Permit::default() })
    }

    fn yes() -> Verdict {
        permit(Limits::default())
    }

    fn on(evses: &[u32]) -> Verdict {
        permit(Limits { evses: evses.to_vec(), ..Limits::default() })
    }

    fn decide(verdicts: &[Verdict], connector: Option<u32>) -> Decision {
        let names = ["a", "b", "c"];
        let opinions = names.iter().zip(verdicts).map(|(n, v)| opinion(n, v.clone())).collect();
        combine(opinions, connector.map(Place::connector), &Verdict::Refuse(Refusal::Unknown))
    }

    #[test]
    fn refusals_win_permits_are_needed_and_passes_do_not_count() {
        let unknown = Verdict::Refuse(Refusal::Unknown);
        let elsewhere = Verdict::Refuse(Refusal::Other("not-on-this-evse".into()));
        let pass = Verdict::Pass;
        type Row<'r> = (&'r [Verdict], Option<u32>, Verdict, Option<&'r str>);
        let table: [Row<'_>; 13] = [
            (&[], Some(1), unknown.clone(), None),
            (&[pass.clone(), pass.clone()], Some(1), unknown, None),
            (&[yes()], Some(1), yes(), Some("a")),
            (&[pass.clone(), yes(), yes()], Some(1), yes(), Some("b")),
            (&[yes(), refuse()], Some(1), refuse(), Some("b")),
            (&[pass, refuse(), yes()], Some(1), refuse(), Some("b")),
            (&[on(&[1, 2]), on(&[2, 3])], Some(2), on(&[2]), Some("a")),
            (&[on(&[1]), yes()], Some(1), on(&[1]), Some("a")),
            (&[on(&[1])], None, on(&[1]), Some("a")),
            (&[on(&[1])], Some(0), on(&[1]), Some("a")),
            (&[on(&[1])], Some(2), elsewhere.clone(), Some("a")),
            (&[yes(), on(&[1])], Some(2), elsewhere.clone(), Some("b")),
            (&[on(&[1]), on(&[2])], None, elsewhere, Some("b")),
        ];
        for (verdicts, connector, expected, by) in table {
            let decision = decide(verdicts, connector);
            assert_eq!(decision.verdict, expected, "{verdicts:?} on {connector:?}");
            assert_eq!(decision.decided_by.as_ref().map(PluginName::as_str), by, "{verdicts:?}");
        }
    }

    #[test]
    fn the_tightest_limits_of_all_permits_hold() {
        let one = Permit {
            account: None,
            group: Some("G".into()),
            expires: Some(Millis(5)),
            limits: Limits { max_mwh: Some(9), max_cost_micros: Some(3), ..Limits::default() },
        };
        let other = Permit {
            account: Some("A".into()),
            group: Some("H".into()),
            expires: Some(Millis(4)),
            limits: Limits { max_mwh: Some(7), max_seconds: Some(60), ..Limits::default() },
        };
        let decision = decide(&[Verdict::Permit(one), Verdict::Permit(other)], None);
        let joint = Permit {
            account: Some("A".into()),
            group: Some("G".into()),
            expires: Some(Millis(4)),
            limits: Limits {
                max_mwh: Some(7),
                max_seconds: Some(60),
                max_cost_micros: Some(3),
                evses: Vec::new(),
            },
        };
        assert_eq!(decision.permit(), Some(&joint));
    }

    #[test]
    fn the_reason_names_plugin_version_and_failure() {
        let mut opinion = opinion("rfid-list", refuse());
        let told = |o: &Opinion| combine(vec![o.clone()], None, &Verdict::Pass).why;
        assert_eq!(told(&opinion), "rfid-list 1 refused it: blocked");
        opinion.failure = Some("trapped: unreachable".into());
        opinion.verdict = yes();
        assert_eq!(
            told(&opinion),
            "rfid-list 1 trapped: unreachable; by its failure policy it permitted it"
        );
    }

    #[test]
    fn the_default_answers_when_nobody_does_and_is_never_a_pass() {
        let decision = combine(Vec::new(), None, &yes());
        assert_eq!((decision.verdict, decision.decided_by), (yes(), None));
        assert_eq!(decision.why, "no plugin was asked; permitted by default");
        let decision = combine(vec![opinion("a", Verdict::Pass)], None, &Verdict::Pass);
        assert_eq!(decision.verdict, Verdict::Refuse(Refusal::Unknown));
    }
}
