//! A policy that permits everybody and counts in its state how often it was asked. What it writes belongs to the fact
//! that it was asked about: there are as many such facts as it counts.

use super::{permitted, verdict};
use crate::domain::{
    Decision, Effects, FactBody, PluginName, PolicyRecords as _, Refusal, StateRead, StateWrite,
    Verdict,
};
use crate::store::Store;

const KEY: &str = "asked";

fn plugin() -> PluginName {
    PluginName::new("counter").unwrap()
}

/// Permits, unless the records cannot be read.
pub(super) fn decide(store: &Store) -> (Decision, Effects) {
    let (plugin, key) = (plugin(), KEY.to_owned());
    let Ok(seen) = store.state(&plugin, &key) else {
        return verdict(Verdict::Refuse(Refusal::Other("no records".to_owned())));
    };
    let count = seen.value.map_or(0, number) + 1;
    let (decision, mut effects) = permitted();
    let read = StateRead { plugin: plugin.clone(), key: key.clone(), revision: seen.revision };
    effects.reads.push(read);
    effects.writes.push(StateWrite { plugin, key, value: Some(count.to_le_bytes().to_vec()) });
    (decision, effects)
}

/// How often it was asked, as it says itself.
pub(super) fn counted(store: &Store) -> u64 {
    store.state(&plugin(), KEY).unwrap().value.map_or(0, number)
}

/// How often it was asked, as the facts say.
pub(super) fn decided<'f>(facts: impl IntoIterator<Item = &'f FactBody>) -> u64 {
    let permits = facts.into_iter().filter(|fact| match fact {
        FactBody::AuthorizeAsked { decision, .. } => decision.permit().is_some(),
        FactBody::TransactionStarted { decision: Some(decision), .. } => {
            decision.permit().is_some()
        }
        _ => false,
    });
    permits.count() as u64
}

fn number(value: Vec<u8>) -> u64 {
    u64::from_le_bytes(value.try_into().unwrap())
}
