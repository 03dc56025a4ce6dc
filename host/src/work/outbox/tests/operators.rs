//! Operators' commands over a real store and a real socket: recorded, queued, taken back, cut off.

use serde_json::value::RawValue;

use super::*;
use crate::domain::{
    CommandEnd, CommandNo, Doubt, HoldingKind, LoggedFact, OperatorCommand, StationRecord,
    Versioned,
};
use crate::station::registry::{Command, CommandFailure};
use crate::store::Expect;
use crate::work::{Called, Calls, NotCancelled};

const HOUR: Duration = Duration::from_secs(3600);

fn station() -> StationId {
    "CS-1".parse().unwrap()
}

fn number(number: u32) -> CommandNo {
    CommandNo::new(number).unwrap()
}

fn raw(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap()
}

fn calls(world: &World) -> Calls {
    Calls::new(world.host.clone(), world.store.clone(), world.registry.clone(), clock)
}

/// An operator who waits for the answer.
fn call(world: &World, action: &str) -> tokio::task::JoinHandle<Called> {
    let (calls, action) = (calls(world), action.to_owned());
    let command = Command { action, payload: raw("{}"), timeout: AMPLE };
    tokio::spawn(async move { calls.call(station(), command).await })
}

fn record(world: &World, of: u32) -> Option<OperatorCommand> {
    let found = world.store.read::<OperatorCommand>(&(station(), number(of))).unwrap();
    found.map(|Versioned { value, .. }| value)
}

fn end(world: &World, of: u32) -> Option<CommandEnd> {
    record(world, of)?.ended.map(|ended| ended.end)
}

async fn make_known(world: &World) {
    let mut commit = Commit::new();
    commit.put(&station(), &StationRecord::default(), Expect::Any);
    world.store.commit(commit).await.unwrap();
}

#[tokio::test]
async fn a_call_is_on_record_with_the_answer_that_its_caller_got() {
    let (world, _dir, _) = world().await;
    let away = call(&world, "ClearCache").await.unwrap();
    assert!(matches!(away.result, Err(CommandFailure::Offline)));
    let mut at = world.connect().await;
    let senseless = call(&world, "Reset").await.unwrap();
    assert!(matches!(senseless.result, Err(CommandFailure::Invalid(_))));
    assert_eq!((away.number, senseless.number), (None, None), "what was not sent is not kept");

    let waiting = call(&world, "ClearCache");
    let (id, _) = at.called().await;
    assert_eq!(Calls::waiting(&world.store, &station()).unwrap().len(), 1);
    at.say(json!([3, id, { "status": "Rejected" }])).await;
    let called = waiting.await.unwrap();
    assert_eq!(called.number, Some(number(1)));
    let answer = called.result.unwrap().get().to_owned();
    assert_eq!(end(&world, 1), Some(CommandEnd::Answered(Some(answer))));
    assert_eq!(Calls::waiting(&world.store, &station()).unwrap(), []);

    let waiting = call(&world, "ClearCache");
    let (id, _) = at.called().await;
    at.say(json!([3, id, { "status": "Perhaps" }])).await;
    assert!(matches!(waiting.await.unwrap().result, Err(CommandFailure::Unfit { .. })));
    let Some(CommandEnd::Unfit { why, answer }) = end(&world, 2) else { panic!() };
    assert!(why.contains("`status`"), "{why}");
    assert_eq!(answer.as_deref(), Some(r#"{"status":"Perhaps"}"#));

    // What came of a call reaches the disk, and the log with it, behind the answer.
    let mut barrier = Commit::new();
    barrier.synced();
    world.store.commit(barrier).await.unwrap();
    let facts = world.store.facts(Seq(0), 1000).unwrap();
    let told = facts.into_iter().filter_map(|LoggedFact { fact, .. }| match fact.body {
        FactBody::CommandAnswered { outcome, status, command, plugin: None, .. } => {
            Some((outcome, status.unwrap(), command.unwrap()))
        }
        _ => None,
    });
    let expected = [
        (CommandOutcome::Answered, "Rejected".to_owned(), "1".to_owned()),
        (CommandOutcome::Unfit, "Perhaps".to_owned(), "2".to_owned()),
    ];
    assert_eq!(told.collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn queued_commands_wait_for_their_station_and_one_that_was_taken_back_is_not_sent() {
    let (world, _dir, _) = world().await;
    make_known(&world).await;
    let calls = calls(&world);
    for action in ["ClearCache", "GetLocalListVersion", "GetConfiguration"] {
        calls.queue(&station(), action.to_owned(), raw("{}"), HOUR).await.unwrap();
    }
    assert!(calls.cancel(&station(), "1").await.unwrap());
    assert!(!calls.cancel(&station(), "4").await.unwrap(), "there is no such command");
    assert_eq!(end(&world, 1), Some(CommandEnd::Cancelled));
    let mut at = world.connect().await;
    let (id, action) = at.called().await;
    assert_eq!(action, "GetLocalListVersion");
    assert!(matches!(calls.cancel(&station(), "2").await, Err(NotCancelled::Sent)));
    at.say(json!([3, id, { "listVersion": 7 }])).await;
    let (id, action) = at.called().await;
    assert_eq!(action, "GetConfiguration", "one after the other");
    let kept = CommandEnd::Answered(Some(r#"{"listVersion":7}"#.to_owned()));
    assert_eq!(end(&world, 2), Some(kept));
    at.say(json!([4, id, "InternalError", "not today", {}])).await;
    world.until("the last has ended", |world| end(world, 3).is_some()).await;
    let Some(CommandEnd::Refused { code, .. }) = end(&world, 3) else { panic!() };
    assert_eq!(code, "InternalError");
    assert!(matches!(calls.cancel(&station(), "3").await, Err(NotCancelled::Ended)));
}

#[tokio::test]
async fn a_restart_knows_which_call_was_cut_off() {
    let (world, dir, engine) = world().await;
    let mut at = world.connect().await;
    let waiting = call(&world, "ClearCache");
    at.called().await;
    drop(at);
    // Its station is gone; the next one is under way when the power goes.
    assert!(matches!(waiting.await.unwrap().result, Err(CommandFailure::Disconnected)));
    let mut at = world.connect().await;
    let _waiting = call(&world, "ClearCache");
    at.called().await;
    // So much is on the disk, and the record of the call with it.
    let mut barrier = Commit::new();
    barrier.synced();
    world.store.commit(barrier).await.unwrap();

    let after = World::start(dir.path(), Arc::new(engine.crash())).await;
    assert!(end(&after, 2).is_none());
    calls(&after).end_what_was_cut_off().await.unwrap();
    assert_eq!(end(&after, 1), Some(CommandEnd::Unknown(Doubt::Disconnected)));
    assert_eq!(end(&after, 2), Some(CommandEnd::Unknown(Doubt::Restarted)));
    assert_eq!(Calls::waiting(&after.store, &station()).unwrap(), []);
    let queued = calls(&after).queue(&station(), "ClearCache".to_owned(), raw("{}"), HOUR).await;
    assert_eq!(queued.unwrap().0, number(3), "no number comes twice");
    after.stop().await;
}

#[tokio::test]
async fn the_records_of_a_station_are_bounded() {
    let (world, _dir, _) = world().await;
    make_known(&world).await;
    let calls = calls(&world);
    let id = station();
    let queue = || calls.queue(&id, "ClearCache".to_owned(), raw("{}"), HOUR);
    queue().await.unwrap();
    for n in 2..=crate::domain::MAX_KEPT_COMMANDS + 2 {
        queue().await.unwrap();
        calls.cancel(&station(), &n.to_string()).await.unwrap();
    }
    assert!(record(&world, 1).is_some_and(|record| record.ended.is_none()), "it still waits");
    assert!(record(&world, 2).is_none(), "the oldest that has ended is gone");
    assert!(record(&world, 3).is_some());
}

#[tokio::test]
async fn what_a_call_put_there_is_on_record_with_the_call_although_others_change_it_meanwhile() {
    let (world, _dir, _) = world().await;
    make_known(&world).await;
    let mut at = world.connect().await;
    let profiles = |id: u32| {
        json!({ "connectorId": 1, "csChargingProfiles": {
            "chargingProfileId": id, "stackLevel": id, "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Relative", "chargingSchedule": { "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{ "startPeriod": 0, "limit": 16 }] } } })
    };
    let all = calls(&world);
    let set = |id: u32| {
        let (calls, payload) = (all.clone(), raw(&profiles(id).to_string()));
        let action = "SetChargingProfile".to_owned();
        let command = Command { action, payload, timeout: AMPLE };
        tokio::spawn(async move { calls.call(station(), command).await })
    };
    let waiting: Vec<_> = (1..=8).map(set).collect();
    for _ in 1..=8 {
        let (id, _) = at.called().await;
        at.say(json!([3, id, { "status": "Accepted" }])).await;
    }
    for called in waiting {
        assert!(called.await.unwrap().result.is_ok());
    }
    let kind = HoldingKind::ChargingProfile;
    let kept = world.store.holdings(&station(), kind, None, 100).unwrap();
    assert_eq!(kept.len(), 8);
    let numbers: std::collections::BTreeSet<_> =
        kept.into_iter().map(|(_, holding)| holding.sent.unwrap().command.unwrap()).collect();
    assert_eq!(numbers.len(), 8, "each by its own command");
    let (_, shelf) = world.store.shelves(&station()).unwrap().remove(0);
    assert_eq!((shelf.kept, shelf.held), (8, 8));
}
