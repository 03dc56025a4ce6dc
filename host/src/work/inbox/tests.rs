//! Messages over a real store and real guests: each handled once, whatever the plugin does.

use std::time::Duration;

use tokio::time::Instant;

use crate::domain::{CommandEnd, MAX_POST, Message, Millis, PluginName};
use crate::plugins::callers::{EMITS, TRAPS, Tally, caller};
use crate::store::{All, Commit};
use crate::work::outbox::tests::{World, name, world};

/// Puts the ends of so many commands into the inbox.
async fn told(world: &World, ends: u64) {
    for n in 0..ends {
        let end = Message::CommandEnded {
            id: n.to_string(),
            station: "CS-1".parse().unwrap(),
            action: "Reset".to_owned(),
            end: CommandEnd::Expired,
        };
        let mut commit = Commit::new();
        commit.message(&name(), Millis(n), n.to_string(), &end);
        world.store.commit(commit).await.unwrap();
    }
}

fn messages(world: &World) -> usize {
    world.store.count::<Message>(All, MAX_POST).unwrap()
}

#[tokio::test]
async fn messages_wait_for_a_plugin_that_is_not_there_and_are_handled_once_each() {
    let (world, _dir, _) = world().await;
    told(&world, 20).await;
    assert_eq!(messages(&world), 20);
    world.load(name(), caller("1", "", "", "")).await;
    world.until("all are handled", |world| messages(world) == 0).await;
    assert_eq!(world.tally(&name()), Tally { ends: [0, 0, 0, 20, 0], ..Tally::default() });
    let standing = world.inboxes.standing(&name()).unwrap().unwrap();
    assert_eq!((standing.messages, standing.skipped, standing.trouble), (0, 0, None));
}

#[tokio::test]
async fn a_message_that_it_cannot_bear_is_tried_again_and_then_skipped_and_told() {
    let (world, _dir, _) = world().await;
    world.load(name(), caller("1", "", TRAPS, "")).await;
    told(&world, 2).await;
    let began = Instant::now();
    world.until("both are skipped", |world| messages(world) == 0).await;
    assert!(began.elapsed() > Duration::from_millis(500), "more slowly from skip to skip");
    assert_eq!(world.tally(&name()), Tally::default(), "nothing of what failed remains");
    let failures = world.host.plugin(&name()).unwrap().status().failures;
    assert!(failures.contains(&("trap", 6)), "{failures:?}");
    world
        .until("that is told", |world| {
            world.inboxes.standing(&name()).unwrap().unwrap().skipped == 2
        })
        .await;

    world.load(name(), caller("2", "", "", "")).await;
    told(&world, 1).await;
    world.until("a version that works goes on", |world| world.tally(&name()).ends[3] == 1).await;
    assert_eq!(world.inboxes.standing(&name()).unwrap().unwrap().skipped, 2, "not forgotten");
}

#[tokio::test]
async fn an_event_reaches_those_who_asked_for_it_and_nobody_else() {
    let (world, _dir, _) = world().await;
    let listening = "events = [\"caller:done\"]";
    let (near, far) = ("listener".parse().unwrap(), "deaf".parse().unwrap());
    world.load(near, caller("1", "", "", listening)).await;
    world.load(far, caller("1", "", "", "events = [\"caller:begun\"]")).await;
    world.load(name(), caller("1", EMITS, "", "events = [\"caller:*\"]")).await;
    world.happens().await;
    world.happens().await;
    let heard = |world: &World, name: &str| world.tally(&name.parse().unwrap()).events;
    world.until("both events are heard", |world| heard(world, "listener") == 2).await;
    assert_eq!((heard(&world, "deaf"), heard(&world, "caller")), (0, 0));
    assert_eq!(messages(&world), 0);
}

#[tokio::test]
async fn a_full_inbox_misses_events_which_is_counted_and_the_sender_goes_on() {
    let (world, _dir, _) = world().await;
    let listener: PluginName = "listener".parse().unwrap();
    let listening = "events = [\"caller:done\"]";
    let mut commit = Commit::new();
    // Some more, because it may get one out of the way before the event comes.
    for n in 0..MAX_POST + 20 {
        let timer = Message::TimerDue { name: "often".to_owned(), due: Millis(5) };
        commit.message(&listener, Millis(5), n.to_string(), &timer);
    }
    world.store.commit(commit).await.unwrap();
    // It hangs at its first message, so the others stay.
    world.load(listener.clone(), caller("1", "", "(loop $on (br $on))", listening)).await;
    world.load(name(), caller("1", EMITS, "", "")).await;
    world.happens().await;
    world.until("the event is missed", |world| world.host.missed_by(&listener) >= 1).await;
    let skipped = world.host.plugin(&name()).unwrap().status().failures;
    assert!(skipped.iter().all(|(_, failures)| *failures == 0), "{skipped:?}");
}
