//! Frames that plugins have changed on their way, as they were and as they are: the newest of each station. Long texts
//! are kept in pieces. Knows nothing of what frames say.

use serde::{Deserialize, Serialize};

use crate::domain::{ChangedFrame, MAX_KEPT_FRAMES, Millis, PluginName, StationId, Way};

use super::commit::{Commit, Expect};
use super::engine::Order;
use super::{Store, StoreError};

/// Longest piece of a text, in bytes. Control characters become six times as long in JSON.
const PIECE: usize = 4096;

/// As much of a text is kept, in bytes: reports of large stations come in parts of 64 KiB. What a station said at
/// greater length is kept whole with its fact.
pub const MAX_FRAME_TEXT: usize = 64 << 10;

/// A frame, with the beginnings of its texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptFrame {
    at: Millis,
    way: Way,
    by: Vec<(PluginName, String)>,
    original: Beginning,
    changed: Beginning,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Beginning {
    text: String,
    /// How many pieces follow.
    pieces: u32,
}

/// What follows a beginning: the pieces of the original, then those of the changed text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FramePiece {
    text: String,
}

impl Commit {
    /// Keeps a frame under its number, in place of `oldest`, which goes.
    pub fn changed_frame(
        &mut self,
        station: &StationId,
        number: u32,
        frame: &ChangedFrame,
        oldest: Option<(u32, KeptFrame)>,
    ) {
        let mut piece = 0;
        let mut keep = |text: &str| {
            let mut parts = cut(text);
            let text = parts.next().unwrap_or_default().to_owned();
            let before = piece;
            for part in parts {
                let key = (station.clone(), number, piece);
                self.put(&key, &FramePiece { text: part.to_owned() }, Expect::Any);
                piece += 1;
            }
            Beginning { text, pieces: piece - before }
        };
        let kept = KeptFrame {
            at: frame.at,
            way: frame.way,
            by: frame.by.clone(),
            original: keep(&frame.original),
            changed: keep(&frame.changed),
        };
        self.put(&(station.clone(), number), &kept, Expect::Any);
        if let Some((number, oldest)) = oldest {
            self.forget_frame(station, number, &oldest);
        }
    }

    pub fn forget_frame(&mut self, station: &StationId, number: u32, frame: &KeptFrame) {
        self.delete::<KeptFrame>(&(station.clone(), number), Expect::Any);
        for piece in 0..frame.original.pieces + frame.changed.pieces {
            self.delete::<FramePiece>(&(station.clone(), number, piece), Expect::Any);
        }
    }
}

impl KeptFrame {
    pub fn at(&self) -> Millis {
        self.at
    }
}

impl Store {
    /// The number of the newest frame of a station; 0 for none.
    pub fn newest_frame(&self, station: &StationId) -> Result<u32, StoreError> {
        let newest = self.page::<KeptFrame>(station, None, Order::Descending, 1)?;
        Ok(newest.first().map_or(0, |((_, number), _)| *number))
    }

    /// The frame that goes when this one comes.
    pub fn frame_before(
        &self,
        station: &StationId,
        number: u32,
    ) -> Result<Option<(u32, KeptFrame)>, StoreError> {
        let Some(oldest) = number.checked_sub(MAX_KEPT_FRAMES) else { return Ok(None) };
        let found = self.read::<KeptFrame>(&(station.clone(), oldest))?;
        Ok(found.map(|found| (oldest, found.value)))
    }

    /// Frames of a station with their numbers, newest first, older than `before`.
    pub fn changed_frames(
        &self,
        station: &StationId,
        before: Option<u32>,
        limit: usize,
    ) -> Result<Vec<(u32, ChangedFrame)>, StoreError> {
        let before = before.map(|number| (station.clone(), number));
        let page = self.page::<KeptFrame>(station, before.as_ref(), Order::Descending, limit)?;
        let whole = |number: u32, kept: KeptFrame| {
            let KeptFrame { at, way, by, original, changed } = kept;
            let pieces = self.frame_pieces(station, number, original.pieces + changed.pieces)?;
            let (of_original, of_changed) =
                pieces.split_at_checked(original.pieces as usize).unwrap_or((&pieces, &[]));
            let (original, changed) =
                (original.text + &of_original.concat(), changed.text + &of_changed.concat());
            Ok((number, ChangedFrame { at, way, by, original, changed }))
        };
        page.into_iter().map(|((_, number), kept)| whole(number, kept.value)).collect()
    }

    fn frame_pieces(
        &self,
        station: &StationId,
        number: u32,
        count: u32,
    ) -> Result<Vec<String>, StoreError> {
        if count == 0 {
            return Ok(Vec::new());
        }
        let scope = (station, &number);
        let pieces = self.page::<FramePiece>(scope, None, Order::Ascending, count as usize)?;
        Ok(pieces.into_iter().map(|(_, piece)| piece.value.text).collect())
    }
}

/// As much of a text as is kept, in pieces; none of an empty one.
fn cut(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = &text[..text.floor_char_boundary(MAX_FRAME_TEXT)];
    std::iter::from_fn(move || {
        let (piece, more) = rest.split_at(rest.floor_char_boundary(PIECE));
        rest = more;
        (!piece.is_empty()).then_some(piece)
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::store::{All, MemoryEngine};

    async fn keep(store: &Store, station: &StationId, number: u32, original: &str) {
        let frame = ChangedFrame {
            at: Millis(5),
            way: Way::Inbound,
            by: vec![(PluginName::new("mend").unwrap(), "1".to_owned())],
            original: original.to_owned(),
            changed: format!("{original}!"),
        };
        let mut commit = Commit::new();
        let oldest = store.frame_before(station, number).unwrap();
        commit.changed_frame(station, number, &frame, oldest);
        store.commit(commit).await.unwrap();
    }

    #[tokio::test]
    async fn long_texts_come_back_whole_and_the_oldest_goes_with_all_its_pieces() {
        let store = Store::on_engine(Arc::new(MemoryEngine::new())).unwrap();
        let (station, other) = ("CS-1".parse().unwrap(), "CS-10".parse().unwrap());
        let long = "é\"\u{1}".repeat(5000);
        keep(&store, &station, 1, &long).await;
        keep(&store, &other, 1, "").await;
        let kept = store.changed_frames(&station, None, 10).unwrap();
        assert_eq!((kept.len(), kept[0].1.original.as_str()), (1, long.as_str()));
        assert_eq!(kept[0].1.changed, format!("{long}!"));
        for number in 2..=MAX_KEPT_FRAMES + 1 {
            keep(&store, &station, number, "short").await;
        }
        assert_eq!(store.newest_frame(&station).unwrap(), MAX_KEPT_FRAMES + 1);
        assert_eq!(store.count::<KeptFrame>(&station, 1000).unwrap(), MAX_KEPT_FRAMES as usize);
        assert_eq!(store.count::<FramePiece>(All, 1000).unwrap(), 0, "no piece is left behind");
        let older = store.changed_frames(&station, Some(3), 10).unwrap();
        assert_eq!(older.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [2]);
        assert_eq!(store.changed_frames(&other, None, 10).unwrap()[0].1.changed, "!");
    }

    #[tokio::test]
    async fn of_a_text_without_end_the_beginning_is_kept() {
        let store = Store::on_engine(Arc::new(MemoryEngine::new())).unwrap();
        let station = "CS-1".parse().unwrap();
        keep(&store, &station, 1, &"\u{1}".repeat(1 << 20)).await;
        let kept = store.changed_frames(&station, None, 1).unwrap();
        assert_eq!(kept[0].1.original.len(), MAX_FRAME_TEXT);
    }
}
