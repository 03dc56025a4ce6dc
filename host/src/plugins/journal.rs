//! What a plugin says, and what the host says of it, kept in memory for whoever looks: the newest lines of each
//! plugin, across its versions. Knows no file and no reader. The server's log has the same.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

use crate::domain::{JournalLine, LineLevel, MAX_PLUGINS, PluginName, Speaker};

/// Lines that are kept of one plugin. A line has a kilobyte at most.
pub const KEPT_LINES: usize = 512;

/// Plugins whose lines are kept, those included that are not on record any more.
const KEPT_JOURNALS: usize = 2 * MAX_PLUGINS;

/// The newest lines of one plugin.
pub struct Journal {
    lines: Mutex<VecDeque<JournalLine>>,
    /// The number of the newest line; 0 before the first.
    newest: watch::Sender<u64>,
}

impl Default for Journal {
    fn default() -> Self {
        Self { lines: Mutex::default(), newest: watch::Sender::new(0) }
    }
}

impl Journal {
    /// Writes a line now. The oldest one goes when there are too many.
    pub fn write(&self, level: LineLevel, by: Speaker, version: &str, text: impl Into<String>) {
        self.write_at(SystemTime::now(), level, by, version, text.into());
    }

    fn write_at(
        &self,
        now: SystemTime,
        level: LineLevel,
        by: Speaker,
        version: &str,
        text: String,
    ) {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        let mut lines = self.lines();
        let after = lines.back().map_or(0, |line| line.number + 1);
        let number = u64::try_from(now).unwrap_or(u64::MAX).max(after);
        if lines.len() == KEPT_LINES {
            lines.pop_front();
        }
        lines.push_back(JournalLine { number, level, by, version: version.to_owned(), text });
        self.newest.send_replace(number);
    }

    /// The next lines behind `number` that matter enough, at most `most`.
    pub fn after(&self, number: u64, least: LineLevel, most: usize) -> VecDeque<JournalLine> {
        let lines = self.lines();
        let from = lines.partition_point(|line| line.number <= number);
        let wanted = lines.range(from..).filter(|line| line.level >= least);
        wanted.take(most).cloned().collect()
    }

    /// Moves with every line to its number.
    pub fn newest(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    fn lines(&self) -> MutexGuard<'_, VecDeque<JournalLine>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The journals of all plugins, by name.
#[derive(Default)]
pub(super) struct Journals(Mutex<BTreeMap<PluginName, Arc<Journal>>>);

impl Journals {
    /// The journal of a plugin, made if there is none. Journals that nobody writes or reads make room.
    pub(super) fn of(&self, name: &PluginName) -> Arc<Journal> {
        let mut journals = self.journals();
        if !journals.contains_key(name) && journals.len() >= KEPT_JOURNALS {
            journals.retain(|_, journal| Arc::strong_count(journal) > 1);
        }
        Arc::clone(journals.entry(name.clone()).or_default())
    }

    pub(super) fn find(&self, name: &PluginName) -> Option<Arc<Journal>> {
        self.journals().get(name).cloned()
    }

    fn journals(&self) -> MutexGuard<'_, BTreeMap<PluginName, Arc<Journal>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn texts(journal: &Journal, after: u64, least: LineLevel) -> Vec<String> {
        journal.after(after, least, KEPT_LINES).into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn the_newest_lines_are_kept_and_read_from_any_place_and_level_on() {
        let journal = Journal::default();
        let start = UNIX_EPOCH + Duration::from_secs(1);
        for n in 0..KEPT_LINES + 2 {
            let level = if n % 2 == 0 { LineLevel::Info } else { LineLevel::Debug };
            // All at once: numbers differ all the same.
            journal.write_at(start, level, Speaker::Plugin, "1", n.to_string());
        }
        let all = journal.after(0, LineLevel::Debug, usize::MAX);
        assert_eq!((all.len(), all[0].text.as_str()), (KEPT_LINES, "2"));
        assert!(all.iter().zip(all.iter().skip(1)).all(|(a, b)| a.number < b.number));
        assert_eq!(*journal.newest().borrow(), all[KEPT_LINES - 1].number);
        let last = all[KEPT_LINES - 4].number;
        assert_eq!(texts(&journal, last, LineLevel::Debug), ["511", "512", "513"]);
        assert_eq!(texts(&journal, last, LineLevel::Info), ["512"]);
    }

    #[test]
    fn journals_of_names_that_come_and_go_do_not_pile_up() {
        let journals = Journals::default();
        let held = journals.of(&PluginName::new("held").unwrap());
        for n in 0..3 * KEPT_JOURNALS {
            journals.of(&PluginName::new(&format!("p{n}")).unwrap());
        }
        assert!(journals.journals().len() <= KEPT_JOURNALS);
        let again = journals.find(&PluginName::new("held").unwrap()).unwrap();
        assert!(Arc::ptr_eq(&held, &again));
    }
}
