//! Plugins of a server as tables, and what they write as lines.

use super::super::table::{Table, or_nothing, visible};
use crate::admin::views::{
    InboxView, LogLineView, ObserverView, OrderView, PluginView, StateEntryView,
};
use crate::domain::Speaker;

pub(super) fn table(plugins: &[PluginView]) -> String {
    let mut table = Table::new(&[
        "PLUGIN", "VERSION", "DIGEST", "LOADED", "ANSWERS", "STATIONS", "STATE", "CALLS",
        "FAILURES", "LAG", "INBOX", "SKIPPED", "BEFORE",
    ]);
    for plugin in plugins {
        let running = plugin.running.as_ref();
        table.row(vec![
            plugin.name.to_string(),
            plugin.version.clone(),
            plugin.digest.short().to_owned(),
            plugin.loaded_at.to_string(),
            or_nothing(running.map(|running| running.hooks.join(", "))),
            or_nothing(running.map(|running| &running.filters)),
            state(plugin).to_owned(),
            or_nothing(running.map(|running| running.calls)),
            or_nothing(running.map(|running| running.failures.values().sum::<u64>())),
            or_nothing(observer(plugin).map(|observer| observer.lag)),
            or_nothing(inbox(plugin).map(|inbox| inbox.messages)),
            or_nothing(skipped(plugin)),
            or_nothing(plugin.previous.as_ref().map(|previous| &previous.version)),
        ]);
    }
    if table.is_empty() { "no plugins yet\n".to_owned() } else { table.render() }
}

fn observer(plugin: &PluginView) -> Option<&ObserverView> {
    plugin.running.as_ref()?.observer.as_ref()
}

fn inbox(plugin: &PluginView) -> Option<&InboxView> {
    plugin.running.as_ref()?.inbox.as_ref()
}

/// Events and messages that it could not bear.
fn skipped(plugin: &PluginView) -> Option<u64> {
    let of = [observer(plugin).map(|o| o.skipped), inbox(plugin).map(|inbox| inbox.skipped)];
    of.into_iter().flatten().reduce(u64::saturating_add)
}

pub(super) fn entries(state: &[StateEntryView]) -> String {
    let mut table = Table::new(&["KEY", "VALUE"]);
    for entry in state {
        let binary = || entry.base64.as_ref().map(|base64| format!("base64:{base64}"));
        let value = entry.text.clone().or_else(binary);
        table.row(vec![entry.key.clone(), or_nothing(value)]);
    }
    if table.is_empty() { "nothing stored yet\n".to_owned() } else { table.render() }
}

pub(super) fn order(view: &OrderView) -> String {
    let mut table = Table::new(&["ASKED", "PLUGIN", "VERSION", "PRIORITY", "PLACED BY"]);
    for (place, asked) in (1..).zip(&view.asked) {
        let by = if view.order.contains(&asked.plugin) { "the operator" } else { "its manifest" };
        table.row(vec![
            place.to_string(),
            asked.plugin.to_string(),
            asked.version.clone(),
            asked.priority.to_string(),
            by.to_owned(),
        ]);
    }
    match table.is_empty() {
        true => format!("no plugin in service answers the hook {}\n", view.hook),
        false => table.render(),
    }
}

/// What the operator's word and the breaker's position mean for drivers, and how an observer fares.
fn state(plugin: &PluginView) -> &str {
    let Some(running) = &plugin.running else {
        return if plugin.disabled { "DISABLED" } else { "NOT RUNNING" };
    };
    let observer = running.observer.as_ref().and_then(|observer| observer.trouble.as_ref());
    let inbox = running.inbox.as_ref().and_then(|inbox| inbox.trouble.as_ref());
    if observer.or(inbox).is_some() {
        return "FAILING";
    }
    if running.hooks.iter().all(|hook| ["observer", "inbox"].contains(&hook.as_str())) {
        return "told";
    }
    match running.breaker.as_str() {
        "closed" => "asked",
        "open" => "RESTING",
        other => other,
    }
}

/// Time of day, level, who speaks, what.
pub(super) fn line(line: &LogLineView) -> String {
    let time = line.at.0.to_utc().format("%H:%M:%S%.3f");
    let by = match line.by {
        Speaker::Plugin => "plugin",
        Speaker::Host => "server",
    };
    let LogLineView { level, version, text, .. } = line;
    visible(&format!("{time} {level:<5} {by} {version}: {text}"))
}
